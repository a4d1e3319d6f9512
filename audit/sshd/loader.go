package sshd

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
)

type loader struct {
	*Config
	files      Files
	parsed     map[string]*File
	reads      int
	bytes      int
	cached     map[string]*included // by pattern
	atStart    map[int]bool         // rows that a line of the first pass has set
	stopped    bool                 // a bound was hit, or sshd would have ended at once
	counts     map[int]int          // Port and Subsystem lines, by row
	subsystems map[string]bool
	methods    bool // AuthenticationMethods is set in the first pass
	ports      bool // -p was given: the file's Port does not count
}

func (l *loader) fault(f Fault) {
	if len(l.Faults) < maxFaults {
		l.Faults = append(l.Faults, f)
	}
}

func (l *loader) gap(path, reason string, sc int, at Origin) {
	if len(l.Gaps) < maxFaults {
		l.Gaps = append(l.Gaps, Gap{path, reason, at.File, at.Pos})
	}
	l.lines = append(l.lines, setting{row: -1, scope: sc, gap: path + ": " + reason, origin: at})
}

// commandLine reads -o and -p.
func (l *loader) commandLine() {
	for _, o := range l.opt.CommandLine {
		f := Parse("command line", []byte(o), l.opt.Version)
		for i := range f.Blocks {
			if f.Blocks[i].Match != nil {
				l.fault(Fault{File: f.Name, Keyword: "Match", Message: "Match directive not supported as a command-line option", Refuses: true})
				continue
			}
			for j := range f.Blocks[i].Lines {
				ln := &f.Blocks[i].Lines[j]
				if strings.EqualFold(ln.Keyword.Text, "include") {
					l.fault(Fault{File: f.Name, Keyword: "Include", Message: "Include directive not supported as a command-line option", Refuses: true})
					continue
				}
				l.line(f, ln, 0, 0, Origin{Kind: FromCommandLine, File: f.Name, Text: o})
			}
		}
	}
	for _, k := range l.opt.HostKeys {
		i, _, _, _ := lookup("HostKey", l.opt.Version, l.opt.Distro)
		l.lines = append(l.lines, setting{row: i, args: []string{l.env.absolute(k)},
			origin: Origin{Kind: FromCommandLine, File: "command line", Text: "-h " + k}})
	}
	for _, p := range l.opt.Ports {
		l.ports = true
		i, _, _, _ := lookup("Port", l.opt.Version, l.opt.Distro)
		l.lines = append(l.lines, setting{row: i, args: []string{fmt.Sprint(p)},
			origin: Origin{Kind: FromCommandLine, File: "command line", Text: fmt.Sprintf("-p %d", p)}})
	}
}

// include reads one file in a scope. at is the Include line; via the ones above it.
func (l *loader) include(path string, sc, depth int, at Origin, via []Place) {
	if l.stopped {
		return
	}
	if depth > maxDepth {
		l.fault(Fault{File: at.File, Pos: at.Pos, Keyword: "Include", Message: "Too many recursive configuration includes",
			Hint: "a file includes itself, or the Includes nest deeper than 16 levels", Refuses: true})
		l.stopped = true
		return
	}
	if l.reads++; l.reads > maxReads || len(l.lines) > maxLines {
		l.gap(path, "too many files or lines", sc, at)
		l.stopped = true
		return
	}
	f := l.parsed[path]
	if f == nil {
		src, err := l.files.Read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			l.fault(Fault{File: orElse(at.File, path), Pos: at.Pos, Keyword: "Include", Message: path + ": No such file or directory",
				Hint: "a link that leads nowhere matches the Include: remove it", Refuses: true})
			l.lines = append(l.lines, setting{row: -1, scope: sc, gap: path + ": not there", origin: at})
			return
		case err != nil:
			l.gap(path, err.Error(), sc, at)
			return
		}
		if l.bytes += len(src); l.bytes > maxBytes {
			l.gap(path, "too many bytes of configuration", sc, at)
			l.stopped = true
			return
		}
		f = Parse(path, src, l.opt.Version)
		l.parsed[path] = f
		l.Files = append(l.Files, f)
	}
	outer := sc
	for i := range f.Blocks {
		b := &f.Blocks[i]
		if b.Match != nil {
			if len(l.conds) >= maxMatch {
				l.gap(path, "too many Match lines", outer, at)
				l.stopped = true
				return
			}
			sc = l.match(f, b.Match, outer, via)
		}
		for j := range b.Lines {
			if l.stopped {
				return
			}
			ln := &b.Lines[j]
			if ln.Keyword.Text == "" {
				continue
			}
			o := Origin{Kind: FromFile, File: f.Name, Pos: ln.Pos, Text: strings.TrimRight(ln.Raw, "\r\n"), Via: via}
			if s := &l.scopes[sc]; len(s.conds) > 0 {
				last := l.conds[s.conds[len(s.conds)-1]]
				o.Match, o.MatchFile, o.MatchPos = last.text, last.file, last.pos
			}
			l.line(f, ln, sc, depth, o)
		}
	}
}

