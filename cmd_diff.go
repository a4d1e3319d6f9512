package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func diffCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Category:  overTime,
		Usage:     "show what changed between two readings: jobs, keys, accounts, sshd",
		ArgsUsage: "OLD NEW [HOST...]",
		Description: `OLD and NEW are each a kept run (its name, "last", or "previous" for the one
before), or an archive of one host. HOSTs name those of the runs to compare;
"last" and "previous" are then the runs that last looked at each of them.

Jobs are the same wherever they stand: what is told is what runs, for whom and
when. "unknown" is what may have changed unseen, since a reading lacks it.

diff --bless [HOST...] makes the newest kept reading of hosts their baseline:
each audit then tells what changed since (rules drift-from-baseline-*).

Exit codes: 0 nothing changed; 1 something did; 2 a mistake on the command line
or in a file; 3 no change was seen, and not everything could be compared.`,
		Flags: concat([]cli.Flag{
			&cli.StringFlag{Category: "Kept runs", Name: "archive", Usage: "look below `DIR`, not in the XDG state folder"},
		}, blessFlags(), outputFlagsOf("text or json")),
		Action: func(c *cli.Context) error {
			if done, err := blessing(c, s); done {
				return err
			}
			if n := c.Args().Len(); n < 2 {
				return usagef("diff compares two readings, and %d is named", n).hint("postern diff previous last, or two archives: postern diff old.pst new.pst")
			}
			if err := textOrJSON(c); err != nil {
				return err
			}
			wanted := c.Args().Slice()[2:]
			old, err := readSide(c, c.Args().Get(0), wanted)
			if err != nil {
				return err
			}
			new, err := readSide(c, c.Args().Get(1), wanted)
			if err != nil {
				return err
			}
			pairs, err := pairUp(old, new, wanted)
			if err != nil {
				return err
			}
			return showDiff(c, s, pairs)
		},
	}
}

// side is one of the two readings: the archives of its hosts.
type side struct {
	name  string
	one   bool // an archive that was named by itself
	hosts map[string]string
	asked []string // hosts that the run was to look at, whether they answered or not
}

// asked takes from a run's results whom it was to look at, and no more of them.
type asked struct{ hosts []string }

var errEnough = errors.New("the run is known")

func (a *asked) Begin(r *audit.Run) error {
	a.hosts = r.Scope.Selected
	return errEnough
}

func (*asked) Host(*audit.Host) error             { return errEnough }
func (*asked) End(*audit.Run, *audit.Fleet) error { return errEnough }

func askedIn(dir string) ([]string, error) {
	f, err := history.Open(filepath.Join(dir, history.Results))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var a asked
	if err := report.Replay(f, &a); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return a.hosts, nil
}

// ofEach takes for each of some hosts the newest run that was to look at it, or the
// one before: audits of single hosts in between are no readings of the others. nil: no
// run was to look at any.
func ofEach(store history.Store, arg string, wanted []string) (*side, error) {
	ids, err := store.Runs()
	if err != nil {
		return nil, err
	}
	skip := map[string]int{} // readings to pass over, by host
	for _, h := range wanted {
		if skip[h] = 0; arg == "previous" {
			skip[h] = 1
		}
	}
	out := &side{name: arg, hosts: map[string]string{}}
	for i := len(ids) - 1; i >= 0 && len(skip) > 0; i-- {
		path, err := store.Path(ids[i])
		if err != nil {
			return nil, err
		}
		dir := filepath.Dir(path)
		asked, err := askedIn(dir)
		if err != nil {
			continue // a damaged run, which is told where it is named
		}
		for _, h := range asked {
			n, open := skip[h]
			switch {
			case !open:
			case n > 0:
				skip[h]--
			default:
				delete(skip, h)
				out.asked = append(out.asked, h)
				archive := filepath.Join(dir, "hosts", history.FileName(h))
				if info, err := os.Lstat(archive); err == nil && info.Mode().IsRegular() {
					out.hosts[h] = archive
				}
			}
		}
	}
	if len(out.asked) == 0 {
		return nil, nil
	}
	return out, nil
}

