//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e"
)

// alive are the kinds of thing that only a living host can tell, each with the reason.
// All else of a page is about the disk, and a directory shows the same disk.
var alive = map[string]string{
	triage.KindProcess: "processes, and whom they talk to, are in memory",
	triage.KindTimes:   "the login's end writes to wtmp and the logs, whose times are others when the directory is read",
}

// inMemory finds ways that are planted below /dev: a host keeps that in memory, and its
// disk has an empty one.
var inMemory = regexp.MustCompile(`(mkdir -p|cp \S+|>) /dev/\S*\.`)

// TestTriageRoot plants all ways on one host and asks over SSH and in its directory: the
// two name the same, in the same words, but for what only a living host can tell.
func TestTriageRoot(t *testing.T) {
	e2e.NeedHosts(t)
	for _, c := range []struct {
		release e2e.Release
		lists   [][]way
	}{{e2e.Bookworm, [][]way{plantedWays(), ways}}, {e2e.Bullseye, [][]way{moreWays}}, {e2e.Trixie, [][]way{settingsWays}}} {
		t.Run(string(c.release), func(t *testing.T) { triageBothWays(t, c.release, c.lists) })
	}
}

// plantedWays are those of TestTriagePlanted.
func plantedWays() (out []way) {
	for _, p := range planted {
		out = append(out, way(p))
	}
	return out
}

func triageBothWays(t *testing.T, release e2e.Release, lists [][]way) {
	key, public := newKey(t)
	setup := "useradd -m -s /bin/bash alice\nuseradd -m -s /bin/bash bob\nuseradd -m -s /bin/bash carol\n" + admit("root", public) + "\n"
	for i, list := range lists {
		lists[i] = slices.DeleteFunc(slices.Clone(list), func(w way) bool { return inMemory.MatchString(w.setup) })
		for _, w := range lists[i] {
			setup += w.setup + "\n"
		}
	}
	h := e2e.Start(t, e2e.Spec{Release: release, Setup: setup})
	h.Run("kill -STOP $(pgrep -x cron)") // its hourly job writes to the disk and the log
	_, live := triageRun(t, h, key, "")
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := run(t, t.TempDir(), binary, "triage", "--root", h.Root(), "--no-history", "--format", "json")
	var r triage.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Hosts) != 1 {
		t.Fatalf("not a report: %v\n%s", err, out)
	}
	dead := &r.Hosts[0]
	a, b := onDisk(live), onDisk(dead)
	if len(a) < 15 {
		t.Errorf("only %d things over SSH", len(a))
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("-over SSH +by --root:\n%s", d)
	}
	if d := cmp.Diff(doors(live), doors(dead)); d != "" {
		t.Errorf("the ways in: -over SSH +by --root:\n%s", d)
	}
	if d := cmp.Diff(live.LastRuns, dead.LastRuns); d != "" {
		t.Errorf("the last runs: -over SSH +by --root:\n%s", d)
	}
	for _, list := range lists {
		for _, w := range list {
			if want(t, dead, w.kind, w.least, w.words...) == nil {
				t.Errorf("%s was not found by --root", w.name)
			}
		}
	}
	if t.Failed() {
		t.Logf("gaps over SSH %v", live.Gaps)
		t.Logf("gaps by --root %v", dead.Gaps)
	}
}

// doors are the ways in that a page names.
func doors(h *triage.Host) (out []string) {
	for _, d := range h.Doors {
		out = append(out, d.What)
	}
	return out
}

// onDisk gives what a page says of the disk, thing by thing: all but the ids, which are
// made of the host's name.
func onDisk(h *triage.Host) map[string]string {
	out := map[string]string{}
	for i := range h.Things {
		x := h.Things[i]
		if alive[x.Kind] != "" {
			continue
		}
		x.ID = ""
		text, _ := json.MarshalIndent(&x, "", " ")
		name := x.Kind + " " + x.Title
		for n := 2; out[name] != ""; n++ {
			name = fmt.Sprintf("%s %s (%d)", x.Kind, x.Title, n)
		}
		out[name] = string(text)
	}
	return out
}
