package triage

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// gateLine is one setting of sshd by which a login runs a program, or is given what
// another has written.
type gateLine struct {
	file    string
	line    int
	keyword string // as sshd spells it
	value   string
	match   string // the Match line above; "" none
}

// gateKeywords are sshd's settings that name a program or its environment
// (sshd_config(5)).
var gateKeywords = map[string]string{"authorizedkeyscommand": "AuthorizedKeysCommand", "authorizedprincipalscommand": "AuthorizedPrincipalsCommand", "forcecommand": "ForceCommand",
	"subsystem": "Subsystem", "setenv": "SetEnv", "permituserenvironment": "PermitUserEnvironment", "acceptenv": "AcceptEnv", "trustedusercakeys": "TrustedUserCAKeys", "authorizedprincipalsfile": "AuthorizedPrincipalsFile"}

// gateLines reads them from each file that an sshd of this host reads, whatever the
// version: the words of these lines never changed their form.
func gateLines(snap *snapshot.Snapshot, daemons []facts.Daemon) []gateLine {
	var out []gateLine
	todo := []string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"}
	for i := range daemons {
		if c := daemons[i].Config; c != "" && daemons[i].Kind == "sshd" {
			todo = append(todo, c)
		}
	}
	seen, asked := map[string]bool{}, map[string]bool{}
	for len(todo) > 0 && len(seen) < 256 {
		p := todo[0]
		todo = todo[1:]
		f := snap.Lookup(p)
		if f == nil || seen[p] || !f.HasContent() {
			continue
		}
		seen[p] = true
		tree := sshd.Parse(p, f.Content, sshd.Version{})
		for i := range tree.Blocks {
			b := &tree.Blocks[i]
			match := ""
			if b.Match != nil {
				match = strings.TrimSpace(b.Match.Raw)
			}
			for k := range b.Lines {
				x := &b.Lines[k]
				key := strings.ToLower(x.Keyword.Text)
				if key == "include" {
					for _, w := range x.Args {
						// each pattern goes through all names below its folder
						if asked[w.Text] || len(asked) >= 256 {
							continue
						}
						asked[w.Text] = true
						todo = append(todo, included(snap, w.Text)...)
					}
				}
				if spelled := gateKeywords[key]; spelled != "" && len(out) < 400 {
					out = append(out, gateLine{p, x.Pos.Line, spelled, strings.TrimSpace(x.Rest), match})
				}
			}
		}
	}
	return out
}

// included gives the files of a snapshot that an Include names.
func included(snap *snapshot.Snapshot, pattern string) []string {
	if !strings.HasPrefix(pattern, "/") {
		pattern = "/etc/ssh/" + pattern
	}
	var out []string
	for _, f := range snap.Below(path.Dir(pattern)) {
		if ok, err := path.Match(pattern, f.Path); ok && err == nil {
			out = append(out, f.Path)
		}
	}
	return out
}

// program is the first word of what a setting runs; "" it runs none, or sshd itself.
func (g *gateLine) program() string {
	command := g.value
	switch g.keyword {
	case "Subsystem":
		_, command, _ = strings.Cut(command, " ")
	case "AuthorizedKeysCommand", "AuthorizedPrincipalsCommand", "ForceCommand":
	default:
		return ""
	}
	p := strings.Trim(first(strings.Fields(command)), `"`)
	if !strings.HasPrefix(p, "/") {
		return ""
	}
	return path.Clean(p)
}

