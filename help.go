package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/urfave/cli/v2"
)

// printHelp writes the help of the program (no path) or of a command, wrapped at
// the output's width. cli's own templates do not wrap.
func printHelp(s streams, w io.Writer, app *cli.App, path []*cli.Command) {
	width := s.width(w)
	if len(path) == 0 {
		fmt.Fprintf(w, "postern: %s\n\n  postern COMMAND [arguments] [flags]\n", app.Usage)
		printCommands(w, width, "", app.Commands)
		fmt.Fprintf(w, "\n%s\n", app.Description)
		return
	}
	cmd := path[len(path)-1]
	name := commandName(path)
	fmt.Fprintln(w, wrapped(name+": "+cmd.Usage, width-2, "  "))
	use := name
	switch {
	case len(cmd.Subcommands) > 0:
		use += " COMMAND"
	case strings.TrimSpace(cmd.ArgsUsage) != "":
		use += " " + cmd.ArgsUsage
	}
	if len(cmd.Flags) > 0 {
		use += " [flags]"
	}
	fmt.Fprintf(w, "\n  %s\n", use)
	if cmd.Description != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.Description)
	}
	printCommands(w, width, strings.TrimPrefix(name, "postern ")+" ", cmd.Subcommands)
	printFlags(w, width, cmd.Flags)
}

// byCategory groups a list, the groups and what is in them in the order in which
// they are first met: a category stands in a help once.
func byCategory[T any](list []T, category func(T) string) [][]T {
	var groups [][]T
	at := map[string]int{}
	for _, x := range list {
		c := category(x)
		i, known := at[c]
		if !known {
			i = len(groups)
			at[c], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// printCommands lists commands below their categories.
func printCommands(w io.Writer, width int, before string, cmds []*cli.Command) {
	column := 14
	for _, c := range cmds {
		column = max(column, len(c.Name)+4)
	}
	for _, group := range byCategory(cmds, func(c *cli.Command) string { return c.Category }) {
		fmt.Fprintf(w, "\n%s\n", either(group[0].Category, "Commands"))
		for _, c := range group {
			row(w, width, column, c.Name, c.Usage)
		}
	}
	if len(cmds) > 0 {
		fmt.Fprintf(w, "\n%s\n", wrapped("postern help "+before+"COMMAND says more.", width, ""))
	}
}

// printFlags lists flags below their categories. Of a flag's other names only a
// letter is shown: a second word for one thing helps nobody who reads.
func printFlags(w io.Writer, width int, flags []cli.Flag) {
	category := func(f cli.Flag) string {
		if c, ok := f.(cli.CategorizableFlag); ok {
			return c.GetCategory()
		}
		return ""
	}
	for _, group := range byCategory(flags, category) {
		fmt.Fprintf(w, "\n%s\n", either(category(group[0]), "Flags"))
		for _, f := range group {
			printFlag(w, width, f)
		}
	}
}

func printFlag(w io.Writer, width int, f cli.Flag) {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	usage, value := strings.ReplaceAll(doc.GetUsage(), "`", ""), valueName(f, doc.GetUsage())
	left := "    "
	for _, n := range f.Names()[1:] {
		if len(n) == 1 {
			left = "-" + n + ", "
		}
	}
	left += "--" + f.Names()[0]
	if doc.TakesValue() {
		left += " " + value
		// A flag whose usage tells its default has a zero that means it.
		if v := doc.GetValue(); v != "" && v != "[]" && !strings.Contains(usage, "(default: ") {
			usage += " (default: " + v + ")"
		}
	}
	row(w, width, 30, left, usage)
}

// valueName is the word for a flag's value: the one in backquotes of its usage,
// else after its type or name.
func valueName(f cli.Flag, usage string) string {
	if _, rest, ok := strings.Cut(usage, "`"); ok {
		name, _, _ := strings.Cut(rest, "`")
		return name
	}
	switch f.(type) {
	case *cli.IntFlag:
		return "N"
	case *cli.DurationFlag:
		return "TIME"
	}
	switch f.Names()[0] {
	case "format":
		return "FORM"
	case "color":
		return "WHEN"
	}
	return "FILE"
}

// row writes one entry of a list: the name, and beside it, or below when the
// name is long, what it means.
func row(w io.Writer, width, column int, left, right string) {
	indent := strings.Repeat(" ", column)
	text := wrapped(right, width-column, "")
	text = strings.ReplaceAll(text, "\n", "\n"+indent)
	left = "  " + left
	if len(left)+2 > column {
		fmt.Fprintf(w, "%s\n%s%s\n", left, indent, text)
		return
	}
	fmt.Fprintf(w, "%-*s%s\n", column, left, text)
}

// wrapped breaks text at its blanks, so that no line of more than one word is
// longer than width; lines after the first begin with indent, which width does not
// count. Two blanks and more are part of a word: they set a note apart from a line
// to copy.
func wrapped(text string, width int, indent string) string {
	if width <= 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for i, word := range blankSeparated(text) {
		n := ansi.StringWidth(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// blankSeparated splits text at blanks that stand alone.
func blankSeparated(text string) []string {
	var words []string
	start := 0
	for i := 1; i < len(text)-1; i++ {
		if text[i] == ' ' && text[i-1] != ' ' && text[i+1] != ' ' {
			words = append(words, text[start:i])
			start = i + 1
		}
	}
	return append(words, text[start:])
}

func either(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// commandName is how a command is called, such as "postern rules list".
func commandName(path []*cli.Command) string {
	name := "postern"
	for _, c := range path {
		name += " " + c.Name
	}
	return name
}
