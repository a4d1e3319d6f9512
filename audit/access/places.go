package access

import (
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
)

// Bounds of from= lists: a user writes his own keys, and each list splits the
// world for his account.
const (
	maxFromLists = 64      // of one account
	maxFromBytes = 4096    // of one list
	maxFromSets  = 512     // of a host
	maxFromTotal = 1 << 18 // bytes of all lists of a host
)

// placeSet is a set of representatives of all places that are told apart for an
// account: by the configuration, by [Input.Apart], and by from= of its keys.
type placeSet struct {
	places []sshd.Context
	capped bool
	fits   map[string][]bool // by list: which places it fits
}

// places returns the set for accounts with these lists in their keys.
func (j *judge) placesFor(lists []string) *placeSet {
	key := strings.Join(lists, "\n")
	if s := j.sets[key]; s != nil {
		return s
	}
	s := &placeSet{fits: map[string][]bool{}}
	j.fromTotal += len(key)
	if len(lists) > 0 && (len(j.sets) > maxFromSets || j.fromTotal > maxFromTotal) {
		base := j.placesFor(nil)
		s.places, s.capped = base.places, true
	} else {
		s.places, s.capped = j.Config.PlacesWith(append(slices.Clip(j.Apart), lists...))
	}
	j.sets[key] = s
	return s
}

// in reports whether a list fits a place; what it says is worked out once for
// all places.
func (s *placeSet) in(list string, place int) bool {
	fit := s.fits[list]
	if fit == nil {
		fit = make([]bool, len(s.places))
		for i := range s.places {
			fit[i] = sshd.MatchPlace(list, &s.places[i])
		}
		s.fits[list] = fit
	}
	return fit[place]
}

// fromLists are the different from= lists of an account's keys under some
// policies, sorted. more says that there are more than are looked at.
func (w *who) fromLists(policies []*policy) (lists []string, more bool) {
	for i, p := range policies {
		if slices.ContainsFunc(policies[:i], func(q *policy) bool { return q.keys == p.keys }) {
			continue
		}
		for _, name := range w.keyFiles(p) {
			f := w.keyFile(name)
			for _, l := range f.from {
				switch {
				case slices.Contains(lists, l):
				case len(l) > maxFromBytes || len(lists) == maxFromLists:
					more = true
				default:
					lists = append(lists, l)
				}
			}
		}
	}
	slices.Sort(lists)
	return lists, more
}

// fromMask says which of the account's from= lists fit a place, one byte each.
func (w *who) fromMask(place int) string {
	if len(w.lists) == 0 {
		return ""
	}
	b := make([]byte, len(w.lists))
	for i, l := range w.lists {
		b[i] = '-'
		if w.set.in(l, place) {
			b[i] = '+'
		}
	}
	return string(b)
}

// admits reports whether a from= list fits at the places of a mask. A list that
// was not looked at is not known.
func (w *who) admits(list, mask string) Verdict {
	i, ok := slices.BinarySearch(w.lists, list)
	switch {
	case !ok:
		return Unsure
	case mask[i] == '+':
		return Yes
	}
	return No
}
