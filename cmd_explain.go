package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/policies"
)

func explainCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "explain", Category: theRules, Usage: "say what a rule asks, or what a keyword of sshd_config decides", ArgsUsage: "RULE|KEYWORD...",
		Action: func(c *cli.Context) error { return explain(c, s) },
	}
}

// explain tells about each argument: rules have hyphens in their names, keywords
// have none, so no name is both.
func explain(c *cli.Context, s streams) error {
	if !c.Args().Present() {
		return usagef("explain needs the name of a rule or of a keyword of sshd_config").hint("postern rules list shows the rules; try postern explain PermitRootLogin")
	}
	cat, err := policies.Embedded()
	if err != nil {
		return err
	}
	for i, name := range c.Args().Slice() {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if r := cat.Rule(name); r != nil {
			explainRule(s, r)
			continue
		}
		if f := fleetRule(name); f != nil {
			explainRule(s, f)
			continue
		}
		h, meant, ok := sshd.Explain(name)
		if ok {
			explainKeyword(s, h)
			continue
		}
		e := usagef("there is no rule and no keyword of sshd_config called %q", name)
		if n := near(name, ruleNames(cat)); n != "" {
			return e.hint("did you mean %s?", n)
		}
		if meant != "" {
			return e.hint("did you mean %s?", meant)
		}
		return e.hint("postern rules list shows the rules; for keywords see sshd_config(5)")
	}
	return nil
}

// explainKeyword prints what the keyword table holds about one keyword.
func explainKeyword(s streams, h *sshd.Help) {
	title := h.Name + " (sshd_config"
	if len(h.Vendor) > 0 {
		title += ", only the sshd of " + strings.Join(h.Vendor, ", ")
	}
	paragraph(s, "", title+")")
	if h.About != "" {
		paragraph(s, "", h.About)
	}
	fmt.Fprintln(s.out)
	if h.Form != "" {
		keywordRow(s, "Takes", h.Form)
	}
	if len(h.Life) == 1 && h.Life[0] == (sshd.Span{Text: "known"}) {
		keywordRow(s, "In OpenSSH", "known to all releases from 7.4 to 10.5")
	} else {
		spans(s, "In OpenSSH", h.Life, "gone")
	}
	if len(h.Aliases) > 0 {
		keywordRow(s, "Also named", strings.Join(h.Aliases, ", "))
	}
	spans(s, "In Match", h.Match, "")
	spans(s, "Repeated", h.Repeat, "")
	spans(s, "Default", h.Defaults, "none")
	if len(h.Shipped) > 0 {
		fmt.Fprintln(s.out, "\nDistributions")
		for _, d := range h.Shipped {
			where := "in " + d.Where
			if d.Where == "sshd" {
				where = "patched into sshd"
			}
			paragraph(s, "  ", fmt.Sprintf("%s%s: %s (%s; %s)", strings.ReplaceAll(d.Distro, " ", ", "), between(d.Since, d.Gone), d.Value, where, d.Source))
		}
	}
	fmt.Fprintln(s.out, "\nSources")
	text := "sshd_config(5) and servconf.c of OpenSSH 7.4 to 10.5; by source, not run"
	if len(h.Ran) > 0 {
		var names []string
		for _, v := range h.Ran {
			names = append(names, v.String())
		}
		text = "run on OpenSSH " + strings.Join(names, ", ") + " as Debian builds them; other releases by source (sshd_config(5), servconf.c of 7.4 to 10.5), not run"
	}
	paragraph(s, "  ", text)
}

// keywordRow is a name and a text beside it.
func keywordRow(s streams, name, text string) {
	const column = 14
	fmt.Fprintf(s.out, "  %-*s%s\n", column-2, name, wrapped(text, s.width(s.out)-column, strings.Repeat(" ", column)))
}

// spans is what holds from which release on.
func spans(s streams, name string, list []sshd.Span, nothing string) {
	for i, p := range list {
		text := either(p.Text, nothing)
		if text == "" {
			continue
		}
		var next sshd.Version
		if i+1 < len(list) {
			next = list[i+1].Since
		}
		keywordRow(s, name, text+between(p.Since, next))
		name = ""
	}
}

// between says in which releases something holds; "" in all.
func between(since, gone sshd.Version) string {
	first, last := since != sshd.Version{}, gone != sshd.Version{}
	switch {
	case first && last:
		return fmt.Sprintf(" (from %s, before %s)", since, gone)
	case first:
		return fmt.Sprintf(" (since %s)", since)
	case last:
		return fmt.Sprintf(" (before %s)", gone)
	}
	return ""
}
