package policies

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/facts"
)

// rule is one rule for a test; keys overrides or adds to a whole one.
func rule(keys map[string]string) string {
	whole := map[string]string{
		"id": "test-rule", "title": "A test", "severity": "low", "why": "One thing. Another thing.",
		"message": "failed", "ok": "passed", "remedy": "mend it",
	}
	maps.Copy(whole, keys)
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(whole)) {
		lead := "  "
		if i == 0 {
			lead = "- "
		}
		fmt.Fprintf(&b, "%s%s: |\n      %s\n", lead, k, whole[k])
	}
	return strings.ReplaceAll(b.String(), "|\n      ", "|-\n      ")
}

func load(tb testing.TB, keys map[string]string) *Catalogue {
	tb.Helper()
	c, faults := Load(Source{"test.yaml", []byte(rule(keys))})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	return c
}

func judgeOne(tb testing.TB, c *Catalogue, f *facts.Facts) Outcome {
	tb.Helper()
	outcomes, _ := c.Judge(f, JudgeOptions{})
	return outcomes[0]
}

func TestVerdicts(t *testing.T) {
	type change = func(*facts.Facts)
	unknown := func(path, reason string) change {
		return func(f *facts.Facts) { f.Unknown[path] = reason }
	}
	gap := func(list string) change {
		return func(f *facts.Facts) { f.Gaps[list] = []facts.Gap{{Path: "/x", Reason: "denied"}} }
	}
	both := func(cs ...change) change {
		return func(f *facts.Facts) {
			for _, c := range cs {
				c(f)
			}
		}
	}
	single := map[string]string{"when": "sshd.present", "pass": "!sshd.stale || host.systemd"}
	jobs := map[string]string{"each": "jobs", "pass": `item.user == "root"`, "message": "{bad.map(j, j.user)}", "ok": "{count} jobs"}
	evil := func(f *facts.Facts) { f.Jobs = append(f.Jobs, facts.Job{User: "eve", Path: "/x"}) }
	for _, tc := range []struct {
		name   string
		rule   map[string]string
		change change
		want   Verdict
		text   string // message, or reason of unknown
	}{
		{"true", single, both(), Pass, "passed"},
		{"an unknown that does not matter", single, unknown("sshd.stale", "no log"), Pass, "passed"},
		{"an unknown that matters", single, both(unknown("sshd.stale", "no log"), func(f *facts.Facts) { f.Host.Systemd = false }), Unknown, "sshd.stale: no log"},
		{"an unknown above", single, both(unknown("sshd", "nothing read"), func(f *facts.Facts) { f.Host.Systemd = false }), Unknown, "sshd: nothing read"},
		{"when is unknown", single, unknown("sshd.present", "no idea"), Unknown, "sshd.present: no idea"},
		{"when is false", single, func(f *facts.Facts) { f.Sshd.Present = false }, NotApplicable, "A test (does not apply here)"},

		{"a list, all good", jobs, both(), Pass, "1 jobs"},
		{"a bad item", jobs, evil, Fail, "eve"},
		{"a bad item beside a gap", jobs, both(evil, gap("jobs")), Fail, "eve"},
		{"a gap", jobs, gap("jobs"), Unknown, "/x: denied"},
		{"the list is unknown", jobs, both(evil, unknown("jobs", "no spool")), Unknown, "jobs: no spool"},
		{"a field of all items is unknown", jobs, both(evil, unknown("jobs.user", "no names")), Unknown, "jobs.user: no names"},
		{"the same, written as a list", jobs, both(evil, unknown("jobs[].user", "no names")), Unknown, "jobs[].user: no names"},
		{"another field of all items", jobs, both(evil, unknown("jobs.targets", "no stat")), Fail, "eve"},
		{"one item is unknown", jobs, unknown("jobs[7]", "cut off"), Unknown, "jobs[7]: cut off"},
		{"a gap elsewhere", jobs, gap("accounts"), Pass, "1 jobs"},

		{"an item of three values",
			map[string]string{"each": "access", "pass": `item.password != "yes"`, "doubt": "{item.user}: {item.why}"},
			func(f *facts.Facts) { f.Access = []facts.Access{{User: "bob", Password: "unknown", Why: "pam_ldap"}} }, Unknown, "bob: pam_ldap"},
		{"the same without a sentence",
			map[string]string{"each": "access", "pass": `item.password != "yes"`},
			func(f *facts.Facts) { f.Access = []facts.Access{{User: "bob", Password: "unknown"}} }, Unknown, "bob: password is not known"},
		{"three values that do not matter",
			map[string]string{"each": "access", "pass": `item.uid != 0 || item.password != "yes"`},
			func(f *facts.Facts) { f.Access = []facts.Access{{User: "bob", UID: 7, Password: "unknown"}} }, Pass, "passed"},
		{"three values below an item",
			map[string]string{"each": "jobs", "pass": `item.targets.all(t, t.writable == "")`},
			func(f *facts.Facts) { f.Jobs = []facts.Job{{Targets: []facts.Target{{Writable: "unknown"}}}} }, Unknown, "is not known"},
		{"three values in a question about single facts",
			map[string]string{"pass": `expected.all(e, e.state == "present")`},
			func(f *facts.Facts) { f.Expected = []facts.Expected{{State: "unknown"}} }, Unknown, "expected.state is not known"},

		{"a list in a question about single facts", map[string]string{"pass": `jobs.exists(j, j.runs)`}, both(), Pass, "passed"},
		{"its gap makes it unknown", map[string]string{"pass": `jobs.exists(j, j.runs)`}, gap("jobs"), Unknown, "/x: denied"},
		{"also where it fails", map[string]string{"pass": `jobs.exists(j, !j.runs)`}, gap("jobs"), Unknown, "/x: denied"},
		{"also by the struct around it", map[string]string{"pass": `wire.kex.size() > 0`}, gap("wire.kex"), Unknown, "/x: denied"},
		{"another list in a list rule",
			map[string]string{"each": "jobs", "pass": `accounts.exists(a, a.name == item.user)`}, both(evil, gap("accounts")), Unknown, "/x: denied"},
		{"an error is no verdict", map[string]string{"pass": `sshd.ciphers[99] == ""`}, both(), Unknown, "the rule failed"},
		{"an error in a list is no verdict", map[string]string{"each": "jobs", "pass": `item.signs[0].id == ""`}, both(), Unknown, "the rule failed"},

		{"nothing to judge", jobs, func(f *facts.Facts) { f.Jobs = nil }, Pass, "0 jobs"},
		{"nothing to judge does not apply",
			map[string]string{"each": "jobs", "pass": `item.runs`, "empty": "not-applicable"}, func(f *facts.Facts) { f.Jobs = nil }, NotApplicable, "does not apply"},
		{"nothing seen but a gap",
			map[string]string{"each": "jobs", "pass": `item.runs`, "empty": "not-applicable"}, both(func(f *facts.Facts) { f.Jobs = nil }, gap("jobs")), Unknown, "denied"},
		{"a message over an unknown fact",
			map[string]string{"pass": `host.systemd && false`, "message": "log level {sshd.log_level}"}, unknown("sshd.log_level", "x"), Fail, "log level (not known)"},
		{"a map's key", map[string]string{"pass": `host.labels["env"] == "prod"`}, unknown("host.labels.env", "not given"), Unknown, "host.labels.env: not given"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := neutral()
			tc.change(f)
			o := judgeOne(t, load(t, tc.rule), f)
			text := o.Message
			if o.Verdict == Unknown {
				text = o.Reason
			}
			if o.Verdict != tc.want || !strings.Contains(text, tc.text) {
				t.Errorf("%s %q (%s), want %s %q", o.Verdict, o.Message, o.Reason, tc.want, tc.text)
			}
			if (o.Verdict == Fail || o.Verdict == Unknown) != (o.Fingerprint != "") {
				t.Errorf("%s has the fingerprint %q", o.Verdict, o.Fingerprint)
			}
		})
	}
}

