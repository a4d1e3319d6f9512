package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

// outputFlags are those of every command that reports.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text, json or jsonl"},
		&cli.StringFlag{Category: "Report", Name: "output", Aliases: []string{"o"}, Usage: "write the report to `FILE`, whole or not at all"},
		&cli.StringFlag{Category: "Report", Name: "color", Value: "auto", Usage: "auto, always or never"},
		&cli.BoolFlag{Category: "Report", Name: "verbose", Aliases: []string{"v"}, Usage: "show also what passes, and all evidence"},
		&cli.BoolFlag{Category: "Report", Name: "show-secrets", Usage: "do not mask passwords and tokens in job lines"},
	}
}

// outputFlagsOf are the output flags with other forms.
func outputFlagsOf(forms string) []cli.Flag {
	var out []cli.Flag
	for _, f := range outputFlags() {
		if f.Names()[0] == "format" {
			f = &cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: forms}
		}
		out = append(out, f)
	}
	return out
}

// textOrJSON refuses a --format of another name, and a --color of no meaning. A
// command that has neither flag passes.
func textOrJSON(c *cli.Context) error {
	if f := c.String("format"); f != "" && f != "text" && f != "json" {
		return usagef("--format %q is not known", f).hint("one of text, json")
	}
	return checkColor(c)
}

func checkColor(c *cli.Context) error {
	switch v := c.String("color"); v {
	case "", "auto", "always", "never":
		return nil
	default:
		return usagef("--color %q is not known", v).hint("one of auto, always, never")
	}
}

// output is standard output, or a file that appears whole or not at all.
// Standard output is written as the report comes.
type output struct {
	io.Writer
	out  io.Writer // whose width and colours count; none for a file
	file *os.File  // nil: standard output
	dest string    // what the file becomes; "": it is a device or a pipe and was written directly
}

func openOutput(c *cli.Context, s streams) (*output, error) {
	name := c.String("output")
	if name == "" || name == "-" {
		return &output{Writer: s.out, out: s.out}, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, usagef("-o %s: %s", name, reasonOf(err)).hint("-o needs a file that you may write")
	case info.IsDir():
		return nil, usagef("-o %s: that is a directory", name).hint("name the file: -o %s", filepath.Join(name, "report.txt"))
	case !info.Mode().IsRegular():
		// A device or a pipe (-o /dev/null) is written to, never replaced by a file.
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, usagef("-o %s: %s", name, reasonOf(err))
		}
		return &output{Writer: f, file: f}, nil
	default:
		// A link stays a link, and the file that it leads to is replaced.
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return nil, usagef("-o %s: %s", c.String("output"), reasonOf(err))
		}
	}
	// os.CreateTemp makes it 0600: a report says where a fleet is open.
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, usagef("-o %s: %s", name, reasonOf(err)).hint("the folder %s has to exist and be writable", filepath.Dir(name))
	}
	return &output{Writer: f, file: f, dest: name}, nil
}

// reasonOf is the reason alone of an error that names a path: our message names
// it already.
func reasonOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// keep ends the output: the file takes its name.
func (o *output) keep() error {
	if o.file == nil {
		return nil
	}
	if o.dest == "" {
		err := o.file.Close()
		o.file = nil
		return err
	}
	if err := errors.Join(o.file.Sync(), o.file.Close()); err != nil {
		return err
	}
	if err := os.Rename(o.file.Name(), o.dest); err != nil {
		return fmt.Errorf("-o %s: %w", o.dest, err)
	}
	o.file = nil
	return nil
}

// abandon leaves nothing behind, unless keep came before it.
func (o *output) abandon() {
	if o.file == nil {
		return
	}
	o.file.Close()
	if o.dest != "" {
		os.Remove(o.file.Name())
	}
}
