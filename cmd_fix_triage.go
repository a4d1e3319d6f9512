package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/fix"
)

// triageDir holds the reports of postern triage.
func triageDir() string { return filepath.Join(stateDir(), "triage") }

// triageChoice is what was chosen of a triage's things.
type triageChoice struct {
	names  []string // of hosts, in the report's order
	things map[string][]*triage.Thing
}

// readTriageChoice takes the things that the arguments name; nil where the command
// is not about a triage.
func readTriageChoice(c *cli.Context) (*triageChoice, error) {
	if !c.IsSet("from-triage") {
		return nil, nil
	}
	word := c.String("from-triage")
	r, found, err := triage.Load(triageDir(), word)
	switch {
	case errors.Is(err, triage.ErrNotKept), errors.Is(err, fs.ErrNotExist):
		return nil, usagef("--from-triage %s: no such triage is kept", word).hint("look first: postern triage HOST...; it names what it keeps")
	case err != nil:
		return nil, usagef("--from-triage %s: %s", word, reasonOf(err))
	}
	if !c.Args().Present() {
		return nil, usagef("--from-triage %s: no thing is named", found).hint("name them by the ids that triage shows with each: postern fix --from-triage %s ID...", word)
	}
	out := &triageChoice{things: map[string][]*triage.Thing{}}
	of := map[string]string{} // host by id
	var ids []string
	for i := range r.Hosts {
		h := &r.Hosts[i]
		for k := range h.Things {
			t := &h.Things[k]
			ids = append(ids, t.ID)
			if !slices.Contains(c.Args().Slice(), t.ID) {
				continue
			}
			if before, twice := of[t.ID]; twice && before != h.Host {
				// an id is made of a host's own words: one host may have aimed at another's
				return nil, usagef("--from-triage %s: %s is the id of a thing on %s and of one on %s", found, t.ID, before, h.Host).hint("look at both: triage each host by itself, and fix from that")
			}
			of[t.ID] = h.Host
			if out.things[h.Host] == nil {
				out.names = append(out.names, h.Host)
			}
			out.things[h.Host] = append(out.things[h.Host], t)
		}
	}
	for _, id := range c.Args().Slice() {
		if !slices.Contains(ids, id) {
			e := usagef("--from-triage %s: nothing in it has the id %q", found, id)
			if run := triage.Holding(triageDir(), id); run != "" {
				return nil, e.hint("the triage %s named it: postern fix --from-triage %s %s", run, run, id)
			}
			if n := near(id, ids); n != "" {
				return nil, e.hint("did you mean %s?", n)
			}
			return nil, e.hint("the arguments are ids that triage shows with each thing; hosts are those of the things")
		}
	}
	return out, nil
}

// add puts what ends the things of a host into what is done there. What fix does
// not do is said, with the command for it.
func (t *triageChoice) add(host string, b *fix.Breach) {
	for _, thing := range t.things[host] {
		byHand := func(format string, args ...any) {
			b.ByHand = append(b.ByHand, fmt.Sprintf("%s (%s): %s", thing.ID, thing.Title, fmt.Sprintf(format, args...)))
		}
		if len(thing.Actions) == 0 {
			byHand("nothing that fix does would end it: look at its evidence")
		}
		for _, a := range thing.Actions {
			switch a.Do {
			case triage.DoJob:
				ref, err := fix.ParseJobRef(a.Target)
				if err != nil {
					byHand("%s", err)
					continue
				}
				ref.Host, ref.Command = host, a.Command
				b.Quarantine = append(b.Quarantine, ref)
			case triage.DoKey:
				b.Revoke = append(b.Revoke, a.Target)
			case triage.DoAccount:
				b.Lock = append(b.Lock, a.Target)
			case triage.DoFile:
				b.Files = append(b.Files, a.Target)
			case triage.DoUnit:
				if word, ok := pasted(a.Target); ok {
					byHand("stop and disable the unit as root: systemctl disable --now -- %s", word)
				} else {
					byHand("stop and disable the unit as root, without its name on a command line, which it is made to break out of: %q", a.Target)
				}
			case triage.DoStop:
				pid, err := strconv.Atoi(a.Target)
				if err != nil {
					continue
				}
				byHand("keep its program and memory first (cp /proc/%d/exe, gcore %d, to another machine), then kill -STOP %d, and kill -KILL %d once all is kept", pid, pid, pid, pid)
			case triage.DoEdit:
				byHand("take the lines that it names out of %q: the rest of that file is needed", a.Target)
			case triage.DoPackage:
				byHand("install the package %q anew from a source that you trust", a.Target)
			default:
				byHand("%s %q", a.Do, a.Target)
			}
		}
	}
	for _, list := range []*[]string{&b.Revoke, &b.Lock, &b.Files} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// pasted is a host's word in a command that somebody copies out of a report into a
// root's shell. A quote or a backslash would not come through the report's escapes as
// the one that was meant, so there is no such command then.
func pasted(s string) (word string, ok bool) {
	plain := s != ""
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return "", false
		}
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._-@:+", c) >= 0)
	}
	if plain {
		return s, true
	}
	return "'" + s + "'", true
}

// deeper reads a host with the second round of a triage, where its source can be
// asked twice: before something is taken out it matters what still runs.
func deeper(ctx context.Context, t audit.Target, now time.Time) (*snapshot.Snapshot, error) {
	src, ok := t.Source.(audit.DeepSource)
	if !ok {
		return t.Source.Snapshot(ctx)
	}
	opt := facts.Options{Now: now, Name: t.Host.Name, Labels: t.Host.Labels, Expect: audit.Expectations(t.Host.Expect), Allow: audit.Allowances(t.Host.Allow)}
	deep, err := src.Deep(ctx, audit.Rounds{Ask: func(first *snapshot.Snapshot) snapshot.Questions { return triage.Ask(first, opt) }})
	if deep == nil {
		return nil, err
	}
	return deep.First, err
}

// runningOn gives what runs on a host, and whether that is all.
func runningOn(snap *snapshot.Snapshot) ([]fix.Process, bool) {
	if snap == nil {
		return nil, false
	}
	list, whole := triage.Processes(snap)
	out := make([]fix.Process, 0, len(list))
	for _, p := range list {
		out = append(out, fix.Process{PID: p.PID, Exe: p.Exe, Deleted: p.Deleted, Args: p.Args, Dir: p.Dir})
	}
	return out, whole
}