// readSide finds an archive, or the archives of a kept run.
func readSide(c *cli.Context, arg string, wanted []string) (*side, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.Mode().IsRegular():
		return &side{name: arg, one: true, hosts: map[string]string{hostOf(arg): arg}}, nil
	case err == nil && info.IsDir():
		if _, err := os.Stat(filepath.Join(arg, history.Results)); err != nil {
			return nil, usagef("%s: that is a directory, and no kept run", arg).hint("name an archive in it, or a run by its name")
		}
		return runSide(arg, arg)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, usagef("%s: %s", arg, reasonOf(err))
	}
	dir := c.String("archive")
	if dir == "" {
		dir = stateDir()
	}
	store := history.Store{Dir: dir}
	if len(wanted) > 0 && (arg == "last" || arg == "previous") {
		if s, err := ofEach(store, arg, wanted); err == nil && s != nil {
			return s, nil
		}
	}
	id := arg
	if arg == "previous" {
		ids, err := store.Runs()
		if err == nil && len(ids) < 2 {
			return nil, usagef("one run alone is kept in %s, and none before it", dir).hint("run postern audit again")
		}
		if err == nil {
			id = ids[len(ids)-2]
		}
	}
	path, err := store.Path(id)
	if errors.Is(err, history.ErrNone) {
		return nil, usagef("there is no file %q, and no run is kept in %s", arg, dir).hint("postern audit keeps its runs there; --archive DIR looks elsewhere")
	}
	if err != nil {
		return nil, usagef("there is no file %q, and %s", arg, err).hint("name an archive, a kept run, last, or previous")
	}
	return runSide(filepath.Base(filepath.Dir(path)), filepath.Dir(path))
}

func runSide(name, dir string) (*side, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "hosts"))
	if err != nil {
		return nil, usagef("%s: %s", dir, reasonOf(err))
	}
	out := &side{name: name, hosts: map[string]string{}}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".pst") && e.Name()[0] != '.' && e.Type().IsRegular() {
			out.hosts[hostOf(e.Name())] = filepath.Join(dir, "hosts", e.Name())
		}
	}
	if out.asked, err = askedIn(dir); err != nil {
		return nil, usagef("%s: %s", filepath.Join(dir, history.Results), reasonOf(err)).hint("it is damaged; its archives can be compared one by one: postern diff OLD.pst NEW.pst")
	}
	return out, nil
}

// diffPair is one host with its archives; "" there is none.
type diffPair struct{ host, old, new string }

type diffPairs struct {
	old, new string
	pairs    []diffPair
}

// pairUp puts the archives of each host together. Two archives that were named by
// themselves are of one host, whatever their files are called.
func pairUp(old, new *side, wanted []string) (*diffPairs, error) {
	out := &diffPairs{old: old.name, new: new.name}
	names := map[string]bool{}
	for h := range old.hosts {
		names[h] = !new.one
	}
	for h := range new.hosts {
		names[h] = names[h] || !old.one || old.hosts[h] != ""
	}
	if !old.one && !new.one { // a host that answered in neither is not compared, and said to be
		for _, h := range slices.Concat(old.asked, new.asked) {
			names[h] = true
		}
	}
	if old.one && new.one {
		for _, a := range old.hosts {
			for h, b := range new.hosts {
				out.pairs = []diffPair{{h, a, b}}
			}
		}
		return out, oneOf(out.pairs, wanted)
	}
	if old.one || new.one {
		single := old
		if new.one {
			single = new
		}
		for h := range single.hosts {
			if old.hosts[h] == "" || new.hosts[h] == "" {
				return nil, usagef("%s is of the host %q, which the run does not hold", single.name, h).hint("call the archive by the name that the host has in the run: %s", history.FileName("NAME"))
			}
			names = map[string]bool{h: true}
		}
	}
	for _, w := range wanted {
		if _, known := names[w]; !known {
			e := usagef("neither run holds the host %q", w)
			var all []string
			for h := range names {
				all = append(all, h)
			}
			slices.Sort(all)
			if n := near(w, all); n != "" {
				return nil, e.hint("did you mean %s?", n)
			}
			return nil, e.hint("postern history lists the hosts of the kept runs")
		}
	}
	for h := range names {
		if len(wanted) == 0 || slices.Contains(wanted, h) {
			out.pairs = append(out.pairs, diffPair{h, old.hosts[h], new.hosts[h]})
		}
	}
	slices.SortFunc(out.pairs, func(a, b diffPair) int { return strings.Compare(a.host, b.host) })
	if len(out.pairs) == 0 {
		return nil, usagef("neither run holds a host").hint("hosts that did not answer have no archive")
	}
	return out, nil
}

