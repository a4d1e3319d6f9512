package sshd

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
)

// Files gives Load what Include names. Both must answer from what was read
// from the host; an error that is not fs.ErrNotExist means "not known".
type Files interface {
	// Glob returns the existing paths that fit the pattern, in any order; see
	// [GlobMatch]. A pattern without wildcards names itself.
	Glob(pattern string) ([]string, error)
	// Read returns a file's content; nothing for a directory.
	Read(path string) ([]byte, error)
}

// Options is what Load must know beside the files.
type Options struct {
	Version Version
	Distro  string // ID of os-release: debian, ubuntu, rhel ...; "" not known
	// CommandLine holds the daemon's -o arguments ("K=V") and Ports its -p
	// arguments, in their order. sshd reads them before the file.
	CommandLine []string
	Ports       []int
	Dir         string         // the daemon's working directory, for relative paths; "" is "/"
	Home        string         // home of the account that runs it, for "~"; "" is "/root"
	Services    map[string]int // names that Port may use beside ssh; from /etc/services
}

// Bounds of what one configuration may cost.
const (
	maxDepth  = 16     // SERVCONF_MAX_DEPTH (servconf.c)
	maxReads  = 4096   // files read by Include, repetitions counted
	maxLines  = 200000 // lines with a keyword, repetitions counted
	maxFaults = 1000
	maxMatch  = 20000   // Match lines, repetitions counted
	maxPorts  = 256     // MAX_PORTS, MAX_SUBSYSTEMS (servconf.h)
	maxBytes  = 2 << 20 // of all files, repetitions not counted
)

// includeDir is the directory of relative Includes (SSHDIR).
const includeDir = "/etc/ssh/"

// Config is a configuration with everything that it includes.
type Config struct {
	Main   string
	Files  []*File // each file once, in the order of its first reading
	Faults []Fault // in the order in which sshd would meet them
	Gaps   []Gap   // files that could not be read here: what they set is unknown

	opt    Options
	env    env
	lines  []setting
	scopes []scope
	conds  []*condition
	def    []*Value // defaults of the release, by row
	global *Settings

	mu    sync.Mutex
	cache map[string]*Settings // by the set of Match lines that hold
}

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	File    string // "command line" for -o
	Pos     Pos    // no position: the configuration as a whole
	Keyword string
	Message string // in sshd's words where it has any
	Hint    string // the way out
	Refuses bool   // sshd does not start with it
}

// String is "file:line: message".
func (f Fault) String() string {
	if !f.Pos.IsValid() {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Pos.Line, f.Message)
}

// Gap is an Include that could not be followed.
type Gap struct {
	Path   string // the file or the pattern
	Reason string
	File   string // where the Include stands
	Pos    Pos
}

// setting is one line that sets a value, or stands for an unread file.
type setting struct {
	row    int // -1: a gap
	scope  int
	args   []string
	extra  string
	origin Origin
	gap    string // why nothing is known from here on
}

// scope is a stretch of lines with one condition.
type scope struct {
	conds []int // indices of conditions, all of which must hold; empty: global
	start bool  // active in the first pass
	dead  bool  // 8.2 and 8.3 never activate it in the second pass
}

// Load reads the main file and what it includes. It never fails: what sshd
// would refuse is in Faults, what could not be read in Gaps.
func Load(main string, files Files, opt Options) *Config {
	c := &Config{Main: main, opt: opt, cache: map[string]*Settings{}}
	c.env = env{rel: newRelease(opt.Version, opt.Distro), old: opt.Version.Before(8, 7),
		dir: orElse(opt.Dir, "/"), home: orElse(opt.Home, "/root"), services: map[string]int{"ssh": 22}}
	for k, v := range opt.Services {
		c.env.services[k] = v
	}
	l := loader{Config: c, files: files, parsed: map[string]*File{}, subsystems: map[string]bool{}, counts: map[int]int{}}
	c.scopes = []scope{{start: true}}
	l.commandLine()
	if main != "none" { // -f none: an empty configuration
		l.include(main, 0, 0, Origin{}, nil)
	}
	c.finish()
	return c
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// Version is the release whose rules hold.
func (c *Config) Version() Version { return c.opt.Version }

// Distro is the distribution whose patches hold.
func (c *Config) Distro() string { return c.opt.Distro }

// Refused returns the first fault for which sshd does not start; nil if it does.
func (c *Config) Refused() *Fault {
	for i := range c.Faults {
		if c.Faults[i].Refuses {
			return &c.Faults[i]
		}
	}
	return nil
}

type loader struct {
	*Config
	files      Files
	parsed     map[string]*File
	reads      int
	bytes      int
	stopped    bool        // a bound was hit, or sshd would have ended at once
	counts     map[int]int // Port and Subsystem lines, by row
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
		fault(`no argument after keyword "`+name+`"`, "give a value, or remove the line")
		return
	}
	self, slot, newer, ok := lookup(name, l.opt.Version, l.opt.Distro)
	start := l.scopes[sc].start
	if !ok {
		msg := "Bad configuration option: " + name
		if !start {
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
	case r.fate == unsupported:
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
	if v.fault == "" && v.used < len(ln.Args) {
		if l.env.old {
			v.fault = fmt.Sprintf("garbage at end of line; %q.", ln.Args[v.used].Text)
		} else {
			v.fault = "keyword " + name + " extra arguments at end of line"
		}
		v.hint = "remove what stands behind " + strings.Join(v.args, " ")
	}
	if v.fault != "" {
		fault(v.fault, v.hint)
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
	l.lines = append(l.lines, setting{row: slot, scope: sc, args: v.args, extra: v.extra, origin: o})
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
		}
	}
}

// unknownHint says what a keyword that sshd does not know may have meant.
func (l *loader) unknownHint(name string, newer Version) string {
	if len(l.Faults) >= maxFaults {
		return ""
	}
	if newer.Known() {
		return fmt.Sprintf("%s needs OpenSSH %s; this sshd is %s", name, newer, l.opt.Version)
	}
	for _, i := range index[strings.ToLower(name)] {
		if r := &rows[i]; !r.vendorIn(l.opt.Distro) {
			return fmt.Sprintf("%s is known only to the sshd of %s", r.name, strings.ReplaceAll(r.vendor, " ", ", "))
		} else if l.opt.Version.outlives(r.gone) {
			return fmt.Sprintf("%s is gone since OpenSSH %s: remove the line", r.name, r.gone)
		}
	}
	if n := near(name, l.opt.Version, l.opt.Distro); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// near finds the keyword that a misspelt one most likely is; "" none is close.
func near(name string, v Version, distro string) string {
	if len(name) > 64 {
		return ""
	}
	lower := strings.ToLower(name)
	best, dist := "", len(name)/4+2
	for i := range rows {
		r := &rows[i]
		if !r.in(v) || !r.vendorIn(distro) || r.fate != acted {
			continue
		}
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(r.name)); d < dist {
			best, dist = r.name, d
		}
	}
	return best
}
