package account

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Stack is the PAM configuration of one service, includes resolved (pam.conf(5)).
type Stack struct {
	Service string
	File    string // the file that it begins in; "" none was found
	Entries []Entry
	Missing []string // files that could not be read here, with the reason: nothing is certain then

	read  func(path string) ([]byte, error) // for the files that modules go by
	lists map[string]*listFile
}

// Entry is one line of a stack.
type Entry struct {
	Type     string // auth, account, password, session
	Control  string // required, sufficient, "[success=1 default=ignore]" ...
	Module   string // without directory and ".so": pam_unix
	Args     []string
	File     string
	Line     int
	Level    int  // of substack; 0 the service itself
	Tolerant bool // "-type": a missing module is ignored

	unread string            // stands for an include that could not be read
	ctl    map[string]action // the control, read; nil: libpam would not take it
}

// pamDirs are where libpam looks for a service, in its order.
var pamDirs = []string{"/etc/pam.d/", "/usr/lib/pam.d/", "/usr/share/pam.d/"}

// Bounds of a stack (libpam: PAM_SUBSTACK_MAX_LEVEL 16, depth 32).
const (
	maxPAMDepth   = 32
	maxPAMLevel   = 16
	maxPAMEntries = 2000
	maxPAMReads   = 500
)

// ParsePAM reads the stack of a service. read returns fs.ErrNotExist for files
// that are not there and any other error for those that could not be read. A
// service without a file uses "other".
func ParsePAM(service string, read func(path string) ([]byte, error)) *Stack {
	s := &Stack{Service: service, read: read}
	p := pamReader{Stack: s, read: read}
	path, data, ok := p.find(service)
	if !ok && len(s.Missing) == 0 {
		path, data, ok = p.find("other")
	}
	if !ok {
		if len(s.Missing) == 0 {
			s.Missing = append(s.Missing, "/etc/pam.d/"+service+" and other: not there")
		}
		return s
	}
	s.File = path
	p.file(path, data, "", 0, 0)
	return s
}

type pamReader struct {
	*Stack
	read  func(path string) ([]byte, error)
	reads int
}

func (p *pamReader) find(name string) (path string, data []byte, ok bool) {
	dirs := pamDirs
	if strings.HasPrefix(name, "/") {
		dirs = []string{""}
	}
	for _, d := range dirs {
		if p.reads++; p.reads > maxPAMReads {
			p.Missing = append(p.Missing, name+": too many files")
			return "", nil, false
		}
		data, err := p.read(d + name)
		switch {
		case err == nil:
			return d + name, data, true
		case !errors.Is(err, fs.ErrNotExist):
			p.Missing = append(p.Missing, d+name+": "+err.Error())
			return "", nil, false
		}
	}
	return "", nil, false
}

