package sshd

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
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
	// HostKeys are the daemon's -h arguments; they stand before the file's HostKey.
	HostKeys []string
	Dir      string            // the daemon's working directory, for relative paths; "" is "/"
	Home     string            // home of the account that runs it, for "~"; "" is "/root"
	Homes    map[string]string // of other accounts, for "~name"; root's is Home where it is missing
	Services map[string]int    // names that Port may use beside ssh; from /etc/services
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
	loop   *Fault // an Include that ends every login, not the start

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

	again bool // found when the lines are read again for a login: sshd names no file then
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
	row     int // -1: a gap
	scope   int
	args    []string
	printed []string // as sshd -T prints args, where that differs
	fault   *Fault   // up to 8.6 some values are only looked at where they count
	extra   string
	origin  Origin
	gap     string // why nothing is known from here on
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
	c.env = newEnv(opt)
	l := loader{Config: c, files: files, parsed: map[string]*File{}, subsystems: map[string]bool{}, cached: map[string]*included{}, atStart: map[int]bool{}, counts: map[int]int{}}
	c.scopes = []scope{{start: true}}
	l.commandLine()
	if main != "none" { // -f none: an empty configuration
		l.include(main, 0, 0, Origin{}, nil)
	}
	c.finish()
	return c
}

// newEnv is what the check of values depends on.
func newEnv(opt Options) env {
	e := env{rel: newRelease(opt.Version, opt.Distro), old: opt.Version.Before(8, 7),
		dir: orElse(opt.Dir, "/"), home: orElse(opt.Home, "/root"), services: map[string]int{"ssh": 22}, homes: map[string]string{"root": orElse(opt.Home, "/root")}}
	for k, v := range opt.Homes {
		e.homes[k] = v
	}
	for k, v := range opt.Services {
		e.services[k] = v
	}
	return e
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

// Globs are the patterns of Include with wildcards in their last part alone, as
// absolute paths. A name that comes to fit one, or ceases to be there, changes what
// sshd reads without a change of any file.
func (c *Config) Globs() []string {
	var out []string
	for _, i := range c.Includes() {
		base := path.Base(i.Glob)
		if !strings.ContainsAny(path.Dir(i.Glob), `*?[\`) && strings.ContainsAny(base, `*?[\`) && path.Clean(i.Glob) == i.Glob &&
			!strings.HasPrefix(strings.TrimPrefix(base, `\`), ".") && !slices.Contains(out, i.Glob) {
			out = append(out, i.Glob)
		}
	}
	return out
}

// Include is one pattern of an Include line.
type Include struct {
	Glob string // as an absolute path
	Text string // as it is written
	File string
	Line *Line
}

// Includes are the patterns of all Include lines, in the order of the files.
func (c *Config) Includes() []Include {
	var out []Include
	for _, f := range c.Files {
		for _, l := range f.All() {
			if !strings.EqualFold(l.Keyword.Text, "Include") {
				continue
			}
			for _, w := range l.Args {
				g := w.Text
				if !strings.HasPrefix(g, "/") {
					g = includeDir + g
				}
				out = append(out, Include{Glob: g, Text: w.Text, File: f.Name, Line: l})
			}
		}
	}
	return out
}

// Refused returns the first fault for which sshd does not start; nil if it does.
func (c *Config) Refused() *Fault {
	for i := range c.Faults {
		if c.Faults[i].Refuses {
			return &c.Faults[i]
		}
	}
	return nil
}
