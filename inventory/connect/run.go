package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Causes for which a command is cut off.
var (
	errCollect = errors.New("collect deadline")
	errSilent  = errors.New("silent")
)

// Run executes a command under the account's login shell, feeds it stdin and
// copies its output. It returns the command's exit code; with an error the code
// is -1 and the error is a *[StageError].
//
// An error of stdout or stderr (a reader that has seen too much) ends the
// connection at once and is found by errors.Is. So do the end of ctx, the
// deadline Collect, and a server that gives no sign of life for Idle. stdin
// must not block for ever: it is read until it ends or the command does. nil
// writers discard.
func (c *Conn) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(c.deadlines.Collect, func() { cancel(errCollect) })
	defer limit.Stop()
	stop := context.AfterFunc(ctx, func() { c.abort() })
	defer stop()
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(done, cancel) })
	defer watching.Wait()
	defer close(done)
	exit, err = c.exec(command, stdin, stdout, stderr, cancel)
	if err == nil {
		return exit, nil
	}
	return -1, c.collectError(ctx, err)
}

// outcome is how a command ended.
type outcome struct {
	exited bool
	code   int
	signal string
}

var errNotRun = errors.New("the server refuses to run a command")

func (c *Conn) exec(command string, stdin io.Reader, stdout, stderr io.Writer, cancel context.CancelCauseFunc) (int, error) {
	ch, reqs, err := c.ssh.OpenChannel("session", nil)
	if err != nil {
		return -1, err
	}
	c.flushRequests()
	var out outcome
	var reading sync.WaitGroup
	reading.Go(func() { out = requests(reqs) })
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err != nil || !ok {
		// The channel is of no use; closing the connection ends its readers even
		// where the server does not confirm.
		c.abort()
		reading.Wait()
		if err == nil {
			err = errNotRun
		}
		return -1, err
	}
	copyTo := func(w io.Writer, r io.Reader) {
		if werr := copyOut(w, r); werr != nil {
			cancel(werr) // closes the connection
		}
	}
	reading.Go(func() { copyTo(stdout, ch) })
	reading.Go(func() { copyTo(stderr, ch.Stderr()) })
	var writing sync.WaitGroup
	writing.Go(func() {
		if stdin != nil {
			io.Copy(ch, stdin) // a command need not read all of it
		}
		ch.CloseWrite()
	})
	reading.Wait()
	writing.Wait()
	switch {
	case out.signal != "":
		return -1, fmt.Errorf("the command was ended by signal %s", quote(out.signal))
	case !out.exited:
		return -1, errNoExit
	}
	return out.code, nil
}

var errNoExit = errors.New("the connection ended before the command did")

// requests reads a channel's requests until the channel ends.
func requests(reqs <-chan *ssh.Request) (out outcome) {
	for r := range reqs {
		switch r.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if ssh.Unmarshal(r.Payload, &m) == nil {
				out.exited, out.code = true, int(m.Status)
			}
		case "exit-signal":
			var m struct {
				Signal string
				Rest   []byte `ssh:"rest"`
			}
			if ssh.Unmarshal(r.Payload, &m) == nil {
				out.signal = m.Signal
			}
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	return out
}

// buffers are reused from host to host.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyOut copies until r ends and returns the writer's error, if any. That of
// the channel says no more than that the connection ended.
func copyOut(w io.Writer, r io.Reader) error {
	if w == nil {
		w = io.Discard
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, rerr := r.Read(buf[:])
		if n > 0 {
			if m, err := w.Write(buf[:n]); err != nil {
				return err
			} else if m < n {
				return io.ErrShortWrite
			}
		}
		if rerr != nil {
			return nil
		}
	}
}

// watch asks a silent server for a sign of life after half of Idle and cuts it
// off after the whole.
func (c *Conn) watch(done <-chan struct{}, cancel context.CancelCauseFunc) {
	idle := c.deadlines.Idle
	tick := time.NewTicker(idle / 4)
	defer tick.Stop()
	asking := make(chan struct{}, 1)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		silence := c.net.silence()
		if silence >= idle {
			cancel(errSilent)
			return
		}
		if silence < idle/2 {
			continue
		}
		select {
		case asking <- struct{}{}:
			c.workers.Go(func() {
				// OpenSSH answers no to a name that it does not know; any answer is
				// a sign of life.
				c.ssh.SendRequest("keepalive@openssh.com", true, nil)
				<-asking
			})
		default:
		}
	}
}

// collectError says why a command's output is not whole.
func (c *Conn) collectError(ctx context.Context, err error) *StageError {
	e := &StageError{Host: c.name, Stage: StageCollect, Err: err}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errCollect):
		e.Text = "the command was not done within " + c.deadlines.Collect.String()
		e.Hint = "a slow .bashrc of the account, or a slow disk? Give it more --timeout"
		e.Err = context.DeadlineExceeded
	case errors.Is(cause, errSilent):
		e.Text = "the connection went silent for " + c.deadlines.Idle.String()
		e.Hint = "the machine or the network between went away"
		e.Err = context.DeadlineExceeded
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		e.Text, e.Err = ended(ctx), cause
	case cause != nil: // a writer's error
		e.Text, e.Err = cause.Error(), cause
	case errors.Is(err, errNotRun):
		e.Text, e.Hint = err.Error(), "a forced command without a shell, or ChrootDirectory without one?"
	default:
		e.Text = bound(err.Error())
	}
	return e
}
