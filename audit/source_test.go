package audit

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/wire"
)

// TestAsArchived holds that a host judged at once and one judged from its archive
// are judged by the same record.
func TestAsArchived(t *testing.T) {
	for name, c := range map[string]*wire.Capture{
		"nothing":          {},
		"all":              {Server: []byte("SSH-2.0-x\r\n\xff"), Methods: []string{"publickey"}, Banner: "a\u2028b\x1b[0m", HostKeys: []wire.CapturedKey{{Blob: []byte{0xff}, Proven: true}}},
		"no methods":       {Methods: []string{}},
		"a foreign banner": {Banner: "caf\xe9"},
		"a foreign method": {Methods: []string{"\xff"}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			back := new(wire.Capture)
			if err := json.Unmarshal(data, back); err != nil {
				t.Fatal(err)
			}
			same := cmp.Equal(c, back)
			got, kept := asArchived(c).(*wire.Capture)
			if kept && !same || kept && got != c {
				t.Errorf("kept, and the archive differs: %s", cmp.Diff(c, back))
			}
			if !kept && same {
				t.Error("not kept, and the archive is the same")
			}
		})
	}
}
