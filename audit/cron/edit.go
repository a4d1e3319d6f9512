package cron

import (
	"fmt"
	"maps"
	"strings"
)

// Edit is what a table becomes.
type Edit struct {
	Bytes []byte // the whole table
	// Others are the jobs beside the edited line that the edit changes too. Debian's
	// cron drops a file for one bad line, so mending that line revives all others;
	// taking a setting away changes every job below it. Whoever applies the edit has
	// to say so first.
	Others []Effect
}

// Effect is what an edit does to a job that it was not meant for.
type Effect struct {
	Line     int // in the table before the edit, from 1
	Job      *Job
	Was, Now Fate
	Env      bool // it runs with other settings
}

// EditError says why a table is not edited.
type EditError struct {
	Line   int // 0: the table as a whole
	Reason string
}

// Error gives the line and the reason.
func (e *EditError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return e.Reason
}

// Remove takes a line out, with the lines that the daemon joins to it. All other
// bytes stay.
func (t *Table) Remove(line int) (*Edit, error) {
	i, err := t.at(line)
	if err != nil {
		return nil, err
	}
	return t.edited(i, "", false)
}

// Comment puts "# " before a line. All other bytes stay.
func (t *Table) Comment(line int) (*Edit, error) {
	i, err := t.at(line)
	if err != nil {
		return nil, err
	}
	e := &t.Entries[i]
	if e.Kind == EntryComment || e.Kind == EntryBlank {
		return nil, &EditError{line, "there is nothing to comment out"}
	}
	return t.edited(i, "# "+e.Raw, true)
}

// Replace puts another line in the place of one. text is one line without a
// newline; a missing newline at the end of the table is put there.
func (t *Table) Replace(line int, text string) (*Edit, error) {
	i, err := t.at(line)
	if err != nil {
		return nil, err
	}
	if err := t.oneLine(text); err != nil {
		return nil, err
	}
	return t.edited(i, text+"\n", true)
}

// Append adds a line behind all others. text is one line without a newline.
func (t *Table) Append(text string) (*Edit, error) {
	if err := t.oneLine(text); err != nil {
		return nil, err
	}
	if n := len(t.Entries); n > 0 {
		if t.Entries[n-1].Kind == EntryRest {
			return nil, &EditError{0, "the table is too long to be edited"}
		}
		if raw := t.Entries[n-1].Raw; !strings.HasSuffix(raw, "\n") {
			text = "\n" + text
			if t.Daemon == Busybox && strings.HasSuffix(raw, "\\") {
				text = "\n" + text // else the daemon joins the lines
			}
		} else if t.Daemon == Busybox && strings.HasSuffix(raw, "\\\n") {
			text = "\n" + text
		}
	}
	return t.edited(len(t.Entries), text+"\n", true)
}

// at finds the entry that begins at a line.
func (t *Table) at(line int) (int, error) {
	lo, hi := 0, len(t.Entries)
	for lo < hi {
		if mid := (lo + hi) / 2; t.Entries[mid].Line < line {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	switch {
	case lo == len(t.Entries) || t.Entries[lo].Line != line:
		return 0, &EditError{line, "no line begins here"}
	case t.Entries[lo].Kind == EntryRest:
		return 0, &EditError{line, "the table is too long to be edited"}
	}
	return lo, nil
}

// oneLine refuses text that a daemon would read as something other than one line.
func (t *Table) oneLine(text string) error {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return &EditError{0, fmt.Sprintf("the new line holds the control character 0x%02x", c)}
		}
	}
	if t.Daemon == Busybox && strings.HasSuffix(text, "\\") {
		return &EditError{0, "the new line ends in a backslash, with which this daemon joins the next line to it"}
	}
	return nil
}

// edited gives entry i other bytes and reads the table again. fresh says that an
// entry stands in its place.
func (t *Table) edited(i int, raw string, fresh bool) (*Edit, error) {
	if n := len(t.Entries); n > 0 && t.Entries[n-1].Kind == EntryRest {
		return nil, &EditError{0, "the table is too long to be edited"}
	}
	old := t.Bytes()
	pos, end := len(old), len(old)
	if i < len(t.Entries) {
		pos, end = t.Entries[i].Pos, t.Entries[i].End
	}
	out := make([]byte, 0, len(old)+len(raw))
	out = append(append(append(out, old[:pos]...), raw...), old[end:]...)
	var now *Table
	if t.anacron {
		now = ParseAnacrontab(out, t.options)
	} else {
		now = ParseTable(out, t.Form, t.Daemon, t.options)
	}
	ed := &Edit{Bytes: out}
	setting := i < len(t.Entries) && t.Entries[i].Kind == EntrySetting
	// Entries before and behind the edited one are the same ones, shifted.
	behind := len(t.Entries) - i - 1
	if i == len(t.Entries) {
		behind = 0
	}
	if behind > len(now.Entries) || i > len(now.Entries) {
		return nil, &EditError{0, "the edit would join lines"}
	}
	if fresh {
		for k := i; k < len(now.Entries)-behind; k++ {
			setting = setting || now.Entries[k].Kind == EntrySetting
		}
	}
	compare := func(was, is *Entry) error {
		if was.Raw != is.Raw && was.Raw != is.Raw+"\n" && was.Raw+"\n" != is.Raw {
			return &EditError{was.Line, "the edit would join lines"}
		}
		if was.Job == nil || is.Job == nil {
			return nil
		}
		env := setting && !maps.Equal(was.Job.Env.Map(), is.Job.Env.Map())
		if env || was.Job.Fate != is.Job.Fate {
			ed.Others = append(ed.Others, Effect{Line: was.Line, Job: is.Job, Was: was.Job.Fate, Now: is.Job.Fate, Env: env})
		}
		return nil
	}
	for k := range min(i, len(t.Entries)) {
		if err := compare(&t.Entries[k], &now.Entries[k]); err != nil {
			return nil, err
		}
	}
	for k := 1; k <= behind; k++ {
		if err := compare(&t.Entries[len(t.Entries)-k], &now.Entries[len(now.Entries)-k]); err != nil {
			return nil, err
		}
	}
	return ed, nil
}
