package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/sshd"
)

// raw leaves a line as sshd -T prints it where a terminal can do no harm with it:
// printable ASCII and tabs. Any other goes through the report's door.
func raw(line string) string {
	for i := 0; i < len(line); i++ {
		if c := line[i]; (c < ' ' || c > '~') && c != '\t' {
			return report.Inline(line)
		}
	}
	return line
}

// writeText prints in the form of sshd -T, with --origin comments below each value.
func (q *configQuery) writeText(set *sshd.Settings) error {
	if !q.origin {
		for line := range strings.Lines(string(set.Text())) {
			if _, err := fmt.Fprintln(q.s.out, raw(strings.TrimSuffix(line, "\n"))); err != nil {
				return err
			}
		}
		return nil
	}
	for _, d := range set.Dump() {
		if d.Unknown != "" {
			if _, err := fmt.Fprintf(q.s.out, "# %s is not known: %s\n", d.Printed, report.Inline(d.Unknown)); err != nil {
				return err
			}
		}
		for _, l := range d.Lines {
			if _, err := fmt.Fprintln(q.s.out, raw(d.Printed+" "+l)); err != nil {
				return err
			}
		}
		writeTrace(q.s.out, set.Trace(d.Keyword))
	}
	return nil
}

// writeTrace prints where a value comes from, as comments.
func writeTrace(w io.Writer, t sshd.Trace) {
	v := t.Value
	if v.Origin.Kind == sshd.FromDefault {
		fmt.Fprintf(w, "#   %s\n", report.Inline(t.Why))
	} else {
		fmt.Fprintf(w, "#   %s: %s\n", place(v.Origin), report.Inline(t.Why))
		for _, o := range v.More {
			fmt.Fprintf(w, "#   and %s\n", place(o))
		}
	}
	for _, sh := range t.Shadowed {
		fmt.Fprintf(w, "#   not %s: %s\n", place(sh.Origin), report.Inline(sh.Why))
	}
	for _, sh := range t.Elsewhere {
		fmt.Fprintf(w, "#   not %s: %s\n", place(sh.Origin), report.Inline(sh.Why))
	}
	if v.Origin.Kind != sshd.FromDefault && t.Default != nil && len(strings.Join(t.Default, " ")) < 60 {
		fmt.Fprintf(w, "#   not the default, %s\n", report.Inline(strings.Join(t.Default, " ")))
	}
}

// place is a line with its text.
func place(o sshd.Origin) string {
	text := strings.TrimSpace(o.Text)
	if o.Kind == sshd.FromCommandLine {
		return report.Inline("command line " + text)
	}
	return report.Place(o.File, o.Pos.Line) + " " + report.Quote(text)
}

// configJSON is the JSON of postern config.
type configJSON struct {
	Schema   int             `json:"schema"`
	Host     string          `json:"host"`
	File     string          `json:"file"`
	OpenSSH  string          `json:"openssh"`
	Distro   string          `json:"distro"`
	Refused  *faultJSON      `json:"refused,omitempty"`
	Settings []settingJSON   `json:"settings"`
	Gaps     []configGapJSON `json:"gaps"`
}

type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Keyword string `json:"keyword"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

type configGapJSON struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

type settingJSON struct {
	Keyword   string       `json:"keyword"`
	Lines     []string     `json:"lines"`
	Unknown   string       `json:"unknown,omitempty"`
	Why       string       `json:"why"`
	Default   []string     `json:"default"`
	Origins   []originJSON `json:"origins"`
	Shadowed  []originJSON `json:"shadowed"`
	Elsewhere []originJSON `json:"elsewhere"`
}

type originJSON struct {
	From  string `json:"from"` // file, command-line
	File  string `json:"file"`
	Line  int    `json:"line"`
	Text  string `json:"text"`
	Match string `json:"match,omitempty"`
	Why   string `json:"why,omitempty"`
}

// writeConfigJSON writes everything at once: origins are always there.
func writeConfigJSON(w io.Writer, host string, sc *facts.ServerConfig, set *sshd.Settings, fault *sshd.Fault) error {
	out := configJSON{Schema: 1, Host: host, File: sc.Main, OpenSSH: sc.Options.Version.String(), Distro: sc.Options.Distro,
		Settings: []settingJSON{}, Gaps: []configGapJSON{}}
	for _, g := range sc.Config.Gaps {
		out.Gaps = append(out.Gaps, configGapJSON{g.Path, g.Reason})
	}
	if fault != nil {
		out.Refused = &faultJSON{fault.File, fault.Pos.Line, fault.Keyword, fault.Message, fault.Hint}
	} else {
		for _, d := range set.Dump() {
			t := set.Trace(d.Keyword)
			s := settingJSON{Keyword: d.Keyword, Lines: []string{}, Unknown: d.Unknown, Why: t.Why, Default: []string{}}
			s.Lines = append(s.Lines, d.Lines...)
			s.Default = append(s.Default, t.Default...)
			s.Origins, s.Shadowed, s.Elsewhere = []originJSON{}, []originJSON{}, []originJSON{}
			if t.Value.Origin.Kind != sshd.FromDefault {
				s.Origins = append(s.Origins, jsonOrigin(t.Value.Origin, ""))
			}
			for _, o := range t.Value.More {
				s.Origins = append(s.Origins, jsonOrigin(o, ""))
			}
			for _, sh := range t.Shadowed {
				s.Shadowed = append(s.Shadowed, jsonOrigin(sh.Origin, sh.Why))
			}
			for _, sh := range t.Elsewhere {
				s.Elsewhere = append(s.Elsewhere, jsonOrigin(sh.Origin, sh.Why))
			}
			out.Settings = append(out.Settings, s)
		}
	}
	facts.MapStrings(&out, report.Inline)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func jsonOrigin(o sshd.Origin, why string) originJSON {
	from := "file"
	if o.Kind == sshd.FromCommandLine {
		from = "command-line"
	}
	return originJSON{From: from, File: o.File, Line: o.Pos.Line, Text: strings.TrimSpace(o.Text), Match: o.Match, Why: why}
}

// printDifferences lists where a daemon does otherwise than its -T says.
func printDifferences(s streams) error {
	width := s.width(s.out)
	for i, d := range sshd.Differences {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		fmt.Fprintln(s.out, wrapped(d.Where, width, ""))
		fmt.Fprintln(s.out, "  "+wrapped("sshd -T and postern config: "+d.Test, width-2, "  "))
		fmt.Fprintln(s.out, "  "+wrapped("the daemon and postern access: "+d.Daemon, width-2, "  "))
		fmt.Fprintln(s.out, "  "+wrapped("seen on "+d.Seen, width-2, "  "))
	}
	return nil
}
