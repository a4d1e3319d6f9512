package policies

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Pos is a place in a rule file. The zero Pos is no position and prints "?".
type Pos struct {
	File   string
	Line   int // from 1
	Column int // from 1, in characters
}

// String gives file:line:column.
func (p Pos) String() string {
	switch {
	case p.Line != 0:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	case p.File != "":
		return p.File
	}
	return "?"
}

// Fault is one mistake in a rule file or in a choice of rules.
type Fault struct {
	Pos     Pos    // zero where the mistake is not in a file
	Rule    string // id of the rule; "" where it has none yet
	Message string // what is wrong
	Hint    string // what to do; "" where the message says it
}

// Error gives the fault as one line and, where there is a hint, a second one.
func (f Fault) Error() string {
	var b strings.Builder
	if f.Pos != (Pos{}) {
		b.WriteString(f.Pos.String())
		b.WriteString(": ")
	}
	if f.Rule != "" {
		b.WriteString(f.Rule)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString("\n\thint: ")
		b.WriteString(f.Hint)
	}
	return b.String()
}

// Faults are all mistakes that were found, in the order of the files.
type Faults []Fault

// Error gives all faults, one after the other.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Err gives the faults as an error, nil where there is none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

func (fs Faults) sort() {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Pos, fs[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
}

// near gives the candidate that name was probably meant to be, or "".
func near(name string, candidates []string) string {
	// Two slips in a short word leave nothing to recognise.
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, distance := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(name, c)
		if d == 2 && sameLetters(name, c) {
			d = 1 // two letters changed places: one slip, not two
		}
		if d < distance {
			best, distance = c, d
		}
	}
	return best
}

func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return bytes.Equal(x, y)
}

// meant is the hint for a name that nobody knows.
func meant(name string, candidates []string) string {
	if n := near(name, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	const shown = 12
	if len(candidates) <= shown {
		return "known are " + strings.Join(candidates, ", ")
	}
	return ""
}
