package main

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/fix"
)

// TestPasted: what a report shows of a command is copied into a root's shell. No name
// of a unit, which any account may choose, becomes more than one word there.
func TestPasted(t *testing.T) {
	names := []string{"x\x01;touch pwned;.service", "x\xff;id;.service", "a';id;'b.service", `a"$(id)'b.service`, `a\';id;'.service`, "$(id)\n.service", "a b.service", "-Hevil.service", "\u202e;id.service",
		"cron.service", "getty@tty1.service", `dev-disk\x2dby.service`, "~root.service", ""}
	check := func(t interface{ Errorf(string, ...any) }, name string) {
		word, ok := pasted(name)
		if !ok {
			return
		}
		out, err := exec.Command("sh", "-c", "printf '%s\\n' -- "+report.Inline(word)).Output()
		if got := string(out); err != nil || got != "--\n"+name+"\n" {
			t.Errorf("%q: the shell reads %q from %s (%v)", name, got, report.Inline(word), err)
		}
	}
	for _, name := range names {
		check(t, name)
		c := &triageChoice{things: map[string][]*triage.Thing{"h": {{ID: "unit-1", Actions: []triage.Action{{Do: triage.DoUnit, Target: name}}}}}}
		b := &fix.Breach{}
		c.add("h", b)
		_, ok := pasted(name)
		if has := strings.Contains(b.ByHand[0], "systemctl"); has != ok {
			t.Errorf("%q: %s", name, b.ByHand[0])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.StringOfN(rapid.RuneFrom([]rune("ab;$()'\"\\` \n\x01*~#&|<>")), 0, 8, -1).Draw(t, "name"))
	})
}

// TestEditByHand: a file whose other lines are needed is never moved away, and the plan
// says what is left to do.
func TestEditByHand(t *testing.T) {
	c := &triageChoice{things: map[string][]*triage.Thing{"h": {{ID: "startup-1", Title: "interfaces", Actions: []triage.Action{{Do: triage.DoEdit, Target: "/etc/network/interfaces"}}}}}}
	b := &fix.Breach{}
	c.add("h", b)
	if len(b.Files) != 0 || len(b.ByHand) != 1 || !strings.Contains(b.ByHand[0], `take the lines that it names out of "/etc/network/interfaces"`) {
		t.Errorf("%q %q", b.Files, b.ByHand)
	}
}
