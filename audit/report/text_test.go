package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/postern-ssh/postern/audit"
)

// clones are hosts of which the shared host key is the fleet's matter.
func clones(tb testing.TB, h audit.Handler) {
	hosts := append(webs(12), hardened())
	run := fixtureRun(hosts...)
	f := fleetOf(hosts)
	f.Outcomes = append(f.Outcomes[:0], audit.FleetOutcome{Rule: "shared-host-key", Severity: "high", Verdict: "fail",
		Hosts: []string{"web03", "web07"}, Message: "2 hosts show the same ssh-ed25519 host key SHA256:47DEQpj8HBSa", Fingerprint: "1:02"})
	f.Summary.Expired = 1
	if err := h.Begin(run); err != nil {
		tb.Fatal(err)
	}
	for _, x := range hosts {
		if err := h.Host(x); err != nil {
			tb.Fatal(err)
		}
	}
	if err := h.End(run, f); err != nil {
		tb.Fatal(err)
	}
}

func TestTextGolden(t *testing.T) {
	mask := func(s string) string { return strings.ReplaceAll(s, "198.51.100.7", "***") }
	for _, c := range []struct {
		name  string
		text  Text
		hosts []*audit.Host
	}{
		{"demo.80.text", Text{Width: 80}, demo()},
		{"demo.0.text", Text{Width: 0}, demo()},
		{"demo.40.text", Text{Width: 40}, demo()},
		{"demo.80.color.text", Text{Width: 80, Color: true}, demo()},
		{"demo.80.verbose.text", Text{Width: 80, Verbose: true, Mask: mask}, demo()},
		{"refused.80.text", Text{Width: 80}, []*audit.Host{hardened(), refused(), dead()}},
		{"one.80.text", Text{Width: 80}, []*audit.Host{hardened()}},
		{"empty.80.text", Text{Width: 80}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			c.text.W = &out
			show(t, &c.text, c.hosts...)
			golden(t, c.name, out.Bytes())
			checkText(t, out.String(), c.text.Width, c.text.Color)
		})
	}
	t.Run("clones.80.text", func(t *testing.T) {
		var out bytes.Buffer
		clones(t, &Text{W: &out, Width: 80})
		golden(t, "clones.80.text", out.Bytes())
		checkText(t, out.String(), 80, false)
	})
}

// checkText holds what is promised of every text: printable ASCII (and colours
// where asked for), no line beyond the width, no blanks at a line's end.
func checkText(t *testing.T, s string, width int, colour bool) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		plain := line
		if colour {
			plain = ansi.Strip(line)
		}
		for _, c := range []byte(plain) {
			if c < 0x20 || c > 0x7e {
				t.Errorf("line %d holds the byte %#x: %q", i+1, c, line)
			}
		}
		if width > 0 && ansi.StringWidth(line) > width {
			t.Errorf("line %d has %d columns: %s", i+1, ansi.StringWidth(line), plain)
		}
		if strings.TrimRight(plain, " ") != plain {
			t.Errorf("line %d ends in blanks: %q", i+1, plain)
		}
	}
}

// A reason that fills a screen is cut at a word; -v has all of it.
func TestBriefReasons(t *testing.T) {
	long := strings.Repeat("word ", 100) + "end"
	short := &page{}
	if got := short.brief(long); len(got) > briefReason+20 || !strings.HasPrefix(long, strings.TrimSuffix(got, " ... (more with -v)")) || got == long {
		t.Errorf("%q", got)
	}
	for name, p := range map[string]struct {
		p    *page
		text string
	}{"verbose": {&page{verbose: true}, long}, "short": {short, "a word"}, "one word": {short, strings.Repeat("x", 400)}} {
		if got := p.p.brief(p.text); got != p.text {
			t.Errorf("%s: %q", name, got)
		}
	}
}