// match opens the scope of a Match line inside an outer scope.
func (l *loader) match(f *File, ln *Line, outer int, via []Place) int {
	sc := scope{conds: l.scopes[outer].conds, start: l.scopes[outer].start}
	refuse := func(msg, hint string) {
		l.fault(Fault{File: f.Name, Pos: ln.Pos, Keyword: "Match", Message: msg, Hint: hint, Refuses: true})
	}
	var cond *condition
	switch {
	case ln.Problem == NoArgument && !l.env.old:
		refuse(`no argument after keyword "`+ln.Keyword.Text+`"`, "write Match all, or a criterion")
		cond = &condition{text: "nothing", criteria: []criterion{{attr: matchVersion}}}
	case ln.Problem == OpenQuote && !l.env.old:
		refuse("invalid quotes", "close the quote")
		cond = &condition{text: "nothing", criteria: []criterion{{attr: matchVersion}}}
	default:
		var msg, hint string
		cond, msg, hint, _ = l.env.parseMatch(ln)
		if msg != "" {
			refuse(msg, hint)
			cond.criteria = append(cond.criteria, criterion{attr: matchVersion}) // never holds
		}
	}
	cond.file, cond.pos = f.Name, ln.Pos
	sc.start = sc.start && cond.atStart()
	// bz#3122: up to 8.3 a Match in a file that is included where no block is
	// active has no effect on logins.
	sc.dead = l.scopes[outer].dead || l.opt.Version.Before(8, 4) && len(via) > 0 && len(sc.conds) == 0
	sc.conds = append(append([]int(nil), sc.conds...), len(l.conds))
	l.conds = append(l.conds, cond)
	l.scopes = append(l.scopes, sc)
	return len(l.scopes) - 1
}

// line checks one line and keeps what it sets.
func (l *loader) line(f *File, ln *Line, sc, depth int, o Origin) {
	name := ln.Keyword.Text
	fault := func(msg, hint string) {
		l.fault(Fault{File: f.Name, Pos: ln.Pos, Keyword: name, Message: msg, Hint: hint, Refuses: true})
	}
	if ln.Problem == NoArgument && !l.env.old {
		fault(`no argument after keyword "`+name+`"`, l.bareHint(name))
		return
	}
	self, slot, newer, ok := lookup(name, l.opt.Version, l.opt.Distro)
	start := l.scopes[sc].start
	if !ok {
		msg := "Bad configuration option: " + name
		if !start && (ln.Problem != OpenQuote || l.env.old) {
			msg = "Directive '" + name + "' is not allowed within a Match block"
		}
		fault(msg, l.unknownHint(name, newer))
		return
	}
	r := &rows[self]
	if ln.Problem == OpenQuote && !l.env.old {
		fault("invalid quotes", "close the quote")
		return
	}
	target := &rows[slot]
	if !start && !(r.inMatch(l.opt.Version)) {
		fault("Directive '"+name+"' is not allowed within a Match block",
			"move the line before the first Match of its file")
		return
	}
	switch {
	case r.fate == deprecated:
		l.fault(Fault{File: f.Name, Pos: ln.Pos, Keyword: name, Message: "Deprecated option " + name, Hint: "the line does nothing; remove it"})
		return
	case r.fate == unsupported || !r.builtIn(l.env.rel):
		l.fault(Fault{File: f.Name, Pos: ln.Pos, Keyword: name, Message: "Unsupported option " + name, Hint: "the line does nothing; remove it"})
		return
	case r.fate == silent:
		return
	case target.kind == kindInclude:
		l.includes(ln, sc, depth, o, fault)
		return
	case target.kind == kindPort && l.ports && o.Kind == FromFile:
		return
	}
	if target.kind == kindAuthMethods && l.methods {
		if l.opt.Version.Before(8, 7) {
			l.keepShadow(slot, sc, ln, o)
			return
		}
		if l.opt.Version.Before(9, 5) && len(ln.Args) > 0 && ln.Args[0].Text == "any" {
			fault(`"any" must appear alone in `+name, "this release takes no any once AuthenticationMethods is set globally")
			return
		}
	}
	v := l.env.check(target, ln)
	if !l.env.old && target.kind != kindRDomain && !(target.kind == kindAlgorithms && target.algs == algKex) { // sshd quotes the keyword as it is written
		v.fault = strings.Replace(v.fault, target.name, name, 1)
	}
	if v.fault == "" && v.used < len(ln.Args) {
		if l.env.old {
			v.fault = fmt.Sprintf("garbage at end of line; \"%s\".", ln.Args[v.used].Text)
		} else {
			v.fault = "keyword " + name + " extra arguments at end of line"
		}
		v.hint = "remove what stands behind " + strings.Join(v.args, " ")
	}
	if v.fault == "" && ln.garbage != "" && target.listed() {
		v.fault, v.hint = fmt.Sprintf("garbage at end of line; \"%s\".", ln.garbage), "remove the empty word before "+ln.garbage
	}
	if v.fault != "" && l.env.old && target.kind == kindCommand && len(v.args) == 0 {
		if start && l.atStart[slot] {
			return // and is not looked at behind one that counts
		}
		if start {
			fault(v.fault, v.hint)
			return
		}
		l.lines = append(l.lines, setting{row: slot, scope: sc, origin: o,
			fault: &Fault{File: f.Name, Pos: ln.Pos, Keyword: name, Message: v.fault, Hint: v.hint, Refuses: true}})
		return
	}
	if v.fault != "" {
		fault(v.fault, l.env.wayOut(target, ln, v))
		return
	}
	if target.kind == kindAuthMethods && start {
		l.methods = true
	}
	if len(v.args) == 0 && target.kind != kindPubkeyOptions {
		return // up to 8.6 an empty list sets nothing
	}
	switch target.kind {
	case kindPort, kindSubsystem:
		if l.counts[slot]++; l.counts[slot] > maxPorts {
			what := "ports."
			if target.kind == kindSubsystem {
				what = "subsystems defined."
			}
			fault("too many "+what, "")
			return
		}
	}
	l.atStart[slot] = l.atStart[slot] || start
	l.lines = append(l.lines, setting{row: slot, scope: sc, args: v.args, printed: v.printed, extra: v.extra, origin: o})
	if target.kind == kindSubsystem {
		l.duplicate(v.extra, f, ln)
	}
}