// gate judges what sshd itself runs at logins, beside PAM, and servers of one's own.
func (l *looker) gate() {
	l.servers()
	for _, g := range gateLines(l.snap, l.f.Daemons) {
		severity := "none"
		var why []string
		say := func(s, text string) {
			severity = heavier(severity, s)
			why = append(why, text)
		}
		files := []string{g.file}
		switch p := g.program(); g.keyword {
		case "SetEnv":
			if strings.Contains(g.value, "LD_PRELOAD=") || strings.Contains(g.value, "LD_AUDIT=") || strings.Contains(g.value, "BASH_ENV=") {
				say("high", "each session begins with it")
			}
		case "AcceptEnv":
			if slices.ContainsFunc(strings.Fields(g.value), func(w string) bool { return w == "*" || strings.HasPrefix(w, "LD_") }) {
				say("medium", "whoever logs in says what libraries its session loads: a forced command is none then")
			}
		case "PermitUserEnvironment":
			if !strings.EqualFold(g.value, "no") {
				say("low", "accounts set their sessions' environment, LD_PRELOAD too: a forced command is none then")
			}
		case "TrustedUserCAKeys":
			if !strings.EqualFold(g.value, "none") {
				say("low", "whoever has the key of that authority logs in as anybody: is it yours?")
				files = append(files, path.Clean(g.value))
			}
		case "AuthorizedPrincipalsFile":
			if !strings.EqualFold(g.value, "none") {
				say("low", "whoever has a certificate with a name from there logs in: are these yours?")
				files = append(files, l.principals(g.value)...)
			}
		case "ForceCommand":
			if s, message := l.line(g.value, "root"); levels[s] >= levels["medium"] {
				say(s, "each such login runs it: "+message)
			}
			l.gateProgram(p, "none", say)
		case "Subsystem":
			if s, message := l.line(strings.TrimSpace(strings.TrimPrefix(g.value, first(strings.Fields(g.value)))), "root"); levels[s] >= levels["medium"] {
				say(s, message)
			}
			l.gateProgram(p, "medium", say)
		default:
			if p != "" {
				l.gateProgram(p, "medium", say)
			}
		}
		if levels[severity] < levels["low"] {
			continue
		}
		if p := g.program(); p != "" {
			files = append(files, p)
		}
		title := "setting of sshd: " + cron.Quote(g.keyword+" "+clip(g.value, 160))
		if g.match != "" {
			title += " below " + cron.Quote(clip(g.match, 80))
		}
		evidence := []facts.Evidence{{Path: g.file, Line: g.line, Text: g.keyword + " " + g.value}, l.stat(g.file, "")}
		for _, p := range files[1:] {
			evidence = append(evidence, l.stat(p, ""))
			evidence = append(evidence, l.beginning(p)...)
		}
		l.add(Thing{Kind: KindStartup, Severity: severity, Title: title, Why: why, Attack: []string{"T1098.004"}, Since: l.since(g.file), Returns: "it stays: each login goes through it",
			Evidence: evidence, Files: files, Actions: []Action{{Do: DoEdit, Target: g.file}}}, g.file, g.keyword, g.value, g.match)
	}
}

// principals are the files that AuthorizedPrincipalsFile names and that were read; its
// % stand for an account.
func (l *looker) principals(pattern string) []string {
	if !strings.HasPrefix(pattern, "/") {
		return nil
	}
	glob := tokenOf.ReplaceAllString(path.Clean(pattern), "*")
	var out []string
	for i := range l.snap.Files {
		if ok, err := path.Match(glob, l.snap.Files[i].Path); ok && err == nil && len(out) < 12 {
			out = append(out, l.snap.Files[i].Path)
		}
	}
	return out
}

var tokenOf = regexp.MustCompile(`%[A-Za-z]`)

// servers names SSH servers that read another configuration than the system's.
func (l *looker) servers() {
	for i := range l.f.Daemons {
		d := &l.f.Daemons[i]
		if d.Kind != "sshd" || d.Config == "" || strings.HasPrefix(d.Config, "/etc/ssh/") || strings.HasPrefix(d.Config, "/usr/etc/ssh/") {
			continue
		}
		severity, why := "medium", []string{"it reads " + cron.Quote(d.Config) + ", and not what the system's sshd does: what closes that one leaves this one open"}
		if w, s := deceptive(d.Config); levels[s] >= levels["medium"] {
			severity, why = heavier(severity, s), append(why, w)
		} else if temporary(d.Config) || d.Config == "/dev/null" {
			severity = "high"
		}
		if len(d.Listens) > 0 {
			why = append(why, "it listens on "+strings.Join(d.Listens[:min(6, len(d.Listens))], ", "))
		}
		since := ""
		if p := l.byPID[int(d.PID)]; p != nil {
			since = stamp(p.start)
		}
		l.add(Thing{Kind: KindProcess, Severity: severity, Title: "a second SSH server: " + cron.Quote(clip(strings.Join(append([]string{d.Exe}, d.Args...), " "), 200)), Why: why, Attack: []string{"T1133"}, Since: since,
			Evidence: append(slices.Clone(d.Evidence), l.stat(d.Config, "")), Files: []string{d.Config}, Actions: []Action{{Do: DoStop, Target: strconv.FormatInt(d.PID, 10)}}}, "sshd", d.Exe, d.Config)
	}
}

// gateProgram judges a program that sshd starts; weight is that of one that no package
// has.
func (l *looker) gateProgram(p, weight string, say func(severity, text string)) {
	if p == "" {
		return
	}
	if w, s := deceptive(p); levels[s] >= levels["medium"] {
		say(s, w)
	}
	if temporary(p) {
		say("high", "its program "+cron.Quote(p)+" lies where everyone may write")
	}
	if pkg, known := l.ofPackage(p); known && pkg == "" {
		say(weight, "no package has its program "+cron.Quote(p))
	}
	if s, text := l.inside(p, "root"); levels[s] >= levels["medium"] {
		for _, t := range text {
			say(s, t)
		}
	}
}
