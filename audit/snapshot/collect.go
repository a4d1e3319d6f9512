package snapshot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Runner runs one command on a host. It returns the exit code, or an error when
// the command did not run to its end. An error of stdout's Write ends the run.
type Runner interface {
	Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error)
}

// ErrNoStart marks a run in which the collector never began: the login shell
// ended first, or /bin/sh is not there. The error's text has what came instead.
var ErrNoStart = errors.New("the collector did not start")

// ErrCut marks a stream that ended before the collector's end mark. What came is
// in the snapshot.
var ErrCut = errors.New("the collector's answer was cut")

// tokens is how many batches of stat one run may make. Each has a token of its
// own, since stat's arguments can be seen by others on the host.
const tokens = 256

// Collect runs the collector and returns what it brought. A stream that was cut
// (connection lost, deadline, a bound that was hit) still gives a snapshot, with
// Complete false, beside the error. The snapshot is nil only where nothing at
// all came.
func Collect(ctx context.Context, r Runner, o Options) (*Snapshot, error) {
	return gather(ctx, r, o, "", script)
}

// gather runs a script of ours, with more words for it.
func gather(ctx context.Context, r Runner, o Options, words, program string) (*Snapshot, error) {
	lim := o.Limits.defaults()
	nonce, toks, err := secrets()
	if err != nil {
		return nil, err
	}
	// The collector has to end before the caller does: then it names what it left out.
	if d, ok := ctx.Deadline(); ok {
		lim.Time = min(lim.Time, max(time.Until(d)*3/4, time.Second))
	}
	src := o.Source
	if src == "" {
		src = SourceSSH
		if _, ok := r.(Local); ok {
			src = SourceLocal
		}
	}
	b := newBuilder(lim)
	f := newFrames(nonce, lim, b)
	errOut := &bounded{max: lim.Stderr}
	start := o.now()
	exit, err := r.Run(ctx, Command(o.Privilege), io.MultiReader(strings.NewReader(parameters(nonce, toks, lim)), strings.NewReader(words), strings.NewReader(program)), f, errOut)
	f.close()
	if !f.started {
		what := strings.TrimSpace(string(f.noise))
		if e := strings.TrimSpace(string(errOut.data)); e != "" {
			what = strings.TrimSpace(what + "\n" + e)
		}
		if err == nil {
			err = fmt.Errorf("exit code %d", exit)
		}
		if what != "" {
			err = fmt.Errorf("%w; it said %s", err, strconv.Quote(clip(what, 400)))
		}
		return nil, fmt.Errorf("%w: %w", ErrNoStart, err)
	}
	s := b.finish()
	s.Source = src
	s.Name = o.Name
	s.Start, s.End = start, o.now()
	s.Complete = f.ended
	if o.Account != "" {
		s.Account = o.Account
	}
	s.Collector = Collector{Version: CollectorVersion, SHA256: ScriptSHA256()}
	if len(f.noise) > 0 || len(errOut.data) > 0 {
		s.Put(Output{Name: OutNoise, RC: exit, Data: f.noise, Stderr: errOut.data, Truncated: f.noiseCut || errOut.cut})
	}
	switch {
	case f.ended:
		return s, nil // what happens to the session after the end mark changes nothing
	case f.capped:
		return s, fmt.Errorf("%w: more than %d bytes", ErrCut, lim.Total)
	case err != nil:
		return s, fmt.Errorf("%w: %w", ErrCut, err)
	}
	return s, fmt.Errorf("%w: exit code %d", ErrCut, exit)
}

// secrets makes the nonce that marks frames and the tokens of the stat batches.
func secrets() (nonce string, toks []string, err error) {
	raw := make([]byte, 12+tokens*6)
	if _, err := rand.Read(raw); err != nil {
		return "", nil, err
	}
	h := hex.EncodeToString(raw)
	nonce, h = h[:24], h[24:]
	for ; h != ""; h = h[12:] {
		toks = append(toks, h[:12])
	}
	return nonce, toks, nil
}

// bounded keeps the first max bytes that are written to it. It fails, and so ends
// the run, where far more come than any host says: they cost time too.
type bounded struct {
	data []byte
	max  int64
	seen int64
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if b.seen += int64(n); b.seen > 128*b.max {
		b.cut = true
		return 0, errTotal
	}
	if room := int(b.max) - len(b.data); len(p) > room {
		p, b.cut = p[:room], true
	}
	b.data = append(b.data, p...)
	return n, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
