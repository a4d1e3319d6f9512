package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

func planOf(names []string) *fix.Plan {
	p := &fix.Plan{}
	for _, n := range names {
		p.Hosts = append(p.Hosts, fix.Host{Name: n})
	}
	return p
}

func TestRollout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fleet")
	if _, err := Latest(dir); !errors.Is(err, ErrNone) {
		t.Fatalf("of nothing: %v", err)
	}
	head := Head{Words: []string{"@web"}, Inventory: "/inv.yaml", Batch: "1,2", MaxFail: 1, Last: []string{"h06"}}
	r, err := Begin(dir, head, planOf(names(6)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Latest(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("while it goes on: %v", err)
	}
	for host, o := range map[string]Outcome{"h01": apply.Done, "h02": apply.RolledBack, "h03": apply.Pending, "h04": apply.Already} {
		if err := errors.Join(r.Start(host, "old"), r.End(host, Answer{Outcome: o, Run: "run-" + host, Why: "because"})); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Start("h05", "before"); err != nil {
		t.Fatal(err)
	}
	r.f.Close() // the process dies
	f, err := os.OpenFile(filepath.Join(r.dir, logFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"host":"h06","what":"beg`) // and the disk had no room for the rest
	f.Close()

	r, err = Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	done, open, rest := r.Hosts()
	if d := cmp.Diff([][]string{{"h01", "h04"}, {"h03", "h05"}, {"h02", "h06"}}, [][]string{done, open, rest}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(head, r.Head); d != "" {
		t.Error(d)
	}
	if e := r.Last("h05"); e.What != "begin" || e.Run != "before" {
		t.Errorf("%+v", e)
	}
	if e := r.Last("h03"); e.Run != "run-h03" || e.Why != "because" {
		t.Errorf("%+v", e)
	}
	for _, host := range []string{"h02", "h03", "h05", "h06"} {
		if err := r.End(host, Answer{Outcome: apply.Done, Why: strings.Repeat("\xff", 1<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Latest(dir); !errors.Is(err, ErrNone) {
		t.Errorf("one that is over: %v", err)
	}
	if r, err = Look(dir, r.ID); err != nil || r.Last("h02").Outcome != apply.Done {
		t.Errorf("%v", err)
	}
	for _, id := range []string{"", ".", "..", "../fleet", "nosuch"} {
		if _, err := Look(dir, id); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A plan that was changed after it was agreed to is none.
func TestRolloutPlanChanged(t *testing.T) {
	dir := t.TempDir()
	r, err := Begin(dir, Head{Batch: "1"}, planOf(names(2)))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	file := filepath.Join(r.dir, planFile)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(raw), "h02", "h99", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Latest(dir); !errors.Is(err, fix.ErrPlan) {
		t.Errorf("%v", err)
	}
}
