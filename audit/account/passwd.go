package account

import (
	"bytes"
	"strconv"
	"strings"
)

// State is what the password field of an account is. The zero State is unknown.
type State uint8

// The states, as the collector names them.
const (
	Unknown    State = iota // shadow could not be read
	Empty                   // no password is asked for
	Locked                  // begins with "!" and holds no hash: "!", "!!", "!*"
	Star                    // "*": no password fits, but the account is not locked
	Hash                    // a password hash
	LockedHash              // a hash behind "!": passwd -l
	Invalid                 // text that no password hashes to
)

var stateNames = []string{"unknown", "empty", "locked", "star", "hash", "locked-hash", "invalid"}

// String is the collector's word for the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Never is the value of an age or date that is not set.
const Never = -1

// Account is one line of passwd with what shadow and group say about it.
type Account struct {
	Name     string
	UID, GID int64
	Home     string
	Shell    string // "" means /bin/sh (passwd(5))
	Line     int    // in passwd, from 1

	State     State
	Algorithm string // yescrypt, sha512, md5, des ...; "" none
	// Days since 1970-01-01 and days; Never where not set (shadow(5)).
	LastChange, Min, Max, Warn, Inactive, Expire int64

	Groups []string // names, primary first; filled by Join
}

// Group is one line of group.
type Group struct {
	Name    string
	GID     int64
	Members []string
	Line    int
}

// Shadow is one account's state without its hash.
type Shadow struct {
	Name                                         string
	State                                        State
	Algorithm                                    string
	LastChange, Min, Max, Warn, Inactive, Expire int64
	Line                                         int
}

// BadLine is a line that could not be read.
type BadLine struct {
	Line   int
	Text   string // at most 200 bytes
	Reason string
}

// maxBad bounds the bad lines that are kept of one file.
const maxBad = 1000

type badLines []BadLine

func (b *badLines) add(n int, text, reason string) {
	if len(*b) >= maxBad {
		return
	}
	*b = append(*b, BadLine{n, text[:min(len(text), 200)], reason})
}

// lines calls f for each line without its end, numbered from 1.
func lines(data []byte, f func(n int, line string)) {
	n := 0
	for l := range bytes.Lines(data) {
		n++
		f(n, strings.TrimSuffix(string(l), "\n"))
	}
}

// ParsePasswd reads passwd(5). Lines of the NIS form ("+", "-name") are bad
// lines: they bring accounts that this file does not hold.
func ParsePasswd(data []byte) ([]Account, []BadLine) {
	var out []Account
	var bad badLines
	lines(data, func(n int, line string) {
		if line == "" || line[0] == '#' {
			return
		}
		if line[0] == '+' || line[0] == '-' {
			bad.add(n, line, "NIS entry: names accounts that are not in this file")
			return
		}
		f := strings.Split(line, ":")
		if len(f) != 7 {
			bad.add(n, line, "not seven fields")
			return
		}
		a := Account{Name: f[0], Home: f[5], Shell: f[6], Line: n,
			LastChange: Never, Min: Never, Max: Never, Warn: Never, Inactive: Never, Expire: Never}
		var ok1, ok2 bool
		a.UID, ok1 = id(f[2])
		a.GID, ok2 = id(f[3])
		switch {
		case a.Name == "":
			bad.add(n, line, "no name")
			return
		case !ok1 || !ok2:
			bad.add(n, line, "uid or gid is not a number")
			return
		}
		a.State = fieldState(f[1])
		out = append(out, a)
	})
	return out, bad
}

// fieldState is the state of passwd's second field as far as it decides alone.
// "x" leaves it to shadow. The collector puts "x" in place of a hash as well and
// brings its state among those of shadow.
func fieldState(f string) State {
	switch {
	case f == "":
		return Empty
	case f[0] == '!':
		return Locked
	case f[0] == '*':
		return Star
	}
	return Unknown
}

func id(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int64(n), err == nil
}