// blind returns a copy of the facts in which some things could not be read.
func blind(t *rapid.T, f *facts.Facts) *facts.Facts {
	g := *f
	g.Unknown, g.Gaps = maps.Clone(f.Unknown), maps.Clone(f.Gaps)
	for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom(vocabulary().paths()), 0, 6, rapid.ID[string]).Draw(t, "unknown") {
		g.Unknown[p] = "not read"
	}
	for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom(vocabulary().lists), 0, 3, rapid.ID[string]).Draw(t, "gaps") {
		g.Gaps[p] = []facts.Gap{{Path: "/somewhere", Reason: "not read"}}
	}
	if rapid.Bool().Draw(t, "three values") {
		g.Access = slices.Clone(f.Access)
		for i := range g.Access {
			g.Access[i].Password = "unknown"
		}
		g.Accounts = slices.Clone(f.Accounts)
		for i := range g.Accounts {
			g.Accounts[i].Password = "unknown"
		}
		g.Expected = slices.Clone(f.Expected)
		for i := range g.Expected {
			g.Expected[i].State = "unknown"
		}
		g.Jobs = slices.Clone(f.Jobs)
		for i := range g.Jobs {
			g.Jobs[i].Targets = slices.Clone(g.Jobs[i].Targets)
			for k := range g.Jobs[i].Targets {
				g.Jobs[i].Targets[k].Exists, g.Jobs[i].Targets[k].Writable = "unknown", "unknown"
			}
		}
	}
	return &g
}

