package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/urfave/cli/v2"
)

// line is a command line as postern understands it.
type line struct {
	path  []*cli.Command // command and subcommand
	words []string       // for App.Run: name, commands, flags, "--", arguments
	help  bool           // help was asked for, and nothing else is done
}

// parseLine moves flags in front of the other arguments, since cli v2 stops at
// the first argument that is no flag and would take the rest for hosts: flags may
// stand anywhere on the line. No argument that begins with "-" is ever passed on
// as a host, not even after "--".
func parseLine(app *cli.App, args []string) (*line, error) {
	r := &reader{cmds: app.Commands, app: app, given: map[string]string{}}
	for r.words = args[min(1, len(args)):]; len(r.words) > 0; {
		w := r.words[0]
		r.words = r.words[1:]
		if err := r.word(w); err != nil {
			return nil, err
		}
	}
	if !r.help {
		r.otherwise()
	}
	if err := r.early(); err != nil {
		return nil, err
	}
	l := &line{path: r.path, help: r.help, words: []string{"postern"}}
	for _, c := range r.path {
		l.words = append(l.words, c.Name)
	}
	l.words = append(l.words, r.flags...)
	if len(r.rest) > 0 {
		l.words = append(append(l.words, "--"), r.rest...)
	}
	return l, nil
}

// reader takes a command line apart, word by word.
type reader struct {
	app   *cli.App
	words []string       // still to be read
	cmds  []*cli.Command // that may come next
	path  []*cli.Command
	flags []string
	rest  []string
	queue []queued          // flags that came before the command that knows them
	given map[string]string // flag by its first name -> as it was written
	help  bool
}

type queued struct{ written, name, value string }

func (r *reader) cmd() *cli.Command {
	if len(r.path) == 0 {
		return nil
	}
	return r.path[len(r.path)-1]
}

func (r *reader) word(w string) error {
	switch {
	case w == "--":
		for _, a := range r.words {
			if strings.HasPrefix(a, "-") && a != "-" {
				return usagef("%q begins with \"-\" and cannot be a host or a file", a).hint("no host is called so; for a file write ./%s", a)
			}
			r.rest = append(r.rest, a)
		}
		r.words = nil
		return nil
	case strings.HasPrefix(w, "-") && w != "-":
		return r.flag(w)
	}
	if len(r.rest) == 0 {
		if c := command(r.cmds, w); c != nil {
			r.path, r.cmds = append(r.path, c), c.Subcommands
			return nil
		}
		if len(r.path) == 0 && w == "help" {
			r.help = true
			return nil
		}
		if len(r.cmds) > 0 && !r.argument(w) {
			return unknownCommand(r.cmds, r.path, w)
		}
	}
	r.rest = append(r.rest, w)
	return nil
}

// unsaid is the subcommand that is meant where none is named.
var unsaid = map[string]string{"fix": "plan", "history": "list"}

// otherwise takes the unsaid subcommand, where a command has one.
func (r *reader) otherwise() bool {
	if len(r.path) == 0 || len(r.cmds) == 0 {
		return false
	}
	c := command(r.cmds, unsaid[r.cmd().Name])
	if c == nil {
		return false
	}
	r.path, r.cmds = append(r.path, c), c.Subcommands
	return true
}

// argument takes a word that names no subcommand for a host of the unsaid one, unless
// it is a slip of the finger: "aply" is no host, unless the inventory has one.
func (r *reader) argument(w string) bool {
	var names []string
	for _, c := range r.cmds {
		names = append(names, c.Name)
	}
	if near(w, names) != "" && !isHost(r.inventory(), w) {
		return false
	}
	return r.otherwise()
}

// inventory is the file that -i names on this line, before or behind the word that
// is read; "" none.
func (r *reader) inventory() string {
	for _, q := range r.queue {
		if q.name == "i" || q.name == "inventory" {
			_, file, _ := strings.Cut(q.value, "=")
			return file
		}
	}
	for i, w := range r.words {
		written, value, hasValue := strings.Cut(w, "=")
		if name := strings.TrimLeft(written, "-"); name == written || name != "i" && name != "inventory" {
			continue
		}
		if !hasValue && i+1 < len(r.words) {
			value = r.words[i+1]
		}
		return value
	}
	return ""
}

