package main

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/urfave/cli/v2"
)

// reorder moves flags in front of the other arguments, since cli v2 stops at the
// first argument that is no flag and would take the rest for hosts: flags may
// stand anywhere on the line. It gives the words for App.Run: name, command,
// subcommand, flags, "--", arguments. No argument that begins with "-" is ever
// passed on as a host, not even after "--".
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	var (
		path   []string // command words
		flags  []string
		rest   []string
		cmds   = app.Commands
		cmd    *cli.Command
		queued [][]string // flags met before the command that knows them
	)
	known := func(name string) cli.Flag {
		if cmd != nil {
			return find(cmd.Flags, name)
		}
		return nil
	}
	words := args[1:]
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			for _, r := range words[i+1:] {
				if strings.HasPrefix(r, "-") && r != "-" {
					return nil, usagef("%q begins with \"-\" and cannot be a host or a file", r).hint("write ./%s for a file of that name", r)
				}
				rest = append(rest, r)
			}
			i = len(words)
		case strings.HasPrefix(w, "-") && w != "-":
			name, _, hasValue := strings.Cut(strings.TrimLeft(w, "-"), "=")
			f := known(name)
			if f == nil && cmd == nil {
				f = findAny(app.Commands, name)
			}
			if f == nil {
				if help(name) {
					flags = append(flags, "--help")
					continue
				}
				if cmd == nil && (name == "version" || name == "v") {
					path = append(path, "version")
					continue
				}
				return nil, unknownFlag(cmd, w, name)
			}
			word := []string{w}
			if !hasValue && takesValue(f) {
				if i+1 >= len(words) {
					return nil, usagef("flag %s needs a value", w).hint("see postern %s--help", prefix(cmd))
				}
				i++
				// "--flag=value" keeps a value that begins with "-" from being read as a flag.
				word = []string{w + "=" + words[i]}
			}
			if cmd == nil {
				queued = append(queued, word)
			} else {
				flags = append(flags, word...)
			}
		default:
			if c := command(cmds, w); c != nil && len(rest) == 0 {
				cmd, cmds = c, c.Subcommands
				path = append(path, c.Name)
				continue
			}
			if cmd == nil {
				return nil, unknownCommand(app.Commands, "", w)
			}
			if len(cmds) > 0 && cmd.Action == nil {
				return nil, unknownCommand(cmds, cmd.Name+" ", w)
			}
			rest = append(rest, w)
		}
	}
	for _, q := range queued {
		name, _, _ := strings.Cut(strings.TrimLeft(q[0], "-"), "=")
		if known(name) == nil {
			return nil, unknownFlag(cmd, q[0], name)
		}
		flags = append(flags, q...)
	}
	out := append([]string{args[0]}, path...)
	out = append(out, flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out, nil
}

func help(name string) bool { return name == "help" || name == "h" }

func prefix(cmd *cli.Command) string {
	if cmd == nil {
		return ""
	}
	return cmd.Name + " "
}

func command(cmds []*cli.Command, name string) *cli.Command {
	for _, c := range cmds {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func find(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

func findAny(cmds []*cli.Command, name string) cli.Flag {
	for _, c := range cmds {
		if f := find(c.Flags, name); f != nil {
			return f
		}
		if f := findAny(c.Subcommands, name); f != nil {
			return f
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

func unknownFlag(cmd *cli.Command, word, name string) error {
	var names []string
	where := "postern"
	if cmd != nil {
		where = "postern " + cmd.Name
		for _, f := range cmd.Flags {
			names = append(names, f.Names()...)
		}
	}
	shown, _, _ := strings.Cut(word, "=")
	e := usagef("%s knows no flag %s", where, shown)
	if n := near(name, names); n != "" {
		dash := "--"
		if len(n) == 1 {
			dash = "-"
		}
		return e.hint("did you mean %s%s?", dash, n)
	}
	return e.hint("see %s --help", where)
}

func unknownCommand(cmds []*cli.Command, before, word string) error {
	var names []string
	for _, c := range cmds {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	e := usagef("there is no command %q", before+word)
	if n := near(word, names); n != "" {
		return e.hint("did you mean postern %s%s?", before, n)
	}
	return e.hint("commands: %s", strings.Join(names, ", "))
}

// near gives the name that is at most a third of its letters away, or "".
func near(word string, names []string) string {
	best, bestDistance := "", len(word)/3+2
	for _, n := range names {
		if d := levenshtein.ComputeDistance(word, n); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// usageError is a mistake on the command line or in a file that it names: exit code 2.
type usageError struct{ text, way string }

func (e *usageError) Error() string {
	if e.way == "" {
		return e.text
	}
	return e.text + "\nhint: " + e.way
}

func usagef(format string, args ...any) *usageError {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

func (e *usageError) hint(format string, args ...any) *usageError {
	e.way = fmt.Sprintf(format, args...)
	return e
}
