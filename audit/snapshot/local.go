package snapshot

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

// Local is the Runner of this machine.
type Local struct{}

// Run hands the command to /bin/sh here.
func (Local) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, stderr
	own(c)
	c.WaitDelay = 2 * time.Second // a grandchild may hold the pipes after the shell is gone
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && ctx.Err() == nil {
		return exit.ExitCode(), nil
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return -1, err
	}
	return 0, nil
}
