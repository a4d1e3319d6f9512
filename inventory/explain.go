package inventory

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one value that holds for a host, and the place that set it.
type Setting struct {
	Key   string // address, user, port, key, sudo, labels.KEY
	Value string
	From  string // "host", "group NAME", "defaults", or "" where nothing is written and the default holds
	Pos   Pos    // of the key; zero where From is ""
}

// Explain says for each setting of the host of that name where it comes from,
// in a fixed order; nil for an unknown name.
func (inv *Inventory) Explain(name string) []Setting {
	at, ok := inv.index[name]
	if !ok {
		return nil
	}
	h, o := &inv.Hosts[at], inv.origins[at]
	own, res := &o.def.settings, o.res
	source := func(key, value string, ownPos, outerPos Pos, group int) Setting {
		switch {
		case ownPos != (Pos{}):
			return Setting{Key: key, Value: value, From: "host", Pos: ownPos}
		case outerPos == (Pos{}):
			return Setting{Key: key, Value: value}
		case group >= 0:
			return Setting{Key: key, Value: value, From: "group " + inv.groups[group].name, Pos: outerPos}
		}
		return Setting{Key: key, Value: value, From: "defaults", Pos: outerPos}
	}
	sudo := string(h.Sudo)
	if h.Sudo == SudoAuto {
		sudo = "auto"
	}
	out := []Setting{
		{Key: "address", Value: h.Address, From: "host", Pos: o.def.pos},
		source("user", h.User, own.userPos, res.settings.userPos, res.from.user),
		source("port", strconv.Itoa(h.Port), own.portPos, res.settings.portPos, res.from.port),
		source("key", strings.Join(h.Keys, ", "), own.keysPos, res.settings.keysPos, res.from.keys),
		source("sudo", sudo, own.sudoPos, res.settings.sudoPos, res.from.sudo),
	}
	labels := len(out)
	for i, lb := range res.settings.labels {
		if !slices.ContainsFunc(own.labels, func(o label) bool { return o.key == lb.key }) {
			out = append(out, source("labels."+lb.key, lb.value, Pos{}, lb.pos, res.labelFrom[i]))
		}
	}
	for _, lb := range own.labels {
		out = append(out, source("labels."+lb.key, lb.value, lb.pos, Pos{}, -1))
	}
	slices.SortFunc(out[labels:], func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Waivers gives the host's waivers of that rule that hold at now, and those
// that have run out. One whose Created lies more than a day ahead is in neither:
// it does not hold yet, and a creation date in the future would stretch the year
// that a waiver may last. The day is for those who write a date east of UTC.
func (h Host) Waivers(rule string, now time.Time) (active, expired []Waiver) {
	for _, w := range h.Waive {
		switch {
		case w.Rule != rule:
		case !now.Before(w.Expires):
			expired = append(expired, w)
		case !now.Before(w.Created.AddDate(0, 0, -1)):
			active = append(active, w)
		}
	}
	return active, expired
}

// CheckRules reports waivers of rules that are not among known: such a waiver
// holds nothing, and its author thinks that it does.
func (inv *Inventory) CheckRules(known []string) Faults {
	l := faultList{file: inv.Path}
	s := speller{left: spellBudget}
	ids := make(map[string]bool, len(known))
	for _, id := range known {
		ids[id] = true
	}
	for _, w := range inv.waivers {
		if !ids[w.Rule] {
			l.add(w.Pos, "a waiver of the unknown rule "+quote(w.Rule), s.didYouMean(w.Rule, known, "\"postern rules list\" shows the ids"))
		}
	}
	return l.sorted()
}
