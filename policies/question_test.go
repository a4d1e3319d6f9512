package policies

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
)

func TestQuestion(t *testing.T) {
	job := facts.Job{Path: "/etc/cron.d/x", User: "root", Command: "sh update", Evidence: []facts.Evidence{{Path: "/etc/cron.d/x", Line: 3}}}
	whole := func(change func(*facts.Facts)) *facts.Facts {
		f := neutral()
		f.Jobs = []facts.Job{job}
		if change != nil {
			change(f)
		}
		return f
	}
	gap := func(f *facts.Facts) { f.Gaps["jobs"] = []facts.Gap{{Path: "/var/spool/cron", Reason: "denied"}} }
	for _, c := range []struct {
		name, text, want string
		f                *facts.Facts
	}{
		{"seen", `jobs.exists(j, j.command.contains("update"))`, "yes", whole(nil)},
		{"not there", `jobs.exists(j, j.command.contains("nosuch"))`, "no", whole(nil)},
		{"seen beside a gap", `jobs.exists(j, j.command.contains("update"))`, "yes", whole(gap)},
		{"not there beside a gap", `jobs.exists(j, j.command.contains("nosuch"))`, "unknown", whole(gap)},
		{"absence beside a gap", `!jobs.exists(j, j.command.contains("nosuch"))`, "unknown", whole(gap)},
		{"a fact that is not known", `host.os == "debian"`, "unknown", whole(func(f *facts.Facts) { f.Unknown["host.os"] = "not read" })},
		{"what the question does not need", `jobs.exists(j, j.user == "root") || host.os == "x"`, "yes", whole(func(f *facts.Facts) { f.Unknown["host.os"] = "not read" })},
	} {
		q, err := NewQuestion(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		a := q.Ask(c.f)
		if a.Verdict != c.want || a.Verdict == "unknown" && a.Reason == "" {
			t.Errorf("%s: %+v, want %s", c.name, a, c.want)
		}
		if c.name == "seen" && (len(a.Items) != 1 || len(a.Evidence) != 1 || a.Evidence[0].Line != 3) {
			t.Errorf("%s: evidence %+v", c.name, a)
		}
	}
}

func TestQuestionRefused(t *testing.T) {
	for text, want := range map[string]string{
		"size(jobs)":          "must be bool",
		"jbs.exists(j, true)": `unknown name "jbs"`,
		"jobs.exists(j, ":     "not CEL",
		strings.Repeat("true || ", 2000) + "true": "longer than",
	} {
		if _, err := NewQuestion(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
}

// TestQuestionCost holds that a question cannot run for ever: nested loops over a
// hostile list end in an answer that is not known.
func TestQuestionCost(t *testing.T) {
	f := neutral()
	f.Jobs = make([]facts.Job, 3000)
	q, err := NewQuestion(`jobs.all(a, jobs.all(b, jobs.all(c, a.path + b.path + c.path != "x")))`)
	if err != nil {
		t.Fatal(err)
	}
	if a := q.Ask(f); a.Verdict != "unknown" || !strings.Contains(a.Reason, "could not be answered") {
		t.Errorf("%+v", a)
	}
}
