package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/urfave/cli/v2"
	"mvdan.cc/sh/v3/syntax"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/e2e/demo"
	"github.com/postern-ssh/postern/inventory/connect"
)

func demoCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "demo",
		Category: aboutPostern,
		Usage:    "audit a fleet of four hosts inside this program",
		Description: `Starts SSH servers on loopback that answer with recordings of real hosts, and
audits them by the real way: hardened, stock, breached, dead. Nothing is kept,
and nothing outside this machine is asked. It exits with 1: one of the hosts was
broken into.`,
		Flags: concat(ruleFlags(), outputFlags(), []cli.Flag{
			&cli.BoolFlag{Category: "Trying by hand", Name: "serve", Usage: "keep the fleet up, and print commands to try on it"},
		}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			how, err := readRequest(c, s)
			if err != nil {
				return err
			}
			fleet, err := demo.Start(c.Context)
			if err != nil {
				return fmt.Errorf("the demo fleet did not start: %w", err)
			}
			defer fleet.Close()
			if c.Bool("serve") {
				return serveDemo(c, s, fleet)
			}
			return auditDemo(c, s, fleet, how)
		},
	}
}

func auditDemo(c *cli.Context, s streams, fleet *demo.Fleet, how *request) error {
	inv, err := readInventory(fleet.Inventory)
	if err != nil {
		return err
	}
	dialer, err := connect.New(connect.Options{KnownHosts: []string{fleet.Known}})
	if err != nil {
		return err
	}
	sel := &selection{}
	for _, h := range inv.Hosts {
		sel.add(h, audit.SSH{Dialer: dialer, Host: h})
	}
	sel.scope.Inventory, sel.scope.Hash = "demo", inv.Hash
	return runAudit(c, s, sel, how)
}

func serveDemo(c *cli.Context, s streams, fleet *demo.Fleet) error {
	self := "postern"
	if path, err := os.Executable(); err == nil && !onPath("postern") {
		self = path
	}
	self = shellWord(self)
	at := "-i " + shellWord(fleet.Inventory)
	login := at + " --known-hosts " + shellWord(fleet.Known)
	fmt.Fprintf(s.out, `The demo fleet is up until Ctrl-C. In another terminal:

  %[1]s inventory %[2]s
  %[1]s audit %[3]s
  %[1]s access %[3]s
  %[1]s jobs breached %[3]s
  %[1]s triage breached %[3]s
  %[1]s fix stock --only no-password-login %[3]s
  %[1]s hunt root-password %[3]s
  %[1]s audit --since last %[3]s
  %[1]s diff previous last
  %[1]s history
  %[1]s report last --format json

What the hosts answer is recorded: nothing can be applied to them.
`, self, at, login)
	<-c.Context.Done()
	return nil
}

func onPath(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// shellWord quotes for a POSIX shell, where that is needed.
func shellWord(s string) string {
	if quoted, err := syntax.Quote(s, syntax.LangPOSIX); err == nil {
		return quoted
	}
	return s
}
