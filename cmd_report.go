package main

import (
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
)

func reportCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "show a saved run in another form",
		ArgsUsage: "[RUN|FILE]",
		Description: `RUN is the name of a kept run, or "last" (the default); FILE is a run saved with
--format json or jsonl, or - for standard input. The exit code is the one of the run.`,
		Flags: concat(outputFlags(), []cli.Flag{
			&cli.StringFlag{Name: "archive", Usage: "look for kept runs in `DIR` instead of the XDG state folder"},
		}),
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return usagef("report takes one run, not %d", c.Args().Len())
			}
			in, name, err := openRun(c, s)
			if err != nil {
				return err
			}
			defer in.Close()
			out, err := openOutput(c, s)
			if err != nil {
				return err
			}
			defer out.abandon()
			handler, err := formatter(c, s, out)
			if err != nil {
				return err
			}
			var end report.Collect
			if err := report.Replay(in, report.Multi(handler, &end)); err != nil {
				return usagef("%s: %s", name, err)
			}
			if err := out.keep(); err != nil {
				return err
			}
			if end.Fleet == nil {
				return usagef("%s: the run did not end: what is there was shown", name)
			}
			if code := end.Fleet.Summary.Exit; code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}

// openRun finds the run that the argument names.
func openRun(c *cli.Context, s streams) (io.ReadCloser, string, error) {
	arg := c.Args().First()
	if arg == "-" {
		return io.NopCloser(s.in), "standard input", nil
	}
	if arg != "" && arg != "last" {
		if f, err := os.Open(arg); err == nil {
			return f, arg, nil
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
		return nil, "", usagef("%q is no file, and no run is kept in %s", arg, dir).hint("postern audit keeps its runs there; --archive DIR looks elsewhere")
	}
	if err != nil {
		return nil, "", &usageError{text: err.Error()}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", &usageError{text: err.Error()}
	}
	return f, path, nil
}
