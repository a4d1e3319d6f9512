package cron

import "strings"

// envWalk bounds how far a lookup goes back through the settings above a job, so
// that a table of settings and jobs by turns costs no quadratic time.
const envWalk = 256

// Env is the environment that a table sets for the jobs below a line: a chain,
// newest first. The nil Env is empty.
type Env struct {
	Name  string
	Value string
	Line  int // from 1
	prev  *Env
}

// Lookup returns the setting of name that is in force, or nil. The last one above
// the job wins, as in crontab(5). It looks at the nearest 256 settings.
func (e *Env) Lookup(name string) *Env {
	for i := 0; e != nil && i < envWalk; i, e = i+1, e.prev {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Get returns the value of name, or "".
func (e *Env) Get(name string) string {
	if v := e.Lookup(name); v != nil {
		return v.Value
	}
	return ""
}

// All returns the settings in force, in the order of the table, each name once.
// It looks at the nearest 256 settings.
func (e *Env) All() []*Env {
	var out []*Env
	seen := map[string]bool{}
	for i := 0; e != nil && i < envWalk; i, e = i+1, e.prev {
		if !seen[e.Name] {
			seen[e.Name] = true
			out = append(out, e)
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// Map returns the settings in force by name.
func (e *Env) Map() map[string]string { return e.Nearest(envWalk) }

// Nearest is [Env.Map] of the nearest n settings.
func (e *Env) Nearest(n int) map[string]string {
	m := map[string]string{}
	for i := 0; e != nil && i < n && i < envWalk; i, e = i+1, e.prev {
		if _, ok := m[e.Name]; !ok {
			m[e.Name] = e.Value
		}
	}
	return m
}

// with returns the environment below a setting.
func (e *Env) with(name, value string, line int) *Env {
	return &Env{Name: name, Value: value, Line: line, prev: e}
}

// isSpace is C's isspace in the POSIX locale.
func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

// isBlank is what the daemons skip between fields.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// parseSetting reads NAME=VALUE as crontab(5) has it: quotes around either side,
// blanks around the equals sign, nothing expanded. line has no newline.
// emptyOK accepts NAME= without a value, noName accepts =VALUE.
//
// It follows the states of env.c (cronie 1.7.2, Debian 3.0pl1): a name ends at a
// blank or an equals sign, and only blanks may follow a closing quote.
func parseSetting(line string, emptyOK, noName bool) (name, value string, ok bool) {
	i := 0
	quoted := false
	if i < len(line) && (line[i] == '"' || line[i] == '\'') {
		end := strings.IndexByte(line[1:], line[0])
		if end < 0 {
			return "", "", false
		}
		name, i, quoted = line[1:1+end], end+2, true
		if strings.IndexByte(name, '=') >= 0 {
			return "", "", false
		}
	} else {
		for i < len(line) && line[i] != '=' && !isSpace(line[i]) {
			i++
		}
		name = line[:i]
	}
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	if i >= len(line) || line[i] != '=' || (name == "" && !quoted && !noName) {
		return "", "", false
	}
	i++
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	if i >= len(line) {
		return name, "", emptyOK
	}
	if q := line[i]; q == '"' || q == '\'' {
		end := strings.IndexByte(line[i+1:], q)
		if end < 0 {
			return "", "", false
		}
		rest := line[i+end+2:]
		for j := 0; j < len(rest); j++ {
			if !isSpace(rest[j]) {
				return "", "", false
			}
		}
		return name, line[i+1 : i+1+end], true
	}
	return name, trimRightSpace(line[i:]), true
}

func trimRightSpace(s string) string {
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func trimLeftBlank(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}
