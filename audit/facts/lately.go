package facts

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// PasswordLogin is the last login of an account by a password that the log tells of.
type PasswordLogin struct {
	User string
	From string // address
	Last time.Time
}

// PasswordLogins names the accounts that logged in with a password lately, in the
// order of passwd. since is from when on that was looked at without a hole, zero where
// it is not known: logs are put away and thrown away. whole is false where what was
// looked at was not brought to its end.
func PasswordLogins(snap *snapshot.Snapshot, opt Options) (out []PasswordLogin, since time.Time, whole bool) {
	opt.Setups = nil
	b := newBuilder(snap, opt)
	b.work()
	last := map[string]PasswordLogin{}
	see := func(e *entry) {
		if !strings.HasPrefix(e.tag, "sshd[") && !strings.HasPrefix(e.tag, "sshd-session[") && e.tag != "sshd" && e.tag != "sshd-session" {
			return
		}
		user, from, ok := acceptedPassword(e.message)
		// A stranger chooses the name that he tries, but only an account is accepted.
		if ok && b.byName[user] != nil && e.at.from.After(last[user].Last) {
			last[user] = PasswordLogin{user, from, e.at.from}
		}
	}
	data, lacks := b.whole(snapshot.OutSshdLog)
	for _, e := range b.log(data) {
		if since.IsZero() {
			since = e.at.from
		}
		see(&e)
	}
	if snap.Output(snapshot.OutPasswordLog) != nil {
		data, lacks = b.whole(snapshot.OutPasswordLog)
		files, journal := b.searched(data, 'f'), b.searched(data, 'j')
		for _, s := range []searched{files, journal} {
			for i := range s.logins {
				see(&s.logins[i])
			}
		}
		switch since = journal.from; {
		case since.IsZero():
			since = files.from
		case !files.from.IsZero() && !files.to.Before(since):
			since = earlier(since, files.from)
		}
		if !bytes.HasSuffix(data, []byte("\n.\n")) && string(data) != ".\n" {
			lacks = "it was cut"
		}
	}
	for i := range b.list {
		if l, ok := last[b.list[i].Name]; ok {
			out = append(out, l)
		}
	}
	return out, since, lacks == ""
}

// searched is what one source of OutPasswordLog tells: the logins, and between which
// times it was read.
type searched struct {
	logins   []entry
	from, to time.Time
}

func (b *builder) searched(data []byte, source byte) (s searched) {
	var kinds []byte
	var all []string
	lines(data, func(line string) {
		if len(line) > 3 && line[0] == source && line[2] == ' ' {
			kinds, all = append(kinds, line[1]), append(all, line[3:])
		}
	})
	for i, e := range b.entries(all) {
		if e.at.from.IsZero() {
			if kinds[i] == '<' { // from when on it was read is not known
				s.from = time.Time{}
			}
			continue
		}
		switch kinds[i] {
		case '<':
			s.from = e.at.to // no more than is certain
			if e.at.to.Sub(e.at.from) <= time.Second {
				s.from = e.at.from
			}
		case '>':
			s.to = e.at.to
		case '=':
			s.logins = append(s.logins, e)
		}
	}
	return s
}

// acceptedPassword reads "Accepted password for alice from 10.0.0.5 port 4022 ssh2"
// (auth.c, auth_log).
func acceptedPassword(message string) (user, from string, ok bool) {
	rest, password := strings.CutPrefix(message, "Accepted password for ")
	if !password {
		method, after, found := strings.Cut(message, " for ")
		if !found || method != "Accepted keyboard-interactive" && !strings.HasPrefix(method, "Accepted keyboard-interactive/") || strings.Count(method, " ") != 1 {
			return "", "", false
		}
		rest = after
	}
	i := strings.LastIndex(rest, " from ")
	if i <= 0 {
		return "", "", false
	}
	w := strings.Fields(rest[i+len(" from "):])
	if len(w) < 3 || w[1] != "port" {
		return "", "", false
	}
	if _, err := strconv.ParseUint(w[2], 10, 16); err != nil {
		return "", "", false
	}
	return rest[:i], w[0], true
}
