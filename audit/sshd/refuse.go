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
