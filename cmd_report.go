package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
)

func reportCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Category:  overTime,
		Usage:     "show a saved run again, or in another form",
		ArgsUsage: "[RUN|FILE]",
		Description: `RUN is the name of a kept run, or "last" (the default); FILE is a run saved with
--format json or jsonl, or - for standard input. The exit code is the run's.`,
		Flags: concat(outputFlags(), []cli.Flag{
			&cli.StringFlag{Category: "Kept runs", Name: "archive", Usage: "look below `DIR`, not in the XDG state folder"},
		}),
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return usagef("report takes one run, not %d", c.Args().Len()).hint("call it once for each")
			}
			in, name, err := openRun(c, s)
			if err != nil {
				return err
			}
			defer in.Close()
			return showRun(c, s, in, name)
		},
	}
}

// showRun replays a saved run into the report that the flags ask for.
func showRun(c *cli.Context, s streams, in io.Reader, name string) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	handler, err := formatter(c, s, out, out)
	if err != nil {
		return err
	}
	exit := &lastRecord{}
	err = report.Replay(in, report.Multi(handler, exit))
	if errors.Is(err, report.ErrIncomplete) {
		return usagef("%s: %s", name, err).hint("its hosts are in %s all the same, one a line; audit again for a report", name)
	}
	if errors.Is(err, report.ErrNewer) {
		return usagef("%s: %s", name, err).hint("this is postern %s: update it", toolVersion())
	}
	if err != nil {
		return usagef("%s: %s", name, err).hint("report reads what postern audit --format json or jsonl wrote")
	}
	if err := out.keep(); err != nil {
		return err
	}
	if exit.code != 0 {
		return exitCode(exit.code)
	}
	return nil
}

// lastRecord keeps the exit code of a run that is replayed.
type lastRecord struct{ code int }

func (*lastRecord) Begin(*audit.Run) error                   { return nil }
func (*lastRecord) Host(*audit.Host) error                   { return nil }
func (l *lastRecord) End(_ *audit.Run, f *audit.Fleet) error { l.code = f.Summary.Exit; return nil }

// openRun finds the run that the argument names.
func openRun(c *cli.Context, s streams) (io.ReadCloser, string, error) {
	arg := c.Args().First()
	if arg == "-" {
		return io.NopCloser(s.in), "standard input", nil
	}
	if arg != "" && arg != "last" {
		f, err := os.Open(arg)
		if err == nil {
			return f, arg, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", usagef("%s: %s", arg, reasonOf(err))
		}
	}
	if arg == "" {
		arg = "last"
	}
	dir := c.String("archive")
	if dir == "" {
		dir = stateDir()
	}
	path, err := history.Store{Dir: dir}.Path(arg)
	if errors.Is(err, history.ErrNone) {
		if arg == "last" {
			return nil, "", usagef("no run is kept in %s", dir).hint("postern audit keeps its runs there; --archive DIR looks elsewhere")
		}
		return nil, "", usagef("there is no file %q, and no run is kept in %s", arg, dir).hint("postern audit keeps its runs there; --archive DIR looks elsewhere")
	}
	if err != nil {
		return nil, "", usagef("there is no file %q, and %s", arg, err).hint("name a file, a kept run, or last")
	}
	f, err := history.Open(path)
	if err != nil {
		return nil, "", usagef("%s", err)
	}
	return f, path, nil
}