// TestBlindness is the promise that what was not read is never a pass: whatever
// is taken away from what was seen, a rule keeps its verdict or becomes unknown.
// It runs over the worlds of all examples, all rules in each.
func TestBlindness(t *testing.T) {
	c := catalogueFor(t)
	var worlds []*facts.Facts
	for _, r := range c.Rules() {
		for _, e := range r.Examples {
			f := neutral()
			if e.facts != nil {
				if faults := e.facts(f); len(faults) > 0 {
					t.Fatal(faults)
				}
			}
			worlds = append(worlds, f)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(worlds).Draw(t, "world")
		g := blind(t, f)
		seen, _ := c.Judge(f, JudgeOptions{})
		blinded, _ := c.Judge(g, JudgeOptions{})
		for i := range seen {
			a, b := seen[i], blinded[i]
			// A world that has unknown values of its own can only be compared where it has a verdict.
			if a.Verdict == Unknown || b.Verdict == Unknown {
				if b.Verdict == Unknown && b.Reason == "" {
					t.Fatalf("%s is unknown without a reason", b.Rule)
				}
				if a.Verdict == Unknown && b.Verdict != Unknown {
					t.Fatalf("%s: unknown before, %s once less was read", a.Rule, b.Verdict)
				}
				continue
			}
			if a.Verdict != b.Verdict {
				t.Fatalf("%s: %s (%s), and %s (%s) once less was read", a.Rule, a.Verdict, a.Message, b.Verdict, b.Message)
			}
		}
	})
}

// TestNothingRead: a host of which nothing is known passes nothing.
func TestNothingRead(t *testing.T) {
	f := &facts.Facts{Unknown: map[string]string{}}
	for _, r := range vocabulary().roots {
		f.Unknown[r.name] = "the host did not answer"
	}
	outcomes, _ := catalogueFor(t).Judge(f, JudgeOptions{})
	for _, o := range outcomes {
		if o.Verdict != Unknown {
			t.Errorf("%s: %s", o.Rule, o.Verdict)
		}
		if !strings.Contains(o.Reason, "the host did not answer") {
			t.Errorf("%s: reason %q", o.Rule, o.Reason)
		}
	}
}

