package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/policies"
)

func historyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:        "history",
		Category:    overTime,
		Usage:       "the kept runs: scores over time, a key's first sight, what to keep",
		Description: `"postern history" is short for "postern history list".`,
		Subcommands: []*cli.Command{
			historyListCommand(s),
			historyKeyCommand(s),
			historyPruneCommand(s),
			historyRebuildCommand(s),
		},
	}
}

// archiveFlag is that of every command that reads kept runs.
func archiveFlag() cli.Flag {
	return &cli.StringFlag{Category: "Kept runs", Name: "archive", Usage: "look below `DIR`, not in the XDG state folder"}
}

// keptRuns is the store that the flags name.
func keptRuns(c *cli.Context) history.Store { return storeIn(c.String("archive")) }

func storeIn(dir string) history.Store {
	if dir == "" {
		dir = stateDir()
	}
	return history.Store{Dir: dir, Replay: report.Replay}
}

// ask puts a question to the index of the kept runs. What had to be done before is
// told on standard error. The question may be put twice.
func ask(c *cli.Context, s streams, question func(*history.Index) error) error {
	store := keptRuns(c)
	bar := indexProgress(s)
	store.Progress = bar
	err := store.Ask(c.Context, func(text string) { fmt.Fprintf(s.err, "postern: %s\n", visible(text)) }, question)
	return keptError(store, err)
}

// keptError words what is wrong with the kept runs.
func keptError(store history.Store, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, history.ErrNone):
		return usagef("no run is kept in %s", store.Dir).hint("postern audit keeps its runs there; --archive DIR looks elsewhere")
	case errors.Is(err, history.ErrIndexNewer):
		return usagef("%s", err).hint("this is postern %s: update it; the newer one's index is left as it is", toolVersion())
	}
	var code exitCode
	var usage *usageError
	if errors.As(err, &code) || errors.As(err, &usage) {
		return err
	}
	return usagef("the kept runs in %s: %s", store.Dir, err)
}

// indexProgress tells on a terminal how far the index is, where that takes long.
func indexProgress(s streams) func(done, total int) {
	is, _ := terminal(s.err)
	if !is {
		return nil
	}
	return func(done, total int) {
		if total < 3 {
			return
		}
		s.screen.Lock()
		defer s.screen.Unlock()
		fmt.Fprintf(s.err, "\r\x1b[K")
		if done < total {
			fmt.Fprintf(s.err, "reading kept runs: %d of %d", done, total)
		}
	}
}

func historyListCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "the kept runs, and the scores over time",
		Description: `Shows each kept run with its score and findings, the scores as a plot, and each
host with its first and last answer. "postern history" alone is the same.`,
		Flags: concat([]cli.Flag{
			&cli.StringFlag{Category: "Kept runs", Name: "host", Usage: "tell of the host `NAME` alone"},
			archiveFlag(),
		}, historyOutputFlags()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := textOrJSON(c); err != nil {
				return err
			}
			var h *report.History
			err := ask(c, s, func(ix *history.Index) (err error) {
				h, err = overview(c, ix)
				return err
			})
			if err != nil {
				return err
			}
			return show(c, s, func(o *output) error {
				if c.String("format") == "json" {
					return report.HistoryJSON(o, h)
				}
				return (&report.HistoryText{W: o, Width: s.width(o.out), Color: s.colour(c.String("color"), o.out), Verbose: c.Bool("verbose")}).Write(h)
			})
		},
	}
}

// historyOutputFlags are those of reports that quote no job.
func historyOutputFlags() []cli.Flag {
	var out []cli.Flag
	for _, f := range outputFlagsOf("text or json") {
		if f.Names()[0] != "show-secrets" {
			out = append(out, f)
		}
	}
	return out
}

