package account

import (
	"errors"
	"io/fs"
	"strings"
)

// The modules that go by a list in a file. What they say follows from the file
// and the account; where it follows from the hour or the place, that is unknown.

// PAM's files, where a line names no other.
const (
	shellsFile   = "/etc/shells"
	sepermitFile = "/etc/security/sepermit.conf"
	timeFile     = "/etc/security/time.conf"
)

// maxListLines bounds the lines of a list that are looked at.
const maxListLines = 20000

// listFile is a file that a module goes by.
type listFile struct {
	lines   []string
	missing bool
	why     string // why it is not known; "" it is
}

// list reads such a file once.
func (s *Stack) list(path string) *listFile {
	if l := s.lists[path]; l != nil {
		return l
	}
	l := &listFile{}
	if s.lists == nil {
		s.lists = map[string]*listFile{}
	}
	s.lists[path] = l
	if s.read == nil || len(s.lists) > maxPAMReads {
		l.why = "was not read"
		return l
	}
	data, err := s.read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.missing = true
	case err != nil:
		l.why = "could not be read: " + err.Error()
	default:
		lines(data, func(_ int, line string) {
			if len(l.lines) < maxListLines {
				l.lines = append(l.lines, line)
			} else {
				l.why = "has too many lines"
			}
		})
	}
	return l
}

// unknownList says that a module's file is not known.
func (e *Entry) unknownList(path, why string) said {
	return said{out: success | failure | ignore, why: "PAM: " + e.Module + ": " + path + " " + why, settle: "look again with the rights to read " + path}
}

// value is the text of the last argument of that name.
func (e *Entry) value(name, standard string) string {
	for _, a := range e.Args {
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			standard = v
		}
	}
	return standard
}

// shells is pam_shells(8): the account's shell stands in /etc/shells.
func (s *Stack) shells(e *Entry, a *Account) said {
	l := s.list(shellsFile)
	switch {
	case l.why != "":
		return e.unknownList(shellsFile, l.why)
	case l.missing: // some builds fall back to a vendor's file
		return e.unknownList(shellsFile, "is not there, and whether the module has another is not known")
	}
	shell := a.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	for _, line := range l.lines {
		if line == shell {
			return said{out: success}
		}
	}
	return said{out: failure, no: "the shell " + shell + " is not in " + shellsFile}
}

// sepermit is pam_sepermit(8): whom its file names may log in only while SELinux
// enforces; it says nothing of others.
func (s *Stack) sepermit(e *Entry, q *Question) said {
	path := e.value("conf", sepermitFile)
	l := s.list(path)
	switch {
	case l.why != "":
		return e.unknownList(path, l.why)
	case l.missing:
		return said{out: ignore}
	}
	doubt := ""
	for _, line := range l.lines {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "" {
			continue
		}
		in := Unsure
		switch name[0] {
		case '@':
			in = q.In(name[1:])
		case '%':
			doubt = "PAM: pam_sepermit: the SELinux user of " + q.Account.Name + " is not known"
		default:
			in = when3(name == q.Account.Name)
		}
		switch {
		case in == Yes:
			// Debian's 1.5.2 without SELinux ignores a name that it finds.
			return said{out: success | failure | ignore, why: "PAM: pam_sepermit: " + path + " names " + q.Account.Name + ", and whether SELinux enforces is not known",
				settle: "on the host run getenforce: with Enforcing it lets in, else not"}
		case in == Unsure && doubt == "":
			doubt = q.groupsDoubt(e.Module, name[1:])
		}
	}
	if doubt != "" {
		return said{out: success | failure | ignore, why: doubt, settle: "on the host run id -Gn and semanage login -l"}
	}
	return said{out: ignore}
}

