package apply

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/fix"
)

// aSubPolicy is a plan that has a host's own tool write a part.
func aSubPolicy() fix.Host {
	h := aPlan()
	h.Changes, h.Shut = nil, nil
	add := func(kind fix.Kind, name, before, after string) *fix.Change {
		s := fix.State{Path: "/etc/crypto-policies/" + name, Real: "/etc/crypto-policies/" + name}
		c := fix.Change{Kind: kind, Before: s, After: s, Old: []byte(before), New: []byte(after)}
		c.After.Exists, c.After.Mode, c.After.SHA256 = true, 0o644, sum(c.New)
		if before != "" {
			c.Before.Exists, c.Before.Mode, c.Before.SHA256 = true, 0o644, sum(c.Old)
		}
		h.Changes = append(h.Changes, c)
		return &h.Changes[len(h.Changes)-1]
	}
	add(fix.KindPolicy, "policies/modules/POSTERN.pmod", "", "cipher@openssh-server = -AES-256-CBC\n")
	add(fix.KindPolicy, "config", "LEGACY\n", "LEGACY:POSTERN\n")
	add(fix.KindPolicy, "state/current", "LEGACY\n", "LEGACY:POSTERN\n")
	c := add(fix.KindPolicy, "state/CURRENT.pol", "# LEGACY\n", "")
	c.Made, c.New, c.After.SHA256 = true, nil, ""
	c = add(fix.KindSshd, "back-ends/opensshserver.config", "Ciphers aes256-ctr,aes256-cbc\n", "Ciphers aes256-ctr\n")
	c.Before.Link = "/usr/share/crypto-policies/LEGACY/opensshserver.txt"
	return h
}

// told is what a host says that its tool made.
func told(files map[string]string) string {
	var b strings.Builder
	for name, text := range files {
		b.WriteString("%N% " + name + " " + sum([]byte(text)) + "\n%N% begin " + name + "\n" + text + "%N% end " + name + "\n")
	}
	return b.String()
}

func rightPolicy() map[string]string {
	return map[string]string{"opensshserver.config": "Ciphers aes256-ctr\n", "current": "LEGACY:POSTERN\n", "CURRENT.pol": "# LEGACY:POSTERN\n# for people\n"}
}

// TestSubPolicyIsMade: what the host's tool wrote comes into the plan before anything is
// prepared, so that copies, guard and undo have its bytes.
func TestSubPolicyIsMade(t *testing.T) {
	host := honest()
	var took []string
	var plan fix.Host
	given := aSubPolicy()
	res, err := Apply(t.Context(), hostOf(func(step, script string) said {
		took = append(took, step)
		if step == "policy" {
			for _, want := range []string{"MODULE='POSTERN.pmod'", "the_module() {", "cipher@openssh-server = -AES-256-CBC", "the_config() {"} {
				if !strings.Contains(script, want) {
					t.Errorf("no %q in what the host is told", want)
				}
			}
			return said{out: told(rightPolicy()) + "%N% done policy\n"}
		}
		if step == "prepare" {
			_, rest, _ := strings.Cut(script, "the_plan() {\n:\nprintf '%b' '")
			rest, _, _ = strings.Cut(rest, "' || return 1\n}")
			rest = strings.ReplaceAll(rest, "' || return 1\nprintf '%b' '", "")
			if err := json.Unmarshal([]byte(rest), &plan); err != nil {
				t.Error(err)
			}
		}
		return host(step, script)
	}).connect, given, Options{})
	if err != nil || res.Outcome != Done {
		t.Fatalf("%+v, %v", res, err)
	}
	if took[1] != "policy" || took[2] != "prepare" {
		t.Errorf("steps %v", took)
	}
	c := plan.Changes[3]
	if c.Made || string(c.New) != rightPolicy()["CURRENT.pol"] || c.After.SHA256 != sum(c.New) {
		t.Errorf("the plan in the record has %+v", c)
	}
	if !given.Changes[3].Made {
		t.Error("the plan that was given has changed")
	}
	back := Reverse(plan, "00")
	if last := back.Changes[0]; last.After.Link == "" || last.Before.Link != "" || string(last.New) != "Ciphers aes256-ctr,aes256-cbc\n" {
		t.Errorf("undo begins with %+v", last)
	}
	order := ""
	for _, c := range back.Changes {
		order += c.Before.Path[strings.LastIndexByte(c.Before.Path, '/')+1:] + " "
	}
	// the tool takes a state that is older than the configuration for one not applied
	if !strings.Contains(order, "config current") {
		t.Errorf("undo's order is %s", order)
	}
}