// show writes a report to where the flags say, whole or not at all.
func show(c *cli.Context, s streams, write func(*output) error) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	if err := errors.Join(write(out)); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := out.keep(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// overview gathers the runs, and the hosts over them.
func overview(c *cli.Context, ix *history.Index) (*report.History, error) {
	h := &report.History{Schema: report.HistorySchemaName, Archive: keptRuns(c).Dir, Host: c.String("host"), Runs: []report.HistoryRun{}, Hosts: []report.HistoryHost{}}
	if h.Host != "" {
		if err := knownHost(ix, h.Host); err != nil {
			return nil, err
		}
	}
	hosts := map[string]*report.HistoryHost{}
	filter := history.Filter{}
	if h.Host != "" {
		filter.Hosts = []string{h.Host}
	}
	var rows []report.HistoryRun
	held, err := keptRuns(c).Held()
	if err != nil {
		return nil, err
	}
	at := map[*history.Run]int{}
	for _, r := range ix.Runs() {
		row := report.HistoryRun{ID: r.ID, Start: r.Start, End: r.End, Whole: r.Whole, Kept: held[r.ID], Hosts: map[audit.State]int{}, Findings: map[policies.Severity]int{}}
		if h.Host == "" {
			row.Findings, row.Unknown = r.Summary.Findings, r.Summary.Outcomes[policies.Unknown]
			row.Score, row.Grade, row.Coverage = scoreOf(r.Summary.Score)
			if row.Findings == nil {
				row.Findings = map[policies.Severity]int{}
			}
		}
		at[r] = len(rows)
		rows = append(rows, row)
	}
	err = ix.Readings(c.Context, filter, func(r *history.Reading) error {
		x := hosts[r.Host]
		if x == nil {
			x = &report.HistoryHost{Name: r.Host}
			hosts[r.Host] = x
		}
		x.Runs++
		x.State = r.State
		if r.State == audit.Audited || r.State == audit.Partial {
			x.Answered++
			if x.First.IsZero() {
				x.First = r.Start
			}
			x.Last = r.Start
			x.Score, x.Grade, _ = scoreOf(r.Score)
		}
		row := &rows[at[r.Run]]
		row.Hosts[r.State]++
		if h.Host == "" {
			return nil
		}
		row.State, row.Reason = r.State, r.Reason
		row.Score, row.Grade, row.Coverage = scoreOf(r.Score)
		outcomes, err := r.Outcomes(c.Context)
		for _, o := range outcomes {
			switch o.Verdict {
			case policies.Fail:
				row.Findings[o.Severity]++
			case policies.Unknown:
				row.Unknown++
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if h.Host == "" || len(rows[i].Hosts) > 0 {
			h.Runs = append(h.Runs, rows[i])
		}
	}
	for _, name := range ix.Hosts() {
		if x := hosts[name]; x != nil {
			h.Hosts = append(h.Hosts, *x)
		}
	}
	return h, nil
}

func scoreOf(s audit.Score) (*float64, string, float64) {
	if !s.Known {
		return nil, "", s.Coverage
	}
	return &s.Value, s.Grade, s.Coverage
}

// knownHost refuses a host that no kept run has.
func knownHost(ix *history.Index, name string) error {
	hosts := ix.Hosts()
	for _, h := range hosts {
		if h == name {
			return nil
		}
	}
	e := usagef("no kept run has the host %q", name)
	if n := near(name, hosts); n != "" {
		return e.hint("did you mean %s?", n)
	}
	return e.hint("postern history lists the hosts")
}

func historyRebuildCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:  "rebuild",
		Usage: "make the index anew from the archives of the kept runs",
		Description: `The index only makes answers quick: all that it holds is in the runs' folders.
It is made anew by itself where it is missing, damaged or of another version.`,
		Flags: []cli.Flag{archiveFlag()},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			store := keptRuns(c)
			store.Progress = indexProgress(s)
			said := 0
			err := store.Rebuild(c.Context, func(text string) {
				said++
				fmt.Fprintf(s.err, "postern: %s\n", visible(text))
			})
			if err != nil {
				return keptError(store, err)
			}
			ids, err := store.Runs()
			if err != nil {
				return keptError(store, err)
			}
			fmt.Fprintf(s.out, "%s read into %s\n", strings.TrimSpace(plural(len(ids)-said, "run")), visible(store.Dir+"/"+history.IndexFile))
			return nil
		},
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