// flag reads a flag, and its value from the next word where it takes one.
func (r *reader) flag(w string) error {
	written, value, hasValue := strings.Cut(w, "=")
	name := strings.TrimLeft(written, "-")
	f := r.find(name)
	if f == nil {
		switch {
		case name == "help" || name == "h":
			r.help = true
			return nil
		case len(r.path) == 0 && (name == "version" || name == "v"):
			r.path, r.cmds = []*cli.Command{command(r.app.Commands, "version")}, nil
			return nil
		}
		return unknownFlag(r.app, r.path, written)
	}
	if takesValue(f) {
		if !hasValue {
			if len(r.words) == 0 {
				return usagef("flag %s needs a value", written).hint("see %s --help", commandName(r.path))
			}
			// The flag behind it is hardly meant as its value.
			if next, _, _ := strings.Cut(r.words[0], "="); strings.HasPrefix(next, "-") && next != "-" && r.find(strings.TrimLeft(next, "-")) != nil {
				return usagef("flag %s needs a value, and %s is the next flag", written, next).hint("if %q is the value, write %s=%s", r.words[0], written, r.words[0])
			}
			value, r.words = r.words[0], r.words[1:]
		}
		if value == "" {
			return usagef("flag %s has an empty value", written).hint("is a variable of the shell not set? leave the flag out for its default")
		}
		if err := checkValue(f, written, value); err != nil {
			return err
		}
		// "--flag=value" keeps a value that begins with "-" from being read as a flag.
		w = written + "=" + value
	} else if hasValue && value != "true" && value != "false" {
		return usagef("flag %s takes no value, %q was given", written, value).hint("it is on when it is there")
	}
	if len(r.cmds) > 0 { // a command is still to come
		r.queue = append(r.queue, queued{written, name, w})
		return nil
	}
	return r.add(f, written, w)
}

// add takes a flag over. A second value would silently replace the first one.
func (r *reader) add(f cli.Flag, written, w string) error {
	first := f.Names()[0]
	if before, twice := r.given[first]; twice && !repeatable(f) {
		return usagef("flag %s stands twice on the line (%s and %s)", written, before, w).hint("keep one of them")
	}
	r.given[first] = w
	r.flags = append(r.flags, w)
	return nil
}

// early gives the flags that came before the command to it.
func (r *reader) early() error {
	for _, q := range r.queue {
		f := r.find(q.name)
		if f == nil || len(r.cmds) > 0 {
			return unknownFlag(r.app, r.path, q.written)
		}
		if err := r.add(f, q.written, q.value); err != nil {
			return err
		}
	}
	return nil
}

// find gives the flag of that name of the command, or before a command was read,
// of any.
func (r *reader) find(name string) cli.Flag {
	if c := r.cmd(); c != nil && len(c.Subcommands) == 0 {
		return find(c.Flags, name)
	} else if c != nil {
		return findAny(c.Subcommands, name)
	}
	if name == "v" { // alone it asks for the version
		return nil
	}
	return findAny(r.app.Commands, name)
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

func repeatable(f cli.Flag) bool {
	_, ok := f.(*cli.StringSliceFlag)
	return ok || !takesValue(f)
}

// checkValue refuses what a flag's type cannot hold.
func checkValue(f cli.Flag, written, value string) error {
	switch f.(type) {
	case *cli.IntFlag:
		if _, err := strconv.Atoi(value); err != nil {
			return usagef("flag %s needs a whole number, not %q", written, value).hint("such as %s 16", written)
		}
	case *cli.DurationFlag:
		if _, err := time.ParseDuration(value); err != nil {
			return usagef("flag %s needs a time, not %q", written, value).hint("a time has a unit: 30s, 2m, 1m30s")
		}
	}
	return nil
}

func unknownFlag(app *cli.App, path []*cli.Command, written string) error {
	where := commandName(path)
	name := strings.TrimLeft(written, "-")
	if len(path) == 0 && findAny(app.Commands, name) != nil {
		return usagef("flag %s stands without a command", written).hint("such as postern audit %s ...; see postern --help", written)
	}
	e := usagef("unknown flag %s of %s", written, where)
	var names []string
	if len(path) > 0 {
		for _, f := range path[len(path)-1].Flags {
			names = append(names, f.Names()...)
		}
	}
	if n := near(name, names); n != "" {
		dash := "--"
		if len(n) == 1 {
			dash = "-"
		}
		return e.hint("did you mean %s%s?", dash, n)
	}
	if findAny(app.Commands, name) != nil {
		return e.hint("other commands have it; see %s --help for what this one takes", where)
	}
	return e.hint("see %s --help", where)
}

func unknownCommand(cmds []*cli.Command, path []*cli.Command, word string) error {
	var names []string
	for _, c := range cmds {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	e := usagef("unknown command %q", strings.TrimPrefix(commandName(path)+" "+word, "postern "))
	if n := near(word, names); n != "" {
		return e.hint("did you mean %s %s?", commandName(path), n)
	}
	if len(path) == 0 && strings.ContainsAny(word, "@.:") {
		return e.hint("to look at a host: postern audit %s", word)
	}
	return e.hint("commands: %s", strings.Join(names, ", "))
}

// near gives the name that is at most a third of its letters away, else the only
// one that the word is a part of, or "".
func near(word string, names []string) string {
	best, bestDistance := "", len(word)/3+2
	for _, n := range names {
		// A name of which nothing is left after the changes is not near.
		if d := levenshtein.ComputeDistance(word, n); d < bestDistance && d < min(len(word), len(n)) {
			best, bestDistance = n, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, n := range names {
		if !strings.Contains(n, word) {
			continue
		}
		if best != "" {
			return "" // it says which of them no more
		}
		best = n
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