func TestWaivers(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	now := day("2026-06-01")
	live := Waiver{Rule: "test-rule", Owner: "ada", Reason: "a migration", Ticket: "OPS-1", Expires: day("2026-07-01")}
	old := Waiver{Rule: "test-rule", Owner: "bob", Expires: day("2026-06-01"), Written: "hosts.yaml:3:5"}
	older := Waiver{Rule: "test-rule", Owner: "eve", Expires: day("2026-05-01")}
	other := Waiver{Rule: "other-rule", Owner: "bob", Expires: day("2026-01-01")}
	for _, tc := range []struct {
		name    string
		pass    string
		waivers []Waiver
		verdict Verdict
		expired int
		reason  string
	}{
		{"none", "host.systemd && false", nil, Fail, 0, ""},
		{"live", "host.systemd && false", []Waiver{live}, Waived, 0, "waived by ada until 2026-07-01: a migration (OPS-1)"},
		{"run out today", "host.systemd && false", []Waiver{old}, Fail, 1, "the waiver of bob ran out on 2026-06-01 (hosts.yaml:3:5)"},
		{"the latest is named", "host.systemd && false", []Waiver{older, old}, Fail, 2, "the waiver of bob ran out on 2026-06-01 (hosts.yaml:3:5)"},
		{"run out and live", "host.systemd && false", []Waiver{old, live}, Waived, 0, "waived by ada until 2026-07-01: a migration (OPS-1)"},
		{"another rule's", "host.systemd && false", []Waiver{other}, Fail, 0, ""},
		{"over a pass", "host.systemd", []Waiver{live, old}, Pass, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, map[string]string{"pass": tc.pass})
			outcomes, expired := c.Judge(neutral(), JudgeOptions{Now: now, Waivers: tc.waivers})
			o := outcomes[0]
			if o.Verdict != tc.verdict || expired != tc.expired || o.Reason != tc.reason {
				t.Errorf("%s, %d expired, %q", o.Verdict, expired, o.Reason)
			}
		})
	}
	t.Run("unknown stays unknown", func(t *testing.T) {
		f := neutral()
		f.Unknown["host.systemd"] = "x"
		outcomes, expired := load(t, map[string]string{"pass": "host.systemd"}).Judge(f, JudgeOptions{Now: now, Waivers: []Waiver{live}})
		if outcomes[0].Verdict != Unknown || expired != 0 {
			t.Errorf("%s, %d", outcomes[0].Verdict, expired)
		}
	})
}

func TestFingerprint(t *testing.T) {
	c := load(t, map[string]string{"each": "jobs", "pass": `item.user == "nobody"`})
	base := func() *facts.Facts {
		f := neutral()
		f.Jobs = []facts.Job{{Path: "/a", Line: 1, User: "bob", Command: "x"}, {Path: "/b", Line: 2, User: "eve", Command: "y"}}
		return f
	}
	of := func(f *facts.Facts, opt JudgeOptions) string {
		outcomes, _ := c.Judge(f, opt)
		return outcomes[0].Fingerprint
	}
	want := of(base(), JudgeOptions{})
	if len(want) != 2+32 || !strings.HasPrefix(want, "1:") {
		t.Fatalf("fingerprint %q", want)
	}
	for name, tc := range map[string]struct {
		change func(*facts.Facts)
		same   bool
	}{
		"lines move":       {func(f *facts.Facts) { f.Jobs[0].Line = 90 }, true},
		"the order":        {func(f *facts.Facts) { slices.Reverse(f.Jobs) }, true},
		"evidence":         {func(f *facts.Facts) { f.Jobs[0].Evidence = []facts.Evidence{{Path: "/q", Witness: "w"}} }, true},
		"a gap":            {func(f *facts.Facts) { f.Gaps["jobs"] = []facts.Gap{{Path: "/q"}} }, true},
		"another command":  {func(f *facts.Facts) { f.Jobs[0].Command = "z" }, false},
		"one more":         {func(f *facts.Facts) { f.Jobs = append(f.Jobs, facts.Job{Path: "/c", User: "z"}) }, false},
		"one less":         {func(f *facts.Facts) { f.Jobs = f.Jobs[:1] }, false},
		"parts that shift": {func(f *facts.Facts) { f.Jobs[0] = facts.Job{Path: "/ab", User: "ob", Command: "x"} }, false},
		"another host":     {func(f *facts.Facts) { f.Host.Name = "web2" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := base()
			tc.change(f)
			if got := of(f, JudgeOptions{}); (got == want) != tc.same {
				t.Errorf("%s, before %s", got, want)
			}
		})
	}
	if of(base(), JudgeOptions{Host: "other"}) == want {
		t.Error("the name of the host does not count")
	}
}

