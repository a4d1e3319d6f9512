// Command postern audits how SSH hosts can be entered, at the front gate (sshd)
// and at the back gate (cron). README.md tells how to begin.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(run(context.Background(), os.Args, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv,
	}))
}

// Exit codes beside those of a run (audit.ExitClean and the rest).
const exitUsage = 2

// exitCode is an exit without a message: what there is to say was said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program. It is the one place that turns errors into words
// and exit codes.
func run(ctx context.Context, args []string, s streams) int {
	ctx, stop := interruptible(ctx, s.err)
	defer stop()
	app := newApp(s)
	words, err := reorder(app, args)
	if err == nil {
		err = app.RunContext(ctx, words)
	}
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = "postern: " + line
		}
		fmt.Fprintln(s.err, line)
	}
	return exitUsage
}

// interruptible ends the context at the first Ctrl-C, so that the run ends
// cleanly with what is there; the second ends the program at once.
func interruptible(ctx context.Context, errw io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(errw, "\npostern: interrupted: ending with what is there (again to stop at once)")
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(130)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

func newApp(s streams) *cli.App {
	return &cli.App{
		Name:                      "postern",
		Usage:                     "audit how SSH hosts can be entered: sshd and cron, judged with evidence",
		HideVersion:               true,
		DisableSliceFlagSeparator: true, // a comma is a legal character in every value here
		Reader:                    s.in,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		// Errors are printed once, by run.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageFromCLI,
		Description: `Exit codes: 0 nothing to act on; 1 findings at or above --fail-on, or expired
waivers; 2 usage or input error; 3 nothing found, but hosts or rules that
matter could not be judged. Flags may stand anywhere on the line.`,
		Action: func(c *cli.Context) error { return cli.ShowAppHelp(c) },
		Commands: withUsageErrors([]*cli.Command{
			auditCommand(s),
			inventoryCommand(s),
			rulesCommand(s),
			explainCommand(s),
			factsCommand(s),
			reportCommand(s),
			demoCommand(s),
			schemaCommand(s),
			versionCommand(s),
		}),
	}
}

func usageFromCLI(c *cli.Context, err error, _ bool) error {
	return usagef("%s: %s", c.Command.Name, err).hint("see postern %s --help", c.Command.Name)
}

func withUsageErrors(cmds []*cli.Command) []*cli.Command {
	for _, c := range cmds {
		c.OnUsageError = usageFromCLI
		c.HideHelpCommand = true
		withUsageErrors(c.Subcommands)
	}
	return cmds
}
