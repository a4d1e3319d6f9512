//go:build !linux

package snapshot

import (
	"errors"
	"fmt"
	"os"
)

// errOnLinux: the form in which Linux keeps them is read on Linux alone.
var errOnLinux = fmt.Errorf("on Linux alone: %w", errors.ErrUnsupported)

func capabilities(*os.File) (string, error) { return "", errOnLinux }

func kept(*os.File) (fixed, appends bool, err error) { return false, false, errOnLinux }
