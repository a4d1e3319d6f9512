package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

// end tells how a run through a fleet ended, and is its exit code.
func (r *fleetRun) end(rep fleet.Report) error {
	all := append(slices.Clone(r.results), rep.Results...)
	sum := &fleetSummary{Hosts: all, Batches: rep.Batches, Stopped: rep.Stopped, Seconds: int(time.Since(r.began).Seconds()), Exit: fleetExit(all)}
	if r.rollout != nil {
		sum.Run = r.rollout.ID
	}
	for i := range sum.Hosts {
		if h := r.plans[sum.Hosts[i].Name]; h != nil && sum.Hosts[i].Outcome == apply.Done {
			for n := range h.Changes {
				sum.note(h.Changes[n].Before.Path, h.Name)
			}
		}
	}
	if r.how.json {
		facts.MapStrings(sum, report.Inline)
		enc := json.NewEncoder(r.s.out)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(sum); err != nil {
			return err
		}
	} else {
		sum.text(r.s)
	}
	if sum.Exit != 0 {
		return exitCode(sum.Exit)
	}
	return nil
}

// fleetSummary is how a run through a fleet ended, as JSON has it.
type fleetSummary struct {
	Run     string         `json:"run,omitempty"`
	Batches int            `json:"batches"`
	Seconds int            `json:"seconds"`
	Stopped string         `json:"stopped,omitempty"` // why hosts were not tried
	Hosts   []fleet.Result `json:"hosts"`
	Changed []changedFile  `json:"changed"`
	Exit    int            `json:"exit"`
}

// changedFile is a file with the hosts on which this run has changed it.
type changedFile struct {
	Path  string   `json:"path"`
	Hosts []string `json:"hosts"`
}

func (f *fleetSummary) note(path, host string) {
	for i := range f.Changed {
		if f.Changed[i].Path == path {
			f.Changed[i].Hosts = append(f.Changed[i].Hosts, host)
			return
		}
	}
	f.Changed = append(f.Changed, changedFile{path, []string{host}})
}

// fleetExit is the exit code of a fleet: one outcome, its code; several, mixed.
// Hosts that were not tried follow from how the others ended.
func fleetExit(all []fleet.Result) int {
	in, tried := false, map[int]bool{}
	waiting := false
	for i := range all {
		switch a := &all[i].Answer; {
		case a.In():
			in = true
		case a.Outcome == fleet.NotTried:
			waiting = true
		case a.Outcome == fleet.Unreached:
			tried[exitUnread] = true
		case a.Outcome == apply.Refused:
			tried[exitPlanRefused] = true
		case a.Outcome == apply.RolledBack:
			tried[exitRolledBack] = true
		case a.Outcome == apply.Pending:
			tried[exitPending] = true
		default:
			tried[exitMixed] = true // it is not known how it ended
		}
	}
	switch {
	case in && len(tried) == 0 && !waiting:
		return 0
	case in || len(tried) > 1:
		return exitMixed
	case len(tried) == 0 && waiting:
		return exitPlanned
	}
	for code := range tried {
		return code
	}
	return 0
}

// text writes the summary for people.
func (f *fleetSummary) text(s streams) {
	width := s.width(s.out)
	line := func(indent, text string) {
		fmt.Fprintln(s.out, indent+wrapped(text, width-len(indent)-2, indent+"  "))
	}
	fmt.Fprintln(s.out)
	head := count(len(f.Hosts), "host")
	if f.Run != "" {
		head = "run " + report.Inline(f.Run) + ": " + head + ", " + count(f.Batches, "batch") + fmt.Sprintf(", %s", time.Duration(f.Seconds)*time.Second)
	}
	line("", head)
	for _, o := range []fleet.Outcome{apply.Done, apply.Already, apply.Refused, apply.RolledBack, apply.Pending, "", fleet.Unreached, fleet.NotTried} {
		var plain []string
		var told []*fleet.Result
		for i := range f.Hosts {
			h := &f.Hosts[i]
			switch {
			case h.Outcome != o:
			case h.Why != "" || len(h.Notes)+len(h.Left) > 0 || h.Recovered != "":
				told = append(told, h)
			default:
				plain = append(plain, report.Name(h.Name))
			}
		}
		if len(plain)+len(told) == 0 {
			continue
		}
		title := map[fleet.Outcome]string{
			"": "not known how it ended", apply.Pending: "not reached again, taken back by the host itself",
			apply.Already: "as it should be", apply.Refused: "refused, nothing was changed", fleet.Unreached: "not reached, left alone",
		}[o]
		title = either(title, string(o))
		if o == fleet.NotTried && f.Stopped != "" {
			title += " (" + f.Stopped + ")"
		}
		fmt.Fprintln(s.out)
		line("  ", fmt.Sprintf("%s: %d", title, len(plain)+len(told)))
		if len(plain) > 0 {
			line("    ", strings.Join(plain, ", "))
		}
		for _, h := range told {
			var words []string
			for _, w := range slices.Concat([]string{h.Why, h.Recovered}, h.Notes) {
				if w != "" {
					words = append(words, report.Inline(w))
				}
			}
			for _, l := range h.Left {
				words = append(words, "left as it is, somebody else changed it: "+report.Path(l))
			}
			line("    ", report.Name(h.Name)+": "+strings.Join(words, "; "))
		}
	}
	if len(f.Changed) > 0 {
		fmt.Fprintln(s.out)
		line("  ", "changed")
		for _, ch := range f.Changed {
			names := make([]string, len(ch.Hosts))
			for i, n := range ch.Hosts {
				names[i] = report.Name(n)
			}
			line("    ", report.Path(ch.Path)+": "+strings.Join(names, ", "))
		}
	}
	if f.Run != "" && slices.ContainsFunc(f.Hosts, func(h fleet.Result) bool { return !h.In() && (h.Batch > 0 || h.Outcome == fleet.NotTried) }) {
		fmt.Fprintln(s.out)
		line("  ", "to go on: postern fix apply --resume")
	}
	if f.Run != "" && len(f.Changed) > 0 {
		fmt.Fprintln(s.out)
		line("  ", "to give it back: postern fix undo --rollout "+f.Run)
	}
}

// count says how many.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