func oneOf(pairs []diffPair, wanted []string) error {
	for _, w := range wanted {
		if w != pairs[0].host {
			return usagef("two archives are compared, and %q is none of them", w).hint("leave the host out")
		}
	}
	return nil
}

// showDiff compares host by host, a few at a time, and writes what changed in
// the order of their names.
func showDiff(c *cli.Context, s streams, p *diffPairs) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	setups := facts.NewSetups()
	type result struct {
		diff audit.HostDiff
		err  error
	}
	results := make([]chan result, len(p.pairs))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	todo := make(chan int)
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	for range min(4, len(p.pairs)) {
		go func() {
			for i := range todo {
				d, err := diffHost(p.pairs[i], setups)
				results[i] <- result{d, err}
			}
		}()
	}
	go func() {
		defer close(todo)
		for i := range p.pairs {
			select {
			case todo <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	d := &audit.Diff{Schema: audit.DiffSchema, Old: p.old, New: p.new, Hosts: []audit.HostDiff{}}
	for i := range results {
		select {
		case r := <-results[i]:
			if r.err != nil {
				return r.err
			}
			d.Add(r.diff)
		case <-ctx.Done():
			return errors.New("interrupted")
		}
	}
	mask := cron.Mask
	if c.Bool("show-secrets") {
		mask = nil
	}
	exit := d.Summary.Exit
	if c.String("format") == "json" {
		err = report.DiffJSON(out, d, mask)
	} else {
		err = (&report.DiffText{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out), Verbose: c.Bool("verbose"), Mask: mask}).Write(d)
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing what changed: %w", err)
	}
	if exit != 0 {
		return exitCode(exit)
	}
	return nil
}

// diffHost compares one host. A host whose bytes bring a parser down is one that
// was not compared.
func diffHost(p diffPair, setups *facts.Setups) (d audit.HostDiff, err error) {
	defer func() {
		if x := recover(); x != nil {
			d = audit.HostDiff{Host: p.host, Changes: []audit.Change{}, NotCompared: []string{}, Error: fmt.Sprintf("postern failed on what this host sent: %v", x)}
		}
	}()
	old, err := readingOf(p.host, p.old, setups)
	if err != nil {
		return d, err
	}
	new, err := readingOf(p.host, p.new, setups)
	if err != nil {
		return d, err
	}
	return audit.Compare(p.host, old, new), nil
}

func readingOf(host, file string, setups *facts.Setups) (audit.Reading, error) {
	if file == "" {
		return audit.Reading{}, nil
	}
	f, err := history.Open(file)
	if err != nil {
		return audit.Reading{}, usagef("%s: %s", file, reasonOf(err)).hint("archives are readable by who made them alone")
	}
	defer f.Close()
	snap, err := snapshot.Read(f, snapshot.Limits{})
	switch {
	case errors.Is(err, snapshot.ErrNewer):
		return audit.Reading{}, usagef("%s: %s", file, err).hint("this is postern %s: update it", toolVersion())
	case err != nil:
		return audit.Reading{}, usagef("%s: %s", file, err).hint("it is damaged, or no archive of postern (hosts/NAME.pst of a kept run)")
	}
	return audit.ReadingOf(snap, host, setups), nil
}
