package apply

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/fix"
)

// resting are the states on which a plan stands, as far as the host can be asked for
// them. What the plan changes itself is looked at once more, file by file.
func resting(h *fix.Host) []fix.State {
	own := map[string]bool{}
	for i := range h.Changes {
		own[realPath(&h.Changes[i])] = true
	}
	var out []fix.State
	for _, s := range h.Rests {
		known := s.UID >= 0 && (s.SHA256 != "" || !own[s.Real] && !s.Changed.IsZero())
		if !s.Exists || known {
			out = append(out, s)
		}
	}
	return out
}

// rests tells the host's program what the plan stands on.
func rests(set func(name, value string), h *fix.Host) {
	list := resting(h)
	set("RESTS", fmt.Sprint(len(list)))
	for i, s := range list {
		n := fmt.Sprint(i + 1)
		set("QP"+n, s.Path)
		set("QR"+n, s.Real)
		set("QU"+n, s.User)
		set("QG"+n, s.Glob)
		set("QH"+n, s.SHA256)
		there := "0"
		if s.Exists {
			there = "1"
		}
		set("QX"+n, there)
		stat := fmt.Sprintf("%d %d %o", s.UID, s.GID, s.Mode)
		if s.SHA256 == "" { // its content stayed on the host: the time stands for it
			stat += fmt.Sprintf(" %d", s.Changed.Unix())
		}
		set("QS"+n, stat)
	}
}

// changedRest says which of the files has changed: "rest N SECONDS", its time now.
// ok is false for another text.
func changedRest(h *fix.Host, text string) (path, why string, ok bool) {
	w := strings.Fields(text)
	if len(w) < 2 || len(w) > 3 || w[0] != "rest" {
		return "", "", false
	}
	list := resting(h)
	n, err := strconv.Atoi(w[1])
	if err != nil || n < 1 || n > len(list) {
		return "", "", false
	}
	s := &list[n-1]
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	then, is := "it was not there", "it is not there any more"
	switch {
	case s.Exists && s.Changed.IsZero():
		then = "it was another"
	case s.Exists:
		then = "it was of " + stamp(s.Changed)
	}
	if len(w) == 3 {
		if sec, err := strconv.ParseInt(w[2], 10, 64); err == nil && sec > 0 && sec < 1<<40 {
			is = "it is of " + stamp(time.Unix(sec, 0))
		}
	}
	what := "the plan stands on it, and it is not as the plan saw it"
	if s.Glob != "" {
		what = "the plan stands on the files there named " + clip(s.Glob) + ", and there are others now"
	}
	return s.Path, fmt.Sprintf("%s: %s, and %s; make the plan anew", what, then, is), true
}
