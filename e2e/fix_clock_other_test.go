//go:build linux && !amd64

package e2e_test

import (
	"errors"
	"time"
)

func wrongClock(time.Duration) error {
	return errors.New("a wrong clock is written in amd64's machine code only")
}
