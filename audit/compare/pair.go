package compare

import "slices"

// Alteration says how one job became another.
type Alteration string

// The alterations.
const (
	Same        Alteration = "same"
	Rescheduled Alteration = "rescheduled" // the times differ
	Reset       Alteration = "environment" // the settings in force differ
	MovedUser   Alteration = "user"        // another account runs it
	Stopped     Alteration = "stopped"     // it never runs on one side (of peers alone)
	Rewritten   Alteration = "command"     // the command differs; the rest may too
)

// Match is a job of one list with the one of the other that it is.
type Match struct {
	Old, New int // indexes
	How      Alteration
	Difference
}

// The bounds of a search for altered jobs. What is beyond them counts as removed
// and added.
const (
	maxPair  = 64       // jobs of each side whose commands are compared letter by letter
	maxCells = 64 << 20 // steps of all comparisons of one call
)

// Pair finds for jobs of one list those of another that they are, the same ones
// first, then the least altered. Every job has at most one match. It takes linear
// time but for the jobs that have no equal, which are bounded; capped says that
// there were more of them.
func Pair(old, new []Form) (found []Match, capped bool) {
	oldDone, newDone := make([]bool, len(old)), make([]bool, len(new))
	pass := func(how Alteration, key func(*Form) string) {
		open := map[string][]int{}
		for i := range new {
			if !newDone[i] {
				k := key(&new[i])
				open[k] = append(open[k], i)
			}
		}
		if len(open) == 0 {
			return
		}
		for i := range old {
			if oldDone[i] {
				continue
			}
			k := key(&old[i])
			if list := open[k]; len(list) > 0 {
				found = append(found, Match{Old: i, New: list[0], How: how})
				oldDone[i], newDone[list[0]] = true, true
				open[k] = list[1:]
			}
		}
	}
	const sep = "\x00"
	pass(Same, func(f *Form) string { return f.User + sep + f.Times + sep + f.Command + sep + f.Env })
	pass(Rescheduled, func(f *Form) string { return f.User + sep + f.Command + sep + f.Env })
	pass(Reset, func(f *Form) string { return f.User + sep + f.Times + sep + f.Command })
	pass(MovedUser, func(f *Form) string { return f.Times + sep + f.Command })
	gone, come := left(oldDone), left(newDone)
	if len(gone) > maxPair || len(come) > maxPair {
		capped = len(gone) > 0 && len(come) > 0
		gone, come = gone[:min(len(gone), maxPair)], come[:min(len(come), maxPair)]
	}
	type candidate struct {
		Match
		cost float64
	}
	var all []candidate
	cells := 0
	for _, i := range gone {
		for _, k := range come {
			a, b := &old[i], &new[k]
			if a.User != b.User {
				continue
			}
			if cells += min(len(a.Command), longest) * min(len(b.Command), longest); cells > maxCells {
				return found, true
			}
			d, ok := Differ(a.Command, b.Command)
			if !ok {
				continue
			}
			cost := float64(d.Edits) / float64(max(len(a.Command), len(b.Command), 1))
			if a.Times != b.Times {
				cost += 0.2
			}
			all = append(all, candidate{Match{i, k, Rewritten, d}, cost})
		}
	}
	slices.SortStableFunc(all, func(x, y candidate) int {
		switch {
		case x.cost < y.cost:
			return -1
		case x.cost > y.cost:
			return 1
		}
		return 0
	})
	for _, c := range all {
		if !oldDone[c.Old] && !newDone[c.New] {
			oldDone[c.Old], newDone[c.New] = true, true
			found = append(found, c.Match)
		}
	}
	return found, capped
}

func left(done []bool) []int {
	var out []int
	for i, d := range done {
		if !d {
			out = append(out, i)
		}
	}
	return out
}
