package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
)

func overdueCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "overdue",
		Category:  overTime,
		Usage:     "who has not been looked at: silent hosts, hosts never seen, audits that stopped",
		ArgsUsage: "[HOST...]",
		Description: `Looks at the kept runs and the inventory, and at no host. Hosts are chosen as
for audit; without an inventory they are those of the kept runs.

Exit codes: 0 all were looked at; 1 some were not, or audits have stopped; 2 a
mistake on the command line or in a file.`,
		Flags: concat([]cli.Flag{
			inventoryFlag(),
			&cli.IntFlag{Category: "What is late", Name: "days", Value: 7, Usage: "a host that did not answer for N days, or no audit for as long"},
			archiveFlag(),
		}, historyOutputFlags()),
		Action: func(c *cli.Context) error {
			if err := textOrJSON(c); err != nil {
				return err
			}
			if n := c.Int("days"); n < 1 || n > 36500 {
				return usagef("--days %d is not between 1 and 36500", n).hint("audits once a night: --days 2")
			}
			names, err := expectedHosts(c, s)
			if err != nil {
				return err
			}
			o := &overdue{Schema: "postern-overdue-1", Now: time.Now().UTC().Truncate(time.Second), Days: c.Int("days"), Hosts: []overdueHost{}}
			err = ask(c, s, func(ix *history.Index) error { return o.look(c, ix, names) })
			if err != nil {
				if !errors.Is(keptRunsMissing(c), history.ErrNone) {
					return err
				}
				o.none(names)
			}
			if err := show(c, s, func(out *output) error {
				if c.String("format") == "json" {
					return o.json(out)
				}
				return o.text(out, s.width(out.out), c.Bool("verbose"))
			}); err != nil {
				return err
			}
			if o.Stopped != "" || len(o.Hosts) > 0 {
				return exitCode(audit.ExitFound)
			}
			return nil
		},
	}
}

// keptRunsMissing is ErrNone where nothing was ever kept.
func keptRunsMissing(c *cli.Context) error {
	_, err := keptRuns(c).Runs()
	return err
}

// expectedHosts are those that have to be looked at: the chosen ones, all of the
// inventory, or nil where nobody says.
func expectedHosts(c *cli.Context, s streams) ([]string, error) {
	inv, err := loadInventory(c, s)
	if err != nil {
		return nil, err
	}
	if inv == nil {
		if c.Args().Present() {
			return c.Args().Slice(), nil
		}
		return nil, nil
	}
	hosts, _, err := inv.Select(c.Args().Slice())
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	names := []string{}
	for _, h := range hosts {
		names = append(names, h.Name)
	}
	return names, nil
}

// overdue is what was not looked at.
type overdue struct {
	Schema  string        `json:"schema"`
	Now     time.Time     `json:"now"`
	Days    int           `json:"days"`
	Run     string        `json:"last_run"` // newest that ended; "" none
	Stopped string        `json:"stopped"`  // why audits seem to have stopped; "" they have not
	Looked  int           `json:"looked_at"`
	Hosts   []overdueHost `json:"hosts"` // late ones, the longest first
}

// overdueHost is a host that is late.
type overdueHost struct {
	Name   string      `json:"name"`
	Last   time.Time   `json:"last"`  // answer; zero: it never did
	Asked  int         `json:"asked"` // runs that tried
	State  audit.State `json:"state"` // of the newest of them
	Reason string      `json:"reason"`
	ahead  bool        // it answered in a run that began later than now
}

func (o *overdue) none(names []string) {
	o.Stopped = "no audit was ever kept"
	for _, n := range names {
		o.Hosts = append(o.Hosts, overdueHost{Name: n})
	}
}

