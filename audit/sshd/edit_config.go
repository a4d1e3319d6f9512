package sshd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FileEdit is a change of one file of a configuration, whole contents before and
// after.
type FileEdit struct {
	Path     string
	Old, New []byte
}

// ErrNotEffective: the edit was made, read back, and the value that was wanted
// does not hold. Something that the edit cannot reach decides it.
var ErrNotEffective = errors.New("would not hold")

// ErrRefused: sshd would refuse the configuration after the edit, and did not
// before for that reason.
var ErrRefused = errors.New("sshd would refuse the result")

// overlay is a set of files with edits in their place.
type overlay struct {
	Files
	edits []FileEdit
}

func (o overlay) Read(path string) ([]byte, error) {
	for i := range o.edits {
		if o.edits[i].Path == path {
			return o.edits[i].New, nil
		}
	}
	return o.Files.Read(path)
}

// With loads the configuration anew as it would be after the edits. files is
// what it was loaded from. Only files that exist can be edited.
func (c *Config) With(files Files, edits ...FileEdit) *Config {
	return Load(c.Main, overlay{files, edits}, c.opt)
}

// Edit begins an edit of one of the files that the configuration is made of; nil
// where it was not read.
func (c *Config) Edit(path string) *Editor {
	for _, f := range c.Files {
		if f.Name == path {
			return &Editor{file: f, env: c.env}
		}
	}
	return nil
}

// SetGlobal plans how a keyword gets a value for the globals: in the line that
// counts today, whichever file it stands in, else in a new line of the main file
// in front of its first Match. Of a keyword whose lines add up, the others go.
// The plan is loaded and evaluated before it is returned: [ErrNotEffective] and
// [ErrRefused] say that it would not do. A value that a Match block sets for a
// login is not changed.
func (c *Config) SetGlobal(files Files, keyword string, args ...string) ([]FileEdit, error) {
	_, slot, _, ok := lookup(keyword, c.opt.Version, c.opt.Distro)
	main := c.Edit(c.Main)
	if main == nil {
		return nil, fmt.Errorf("%s: not read, so %w", c.Main, ErrNoLine)
	}
	a, err := main.check(keyword, args, false)
	if err != nil {
		return nil, err
	}
	if !ok || rows[slot].kind == kindInclude {
		return nil, fmt.Errorf("%s: %w by SetGlobal", keyword, ErrForm)
	}
	p := plan{editors: map[string]*Editor{c.Main: main}}
	places, err := c.placesOf(slot, a.subsystem)
	if err != nil {
		return nil, err
	}
	if len(places) == 0 {
		err = main.insert(0, a)
	} else {
		err = p.rewrite(c, places, a)
	}
	if err != nil {
		return nil, err
	}
	edits := p.edits(c)
	next := c.With(files, edits...)
	if err := c.worse(next); err != nil {
		return nil, err
	}
	if err := next.holds(a); err != nil {
		return nil, err
	}
	return edits, nil
}

// placesOf are the lines that make the global value of a slot, that which counts
// first, and then those that add to it.
func (c *Config) placesOf(slot int, subsystem string) ([]Place, error) {
	v := c.global.vals[slot]
	if v == nil {
		return nil, nil
	}
	if v.Unknown != "" {
		return nil, fmt.Errorf("%s: %w: %s", rows[slot].name, ErrNotEffective, v.Unknown)
	}
	var out []Place
	seen := map[Place]bool{}
	add := func(p Place) {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for i, o := range append([]Origin{v.Origin}, v.More...) {
		if o.Kind == FromDefault {
			continue
		}
		if o.Kind == FromCommandLine {
			return nil, fmt.Errorf("%s: %w: the daemon's command line sets it: %s", rows[slot].name, ErrNotEffective, o.Text)
		}
		if subsystem != "" && i < len(v.Args) {
			if n, _, _ := strings.Cut(v.Args[i], " "); n != subsystem {
				continue
			}
		}
		add(Place{o.File, o.Pos})
	}
	// A later line can show through where the one that counts leaves a part
	// open, or is "none".
	switch rows[slot].kind {
	case kindRekey, kindPenalties, kindTimeOrNone, kindMaxStartups:
		for _, o := range v.Shadowed {
			if o.Kind == FromFile {
				add(Place{o.File, o.Pos})
			}
		}
	}
	return out, nil
}

// plan is a set of edits under way.
type plan struct{ editors map[string]*Editor }

// rewrite gives the first place the new value and takes out the others.
func (p *plan) rewrite(c *Config, places []Place, a *assignment) error {
	lines := map[string]map[int]bool{} // by file the lines that are meant
	for _, at := range places {
		if lines[at.File] == nil {
			lines[at.File] = map[int]bool{}
		}
		lines[at.File][at.Pos.Line] = true
	}
	for file, wanted := range lines {
		e := p.editors[file]
		if e == nil {
			if e = c.Edit(file); e == nil {
				return fmt.Errorf("%s: not read, so %w", file, ErrNoLine)
			}
			p.editors[file] = e
		}
		var found []int
		counts, n := -1, 0
		for _, ln := range e.file.All() {
			if wanted[ln.Pos.Line] {
				found = append(found, n)
				if file == places[0].File && ln.Pos.Line == places[0].Pos.Line {
					counts = n
				}
			}
			n++
		}
		if err := e.rewrite(found, counts, a); err != nil {
			return err
		}
	}
	return nil
}

// edits are the files that were changed, in the order of their reading.
func (p *plan) edits(c *Config) []FileEdit {
	var out []FileEdit
	for _, f := range c.Files {
		if e := p.editors[f.Name]; e != nil && e.file != f {
			out = append(out, FileEdit{Path: f.Name, Old: f.Print(), New: e.Bytes()})
		}
	}
	return out
}

// worse says which fault next has for which sshd refuses it, and c has not.
func (c *Config) worse(next *Config) error {
	had := map[string]bool{}
	for _, f := range c.Faults {
		if f.Refuses {
			had[f.File+f.Message] = true
		}
	}
	for _, f := range next.Faults {
		if f.Refuses && !had[f.File+f.Message] {
			return fmt.Errorf("%w: %s%s", ErrRefused, f, orNothing(" (", f.Hint, ")"))
		}
	}
	return nil
}

// holds reports whether the global value is what the assignment means.
func (c *Config) holds(a *assignment) error {
	r := &rows[a.slot]
	got := c.global.Get(r.name)
	want := slices.Clone(a.want)
	have := slices.Clone(got.Args)
	if a.subsystem != "" {
		have = slices.DeleteFunc(have, func(s string) bool {
			n, _, _ := strings.Cut(s, " ")
			return n != a.subsystem
		})
	}
	if got.Unknown == "" && equal(normal(r, have), normal(r, want)) {
		return nil
	}
	why := got.Unknown
	if why == "" {
		why = fmt.Sprintf("%s sets %s", got.Origin, strings.Join(got.Args, " "))
	}
	return fmt.Errorf("%s %s: %w: %s", r.name, a.value, ErrNotEffective, why)
}
