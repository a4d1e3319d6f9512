package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/triage"
)

func verifyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Category:  afterBreach,
		Usage:     "check that kept evidence is as it was kept",
		ArgsUsage: "DIR...",
		Description: `Compares folders that postern triage --evidence wrote with their manifests. A
changed bit, a missing and an added file is a fault, and so is a changed
manifest. Its SHA-256 is printed: one who may write the folder could make a
manifest anew, so note it down elsewhere when evidence is kept.

Exit code 1 where something is not as it was kept.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json"},
		},
		Action: func(c *cli.Context) error {
			if err := textOrJSON(c); err != nil {
				return err
			}
			if !c.Args().Present() {
				return usagef("no folder to check").hint("name one that triage --evidence wrote: postern verify DIR")
			}
			bad := false
			for _, dir := range c.Args().Slice() {
				if info, err := os.Stat(dir); err != nil {
					return usagef("%s: %s", dir, reasonOf(err)).hint("name a folder that triage --evidence wrote")
				} else if !info.IsDir() {
					return usagef("%s: not a directory", dir).hint("name the folder that holds MANIFEST")
				}
				seen, err := triage.Verify(dir)
				switch {
				case errors.Is(err, triage.ErrNoEvidence):
					return usagef("%s", err).hint("postern triage HOST --evidence DIR writes one")
				case err != nil:
					return err
				}
				bad = bad || len(seen.Faults) > 0
				if c.String("format") == "json" {
					enc := json.NewEncoder(s.out)
					enc.SetEscapeHTML(false)
					seen.Made = visible(seen.Made)
					for i := range seen.Faults {
						seen.Faults[i] = visible(seen.Faults[i])
					}
					if err := enc.Encode(struct {
						Dir string `json:"dir"`
						*triage.Checked
					}{visible(dir), seen}); err != nil {
						return err
					}
					continue
				}
				for _, f := range seen.Faults {
					fmt.Fprintf(s.out, "%s: %s\n", visible(dir), visible(f))
				}
				what := "all as it was kept"
				if n := len(seen.Faults); n > 0 {
					what = plural(n, "fault")
				}
				fmt.Fprintf(s.out, "%s: %s, %d known by metadata alone: %s\n  manifest %s\n", visible(dir), plural(seen.Files, "file"), seen.Known, what, seen.Manifest)
			}
			if bad {
				return exitCode(audit.ExitFound)
			}
			return nil
		},
	}
}
