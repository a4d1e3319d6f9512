package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/history"
)

func historyPruneCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "remove runs that are older than --keep",
		Description: `An AGE is a number and d (days), w (weeks) or y (years): 26w. The newest run,
runs in which a host was blessed (postern diff --bless) and runs that hold
evidence always stay, and are named.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Category: "Kept runs", Name: "keep", Usage: "remove what began longer ago than `AGE`, such as 26w"},
			&cli.BoolFlag{Category: "Kept runs", Name: "dry-run", Usage: "say what would be removed, and remove nothing"},
			archiveFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if !c.IsSet("keep") {
				return usagef("prune needs --keep").hint("postern history prune --keep 26w keeps half a year")
			}
			age, err := keepAge(c)
			if err != nil {
				return err
			}
			store := keptRuns(c)
			p, err := store.Prune(c.Context, time.Now(), age, true, c.Bool("dry-run"))
			if err != nil {
				return keptError(store, err)
			}
			printPruned(s.out, p, c.Bool("dry-run"))
			return nil
		},
	}
}

func keepAge(c *cli.Context) (time.Duration, error) {
	age, err := history.ParseAge(c.String("keep"))
	if err != nil {
		return 0, usagef("--keep %s", err).hint("26w keeps half a year")
	}
	return age, nil
}

func printPruned(w io.Writer, p *history.Pruned, dry bool) {
	did := "removed"
	if dry {
		did = "would be removed"
	}
	for _, id := range p.Removed {
		fmt.Fprintf(w, "%s %s\n", visible(id), did)
	}
	var held []string
	for id := range p.Held {
		held = append(held, id)
	}
	slices.Sort(held)
	for _, id := range held {
		fmt.Fprintf(w, "%s stays: %s\n", visible(id), visible(p.Held[id]))
	}
	fmt.Fprintf(w, "%s %s\n", plural(len(p.Removed), "run"), did)
}

// pruneAfter removes old runs behind an audit. Nothing of it changes the audit's
// result: what went wrong is a warning.
func pruneAfter(c *cli.Context, s streams, store history.Store, now time.Time) {
	age, err := keepAge(c)
	if err != nil {
		return // was checked before the audit
	}
	p, err := store.Prune(c.Context, now, age, false, false)
	switch {
	case errors.Is(err, history.ErrClock):
		fmt.Fprintf(s.err, "postern: warning: no run was removed: %s\nhint: if the clock is right, postern history prune --keep %s does it\n", err, c.String("keep"))
	case err != nil:
		fmt.Fprintf(s.err, "postern: warning: not all old runs were removed: %s\n", visible(err.Error()))
	case len(p.Removed) > 0:
		fmt.Fprintf(s.err, "postern: %s older than %s removed\n", plural(len(p.Removed), "run"), c.String("keep"))
	}
}
