package triage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
)

// maxEvents bounds the timeline.
const maxEvents = 80

// story puts the things in order and tells what surrounds them.
func (l *looker) story() {
	sortThings(l.out.Things)
	l.earliest()
	l.timeline()
	l.doors()
	l.lastRuns()
	l.preserve()
	l.verdict()
}

// earliest finds the earliest trace of what weighs medium or more.
func (l *looker) earliest() {
	for i := range l.out.Things {
		t := &l.out.Things[i]
		if levels[t.Severity] < levels["medium"] || t.Since == "" {
			continue
		}
		if l.out.Since == "" || t.Since < l.out.Since {
			l.out.Since, l.out.SinceWhy = t.Since, t.ID+": "+t.Title
		}
	}
}

// timeline tells what changed, who logged in and what started around the things.
func (l *looker) timeline() {
	files := map[string][]string{}
	for i := range l.out.Things {
		t := &l.out.Things[i]
		if levels[t.Severity] < levels["low"] {
			continue
		}
		for _, p := range t.Files {
			if len(files[p]) < 4 && !strings.HasPrefix(p, "/proc/") {
				files[p] = append(files[p], t.ID)
			}
		}
	}
	var out []Event
	seen := map[string]bool{}
	add := func(e Event) {
		if key := e.Time + "\x00" + e.What; e.Time != "" && !seen[key] {
			seen[key] = true
			if e.Things == nil {
				e.Things = []string{}
			}
			out = append(out, e)
		}
	}
	for p, ids := range files {
		f := l.file(p)
		if f == nil || f.Type == 0 {
			continue
		}
		if !f.MTime.IsZero() {
			add(Event{stamp(f.MTime), cron.Quote(p) + ": content changed, as its file says", ids})
		}
		if !f.CTime.IsZero() && !f.CTime.Truncate(time.Second).Equal(f.MTime.Truncate(time.Second)) {
			add(Event{stamp(f.CTime), cron.Quote(p) + ": owner, mode, name or times changed", ids})
		}
	}
	for i := range l.out.Things {
		if t := &l.out.Things[i]; (t.Kind == KindProcess || t.Kind == KindMonitor || t.Kind == KindMemory) && t.Since != "" {
			what := map[string]string{KindProcess: "started: ", KindMonitor: "last seen: ", KindMemory: "last seen: "}[t.Kind]
			add(Event{t.Since, what + t.Title, []string{t.ID}})
		}
	}
	if l.out.Booted != "" {
		add(Event{Time: l.out.Booted, What: "the host booted"})
	}
	for _, e := range l.accountEvents() {
		add(e)
	}
	for _, s := range l.out.Logins {
		how := ""
		if s.Method != "" {
			how = " by " + s.Method
		}
		add(Event{Time: s.First, What: fmt.Sprintf("%s logged in from %s%s", cron.Quote(s.User), either(s.From, "its console"), how)})
		if s.Last != s.First {
			add(Event{Time: s.Last, What: fmt.Sprintf("%s logged in from %s%s, the last of %d times", cron.Quote(s.User), either(s.From, "its console"), how, s.Count)})
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int {
		if d := strings.Compare(a.Time, b.Time); d != 0 {
			return d
		}
		return strings.Compare(a.What, b.What)
	})
	if len(out) > maxEvents { // what belongs to things stays
		kept := slices.DeleteFunc(slices.Clone(out), func(e Event) bool { return len(e.Things) == 0 })
		if len(kept) > maxEvents {
			kept = kept[len(kept)-maxEvents:]
		}
		l.gap("timeline", fmt.Sprintf("%d of %d moments are left out", len(out)-len(kept), len(out)))
		out = kept
	}
	l.out.Timeline = append(l.out.Timeline, out...)
}

// doors says how one may have come in: by what accounts open, and what was used.
func (l *looker) doors() {
	seen := map[string]bool{}
	add := func(what string, ev []facts.Evidence) {
		if !seen[what] && len(l.out.Doors) < 40 {
			seen[what] = true
			if ev == nil {
				ev = []facts.Evidence{}
			}
			l.out.Doors = append(l.out.Doors, Door{what, ev})
		}
	}
	used := map[string][]LoginSum{}
	for _, s := range l.out.Logins {
		used[s.User] = append(used[s.User], s)
	}
	// Root first, then those whose door was used.
	list := slices.Clone(l.f.Access)
	slices.SortStableFunc(list, func(a, b facts.Access) int {
		weight := func(x *facts.Access) int {
			n := 0
			if x.UID == 0 {
				n -= 2
			}
			if len(used[x.User]) > 0 {
				n--
			}
			return n
		}
		return weight(&a) - weight(&b)
	})
	for i := range list {
		a := &list[i]
		where := ""
		if a.From != "" && a.From != "anywhere" {
			where = " " + a.From
		}
		switch {
		case a.Empty == "yes":
			add(fmt.Sprintf("%s%s gets in with an empty password", cron.Quote(a.User), where), a.Evidence)
		case a.Password == "yes":
			text := fmt.Sprintf("%s%s gets in with a password alone", cron.Quote(a.User), where)
			for _, s := range used[a.User] {
				if s.Method == "password" || strings.HasPrefix(s.Method, "keyboard-interactive") {
					text += fmt.Sprintf("; that was done from %s, %d times, first %s, last %s", s.From, s.Count, s.First, s.Last)
					break
				}
			}
			add(text, a.Evidence)
		}
		if a.PublicKey == "yes" && (a.UID == 0 || len(used[a.User]) > 0) {
			add(fmt.Sprintf("%s%s gets in with a key", cron.Quote(a.User), where), a.Evidence)
		}
	}
	for i := range l.f.Vulnerabilities {
		v := &l.f.Vulnerabilities[i]
		if v.State == "vulnerable" && v.Part == "server" && (v.Severity == "critical" || v.Severity == "high") {
			add(fmt.Sprintf("%s %s: %s (%s %s)", v.ID, v.Name, v.Title, v.Package, v.Installed), v.Evidence)
		}
	}
	if why, unknown := l.f.Unknown["access"]; unknown {
		l.gap("access", why)
	}
}

// preserve says what to do first: what vanishes soonest comes first.
func (l *looker) preserve() {
	var live, disk []string
	for i := range l.out.Things {
		t := &l.out.Things[i]
		if levels[t.Severity] < levels["medium"] {
			continue
		}
		if t.Kind == KindProcess || t.Kind == KindMemory {
			live = append(live, t.ID)
		} else if t.Returns != "" && len(t.Actions) > 0 {
			disk = append(disk, t.ID)
		}
	}
	if levels[worst(l.out.Things)] < levels["medium"] {
		return
	}
	say := func(format string, args ...any) {
		l.out.Preserve = append(l.out.Preserve, fmt.Sprintf(format, args...))
	}
	next := &l.out.Next
	if len(live) > 0 && !next.Files {
		say("do not reboot and stop nothing yet: programs that were deleted, connections and tables in memory are gone then (%s)", list(live))
	}
	if next.Kept != "" {
		say("the files that are named here are kept in %s: note down the digest that postern verify %[1]s prints, elsewhere", next.Kept)
	} else {
		say("keep the files that are named here, with their digests: %s --evidence DIR", either(next.Again, "postern triage "+l.out.Host))
	}
	if !next.Files {
		say("take the host off the network but for you, or copy its disk and memory, before it is changed; send its logs elsewhere")
	}
	if len(disk) > 0 {
		how := ""
		if next.Run != "" {
			how = fmt.Sprintf("; the plan for it: postern fix --from-triage %s%s %s", next.Run, next.How, strings.Join(disk[:min(len(disk), 5)], " "))
		}
		say("then end what comes back by itself (%s), the jobs before the processes: a job starts its process again%s", list(disk), how)
	}
	say("change what was reachable from here: passwords that were typed, keys that lie here, and look at the other hosts (postern hunt)")
}

func worst(things []Thing) string {
	s := "none"
	for i := range things {
		s = heavier(s, things[i].Severity)
	}
	return s
}

func list(ids []string) string {
	if len(ids) > 5 {
		return strings.Join(ids[:5], ", ") + fmt.Sprintf(" and %d more", len(ids)-5)
	}
	return strings.Join(ids, ", ")
}

// verdict is the whole in one sentence.
func (l *looker) verdict() {
	n := map[string]int{}
	back := 0
	for i := range l.out.Things {
		t := &l.out.Things[i]
		n[t.Severity]++
		if t.Returns != "" && levels[t.Severity] >= levels["medium"] {
			back++
		}
	}
	heavy := n["critical"] + n["high"] + n["medium"]
	switch {
	case heavy == 0 && len(l.out.Gaps) > 0:
		l.out.Verdict = fmt.Sprintf("nothing that weighs medium or more was seen, and %d things could not be looked at: that proves nothing", len(l.out.Gaps))
	case heavy == 0:
		l.out.Verdict = "nothing that weighs medium or more was seen: that proves nothing"
	default:
		l.out.Verdict = fmt.Sprintf("%d things need an answer (%d critical, %d high, %d medium)", heavy, n["critical"], n["high"], n["medium"])
		if heavy == 1 {
			l.out.Verdict = fmt.Sprintf("1 thing needs an answer (%s)", l.out.Things[0].Severity)
		}
		if l.out.Since != "" {
			l.out.Verdict += ", the earliest trace is of " + l.out.Since
		}
		if back > 0 {
			l.out.Verdict += fmt.Sprintf("; %d of them come back after a reboot or stay", back)
		}
	}
}
