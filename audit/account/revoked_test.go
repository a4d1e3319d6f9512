package account

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUr/sTM1AGbDhGPY1Uyj4hUsA7c1Xu3bXlYc0iGWvVn a@b\n"

// krl makes a revocation list of sections.
func krl(sections ...[]byte) []byte {
	b := []byte(krlMagic)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = append(b, make([]byte, 24)...)
	b = append(b, make([]byte, 8)...) // two empty strings
	return append(b, bytes.Join(sections, nil)...)
}

func section(kind byte, items ...[]byte) []byte {
	var data []byte
	for _, i := range items {
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(i))), i...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data))), data...)
}

func TestRevoked(t *testing.T) {
	k := ParseKeys([]byte(someKey))[0]
	one, two := sha1.Sum(k.Blob), sha256.Sum256(k.Blob)
	for _, tt := range []struct {
		name    string
		data    []byte
		revoked bool
		empty   bool
		bad     bool
	}{
		{"nothing", nil, false, true, false},
		{"a list", []byte("# old\n" + someKey), true, false, false},
		{"a line with options is none", []byte("from=\"x\" " + someKey), false, true, false},
		{"explicit", krl(section(2, k.Blob)), true, false, false},
		{"sha1", krl(section(3, one[:])), true, false, false},
		{"sha256", krl(section(5, two[:])), true, false, false},
		{"another key", krl(section(5, one[:])), false, false, false},
		{"certificates", krl(section(1)), false, false, false},
		{"behind a section of another kind", krl(section(9, []byte("x")), section(2, k.Blob)), true, false, false},
		{"cut short", krl(section(2, k.Blob))[:60], false, true, true},
		{"an item cut short", krl(append([]byte{2}, 0, 0, 0, 4, 0, 0, 0, 9)), false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRevoked(tt.data)
			if (err != nil) != tt.bad || r.Key(&k) != tt.revoked || r.Empty() != tt.empty {
				t.Errorf("revoked %t, empty %t, %v", r.Key(&k), r.Empty(), err)
			}
		})
	}
}

func TestPrincipals(t *testing.T) {
	got := ParsePrincipals([]byte("\n# nobody\n alice \ncommand=\"id -u\",no-pty ops # why\nno-such x\n"))
	want := []Principal{{Line: 3, Name: "alice"},
		{Line: 4, Name: "ops", Options: []Option{{Name: "command", Value: "id -u", Quoted: true}, {Name: "no-pty"}}},
		{Line: 5, Name: "x", Options: []Option{{Name: "no-such"}}, Bad: `unknown key option "no-such"`}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What is revoked stays revoked, whatever follows; and nothing is held that was
// not in the file.
func FuzzRevoked(f *testing.F) {
	k := ParseKeys([]byte(someKey))[0]
	f.Add([]byte(someKey))
	f.Add(krl(section(2, k.Blob), section(1)))
	f.Add(krl()[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _ := ParseRevoked(data)
		total := 0
		for b := range r.blobs {
			total += len(b)
		}
		if total > len(data) {
			t.Errorf("%d bytes of keys in %d", total, len(data))
		}
		r.Key(&k)
		for _, p := range ParsePrincipals(data) {
			if p.Name == "" || p.Line < 1 {
				t.Errorf("%+v", p)
			}
		}
	})
}
