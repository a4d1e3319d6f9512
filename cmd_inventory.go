package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/cron"
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
			if err := textOrJSON(c); err != nil {
				return err
			}
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
			if c.String("format") == "json" {
				return inventoryJSON(s, hosts)
			}
			return inventoryText(s, hosts)
		},
	}
}

// inventoryText lists the hosts, and below each what the inventory says of it,
// with the place where it is written; what it says of all stands once, at the end.
func inventoryText(s streams, hosts []inventory.Host) error {
	rows := [][]string{{"HOST", "ADDRESS", "USER", "GROUPS", "WRITTEN AT"}}
	for _, h := range hosts {
		rows = append(rows, []string{report.Inline(h.Name), report.Inline(addressOf(h)), dash(report.Inline(h.User)),
			dash(report.Inline(strings.Join(h.Groups, ","))), writtenAt(h)})
	}
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], min(len(cell), 40)) // one long name does not push the others away
		}
	}
	w := bufio.NewWriter(s.out)
	said, every := make([][][2]string, len(hosts)), map[[2]string]int{}
	for i, h := range hosts {
		said[i] = saidOf(h)
		for _, line := range said[i] {
			every[line]++
		}
	}
	ofAll := func(line [2]string) bool { return line[0] != "labels" && len(hosts) > 1 && every[line] == len(hosts) }
	say := func(line [2]string) {
		fmt.Fprintf(w, "  %-9s%s\n", line[0], wrapped(line[1], s.width(s.out)-11, strings.Repeat(" ", 11)))
	}
	for i, r := range rows {
		var b strings.Builder
		for j, cell := range r {
			fmt.Fprintf(&b, "%-*s  ", widths[j], cell)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		if i > 0 {
			for _, line := range said[i-1] {
				if !ofAll(line) {
					say(line)
				}
			}
		}
	}
	if len(hosts) > 0 && slices.ContainsFunc(said[0], ofAll) {
		fmt.Fprintln(w, "every host above")
		for _, line := range said[0] {
			if ofAll(line) {
				say(line)
			}
		}
	}
	return w.Flush()
}

// saidOf gives what the inventory says of a host, as a word and a sentence.
func saidOf(h inventory.Host) [][2]string {
	var out [][2]string
	say := func(word string, pos inventory.Pos, format string, args ...any) {
		for i := range args {
			if text, ok := args[i].(string); ok {
				args[i] = report.Inline(text)
			}
		}
		text := fmt.Sprintf(format, args...)
		if pos.Line > 0 {
			text += " (" + pos.String() + ")"
		}
		out = append(out, [2]string{word, text})
	}
	if len(h.Labels) > 0 {
		var labels []string
		for _, k := range slices.Sorted(maps.Keys(h.Labels)) {
			labels = append(labels, k+"="+h.Labels[k])
		}
		say("labels", inventory.Pos{}, "%s", strings.Join(labels, ", "))
	}
	for _, x := range h.Waive {
		until := "until"
		if !x.Expires.After(time.Now()) {
			until = "EXPIRED"
		}
		say("waives", x.Pos, "%s by %s, %s "+x.Expires.Format(time.DateOnly), x.Rule, x.Owner, until)
	}
	for _, x := range h.Expect {
		who := ""
		if x.User != "" {
			who = " of " + x.User
		}
		say("expects", x.Pos, "%s%s", x.Match, who)
	}
	for _, x := range h.Allow {
		say("allows", x.Pos, "%s for %s from %s until "+x.Expires.Format(time.DateOnly), x.Method, x.User, either(strings.Join(x.Addresses, ", "), "anywhere"))
	}
	for _, x := range h.Keep {
		say("keeps", x.Pos, "the login of %s from %s", x.User, either(x.From, "anywhere"))
	}
	return out
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
	Waive   []inventoryWaiver `json:"waive,omitempty"`
	Expect  []inventoryExpect `json:"expect,omitempty"`
	Allow   []inventoryCarve  `json:"allow,omitempty"`
	Keep    []inventoryLogin  `json:"keep,omitempty"`
	Written string            `json:"written"`
}

type inventoryWaiver struct {
	Rule     string `json:"rule"`
	Owner    string `json:"owner"`
	Approver string `json:"approver,omitempty"`
	Ticket   string `json:"ticket,omitempty"`
	Reason   string `json:"reason"`
	Created  string `json:"created"`
	Expires  string `json:"expires"`
	Written  string `json:"written"`
}

type inventoryExpect struct {
	Match   string `json:"match"`
	User    string `json:"user,omitempty"`
	Line    string `json:"line,omitempty"`
	Written string `json:"written"`
}

type inventoryCarve struct {
	User      string   `json:"user"`
	Addresses []string `json:"addresses"`
	Method    string   `json:"method"`
	Owner     string   `json:"owner"`
	Reason    string   `json:"reason"`
	Expires   string   `json:"expires"`
	Written   string   `json:"written"`
}

type inventoryLogin struct {
	User    string `json:"user"`
	From    string `json:"from,omitempty"`
	Key     string `json:"key,omitempty"`
	Written string `json:"written"`
}

func inventoryJSON(s streams, hosts []inventory.Host) error {
	out := struct {
		Hosts []inventoryHost `json:"hosts"`
	}{Hosts: []inventoryHost{}}
	for _, h := range hosts {
		j := inventoryHost{Name: h.Name, Address: addressOf(h), User: h.User, Groups: h.Groups, Labels: h.Labels, Written: writtenAt(h)}
		for _, x := range h.Waive {
			j.Waive = append(j.Waive, inventoryWaiver{x.Rule, x.Owner, x.Approver, x.Ticket, x.Reason,
				x.Created.Format(time.DateOnly), x.Expires.Format(time.DateOnly), x.Pos.String()})
		}
		for _, x := range h.Expect {
			j.Expect = append(j.Expect, inventoryExpect{x.Match, x.User, cron.Mask(x.Line), x.Pos.String()})
		}
		for _, x := range h.Allow {
			j.Allow = append(j.Allow, inventoryCarve{x.User, x.Addresses, x.Method, x.Owner, x.Reason,
				x.Expires.Format(time.DateOnly), x.Pos.String()})
		}
		for _, x := range h.Keep {
			j.Keep = append(j.Keep, inventoryLogin{x.User, x.From, x.Key, x.Pos.String()})
		}
		out.Hosts = append(out.Hosts, j)
	}
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