// keepShadow keeps a line that sshd skips unread, so that it shows as shadowed.
func (l *loader) keepShadow(slot, sc int, ln *Line, o Origin) {
	args := make([]string, len(ln.Args))
	for i := range args {
		args[i] = ln.Args[i].Text
	}
	if len(args) > 0 {
		l.lines = append(l.lines, setting{row: slot, scope: sc, args: args, origin: o})
	}
}

// duplicate refuses a second Subsystem of one name, as releases up to 9.4 do.
func (l *loader) duplicate(name string, f *File, ln *Line) {
	if !l.opt.Version.Before(9, 5) {
		return
	}
	if !l.subsystems[name] {
		l.subsystems[name] = true
		return
	}
	l.fault(Fault{File: f.Name, Pos: ln.Pos, Keyword: "Subsystem", Message: "Subsystem '" + name + "' already defined.",
		Hint: "remove one of the two lines", Refuses: true})
}

// included are the files that a pattern of Include has brought. sshd keeps them as
// they are read: where the pattern comes again before all are, it brings only
// those, and for a login all.
type included struct {
	paths []string
	done  bool
}

// includes follows one Include line.
func (l *loader) includes(ln *Line, sc, depth int, o Origin, fault func(msg, hint string)) {
	if len(ln.Args) == 0 {
		fault("Include missing filename argument", "name a file or a pattern")
		return
	}
	via := append(append([]Place(nil), o.Via...), Place{o.File, o.Pos})
	for _, w := range ln.Args {
		p := w.Text
		if p == "" {
			fault("keyword Include empty argument", "name a file or a pattern")
			return
		}
		if p[0] != '/' && p[0] != '~' {
			p = includeDir + p
			if l.opt.Version == V(8, 2) {
				l.gap(p, "OpenSSH 8.2 resolves relative Includes wrongly", sc, o)
				continue
			}
		}
		if p[0] == '~' {
			continue // never expanded, and never found from the daemon's directory
		}
		e := l.cached[p]
		if e != nil && (e.done || len(e.paths) > 0) {
			for _, path := range slices.Clone(e.paths) {
				l.include(path, sc, depth+1, o, via)
			}
			if !e.done && l.loop == nil {
				l.loop = &Fault{File: o.File, Pos: o.Pos, Keyword: "Include", Message: "Too many recursive configuration includes", Refuses: true,
					Hint: "the file includes itself: sshd starts, and no connection gets through"}
			}
			continue
		}
		if e == nil {
			e = &included{}
			l.cached[p] = e
		}
		if l.reads++; l.reads > maxReads {
			l.gap(p, "too many files or lines", sc, o)
			l.stopped = true
			return
		}
		found, err := l.files.Glob(p)
		if err != nil {
			l.gap(p, err.Error(), sc, o)
			continue
		}
		found = append([]string(nil), found...)
		sort.Strings(found)
		for _, path := range found {
			l.include(path, sc, depth+1, o, via)
			e.paths = append(e.paths, path)
		}
		e.done = true
	}
}
