package apply

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
)

// TestInterruptedIsTakenUp: a run that was cut off before the host said how a step
// ended, or whose folder could not be taken away, has no end in the journal: the next
// one knows the folder for its own, and is not kept out by it.
func TestInterruptedIsTakenUp(t *testing.T) {
	for _, c := range []struct{ at, what string }{
		{"prepare", "the connection ends in the step"},
		{"stage", "it ends in the step, and the folder stays"},
	} {
		t.Run(c.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host, opt := honest(), Options{Journal: t.TempDir()}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cut := false
				res, err := Apply(ctx, hostOf(func(step, script string) said {
					if cut {
						return said{err: context.Canceled} // the connection is gone
					}
					answer := host(step, script)
					if step == c.at {
						cut = true
						cancel()
						return said{hang: true}
					}
					return answer
				}).connect, aPlan(), opt)
				if err == nil || res.Outcome != Refused || !res.Held {
					t.Fatalf("%s: %+v, %v", c.what, res, err)
				}
				res, err = Apply(t.Context(), host.connect, aPlan(), opt)
				if err != nil || res.Outcome != Done || !strings.Contains(res.Recovered, "changed nothing") {
					t.Errorf("%s: the next run: %+v, %v", c.what, res, err)
				}
			})
		})
	}
}
