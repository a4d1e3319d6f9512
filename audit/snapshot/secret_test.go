package snapshot

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The hand-written search finds what these expressions find, which say it shortly.
var (
	secretExpr = regexp.MustCompile(`PRIVATE KEY-----|PuTTY-User-Key-File|postern-withheld|(?m:^[^:\n]*:[$][0-9a-z]{1,32}[$])`)
	lineExpr   = regexp.MustCompile(`PRIVATE KEY-----|:[!*]*[$][0-9a-z]{1,32}[$]`)
)

func TestSecrets(t *testing.T) {
	cases := map[string]bool{
		"":                                    false,
		"root:$6$salt$hash:1:":                true,
		"a\nroot:$y$j9T$x\n":                  true,
		":$1$":                                true,
		"a:b:$6$x":                            false,
		"a:$$x":                               false,
		"a:$HOME$x":                           false,
		"PATH=/bin:$HOME/bin":                 false,
		"x -----BEGIN RSA PRIVATE KEY-----":   true,
		"PuTTY-User-Key-File-3: ssh-ed25519":  true,
		"a:$" + strings.Repeat("a", 40) + "$": false,
	}
	for in, want := range cases {
		if got := holdsSecret([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
	alphabet := rapid.StringOfN(rapid.SampledFrom([]rune(":$!*ab6\n\" ")), 0, 30, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := alphabet.Draw(t, "text")
		if got, want := holdsSecret([]byte(s)), secretExpr.MatchString(s); got != want {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
		line := strings.ReplaceAll(s, "\n", "")
		if got, want := lineHolds([]byte(line)), lineExpr.MatchString(line); got != want {
			t.Fatalf("line %q: %v, want %v", line, got, want)
		}
	})
}