func (o *overdue) look(c *cli.Context, ix *history.Index, names []string) error {
	o.Hosts, o.Stopped, o.Run = []overdueHost{}, "", ""
	late := o.Now.Add(-time.Duration(o.Days) * 24 * time.Hour)
	ahead := func(at time.Time) bool { return at.After(o.Now.Add(time.Minute)) }
	// A run that began later than now tells of a wrong clock, and of nobody's being
	// looked at: those beside it count.
	var last, future *history.Run
	for _, r := range ix.Runs() {
		switch {
		case !r.Whole:
		case ahead(r.Start):
			future = r
		case last == nil || !r.Start.Before(last.Start):
			last = r
		}
	}
	switch {
	case last == nil && future != nil:
		o.Run, o.Stopped = future.ID, "the newest run began later than now: a clock is wrong, and nobody knows how old it is"
	case last == nil:
		o.Stopped = "no audit has ended"
	case last.Start.Before(late):
		o.Run, o.Stopped = last.ID, fmt.Sprintf("the last audit ended %s ago", days(o.Now.Sub(last.Start)))
	default:
		o.Run = last.ID
	}
	seen := map[string]*overdueHost{}
	err := ix.Readings(c.Context, history.Filter{}, func(r *history.Reading) error {
		h := seen[r.Host]
		if h == nil {
			h = &overdueHost{Name: r.Host}
			seen[r.Host] = h
		}
		h.Asked++
		h.State, h.Reason = r.State, r.Reason
		switch {
		case r.State != audit.Audited && r.State != audit.Partial:
		case ahead(r.Start):
			h.ahead = true
		case r.Start.After(h.Last):
			h.Last = r.Start
		}
		return nil
	})
	if err != nil {
		return err
	}
	if names == nil {
		names = ix.Hosts()
	}
	o.Looked = len(names)
	for _, n := range names {
		h := seen[n]
		if h == nil {
			h = &overdueHost{Name: n}
		}
		if h.Last.Before(late) {
			if h.ahead && h.Last.IsZero() {
				h.Reason = "when it answered is not known: by this machine's clock that was later than now"
			}
			o.Hosts = append(o.Hosts, *h)
		}
	}
	slices.SortStableFunc(o.Hosts, func(a, b overdueHost) int {
		if d := a.Last.Compare(b.Last); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return nil
}

func days(d time.Duration) string { return plural(int(d/(24*time.Hour)), "day") }

func (o *overdue) json(w *output) error {
	d := *o
	d.Run, d.Stopped, d.Hosts = report.Inline(o.Run), report.Inline(o.Stopped), slices.Clone(o.Hosts)
	for i := range d.Hosts {
		h := &d.Hosts[i]
		h.Name, h.Reason = report.Inline(h.Name), report.Inline(h.Reason)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&d)
}

// mostOverdue bounds the hosts of the text, but for -v.
const mostOverdue = 50

func (o *overdue) text(w *output, width int, verbose bool) error {
	say := func(text string) { fmt.Fprintln(w, wrapped(text, width-4, "    ")) }
	if o.Stopped != "" {
		say("audits have stopped: " + report.Inline(o.Stopped))
	}
	for i := range o.Hosts {
		if i == mostOverdue && !verbose {
			say(fmt.Sprintf("and %s (-v lists all)", plural(len(o.Hosts)-i, "more host")))
			break
		}
		h := &o.Hosts[i]
		switch {
		case h.Asked == 0:
			say(report.Name(h.Name) + ": never seen: no kept run has asked it")
		case h.Last.IsZero() && h.ahead:
			say(report.Name(h.Name) + ": " + h.Reason)
		case h.Last.IsZero():
			say(fmt.Sprintf("%s: has never answered (%s): %s", report.Name(h.Name), plural(h.Asked, "run"), report.Bound(h.Reason, 300)))
		case h.State == audit.Refused || h.State == audit.Unreachable:
			say(fmt.Sprintf("%s: silent for %s, since %s: %s", report.Name(h.Name), days(o.Now.Sub(h.Last)), h.Last.Format(time.DateOnly), report.Bound(h.Reason, 300)))
		default:
			say(fmt.Sprintf("%s: not looked at for %s, since %s", report.Name(h.Name), days(o.Now.Sub(h.Last)), h.Last.Format(time.DateOnly)))
		}
	}
	if o.Stopped == "" && len(o.Hosts) == 0 {
		say(fmt.Sprintf("%s looked at within %s", plural(o.Looked, "host"), plural(o.Days, "day")))
	}
	return nil
}
