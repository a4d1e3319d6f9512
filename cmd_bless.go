package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/inventory"
)

// blessFlags are those of diff that make a reading the baseline of a host.
func blessFlags() []cli.Flag {
	const category = "The baseline"
	return []cli.Flag{
		&cli.BoolFlag{Category: category, Name: "bless", Usage: "compare nothing: make the newest kept reading of the named hosts, or of all, their baseline"},
		&cli.StringFlag{Category: category, Name: "run", Usage: "with --bless: the readings of the kept run `RUN`, not of the newest"},
		&cli.StringFlag{Category: category, Name: "note", Usage: "with --bless: a `TEXT` that says why, kept with the name and the time"},
		&cli.BoolFlag{Category: category, Name: "unbless", Usage: "the named hosts have no baseline any more"},
		&cli.BoolFlag{Category: category, Name: "blessed", Usage: "list who blessed what, and when"},
	}
}

// blessing does what --bless, --unbless or --blessed ask for; done is false where
// none of them does.
func blessing(c *cli.Context, s streams) (done bool, err error) {
	var given []string
	for _, name := range []string{"bless", "unbless", "blessed"} {
		if c.Bool(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return true, usagef("%s and %s are two things", given[0], given[1]).hint("run postern once for each")
	}
	for _, name := range []string{"run", "note"} {
		if c.IsSet(name) && !c.Bool("bless") && !(name == "note" && c.Bool("unbless")) {
			return true, usagef("--%s belongs to --bless", name)
		}
	}
	store := keptRuns(c)
	switch {
	case c.Bool("bless"):
		return true, bless(c, s, store)
	case c.Bool("unbless"):
		return true, unbless(c, s, store)
	case c.Bool("blessed"):
		if err := noArguments(c); err != nil {
			return true, err
		}
		return true, listBlessed(s, store)
	}
	return false, nil
}

func bless(c *cli.Context, s streams, store history.Store) error {
	id := c.String("run")
	if id == "" {
		id = "last"
	}
	path, err := store.Path(id)
	if err != nil {
		return keptError(store, err)
	}
	run, err := runSide(filepath.Base(filepath.Dir(path)), filepath.Dir(path))
	if err != nil {
		return err
	}
	hosts := c.Args().Slice()
	if len(hosts) == 0 {
		for h := range run.hosts {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return usagef("%s holds no host that answered", run.name).hint("audit them first")
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	for _, h := range hosts {
		if run.hosts[h] == "" {
			e := usagef("%s does not hold the host %q", run.name, h)
			var all []string
			for known := range run.hosts {
				all = append(all, known)
			}
			if n := near(h, all); n != "" {
				return e.hint("did you mean %s?", n)
			}
			return e.hint("a host that did not answer has no archive; --run names another run")
		}
	}
	made, err := store.Bless(run.name, hosts, whoami(s), c.String("note"), time.Now())
	if err != nil {
		return usagef("%s", err)
	}
	for _, b := range made {
		fmt.Fprintf(s.out, "%s: blessed as it was in %s, by %s\n", report.Inline(b.Host), report.Inline(b.Run), report.Inline(b.Who))
	}
	return nil
}

func unbless(c *cli.Context, s streams, store history.Store) error {
	blessed, err := store.Blessed()
	if err != nil {
		return usagef("%s", err)
	}
	if !c.Args().Present() {
		return usagef("--unbless needs the names of hosts").hint("postern diff --blessed lists them")
	}
	for _, h := range c.Args().Slice() {
		if _, ok := blessed[h]; !ok {
			return usagef("%q has no baseline", h).hint("postern diff --blessed lists those that have")
		}
	}
	if _, err := store.Bless("", c.Args().Slice(), whoami(s), c.String("note"), time.Now()); err != nil {
		return usagef("%s", err)
	}
	for _, h := range c.Args().Slice() {
		fmt.Fprintf(s.out, "%s: has no baseline any more\n", report.Inline(h))
	}
	return nil
}

func listBlessed(s streams, store history.Store) error {
	all, err := store.Blessings()
	if err != nil {
		return usagef("%s", err)
	}
	if len(all) == 0 {
		fmt.Fprintf(s.out, "no host is blessed in %s\n", visible(store.Dir))
		return nil
	}
	counts := map[string]int{}
	for i, b := range all {
		counts[b.Host] = i
	}
	for i, b := range all {
		text := fmt.Sprintf("%s  %s: %s by %s", b.At.Format(time.RFC3339), report.Inline(b.Host), report.Inline(b.Run), report.Inline(b.Who))
		if b.Run == "" {
			text = fmt.Sprintf("%s  %s: no baseline any more, by %s", b.At.Format(time.RFC3339), report.Inline(b.Host), report.Inline(b.Who))
		} else if counts[b.Host] != i {
			text += ", until the next one"
		}
		if b.Note != "" {
			text += ": " + report.Inline(b.Note)
		}
		fmt.Fprintln(s.out, wrapped(text, s.width(s.out)-2, "    "))
	}
	return nil
}

// whoami names the person at this terminal, as well as this machine knows.
func whoami(s streams) string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := s.env("SUDO_USER"); sudo != "" && name == "root" {
		name = sudo + " (as root)"
	}
	if host, err := os.Hostname(); err == nil {
		name += " on " + host
	}
	return strings.TrimSpace(name)
}

// baselines gives the blessed readings to an audit; nil where there are none. A list
// that cannot be read makes every host's drift unknown, and is told.
func baselines(s streams, dir string) func(inventory.Host) *audit.Baseline {
	store := storeIn(dir)
	blessed, err := store.Blessed()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		fmt.Fprintf(s.err, "postern: warning: the baselines cannot be read: %s\n", visible(err.Error()))
		return func(inventory.Host) *audit.Baseline { return &audit.Baseline{Run: "?", Who: "?", Err: err} }
	case len(blessed) == 0:
		return nil
	}
	return func(h inventory.Host) *audit.Baseline {
		b, ok := blessed[h.Name]
		if !ok {
			return nil
		}
		snap, err := store.Baseline(b)
		return &audit.Baseline{Run: b.Run, Who: b.Who, At: b.At, Snapshot: snap, Err: err}
	}
}
