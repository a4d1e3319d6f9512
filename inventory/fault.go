package inventory

import (
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Fault is one mistake: what, where, and what to do about it. Bytes of the
// input in it are quoted and bounded.
type Fault struct {
	Pos  Pos    // zero for arguments
	Text string // what is wrong; lower case, no full stop
	Hint string // a way out; may be empty
}

// Error gives "file:line:col: text", without the hint.
func (f Fault) Error() string {
	if f.Pos == (Pos{}) {
		return f.Text
	}
	return f.Pos.String() + ": " + f.Text
}

// Faults is all that is wrong with an inventory or with a list of patterns, in
// the order of its places.
type Faults []Fault

// Error prints a fault a line; a hint has a line of its own below its fault.
func (fs Faults) Error() string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Error())
		if f.Hint != "" {
			b.WriteString("\n  hint: ")
			b.WriteString(f.Hint)
		}
	}
	return b.String()
}

// Err gives the faults as an error, nil where there are none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// maxFaults bounds what one load reports. Past it, one mistake has usually
// been copied, and a longer list is read by nobody.
const maxFaults = 100

// faultList collects faults up to maxFaults and counts the rest.
type faultList struct {
	file string
	list Faults
	seen map[Fault]bool // an alias brings one mistake to many places
	more int
}

func (l *faultList) add(pos Pos, text, hint string) {
	f := Fault{Pos: pos, Text: text, Hint: hint}
	if l.seen[f] {
		return
	}
	if len(l.list) >= maxFaults {
		l.more++
		return
	}
	if l.seen == nil {
		l.seen = make(map[Fault]bool)
	}
	l.seen[f] = true
	l.list = append(l.list, f)
}

// addBound is add for a bound that was hit: it is said however many faults
// there are, since nothing behind it was read.
func (l *faultList) addBound(pos Pos, text, hint string) {
	if len(l.list) >= maxFaults {
		l.list = l.list[:maxFaults-1]
		l.more++
	}
	l.add(pos, text, hint)
}

// sorted gives the faults by place, with a last one for those left out.
func (l *faultList) sorted() Faults {
	slices.SortStableFunc(l.list, func(a, b Fault) int { return comparePos(a.Pos, b.Pos) })
	if l.more > 0 {
		l.list = append(l.list, Fault{
			Pos:  Pos{File: l.file},
			Text: "and " + strconv.Itoa(l.more) + " more faults",
			Hint: "mend these first",
		})
		l.more = 0
	}
	return l.list
}

func comparePos(a, b Pos) int {
	if a.Line != b.Line {
		return a.Line - b.Line
	}
	return a.Column - b.Column
}

// maxQuoted is how many bytes of the input one message shows.
const maxQuoted = 80

// quote shows foreign text in a message: printable, bounded, unambiguous.
func quote(s string) string {
	if len(s) > maxQuoted {
		cut := maxQuoted
		for cut > 0 && s[cut]&0xc0 == 0x80 { // not inside a character
			cut--
		}
		return strconv.Quote(s[:cut]) + "..."
	}
	return strconv.Quote(s)
}

// speller suggests near names. Its budget keeps a file full of misspelt names
// from costing faults times names.
type speller struct{ left int }

// spellBudget is how many comparisons one load or selection may make: some
// twenty misspelt names against 10,000 hosts.
const spellBudget = 200_000

// near gives the candidate that name is most likely a misspelling of, or "".
func (s *speller) near(name string, candidates []string) string {
	if len(name) == 0 || len(name) > 64 {
		return ""
	}
	limit := max(2, 1+len(name)/4)
	best, at := limit+1, ""
	lower := strings.ToLower(name)
	for _, c := range candidates {
		if d := len(c) - len(name); c == "" || d > limit || -d > limit {
			continue
		}
		if s.left--; s.left < 0 {
			break
		}
		c2 := strings.ToLower(c)
		d := levenshtein.ComputeDistance(lower, c2)
		if d == 2 && len(name) < 4 && c2[0] != lower[0] {
			continue // two of three letters: only swapped ones are near
		}
		if d < best && d < len(name) {
			best, at = d, c
		}
	}
	return at
}

// didYouMean words a suggestion, or gives otherwise where there is none.
func (s *speller) didYouMean(name string, candidates []string, otherwise string) string {
	if n := s.near(name, candidates); n != "" {
		return "did you mean " + quote(n) + "?"
	}
	return otherwise
}
