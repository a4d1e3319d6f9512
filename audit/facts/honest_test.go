package facts_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// now is the clock of all tests here.
var now = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

// recordings are the demo's hosts: real answers of the collector.
func recordings(t testing.TB) map[string]*snapshot.Snapshot {
	t.Helper()
	paths, err := filepath.Glob("../../e2e/demo/hosts/*.pst")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d recordings in e2e/demo/hosts, want at least 3 (%v)", len(paths), err)
	}
	out := map[string]*snapshot.Snapshot{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		s, err := snapshot.Read(bytes.NewReader(data), snapshot.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		out[strings.TrimSuffix(filepath.Base(p), ".pst")] = s
	}
	return out
}

func catalogue(t testing.TB) *policies.Catalogue {
	t.Helper()
	c, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// judged gives each rule's verdict.
func judged(t testing.TB, c *policies.Catalogue, s *snapshot.Snapshot, opt facts.Options) map[string]policies.Outcome {
	t.Helper()
	f := facts.From(s, opt)
	if bad := policies.UnknownPaths(f); len(bad) > 0 {
		t.Errorf("paths that name no fact: %q", bad)
	}
	outcomes, _ := c.Judge(f, policies.JudgeOptions{Host: "h", Now: now})
	out := map[string]policies.Outcome{}
	for _, o := range outcomes {
		out[o.Rule] = o
	}
	return out
}

// lessens says of a verdict that it became better without anything having been
// seen: what failed or was not known may not pass, nor stop to apply, because
// less was read; and what passes must not pass on less than it needs.
func lessens(before, after policies.Verdict) bool {
	good := after == policies.Pass || after == policies.NotApplicable
	return good && (before == policies.Fail || before == policies.Unknown)
}

func clone(s *snapshot.Snapshot) *snapshot.Snapshot {
	c := *s
	c.Files = append([]snapshot.File(nil), s.Files...)
	c.Outputs = append([]snapshot.Output(nil), s.Outputs...)
	c.Gaps = append([]snapshot.Gap(nil), s.Gaps...)
	return &c
}

func without(s *snapshot.Snapshot, drop func(path string) bool) *snapshot.Snapshot {
	c := *s
	c.Files = nil
	for _, f := range s.Files {
		if !drop(f.Path) {
			c.Files = append(c.Files, f)
		}
	}
	c.Outputs = append([]snapshot.Output(nil), s.Outputs...)
	c.Gaps = append([]snapshot.Gap(nil), s.Gaps...)
	return &c
}

func withoutOutput(s *snapshot.Snapshot, name string) *snapshot.Snapshot {
	c := clone(s)
	c.Outputs = nil
	for _, o := range s.Outputs {
		if o.Name != name {
			c.Outputs = append(c.Outputs, o)
		}
	}
	return c
}

func gapped(s *snapshot.Snapshot, path string) *snapshot.Snapshot {
	s.Gaps = append(s.Gaps, snapshot.Gap{Path: path, Kind: snapshot.GapDenied, Reason: "no permission to read it"})
	return s
}

// TestLessIsNeverBetter takes one thing after the other out of real hosts'
// answers, and holds the facts and the rules to promise 1: what could not be
// read is never a pass.
func TestLessIsNeverBetter(t *testing.T) {
	c := catalogue(t)
	opt := facts.Options{Now: now, Name: "h", Expect: []facts.Expectation{{Match: "*monitor*", Written: "postern.yaml:1:1"}}}
	for name, s := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			shrink(t, c, s, opt, judged(t, c, s, opt))
		})
	}
}

// shrink takes one thing after the other out of s, and fails the test for every
// rule that is better off without it.
func shrink(t *testing.T, c *policies.Catalogue, s *snapshot.Snapshot, opt facts.Options, before map[string]policies.Outcome) {
	t.Helper()
	check := func(what string, less *snapshot.Snapshot) {
		t.Helper()
		for rule, o := range judged(t, c, less, opt) {
			if lessens(before[rule].Verdict, o.Verdict) {
				t.Errorf("%s: %s was %s (%s%s), is %s (%s)", what, rule, before[rule].Verdict,
					before[rule].Message, before[rule].Reason, o.Verdict, o.Message)
			}
		}
	}
	for _, f := range s.Files {
		p := f.Path
		check("without "+p, gapped(without(s, func(q string) bool { return q == p || strings.HasPrefix(q, p+"/") }), p))
		if f.HasContent() {
			unread := clone(s)
			for i := range unread.Files {
				if unread.Files[i].Path == p {
					unread.Files[i].Content = nil
				}
			}
			check("without the content of "+p, gapped(unread, p))
			cut := clone(s)
			for i := range cut.Files {
				if g := &cut.Files[i]; g.Path == p {
					g.Content, g.Truncated = g.Content[:len(g.Content)/2:len(g.Content)/2], true
				}
			}
			check("with half of "+p, gapped(cut, p))
		}
		blind := clone(s)
		for i := range blind.Files {
			if blind.Files[i].Path == p {
				blind.Files[i].UID, blind.Files[i].GID, blind.Files[i].Mode, blind.Files[i].Type = -1, -1, 0, 0
			}
		}
		check("without owner and mode of "+p, gapped(blind, p))
	}
	for _, o := range s.Outputs {
		check("without output "+o.Name, gapped(withoutOutput(s, o.Name), o.Name))
		check("without output "+o.Name+" and without a word on it", withoutOutput(s, o.Name))
		half := clone(s)
		for i := range half.Outputs {
			if h := &half.Outputs[i]; h.Name == o.Name {
				h.Data, h.Truncated = h.Data[:len(h.Data)/2:len(h.Data)/2], true
			}
		}
		check("with half of output "+o.Name, gapped(half, o.Name))
	}
	broken := clone(s)
	broken.Complete = false
	check("cut at the end", broken)
	for i := range s.Files {
		if i%50 == 0 {
			cut := clone(s)
			cut.Complete = false
			cut.Files = cut.Files[:i]
			check(fmt.Sprintf("with %d files", i), cut)
		}
	}
}

// TestNothingReadIsNothingKnown: where nothing came, no rule passes.
func TestNothingReadIsNothingKnown(t *testing.T) {
	c := catalogue(t)
	for name, s := range map[string]*snapshot.Snapshot{
		"nothing at all":     {},
		"nothing over ssh":   {Source: snapshot.SourceSSH},
		"nothing of a tree":  {Source: snapshot.SourceRoot},
		"all was denied":     {Source: snapshot.SourceSSH, Complete: true, Gaps: []snapshot.Gap{{Path: "/", Kind: snapshot.GapDenied}}},
		"whole and empty":    {Source: snapshot.SourceSSH, Complete: true},
		"whole and empty fs": {Source: snapshot.SourceRoot, Complete: true},
	} {
		t.Run(name, func(t *testing.T) {
			for rule, o := range judged(t, c, s, facts.Options{Now: now, Expect: []facts.Expectation{{Match: "x"}}}) {
				if o.Verdict == policies.Pass {
					t.Errorf("%s passes: %s", rule, o.Message)
				}
			}
		})
	}
}