// file reads one file; only is the type that an include asks for, "" all.
func (p *pamReader) file(path string, data []byte, only string, depth, level int) {
	var next []byte // the lines before, where these go on in the next one
	start := 0
	lines(data, func(n int, line string) {
		if len(next) == 0 {
			start = n
		}
		if i := strings.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		next = append(next, line...)
		if strings.HasSuffix(line, `\`) {
			if next[len(next)-1] = ' '; len(next) < 1<<16 {
				return
			}
		}
		p.line(path, start, string(next), only, depth, level)
		next = next[:0]
	})
	if len(next) > 0 {
		p.line(path, start, string(next), only, depth, level)
	}
}

func (p *pamReader) line(path string, n int, line, only string, depth, level int) {
	if len(p.Entries) >= maxPAMEntries {
		if len(p.Entries) == maxPAMEntries {
			p.unreadable(only, path, n, level, path+": too many lines")
		}
		return
	}
	w := pamWords(line)
	if len(w) == 0 {
		return
	}
	if w[0] == "@include" {
		if len(w) > 1 {
			p.include(w[1], only, path, n, depth, level)
		}
		return
	}
	e := Entry{Type: strings.ToLower(w[0]), File: path, Line: n, Level: level}
	if strings.HasPrefix(e.Type, "-") {
		e.Type, e.Tolerant = e.Type[1:], true
	}
	if only != "" && e.Type != only {
		return
	}
	if len(w) < 3 {
		// libpam makes a broken line a module that always fails.
		e.Control, e.Module, e.ctl = "required", "pam_deny", simple["required"]
		p.Entries = append(p.Entries, e)
		return
	}
	switch e.Control = w[1]; strings.ToLower(e.Control) {
	case "include":
		p.include(w[2], e.Type, path, n, depth, level)
		return
	case "substack":
		p.include(w[2], e.Type, path, n, depth, level+1)
		return
	}
	e.Module = strings.TrimSuffix(w[2][strings.LastIndexByte(w[2], '/')+1:], ".so")
	e.Args = w[3:]
	e.ctl, _ = control(e.Control)
	p.Entries = append(p.Entries, e)
}

func (p *pamReader) include(name, only, path string, n, depth, level int) {
	if depth >= maxPAMDepth || level > maxPAMLevel {
		p.unreadable(only, path, n, level, name+": includes nest too deep")
		return
	}
	before := len(p.Missing)
	file, data, ok := p.find(name)
	if !ok {
		reason := name + ": not there"
		if len(p.Missing) > before {
			reason = p.Missing[len(p.Missing)-1]
			p.Missing = p.Missing[:before]
		}
		p.unreadable(only, path, n, level, reason)
		return
	}
	p.file(file, data, only, depth+1, level)
}

// unreadable stands for lines that are not known.
func (p *pamReader) unreadable(only, path string, n, level int, reason string) {
	types := []string{only}
	if only == "" {
		types = []string{"auth", "account"}
	}
	for _, t := range types {
		p.Entries = append(p.Entries, Entry{Type: t, File: path, Line: n, Level: level, unread: reason})
	}
}

// pamWords splits a line; brackets hold one word together, "\]" inside them is a
// bracket.
func pamWords(s string) []string {
	var out []string
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return out
		}
		if s[0] != '[' {
			i := strings.IndexAny(s, " \t\r\n")
			if i < 0 {
				i = len(s)
			}
			out, s = append(out, s[:i]), s[i:]
			continue
		}
		var b strings.Builder
		i := 1
		for ; i < len(s) && s[i] != ']'; i++ {
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == ']' {
				i++
			}
			b.WriteByte(s[i])
		}
		s = s[min(i+1, len(s)):]
		if len(out) == 1 {
			out = append(out, "["+b.String()+"]") // a control
		} else {
			out = append(out, b.String())
		}
	}
}

// action is what a control does with one result.
type action struct {
	what byte // 'i'gnore, 'o'k, 'd'one, 'b'ad, 'x' die, 'r'eset, 'j'ump
	jump int
}

var simple = map[string]map[string]action{
	"required":   {"success": {what: 'o'}, "new_authtok_reqd": {what: 'o'}, "ignore": {what: 'i'}, "default": {what: 'b'}},
	"requisite":  {"success": {what: 'o'}, "new_authtok_reqd": {what: 'o'}, "ignore": {what: 'i'}, "default": {what: 'x'}},
	"sufficient": {"success": {what: 'd'}, "new_authtok_reqd": {what: 'd'}, "default": {what: 'i'}},
	"optional":   {"success": {what: 'o'}, "new_authtok_reqd": {what: 'o'}, "default": {what: 'i'}},
}

// control reads the control field; ok is false where libpam would not take it.
func control(s string) (m map[string]action, ok bool) {
	if m, ok = simple[strings.ToLower(s)]; ok {
		return m, true
	}
	if !strings.HasPrefix(s, "[") {
		return nil, false
	}
	m = map[string]action{}
	for f := range strings.FieldsSeq(strings.Trim(s, "[]")) {
		k, v, eq := strings.Cut(f, "=")
		if !eq {
			return nil, false
		}
		var a action
		switch strings.ToLower(v) {
		case "ignore":
			a.what = 'i'
		case "ok":
			a.what = 'o'
		case "done":
			a.what = 'd'
		case "bad":
			a.what = 'b'
		case "die":
			a.what = 'x'
		case "reset":
			a.what = 'r'
		default:
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return nil, false
			}
			if a = (action{'j', n}); n == 0 {
				a.what = 'i'
			}
		}
		m[strings.ToLower(k)] = a
	}
	if _, have := m["default"]; !have {
		m["default"] = action{what: 'b'}
	}
	return m, true
}