// TestSubPolicyLies: what the host's tool does not bear out is refused, and nothing is
// prepared.
func TestSubPolicyLies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]string)
		more   string
		want   string
	}{
		"another list":       {func(f map[string]string) { f["opensshserver.config"] = "Ciphers aes256-ctr,aes256-cbc\n" }, "", "line 1 is Ciphers aes256-ctr,aes256-cbc, not Ciphers aes256-ctr"},
		"a line more":        {func(f map[string]string) { f["opensshserver.config"] += "PermitRootLogin yes\n" }, "", "line 2 is PermitRootLogin yes, not nothing"},
		"another policy":     {func(f map[string]string) { f["current"] = "DEFAULT\n" }, "", "would write current otherwise"},
		"nothing":            {func(f map[string]string) { clear(f) }, "", "otherwise than planned"},
		"no dump":            {func(f map[string]string) { delete(f, "CURRENT.pol") }, "", "did not arrive whole"},
		"not what it hashes": {func(f map[string]string) { delete(f, "CURRENT.pol") }, "%N% begin CURRENT.pol\nx\n%N% end CURRENT.pol\n%N% CURRENT.pol 00\n", "did not arrive whole"},
		"others too":         {nil, "%N% other openssl.config\n", "would change openssl.config too"},
		"terminal words":     {nil, "%N% other \x1b[2J\n", `\x1b`},
		"it says no":         {nil, "%N% fail refused 0 the host has no update-crypto-policies\n", "has no update-crypto-policies"},
	} {
		t.Run(name, func(t *testing.T) {
			files := rightPolicy()
			if c.change != nil {
				c.change(files)
			}
			host := honest()
			res, err := Apply(t.Context(), hostOf(func(step, script string) said {
				if step == "policy" {
					return said{out: told(files) + c.more + "%N% done policy\n"}
				}
				if step == "prepare" {
					t.Error("it was prepared")
				}
				return host(step, script)
			}).connect, aSubPolicy(), Options{})
			if res.Outcome != Refused || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%+v, %v", res, err)
			}
			shown(t, "the error", err.Error())
		})
	}
}

// TestSubPolicyOfAnotherFile: a saved plan cannot have the tool's output go elsewhere,
// nor a link replaced that sshd does not read.
func TestSubPolicyOfAnotherFile(t *testing.T) {
	for name, change := range map[string]func(*fix.Host){
		"made elsewhere": func(h *fix.Host) { h.Changes[3].Before.Real = "/etc/shadow" },
		"made twice":     func(h *fix.Host) { h.Changes[2].Made = true },
		"another's link": func(h *fix.Host) { h.Changes[1].Before.Link = "/x" },
		"a link's text":  func(h *fix.Host) { h.Changes[4].Before.Link = "/x\n" },
		"an option":      func(h *fix.Host) { h.Changes[4].After.Link = "-x" },
		"a module's name": func(h *fix.Host) {
			h.Changes[0].Before.Path, h.Changes[0].Before.Real = "/etc/crypto-policies/x/$(id).pmod", "/etc/crypto-policies/x/$(id).pmod"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := aSubPolicy()
			change(&h)
			host := honest()
			res, err := Apply(t.Context(), hostOf(func(step, script string) said {
				if step == "policy" || step == "prepare" {
					t.Errorf("%s was asked for", step)
				}
				return host(step, script)
			}).connect, h, Options{})
			if res.Outcome != Refused || err == nil {
				t.Fatalf("%+v, %v", res, err)
			}
		})
	}
}
