package fix_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/postern-ssh/postern/fix"
)

func BenchmarkMake(b *testing.B) {
	w := newWorld()
	b.ReportAllocs()
	for b.Loop() {
		if h := w.plan(b, "no-password-login", "no-root-login", "x11-forwarding"); len(h.Changes) != 1 {
			b.Fatal(tell(h))
		}
	}
}

// FuzzRead: what is no plan is an error, and what is one is written back and read
// again as the same.
func FuzzRead(f *testing.F) {
	p := &fix.Plan{Tool: "1", Hosts: []fix.Host{newWorld().plan(f, "no-password-login")}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("{}"))
	f.Add([]byte(`{"format":1,"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","plan":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := fix.Read(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, fix.ErrPlan) && !errors.Is(err, fix.ErrNewer) {
				t.Fatalf("%v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := p.Write(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := fix.Read(&out); err != nil {
			t.Fatalf("not read again: %v", err)
		}
	})
}