// ParseGroup reads group(5).
func ParseGroup(data []byte) ([]Group, []BadLine) {
	var out []Group
	var bad badLines
	lines(data, func(n int, line string) {
		if line == "" || line[0] == '#' {
			return
		}
		if line[0] == '+' || line[0] == '-' {
			bad.add(n, line, "NIS entry: names groups that are not in this file")
			return
		}
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			bad.add(n, line, "not four fields")
			return
		}
		gid, ok := id(f[2])
		if !ok {
			bad.add(n, line, "gid is not a number")
			return
		}
		g := Group{Name: f[0], GID: gid, Line: n}
		for m := range strings.SplitSeq(f[3], ",") {
			if m = strings.Trim(m, " \t"); m != "" {
				g.Members = append(g.Members, m)
			}
		}
		out = append(out, g)
	})
	return out, bad
}

// ParseShadow reads the states that the collector made of shadow(5):
// name:state:algorithm:lastchg:min:max:warn:inactive:expire. Of two lines of one
// name the second is passwd's own second field and sets the state only.
func ParseShadow(data []byte) ([]Shadow, []BadLine) {
	out := []Shadow{} // never nil: nil means that shadow was not read
	var bad badLines
	lines(data, func(n int, line string) {
		if line == "" {
			return
		}
		f := strings.Split(line, ":")
		if len(f) != 9 || f[0] == "" {
			bad.add(n, line, "not nine fields")
			return
		}
		s := Shadow{Name: f[0], Algorithm: f[2], Line: n}
		for i, name := range stateNames {
			if f[1] == name {
				s.State = State(i)
			}
		}
		if s.State == Unknown {
			bad.add(n, line, "no such state")
			return
		}
		for i, p := range []*int64{&s.LastChange, &s.Min, &s.Max, &s.Warn, &s.Inactive, &s.Expire} {
			*p = Never
			if v, err := strconv.ParseInt(strings.TrimSpace(f[3+i]), 10, 64); err == nil && v >= 0 {
				*p = v
			}
		}
		out = append(out, s)
	})
	return out, bad
}

// Join fills the accounts with their groups and, where shadow is not nil, their
// password states. Accounts without a line in shadow keep what passwd says; an
// "x" without a line is Invalid: no password fits.
func Join(accounts []Account, groups []Group, shadow []Shadow) {
	byGID := make(map[int64]string, len(groups))
	member := make(map[string][]string)
	for i := range groups {
		g := &groups[i]
		if _, have := byGID[g.GID]; !have {
			byGID[g.GID] = g.Name
		}
		for _, m := range g.Members {
			member[m] = append(member[m], g.Name)
		}
	}
	state := make(map[string]Shadow, len(shadow))
	for _, s := range shadow {
		if first, have := state[s.Name]; have {
			first.State, first.Algorithm = s.State, s.Algorithm
			s = first
		}
		state[s.Name] = s
	}
	for i := range accounts {
		a := &accounts[i]
		a.Groups = nil
		if p, ok := byGID[a.GID]; ok {
			a.Groups = append(a.Groups, p)
		}
		for _, g := range member[a.Name] {
			if len(a.Groups) == 0 || g != a.Groups[0] {
				a.Groups = append(a.Groups, g)
			}
		}
		if shadow == nil {
			continue
		}
		s, have := state[a.Name]
		switch {
		case have:
			if a.State == Unknown {
				a.State, a.Algorithm = s.State, s.Algorithm
			}
			a.LastChange, a.Min, a.Max, a.Warn, a.Inactive, a.Expire = s.LastChange, s.Min, s.Max, s.Warn, s.Inactive, s.Expire
		case a.State == Unknown:
			a.State = Invalid
		}
	}
}

// LoginShell reports whether a shell gives a session: not nologin, false or the
// like. Authentication succeeds with those as well (sshd asks only that the file
// is there and executable).
func LoginShell(shell string) bool {
	base := shell[strings.LastIndexByte(shell, '/')+1:]
	switch base {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "git-shell", "rssh", "scponly", "sleep":
		return false
	}
	return true
}
