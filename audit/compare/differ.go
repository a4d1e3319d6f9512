package compare

import (
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// Where says in which part of a command two spellings differ.
type Where string

// The parts, the gravest first.
const (
	InLook     Where = "look"     // in nothing but dots, blanks, quotes, slashes, look-alikes
	InCommand  Where = "command"  // in the word that is started
	InPath     Where = "path"     // in a word that holds a slash
	InArgument Where = "argument" // in some other word
)

// Difference is what lies between two commands.
type Difference struct {
	Edits    int // insert, delete, substitute, swap; of bytes
	Where    Where
	Hair     bool   // an eye would pass over it: up to three edits in what is run, or InLook
	Old, New string // the words that differ; one of them may be ""
}

// near bounds how far two texts may be apart to be one that was altered.
func near(a, b string) int { return max(3, max(len(a), len(b))/4) }

// longest bounds the texts that are compared letter by letter.
const longest = 1024

// Differ compares two normal forms of commands. ok is false where they are too
// far apart to be one job that was altered: more than three edits and more than a
// quarter of the length.
func Differ(a, b string) (d Difference, ok bool) {
	limit := near(a, b)
	if reordered(a, b) {
		d.Edits, d.Where = cron.Distance(a, b), InArgument
		d.Old, d.New = changedWords(a, b)
		return d, true
	}
	apart := len(a) - len(b)
	if apart < 0 {
		apart = -apart
	}
	look := apart <= 64 && cron.Squeeze(cut(a)) == cron.Squeeze(cut(b)) && len(a) <= longest && len(b) <= longest
	if apart > limit && !look {
		return d, false
	}
	d.Edits = cron.Distance(a, b)
	if d.Edits > limit && !look {
		return d, false
	}
	d.Old, d.New = changedWords(a, b)
	switch {
	case look && a != b:
		d.Where, d.Hair = InLook, true
	case firstWord(a) != firstWord(b):
		d.Where = InCommand
	case strings.Contains(d.Old, "/") || strings.Contains(d.New, "/"):
		d.Where = InPath
	default:
		d.Where = InArgument
	}
	if d.Edits > 0 && d.Edits <= 3 && d.Where != InArgument {
		d.Hair = true
	}
	return d, true
}

// reordered reports two commands of the same words in which options alone changed
// their places: the words without a dash follow each other as they did.
func reordered(a, b string) bool {
	if len(a) != len(b) || a == b || len(a) > longest || strings.Count(a, " ") != strings.Count(b, " ") {
		return false
	}
	x, y := strings.Split(a, " "), strings.Split(b, " ")
	plain := func(words []string) []string {
		return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "-") })
	}
	if x[0] != y[0] || !slices.Equal(plain(x), plain(y)) {
		return false
	}
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func cut(s string) string { return s[:min(len(s), longest)] }

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// changedWords gives what is left of two texts when the words that they begin and
// end with alike are taken away.
func changedWords(a, b string) (string, string) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) && n == len(b) {
		return "", ""
	}
	for n > 0 && a[n-1] != ' ' {
		n--
	}
	a, b = a[n:], b[n:]
	n = 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	// A word that both end with stays only where it is whole in both.
	for n > 0 && (n < len(a) && a[len(a)-n-1] != ' ' || n < len(b) && b[len(b)-n-1] != ' ') {
		n--
	}
	return strings.TrimSpace(a[:len(a)-n]), strings.TrimSpace(b[:len(b)-n])
}
