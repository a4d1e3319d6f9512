package triage

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// Bounds on what is judged of one script.
const (
	judgedMost     = 128 << 10 // bytes of a file of settings: as much as is read of one
	maxWholeScript = 8 << 10   // what is longer is judged line by line: a job's parser takes no more
	maxScriptLines = 600
	maxScriptLine  = 4096
)

// tellsInScripts are the signs of jobs that mean the same inside a script. The others
// are about lines of tables: a script may be long, and its words are no names.
var tellsInScripts = map[string]bool{
	"fetch-and-run": true, "fetch-then-run": true, "fetch-into-place": true, "decode-and-run": true, "stored-code": true, "reverse-shell": true,
	"tunnel": true, "miner": true, "preload": true, "authorized-keys": true, "log-wipe": true, "temp-exec": true, "crontab-edit": true,
	"container-escape": true, "web-shell": true, "planted-program": true, "destroys": true, "exfiltrate": true, "borrowed-name": true, "spelled-name": true, "cache-exec": true, "odd-source": true, "tamper": true,
}

// shellText reports whether bytes are a shell's script, or lines that a shell reads.
func shellText(data []byte) bool {
	if bytes.IndexByte(clipBytes(data, 512), 0) >= 0 {
		return false
	}
	line, ok := bytes.CutPrefix(data, []byte("#!"))
	if !ok {
		return true
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	for _, w := range strings.Fields(string(clipBytes(line, 200))) {
		switch w[strings.LastIndexByte(w, '/')+1:] {
		case "sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "runscript", "openrc-run", "rc":
			return true
		}
	}
	return false
}

// inside judges a script that starts by itself by what it runs.
func (l *looker) inside(p, user string) (severity string, why []string) {
	return l.script(p, l.content(p), user)
}

// script judges what a shell reads: the heaviest sign, and a sentence for each sign of
// medium or more, with the line that it is about.
func (l *looker) script(p string, data []byte, user string) (severity string, why []string) {
	severity = "none"
	if len(data) == 0 || !shellText(data) {
		return severity, nil
	}
	var text strings.Builder
	var kept []string // lines with their numbers
	var at []int
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		t := strings.TrimSpace(line)
		if t == "" || t[0] == '#' {
			continue
		}
		text.WriteString(line)
		if len(kept) < maxScriptLines {
			kept, at = append(kept, t), append(at, n)
		} else if len(kept) == maxScriptLines {
			l.gap(p, fmt.Sprintf("of its lines only the first %d were judged", maxScriptLines))
		}
	}
	seen := map[string]bool{}
	note := func(where int, found []told) {
		for _, x := range found {
			if levels[x.severity] < levels["medium"] || seen[x.message] {
				continue
			}
			seen[x.message] = true
			severity = heavier(severity, x.severity)
			if len(why) < 6 {
				why = append(why, place(p, int64(where))+": "+x.message)
			}
		}
	}
	if whole := text.String(); len(whole) <= maxWholeScript {
		if found, rough := judged(whole, user); !rough {
			for _, x := range found {
				where := 0
				for i, t := range kept {
					// The place is for people: the line that alone shows the same sign.
					if alone, _ := judged(t, user); hasTold(alone, x.sign) {
						where = at[i]
						break
					}
				}
				note(where, []told{x})
			}
			return severity, why
		}
	}
	here := "" // the word that ends a here-document
	for i := 0; i < len(kept); i++ {
		t, first := kept[i], at[i]
		if here != "" {
			// Data in letters is no command there; what else is odd may be another shell's.
			if t == here {
				here = ""
			} else if found, _ := judged(t[:min(len(t), maxScriptLine)], user); len(t) <= maxScriptLine {
				note(first, slices.DeleteFunc(found, func(x told) bool { return x.sign == "stored-code" }))
			}
			continue
		}
		if m := hereDocument.FindStringSubmatch(t); m != nil {
			here = m[1]
		}
		for strings.HasSuffix(t, `\`) && i+1 < len(kept) && len(t) < maxScriptLine {
			i++
			t = strings.TrimSuffix(t, `\`) + " " + kept[i]
		}
		if len(t) <= maxScriptLine {
			found, _ := judged(t, user)
			note(first, found)
		}
	}
	return severity, why
}

// hereDocument finds the word that ends a here-document (sh(1), Here-Documents).
var hereDocument = regexp.MustCompile(`(?:^|[^<])<<-?\s*['"\\]?([A-Za-z_][A-Za-z0-9_]*)`)

// told is one odd thing that a shell's text does.
type told struct{ sign, severity, message string }

func hasTold(list []told, sign string) bool {
	for _, x := range list {
		if x.sign == sign {
			return true
		}
	}
	return false
}

// judged gives what is odd about a shell's text; rough: its grammar could not be used.
func judged(text, user string) (out []told, rough bool) {
	j := &cron.Job{Scheduler: cron.SchedCrontab, User: user, Command: text, Raw: text, Fate: cron.FateRuns}
	a := j.Resolve("/root", cron.Debian)
	for _, s := range cron.Signs(j, a, cron.SignContext{Daemon: cron.Debian, UID: -1}) {
		if !s.Booster && tellsInScripts[s.ID] {
			out = append(out, told{s.ID, s.Severity.String(), s.Message})
		}
	}
	if !a.Rough {
		for i := range a.Targets {
			t := &a.Targets[i]
			if t.Path == "" || t.Reason != "" || strings.Contains(t.Path, "/...") {
				continue
			}
			if w := lies(t.Path); w != "" {
				out = append(out, told{"deceptive-name", "high", "what it runs: " + w})
			} else if hiddenPlace(t.Path) {
				out = append(out, told{"hidden-exec", "medium", "it runs " + cron.Quote(t.Path) + ", behind a hidden name"})
			}
		}
	}
	return out, a.Rough
}

// lies gives what in a path deceives, of what a variable's value cannot make by itself:
// blanks at an edge come of lists.
func lies(p string) string {
	for _, d := range cron.Deceptive(p) {
		switch d.Class {
		case cron.ClassDots, cron.ClassControl, cron.ClassInvisible, cron.ClassBidi, cron.ClassHomoglyph:
			return fmt.Sprintf("in %s the name %s (%s) deceives", cron.Quote(p), cron.Quote(d.Component), d.Words)
		}
	}
	return ""
}

// hiddenPlace reports a hidden name outside of a home's own settings.
func hiddenPlace(p string) bool {
	i := strings.Index(p, "/.")
	if i < 0 {
		return false
	}
	if strings.HasPrefix(p, "/root/.") || strings.HasPrefix(p, "/home/") || strings.HasPrefix(p, "$HOME/.") {
		return false
	}
	return true
}

// line judges one command line.
func (l *looker) line(text, user string) (severity, message string) {
	severity = "none"
	found, _ := judged(text, user)
	for _, x := range found {
		if levels[x.severity] > levels[severity] {
			severity, message = x.severity, x.message
		}
	}
	return severity, message
}