func TestEvidence(t *testing.T) {
	e := func(path string, line int) facts.Evidence { return facts.Evidence{Path: path, Line: line} }
	t.Run("of the facts that pass mentions", func(t *testing.T) {
		f := neutral()
		f.Origin["sshd.stale"] = []facts.Evidence{e("/etc/ssh/sshd_config", 3)}
		f.Origin["sshd.log_level"] = []facts.Evidence{e("/other", 1)}
		for _, pass := range []string{"sshd.stale", "!sshd.stale"} {
			o := judgeOne(t, load(t, map[string]string{"pass": pass}), f)
			if d := cmp.Diff(f.Origin["sshd.stale"], o.Evidence); d != "" {
				t.Errorf("%s: %s", o.Verdict, d)
			}
		}
	})
	t.Run("by an expression", func(t *testing.T) {
		f := neutral()
		f.Jobs[0].Evidence = []facts.Evidence{e("/etc/cron.d/backup", 3)}
		o := judgeOne(t, load(t, map[string]string{"pass": "host.systemd", "evidence": "jobs[0].evidence"}), f)
		if d := cmp.Diff(f.Jobs[0].Evidence, o.Evidence); d != "" {
			t.Error(d)
		}
	})
	t.Run("bounded", func(t *testing.T) {
		f := neutral()
		f.Jobs = nil
		for i := range 1000 {
			f.Jobs = append(f.Jobs, facts.Job{User: "eve", Path: "/x", Evidence: []facts.Evidence{{Path: "/x", Line: i + 1, Text: strings.Repeat("é", 5000)}}})
		}
		o := judgeOne(t, load(t, map[string]string{"each": "jobs", "pass": "item.runs", "message": "{bad.map(j, j.path + string(j.line) + j.evidence[0].text)}", "witness": "{item.user}"}), f)
		if len(o.Evidence) != maxEvidence+1 {
			t.Errorf("%d pieces of evidence", len(o.Evidence))
		}
		last := o.Evidence[len(o.Evidence)-1]
		if last.Witness != "and 980 more" {
			t.Errorf("the last says %q", last.Witness)
		}
		for _, e := range o.Evidence[:maxEvidence] {
			if len(e.Text) > maxText || e.Witness != "eve" {
				t.Errorf("%d bytes of text, witness %q", len(e.Text), e.Witness)
			}
		}
		if len(o.Message) > maxSentence {
			t.Errorf("a message of %d bytes", len(o.Message))
		}
		if d := cmp.Diff(o.Message, strings.ToValidUTF8(o.Message, "?")); d != "" {
			t.Error("cut inside a character", d)
		}
	})
	t.Run("a witness of its own stays", func(t *testing.T) {
		f := neutral()
		f.Jobs = []facts.Job{{User: "eve", Evidence: []facts.Evidence{{Path: "/x", Witness: "seen"}}}, {User: "bob"}}
		o := judgeOne(t, load(t, map[string]string{"each": "jobs", "pass": "item.runs", "witness": "job of {item.user}"}), f)
		want := []facts.Evidence{{Path: "/x", Witness: "seen"}, {Witness: "job of bob"}}
		if d := cmp.Diff(want, o.Evidence); d != "" {
			t.Error(d)
		}
	})
	t.Run("reasons", func(t *testing.T) {
		f := neutral()
		for i := range 500 {
			f.Gaps["jobs"] = append(f.Gaps["jobs"], facts.Gap{Path: fmt.Sprintf("/%d/%s", i, strings.Repeat("x", 5000)), Reason: "denied"})
		}
		o := judgeOne(t, load(t, map[string]string{"each": "jobs", "pass": "item.runs"}), f)
		if o.Verdict != Unknown || len(o.Reason) > maxSentence+20 || !strings.HasSuffix(o.Reason, "and 497 more reasons") {
			t.Errorf("%s: %d bytes, %q", o.Verdict, len(o.Reason), o.Reason[max(0, len(o.Reason)-60):])
		}
	})
}

