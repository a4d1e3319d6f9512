package sshd

import (
	"fmt"
	"strings"
)

// Describe is the fault for people: where it stands, in sshd's words what is
// wrong, whether sshd would not start, and the way out. Its words are foreign:
// a configuration writes parts of them.
func (f Fault) Describe() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Pos.IsValid() {
		fmt.Fprintf(&b, ":%d", f.Pos.Line)
	}
	b.WriteString(": ")
	if f.Keyword != "" && !strings.Contains(strings.ToLower(f.Message), strings.ToLower(f.Keyword)) {
		b.WriteString(f.Keyword + ": ")
	}
	b.WriteString(strings.TrimSuffix(f.Message, "."))
	if f.Refuses {
		b.WriteString("; sshd does not start")
	}
	if f.Hint != "" {
		b.WriteString("\n  " + f.Hint)
	}
	return b.String()
}

// Refusals are the faults for which sshd does not start. It stops at some of
// them, so mending one may show the next.
func (c *Config) Refusals() []Fault {
	var out []Fault
	for _, f := range c.Faults {
		if f.Refuses {
			out = append(out, f)
		}
	}
	return out
}

// LogLine is the fault as sshd writes it to stderr, before what [LogForm] does.
// Some messages come without a place.
func (f Fault) LogLine() string {
	switch {
	case f.again:
		return fmt.Sprintf("reprocess config line %d: %s", f.Pos.Line, f.Message)
	case strings.HasPrefix(f.Message, "Bad configuration option: "):
		return fmt.Sprintf("%s: line %d: %s", f.File, f.Pos.Line, f.Message)
	case !f.Pos.IsValid() || placeless(f.Message) || f.Keyword == "Match" && !strings.Contains(f.Message, "argument") && f.Message != "invalid quotes",
		strings.HasPrefix(f.Message, "Invalid Match "):
		return f.Message
	}
	return fmt.Sprintf("%s line %d: %s", f.File, f.Pos.Line, f.Message)
}

// placeless are messages that sshd gives without file and line, since it finds
// them when all files are read or deep in a list.
func placeless(msg string) bool {
	for _, start := range []string{"assemble_algorithms: ", "AuthenticationMethods cannot ", "AuthorizedKeysCommand set ", "AuthorizedPrincipalsCommand set ",
		"bad addr or host: ", "empty authentication method list", "Too many recursive configuration includes"} {
		if strings.HasPrefix(msg, start) {
			return true
		}
	}
	return strings.HasSuffix(msg, ": No such file or directory")
}
