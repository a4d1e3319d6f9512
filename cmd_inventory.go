package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/inventory"
)

func inventoryCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "inventory",
		Category:  lookAtHosts,
		Usage:     "show which hosts there are, and from which line",
		ArgsUsage: "[HOST...]",
		Description: `Nothing is asked of the hosts. A HOST is as for postern audit: a name, a glob, a
group (@web), a label (env=prod), "!" in front of one takes it away.`,
		Flags: []cli.Flag{
			inventoryFlag(),
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json"},
		},
		Action: func(c *cli.Context) error {
			inv, err := loadInventory(c, s)
			if err != nil {
				return err
			}
			if inv == nil && !c.Args().Present() {
				return usagef("there is no inventory").hint("give one with -i FILE, or write ./postern.yaml")
			}
			hosts, _, err := inv.Select(c.Args().Slice())
			if err != nil {
				return &usageError{text: err.Error()}
			}
			switch f := c.String("format"); f {
			case "text":
				return inventoryText(s, hosts)
			case "json":
				return inventoryJSON(s, hosts)
			default:
				return usagef("--format %q is not known", f).hint("one of text, json")
			}
		},
	}
}

func inventoryText(s streams, hosts []inventory.Host) error {
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tADDRESS\tUSER\tGROUPS\tWRITTEN AT")
	for _, h := range hosts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", report.Inline(h.Name), report.Inline(addressOf(h)),
			dash(report.Inline(h.User)), dash(report.Inline(strings.Join(h.Groups, ","))), writtenAt(h))
		for _, wv := range h.Waive {
			state := "until"
			if !wv.Expires.After(time.Now()) {
				state = "EXPIRED"
			}
			fmt.Fprintf(w, "  waives %s\t%s %s\t%s\t\t%s\n", report.Inline(wv.Rule), state,
				wv.Expires.Format(time.DateOnly), report.Inline(wv.Owner), wv.Pos)
		}
		for _, e := range h.Expect {
			fmt.Fprintf(w, "  expects %s\t\t%s\t\t%s\n", report.Inline(e.Match), dash(report.Inline(e.User)), e.Pos)
		}
		for _, a := range h.Allow {
			fmt.Fprintf(w, "  allows %s\t%s\t%s\t%s\t%s\n", report.Inline(a.Method), a.Expires.Format(time.DateOnly),
				report.Inline(a.User), report.Inline(strings.Join(a.Addresses, ",")), a.Pos)
		}
		for _, k := range h.Keep {
			fmt.Fprintf(w, "  keeps\t%s\t%s\t\t%s\n", dash(report.Inline(k.From)), report.Inline(k.User), k.Pos)
		}
	}
	return w.Flush()
}

func writtenAt(h inventory.Host) string {
	if h.Pos.Line == 0 {
		return "command line"
	}
	return h.Pos.String()
}

func addressOf(h inventory.Host) string {
	a := h.Address
	if a == "" {
		a = h.Name
	}
	if h.Port != 0 && h.Port != 22 {
		if strings.Contains(a, ":") {
			a = "[" + a + "]"
		}
		a += ":" + strconv.Itoa(h.Port)
	}
	return a
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// inventoryHost is a host in JSON.
type inventoryHost struct {
	Name    string            `json:"name"`
	Address string            `json:"address"`
	User    string            `json:"user,omitempty"`
	Groups  []string          `json:"groups,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Written string            `json:"written"`
}

func inventoryJSON(s streams, hosts []inventory.Host) error {
	out := struct {
		Hosts []inventoryHost `json:"hosts"`
	}{Hosts: []inventoryHost{}}
	for _, h := range hosts {
		out.Hosts = append(out.Hosts, inventoryHost{
			Name: h.Name, Address: addressOf(h), User: h.User, Groups: h.Groups, Labels: h.Labels, Written: writtenAt(h),
		})
	}
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