// TestJudgeLeavesFactsAlone: hosts' facts are shared with reports and history.
func TestJudgeLeavesFactsAlone(t *testing.T) {
	f, g := neutral(), neutral()
	f.Jobs[0].Evidence = []facts.Evidence{{Path: "/x"}}
	g.Jobs[0].Evidence = []facts.Evidence{{Path: "/x"}}
	load(t, map[string]string{"each": "jobs", "pass": "!item.runs", "witness": "w"}).Judge(f, JudgeOptions{})
	if !reflect.DeepEqual(f, g) {
		t.Error(cmp.Diff(g, f))
	}
}

func TestSentences(t *testing.T) {
	for _, tc := range []struct{ message, want string }{
		{"plain", "plain"},
		{"{{braces}} and {host.os}", "{braces} and debian"},
		{"{'}' + \"{\"}", "}{"},
		{"{sshd.ports}", "22"},
		{"{[1, 2]}", "1 and 2"},
		{"{['a', 'a', 'b']}", "a and b"},
		{"{['a', 'b', 'c', 'd']}", "a, b, c and d"},
		{"{['a', 'b', 'c', 'd', 'e']}", "a, b, c and 2 more"},
		{"{jobs.filter(j, false).map(j, j.path)}", "nothing"},
		{"{host.systemd} {sshd.max_auth_tries}", "true 4"},
		{"{ {'a': 'b'}['a'] }", "b"},
		{"{sshd.ciphers[77]}", "(not available)"},
	} {
		t.Run(tc.message, func(t *testing.T) {
			c := load(t, map[string]string{"pass": "host.systemd && false", "message": tc.message})
			if o := judgeOne(t, c, neutral()); o.Message != tc.want {
				t.Errorf("%q, want %q", o.Message, tc.want)
			}
		})
	}
}

// TestConcurrent judges many hosts at once by one catalogue: the race detector
// looks on in the long runs, here the outcomes must agree.
func TestConcurrent(t *testing.T) {
	c := catalogueFor(t)
	want, _ := c.Judge(neutral(), JudgeOptions{})
	results := make(chan []Outcome)
	const hosts = 16
	for range hosts {
		go func() {
			got, _ := c.Judge(neutral(), JudgeOptions{})
			results <- got
		}()
	}
	for range hosts {
		if d := cmp.Diff(want, <-results); d != "" {
			t.Error(d)
		}
	}
}

// A gap that can only hide files of one role doubts the rules about that role.
func TestGapsOfOneRole(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	bad := facts.File{Path: "/etc/cron.d/x", Role: "cron-table", Problem: "every account may write it"}
	good := facts.File{Path: "/etc/pam.d/sshd", Role: "pam"}
	for _, tt := range []struct {
		name  string
		files []facts.File
		gap   facts.Gap
		want  map[string]Verdict
	}{
		{"of another role", []facts.File{good}, facts.Gap{Path: "/home/eve", Reason: "no permission", Role: "authorized-keys"},
			map[string]Verdict{"pam-files": Pass, "authorized-keys-files": Unknown}},
		{"of any role", []facts.File{good}, facts.Gap{Path: "/etc", Reason: "no permission"},
			map[string]Verdict{"pam-files": Unknown, "authorized-keys-files": Unknown}},
		{"a bad item beside a gap of its role", []facts.File{bad}, facts.Gap{Path: "/etc/cron.d/y", Reason: "no permission", Role: "cron-table"},
			map[string]Verdict{"cron-table-files": Fail, "pam-files": NotApplicable}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &facts.Facts{Files: tt.files, Unknown: map[string]string{}, Gaps: map[string][]facts.Gap{"files": {tt.gap}}, Origin: map[string][]facts.Evidence{}}
			outcomes, _ := c.Judge(f, JudgeOptions{Host: "h"})
			for _, o := range outcomes {
				if want, ok := tt.want[o.Rule]; ok && o.Verdict != want {
					t.Errorf("%s: %s, want %s: %s", o.Rule, o.Verdict, want, o.Reason)
				}
			}
		})
	}
}
