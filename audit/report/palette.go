package report

import (
	"github.com/fatih/color"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// palette colours words. It only repeats what the word says; without colour it
// gives the word back.
type palette struct {
	bold, dim, red, yellow, green, cyan *color.Color
}

// newPalette asks neither the environment nor the terminal, whatever the colour
// library would do by itself.
func newPalette(enabled bool) palette {
	mk := func(attributes ...color.Attribute) *color.Color {
		c := color.New(attributes...)
		if enabled {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c
	}
	return palette{
		bold: mk(color.Bold), dim: mk(color.Faint), red: mk(color.FgRed, color.Bold),
		yellow: mk(color.FgYellow), green: mk(color.FgGreen), cyan: mk(color.FgCyan),
	}
}

func (p palette) severity(s policies.Severity, word string) string {
	switch s {
	case policies.Critical, policies.High:
		return p.red.Sprint(word)
	case policies.Medium:
		return p.yellow.Sprint(word)
	case policies.Low:
		return p.cyan.Sprint(word)
	}
	return word
}

func (p palette) grade(g string) string {
	switch g {
	case "A", "B":
		return p.green.Sprint(g)
	case "C":
		return p.yellow.Sprint(g)
	}
	return p.red.Sprint(g)
}

func (p palette) state(s audit.State) string {
	switch s {
	case audit.Audited:
		return string(s)
	case audit.Partial:
		return p.yellow.Sprint(string(s))
	}
	return p.red.Sprint(string(s))
}
