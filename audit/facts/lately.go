package facts

import (
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
// order of passwd. since is the time of the first line that was read, zero where there
// is none: of a long log only the end is read. whole is false where not even that was.
func PasswordLogins(snap *snapshot.Snapshot, opt Options) (out []PasswordLogin, since time.Time, whole bool) {
	opt.Setups = nil
	b := newBuilder(snap, opt)
	b.work()
	data, lacks := b.whole(snapshot.OutSshdLog)
	last := map[string]PasswordLogin{}
	for _, e := range b.log(data) {
		if since.IsZero() {
			since = e.at.from
		}
		if !strings.HasPrefix(e.tag, "sshd[") && !strings.HasPrefix(e.tag, "sshd-session[") && e.tag != "sshd" {
			continue
		}
		user, from, ok := acceptedPassword(e.message)
		// A stranger chooses the name that he tries, but only an account is accepted.
		if !ok || b.byName[user] == nil || !e.at.from.After(last[user].Last) {
			continue
		}
		last[user] = PasswordLogin{user, from, e.at.from}
	}
	for i := range b.list {
		if l, ok := last[b.list[i].Name]; ok {
			out = append(out, l)
		}
	}
	return out, since, lacks == ""
}

// acceptedPassword reads "Accepted password for alice from 10.0.0.5 port 4022 ssh2"
// (auth.c, auth_log).
func acceptedPassword(message string) (user, from string, ok bool) {
	rest, password := strings.CutPrefix(message, "Accepted password for ")
	if !password {
		if rest, password = strings.CutPrefix(message, "Accepted keyboard-interactive/pam for "); !password {
			return "", "", false
		}
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