// listfile is pam_listfile(8), as 1.5.2 answers.
func (s *Stack) listfile(e *Entry, q *Question) said {
	onerr := failure
	if e.value("onerr", "fail") == "succeed" {
		onerr = success
	}
	item, path, sense := e.value("item", ""), e.value("file", ""), e.value("sense", "")
	if path == "" || sense != "allow" && sense != "deny" {
		return said{out: onerr}
	}
	a := q.Account
	var fits func(line string) Verdict
	switch item {
	case "user":
		fits = func(line string) Verdict { return when3(line == a.Name) }
	case "shell":
		shell := a.Shell
		fits = func(line string) Verdict { return when3(line == shell) }
	case "group":
		fits = q.In
	case "tty": // what sshd calls it (auth-pam.c, sshpam_init)
		fits = func(line string) Verdict { return when3(strings.TrimPrefix(line, "/dev/") == "ssh") }
	case "rhost", "ruser":
		return said{out: success | failure, why: "PAM: pam_listfile: who may come from where by " + path + " is not evaluated", settle: "read " + path}
	default:
		return said{out: onerr}
	}
	if apply := e.value("apply", ""); apply != "" && item == "tty" { // with the others it means nothing
		applies := when3(apply == a.Name)
		if g, ok := strings.CutPrefix(apply, "@"); ok {
			applies = q.In(g)
		}
		switch applies {
		case No:
			return said{out: ignore}
		case Unsure:
			return said{out: success | failure | ignore, why: q.groupsDoubt(e.Module, apply)}
		}
	}
	l := s.list(path)
	switch {
	case l.why != "":
		return e.unknownList(path, l.why)
	case l.missing:
		return said{out: onerr, no: path + " is not there"}
	}
	found := No
	for _, line := range l.lines {
		if line == "" {
			continue
		}
		if found = found.Or(fits(line)); found == Yes {
			break
		}
	}
	switch {
	case found == Unsure:
		return said{out: success | failure, why: q.groupsDoubt(e.Module, "one in "+path)}
	case (found == Yes) == (sense == "allow"):
		return said{out: success}
	case found == Yes:
		return said{out: failure, no: path + " names it"}
	}
	return said{out: failure, no: path + " does not name it"}
}

// times is pam_time(8): a rule that fits the service, the terminal and the account
// says when it may log in.
func (s *Stack) times(e *Entry, q *Question) said {
	path := e.value("conffile", timeFile)
	l := s.list(path)
	switch {
	case l.why != "":
		return e.unknownList(path, l.why)
	case l.missing:
		return e.unknownList(path, "is not there, and whether the module has another is not known")
	}
	next, doubt := "", ""
	for _, line := range l.lines {
		line, _, _ = strings.Cut(line, "#")
		line = next + strings.TrimRight(line, " \t\r")
		if next = ""; strings.HasSuffix(line, `\`) && len(line) < 1<<16 {
			next = line[:len(line)-1] + " "
			continue
		}
		f := strings.Split(line, ";")
		if len(f) < 4 {
			continue // a rule that is cut short is left out with a word in the log
		}
		fits := logic(f[0], s.Service).And(logic(f[1], "ssh")).And(logic(f[2], q.Account.Name))
		if fits == No {
			continue
		}
		switch always := strings.TrimSpace(f[3]); {
		case always == "Al0000-2400":
		case always == "!Al0000-2400" && fits == Yes:
			return said{out: failure, no: path + " lets it in at no time"}
		case doubt == "":
			doubt = "PAM: pam_time: " + path + " lets " + q.Account.Name + " in at some times: " + always
		}
	}
	if doubt != "" {
		return said{out: success | failure, why: doubt, settle: "look at the times in " + path}
	}
	return said{out: success}
}

// logic evaluates a list of pam_time and pam_group from left to right: names with
// at most one "*" each, joined by & and |, "!" in front of what must not fit
// (time.conf(5)).
func logic(list, text string) Verdict {
	value, and := No, false
	rest := strings.TrimSpace(list)
	if rest == "" {
		return Unsure
	}
	for rest != "" {
		i := strings.IndexAny(rest, "&|")
		word := rest
		next := false
		if i >= 0 {
			word, next = rest[:i], rest[i] == '&'
			rest = rest[i+1:]
		} else {
			rest = ""
		}
		word = strings.TrimSpace(word)
		not := strings.HasPrefix(word, "!")
		word = strings.TrimSpace(strings.TrimPrefix(word, "!"))
		fits := No
		switch before, behind, star := strings.Cut(word, "*"); {
		case word == "" || strings.HasPrefix(word, "@") || strings.Contains(behind, "*"):
			fits = Unsure // a netgroup
		case star:
			fits = when3(len(text) >= len(before)+len(behind) && strings.HasPrefix(text, before) && strings.HasSuffix(text, behind))
		default:
			fits = when3(word == text)
		}
		if not && fits != Unsure {
			fits = Yes + No - fits
		}
		if and {
			value = value.And(fits)
		} else {
			value = value.Or(fits)
		}
		and = next
	}
	return value
}

// when3 is a verdict that is known.
func when3(ok bool) Verdict {
	if ok {
		return Yes
	}
	return No
}
