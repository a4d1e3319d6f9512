package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/e2e/demo"
	"github.com/postern-ssh/postern/inventory/connect"
)

func demoCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "audit an embedded fleet of four hosts on this machine",
		ArgsUsage: " ",
		Description: `Starts SSH servers on loopback that answer with recordings of real hosts, and
audits them by the real way: hardened, stock, breached, dead. Nothing is kept.`,
		Flags: concat(ruleFlags(), outputFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "serve", Usage: "keep the fleet running and print an inventory to try other commands on"},
		}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
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
			return auditDemo(c, s, fleet)
		},
	}
}

func auditDemo(c *cli.Context, s streams, fleet *demo.Fleet) error {
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
	return runAudit(c, s, sel)
}

func serveDemo(c *cli.Context, s streams, fleet *demo.Fleet) error {
	fmt.Fprintf(s.out, `The demo fleet is up until Ctrl-C. In another terminal:

  postern audit -i %[1]s --known-hosts %[2]s
  postern facts -i %[1]s --known-hosts %[2]s breached
  postern inventory -i %[1]s
`, fleet.Inventory, fleet.Known)
	<-c.Context.Done()
	return nil
}
