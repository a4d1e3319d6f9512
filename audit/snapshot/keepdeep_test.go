package snapshot

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestKeepWhatFits: whoever makes a second round larger than what is kept takes nothing
// away but contents, the largest and the least of root's first; each is a gap.
func TestKeepWhatFits(t *testing.T) {
	deep := &Snapshot{Complete: true}
	noise := rand.NewChaCha8([32]byte{1})
	add := func(p string, n int) {
		c := make([]byte, n)
		noise.Read(c)
		deep.Files = append(deep.Files, File{Path: p, Type: 'f', Size: int64(n), Content: c})
	}
	add("/etc/rc.local", 2000)
	add("/home/a/.bashrc", 30000)
	for i := range 120 {
		add(fmt.Sprintf("/var/www/%03d.php", i), 60000)
	}
	deep.Put(Output{Name: OutOwned, Data: []byte("manager\tdpkg\n")})
	s := &Snapshot{}
	if err := s.Keep(deep); err != nil {
		t.Fatal(err)
	}
	o := s.Output(OutDeeper)
	if o == nil || len(o.Data) > maxDeeperNested {
		t.Fatalf("%+v", s.Gaps)
	}
	back, err := Read(bytes.NewReader(o.Data), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Snapshot{back, o.Value.(*Snapshot)} {
		if f := d.Lookup("/etc/rc.local"); f == nil || len(f.Content) != 2000 {
			t.Errorf("what is root's was dropped: %+v", f)
		}
		if f := d.Lookup("/home/a/.bashrc"); f == nil || len(f.Content) != 30000 {
			t.Error("what is small was dropped")
		}
		if d.Lookup("/var/www/000.php") == nil || len(d.Files) != 122 || d.Output(OutOwned) == nil {
			t.Error("more than contents was dropped")
		}
		if f := d.Lookup("/var/www/005.php"); f == nil || f.HasContent() || len(d.GapsFor(f.Path)) == 0 {
			t.Error("what was dropped is not said")
		}
	}
}
