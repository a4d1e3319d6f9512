package facts

import (
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// LogLine is one line of a host's log with its time. Whoever tries to log in, or has
// a job, chooses some of the words of its message.
type LogLine struct {
	At      time.Time // UTC; where the log has no zone or whole seconds alone, the earliest that it can be
	Tag     string    // sshd[700]
	Message string
}

// LogLines reads a log of the host that snap is of, oldest first as it came; times
// without a year or zone are placed by the host's clock and zone.
func LogLines(snap *snapshot.Snapshot, data []byte) []LogLine {
	b := newBuilder(snap, Options{})
	var out []LogLine
	for _, e := range b.log(data) {
		out = append(out, LogLine{e.at.from, e.tag, e.message})
	}
	return out
}

// LoggedLogin is an accepted login that sshd logged.
type LoggedLogin struct {
	User, From, Method string // Method as sshd names it: password, publickey, keyboard-interactive/pam
	At                 time.Time
}

// Accepted reads "Accepted METHOD for USER from ADDRESS port N ssh2" (auth.c,
// auth_log) out of a line of sshd's.
func Accepted(l LogLine) (LoggedLogin, bool) {
	if !strings.HasPrefix(l.Tag, "sshd[") && !strings.HasPrefix(l.Tag, "sshd-session[") && l.Tag != "sshd" {
		return LoggedLogin{}, false
	}
	rest, ok := strings.CutPrefix(l.Message, "Accepted ")
	if !ok {
		return LoggedLogin{}, false
	}
	method, rest, ok := strings.Cut(rest, " for ")
	i := strings.LastIndex(rest, " from ")
	if !ok || i <= 0 || strings.ContainsAny(method, " \t") {
		return LoggedLogin{}, false
	}
	w := strings.Fields(rest[i+len(" from "):])
	if len(w) < 3 || w[1] != "port" {
		return LoggedLogin{}, false
	}
	return LoggedLogin{User: rest[:i], From: w[0], Method: method, At: l.At}, true
}

// Started reads the start of a job out of a line of a scheduler's.
func Started(l LogLine) (user, command string, ok bool) {
	return compare.LoggedRun(l.Tag, l.Message)
}
