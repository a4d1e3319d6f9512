// Command postern audits how SSH hosts can be entered, at the front gate (sshd)
// and at the back gate (cron). README.md tells how to begin.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/report"
)

func main() {
	tuneMemory()
	os.Exit(run(context.Background(), os.Args, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, screen: &screen{},
	}))
}

// tuneMemory lets the garbage wait a while, unless GOGC says otherwise. Hosts
// bring much that is thrown away at once: collecting as often as Go does by itself
// took a quarter of an audit's CPU time (e2e, BenchmarkAuditCost). The limit
// keeps a long run on a small machine.
func tuneMemory() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(256 << 20)
}

// The categories of commands in the help.
const (
	lookAtHosts  = "Look at hosts"
	afterBreach  = "After a breach"
	overTime     = "Over time"
	theRules     = "The rules"
	changeHosts  = "Change hosts"
	aboutPostern = "postern itself"
)

// Exit codes beside those of a run (audit.ExitClean and the rest).
const exitUsage = 2

// exitCode is an exit without a message: what there is to say was said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program. It is the one place that turns errors into words
// and exit codes.
func run(ctx context.Context, args []string, s streams) int {
	s.signals = &signals{}
	ctx, stop := interruptible(ctx, s)
	defer stop()
	out := &checked{Writer: s.out}
	s.out = out
	err := out.settle(dispatch(ctx, args, s))
	var code exitCode
	switch {
	case err == nil:
		return audit.ExitClean
	case errors.As(err, &code):
		return int(code)
	}
	complain(s.err, err)
	return exitUsage
}

func dispatch(ctx context.Context, args []string, s streams) error {
	app := newApp(s)
	l, err := parseLine(app, args)
	if err != nil {
		return err
	}
	if l.help {
		printHelp(s, s.out, app, l.path)
		return nil
	}
	if len(l.path) == 0 || len(l.path[len(l.path)-1].Subcommands) > 0 {
		// Exit code 0 would say that a fleet was looked at and is clean.
		printHelp(s, s.err, app, l.path)
		return exitCode(exitUsage)
	}
	return app.RunContext(ctx, l.words)
}

// complain writes an error: what and where in the first line, the way out below.
func complain(w io.Writer, err error) {
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n")
	for i, text := range lines {
		trimmed := strings.TrimLeft(text, " \t")
		switch {
		case i == 0:
			text = "postern: " + text
		case len(lines) == 2:
			text = trimmed
		case trimmed != text: // a hint below each of many mistakes
			text = "  " + trimmed
		}
		fmt.Fprintln(w, visible(text))
	}
}

// visible escapes what a terminal would obey or hide. An error may quote a file
// name that somebody else chose, as in --snapshot *.pst.
func visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return text
	}
	return report.Inline(text)
}

func newApp(s streams) *cli.App {
	return &cli.App{
		Name:                      "postern",
		Usage:                     "audit how SSH hosts can be entered, by sshd and by cron, with evidence",
		HideVersion:               true,
		HideHelp:                  true, // printHelp does it
		DisableSliceFlagSeparator: true, // a comma is a legal character in every value here
		Reader:                    s.in,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		// Errors are printed once, by run.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageFromCLI,
		Description: `Begin with
  postern demo                    a fleet of four hosts inside this program
  postern audit admin@web1        one host, with your keys and known_hosts
  postern audit -i postern.yaml   every host of an inventory

Exit codes
  0  nothing to act on
  1  findings at or above --fail-on (medium), or waivers that have run out
  2  a mistake on the command line or in a file
  3  nothing found, but hosts or rules that matter could not be judged
  config, diff, fix, hunt and overdue say their own in their help`,
		Commands: withUsageErrors([]*cli.Command{
			auditCommand(s),
			accessCommand(s),
			jobsCommand(s),
			configCommand(s),
			inventoryCommand(s),
			fixCommand(s),
			reportCommand(s),
			diffCommand(s),
			historyCommand(s),
			overdueCommand(s),
			triageCommand(s),
			huntCommand(s),
			verifyCommand(s),
			rulesCommand(s),
			explainCommand(s),
			factsCommand(s),
			demoCommand(s),
			schemaCommand(s),
			versionCommand(s),
		}),
	}
}

// usageFromCLI words what parseLine let through and cli refuses.
func usageFromCLI(c *cli.Context, err error, _ bool) error {
	return usagef("%s: %s", c.Command.Name, err).hint("see postern %s --help", c.Command.Name)
}

func withUsageErrors(cmds []*cli.Command) []*cli.Command {
	for _, c := range cmds {
		c.OnUsageError = usageFromCLI
		c.HideHelp, c.HideHelpCommand = true, true
		withUsageErrors(c.Subcommands)
	}
	return cmds
}
