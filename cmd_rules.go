package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/policies"
)

func rulesCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "rules",
		Category: theRules,
		Usage:    "list, show and test the rules",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list the rules",
				Flags: []cli.Flag{&cli.StringFlag{Name: "profile", Value: policies.ProfileAll, Usage: "list the rules of `NAME`, baseline, breach or all"}},
				Action: func(c *cli.Context) error {
					if err := noArguments(c); err != nil {
						return err
					}
					return listRules(c, s)
				},
			},
			{
				Name: "show", Usage: "show a rule as it is judged", ArgsUsage: "RULE...",
				Action: func(c *cli.Context) error { return eachRule(c, s, showRule) },
			},
			{
				Name: "test", Usage: "judge the rules' own examples", ArgsUsage: "[RULE...]",
				Action: func(c *cli.Context) error { return testRules(c, s) },
			},
		},
	}
}

func listRules(c *cli.Context, s streams) error {
	cat, err := policies.Embedded()
	if err != nil {
		return err
	}
	name := c.String("profile")
	known := false
	for _, p := range policies.Profiles() {
		known = known || p.Name == name
	}
	if !known {
		return usagef("--profile %q is not known", name).hint("one of baseline, breach, all")
	}
	n := 0
	for _, r := range cat.Rules() {
		if r.In(name) {
			ruleRow(s, r.ID, r.Severity, r.Title)
			n++
		}
	}
	fmt.Fprintln(s.out, "\nAbout the fleet as a whole, always judged")
	for _, f := range audit.FleetRules() {
		ruleRow(s, f.ID, f.Severity, f.Title)
	}
	fmt.Fprintf(s.out, "\n%d rules in profile %s; postern explain RULE says why and what to do\n", n, name)
	return nil
}

// ruleRow is a line of the list: id, severity and title, folded below itself.
func ruleRow(s streams, id string, sev policies.Severity, title string) {
	const column = 38
	if len(id) > 26 {
		id += "\n" + strings.Repeat(" ", 26) // the columns stay where they are
	}
	fmt.Fprintf(s.out, "%-26s  %-8s  %s\n", id, sev, wrapped(title, s.width(s.out)-column, strings.Repeat(" ", column)))
}

// eachRule calls show for the rules that the arguments name.
func eachRule(c *cli.Context, s streams, show func(streams, *policies.Rule)) error {
	if !c.Args().Present() {
		return usagef("%s needs the name of a rule", strings.TrimPrefix(c.Command.HelpName, "postern ")).hint("postern rules list shows them")
	}
	cat, err := policies.Embedded()
	if err != nil {
		return err
	}
	ids := ruleNames(cat)
	for i, id := range c.Args().Slice() {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if r := cat.Rule(id); r != nil {
			show(s, r)
			continue
		}
		if f := fleetRule(id); f != nil {
			show(s, f)
			continue
		}
		return noRule(id, ids)
	}
	return nil
}

func noRule(id string, ids []string) error {
	e := usagef("there is no rule %q", id)
	if n := near(id, ids); n != "" {
		return e.hint("did you mean %s?", n)
	}
	return e.hint("postern rules list shows them")
}

func ruleIDs(cat *policies.Catalogue) []string {
	var ids []string
	for _, r := range cat.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

// ruleNames are the ids that may be asked for and waived.
func ruleNames(cat *policies.Catalogue) []string {
	ids := ruleIDs(cat)
	for _, f := range audit.FleetRules() {
		ids = append(ids, f.ID)
	}
	return ids
}

func fleetRule(id string) *policies.Rule {
	for _, f := range audit.FleetRules() {
		if f.ID == id {
			return &policies.Rule{ID: f.ID, Title: f.Title, Severity: f.Severity, Why: f.Why, Remedy: f.Remedy,
				Subject: "fleet", Profiles: []string{policies.ProfileBaseline}}
		}
	}
	return nil
}

func explainRule(s streams, r *policies.Rule) {
	fmt.Fprintf(s.out, "%s (%s)\n%s\n\n", r.ID, r.Severity, r.Title)
	paragraph(s, "", r.Why)
	if r.Remedy != "" {
		fmt.Fprintln(s.out, "\nWhat to do")
		paragraph(s, "  ", r.Remedy)
	}
	if does, ok := fix.About(r.ID); ok {
		fmt.Fprintln(s.out, "\nWhat postern fix does")
		paragraph(s, "  ", "It "+does+". What it changed it can undo.")
	}
	references(s.out, r)
}

func references(w io.Writer, r *policies.Rule) {
	if len(r.References) == 0 {
		return
	}
	fmt.Fprintln(w, "\nReferences")
	var names []string
	for n := range r.References {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(w, "  %s: %s\n", n, strings.Join(r.References[n], ", "))
	}
}

func showRule(s streams, r *policies.Rule) {
	explainRule(s, r)
	fmt.Fprintln(s.out, "\nHow it is judged")
	for _, row := range [][2]string{{"each", r.Each}, {"when", r.When}, {"pass", r.Pass}, {"message", r.Message}, {"ok", r.OK}} {
		if row[1] != "" {
			paragraph(s, "  ", row[0]+": "+strings.TrimSpace(row[1]))
		}
	}
	fmt.Fprintf(s.out, "  profiles: %s\n", strings.Join(append(append([]string{}, r.Profiles...), policies.ProfileAll), ", "))
	if len(r.Examples) > 0 {
		fmt.Fprintln(s.out, "\nExamples (postern rules test judges them)")
		for _, e := range r.Examples {
			fmt.Fprintf(s.out, "  %s: %s\n", e.Want, e.Name)
		}
	}
}

// paragraph wraps text at the output's width below an indent.
func paragraph(s streams, indent, text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		// What is indented in the rule is a line to copy: it stays whole.
		inner := indent + line[:len(line)-len(strings.TrimLeft(line, " "))]
		if len(inner) > len(indent) {
			fmt.Fprintln(s.out, strings.TrimRight(indent+line, " "))
			continue
		}
		fmt.Fprintln(s.out, strings.TrimRight(indent+wrapped(line, s.width(s.out)-len(indent), indent), " "))
	}
}

func testRules(c *cli.Context, s streams) error {
	cat, err := policies.Embedded()
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, id := range c.Args().Slice() {
		if cat.Rule(id) == nil {
			return noRule(id, ruleIDs(cat))
		}
		wanted[id] = true
	}
	passed, failed := 0, 0
	for _, r := range cat.Test() {
		if len(wanted) > 0 && !wanted[r.Rule] {
			continue
		}
		if r.OK() {
			passed++
			continue
		}
		failed++
		fmt.Fprintf(s.out, "%s: %s: want %s, got %s", r.Rule, r.Name, r.Want, r.Got)
		if r.Detail != "" {
			fmt.Fprintf(s.out, " (%s)", r.Detail)
		}
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "%d examples judged as they should be, %d not\n", passed, failed)
	if failed > 0 {
		return exitCode(1)
	}
	return nil
}
