//go:build !unix

package snapshot

import "os/exec"

func own(*exec.Cmd) {}
