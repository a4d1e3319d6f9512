package snapshot

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The hand-written search finds what these expressions find, which say it shortly.
var (
	passwordExpr = `:[!*]*(?:[$][0-9a-z]{1,32}[$]|[./0-9A-Za-z]{13}:[0-9]*:[0-9]*:)`
	secretExpr   = regexp.MustCompile(`PRIVATE KEY( BLOCK)?-----|PRIVATE KEY ----|PuTTY-User-Key-File|postern-withheld|(?m:^[^:\n]*` + passwordExpr + `)`)
	lineExpr     = regexp.MustCompile(`PRIVATE KEY( BLOCK)?-----|PRIVATE KEY ----|` + passwordExpr)
)

func TestSecrets(t *testing.T) {
	cases := map[string]bool{
		"":                                           false,
		"root:$6$salt$hash:1:":                       true,
		"a\nroot:$y$j9T$x\n":                         true,
		":$1$":                                       true,
		"bob:!$6$salt$hash:1:":                       true,
		"bob:!*!$y$j9T$x":                            true,
		"old:ab01FAX.bQRSU:12000:0:99999:7:::":       true,
		"old:!ab01FAX.bQRSU:12000::":                 true,
		"old:ab01FAX.bQRSU:1000:1000:Old One:":       true,
		"a:ab01FAX.bQRSU":                            false,
		"a:ab01FAX.bQRS:1:2:":                        false,
		"a:ab01FAX-bQRSU:1:2:":                       false,
		"a:b:$6$x":                                   false,
		"a:$$x":                                      false,
		"a:$HOME$x":                                  false,
		"PATH=/bin:$HOME/bin":                        false,
		"x -----BEGIN RSA PRIVATE KEY-----":          true,
		"PuTTY-User-Key-File-3: ssh-ed25519":         true,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":      true,
		"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----": true,
		"a PRIVATE KEY -- of somebody":               false,
		"-----BEGIN PGP PUBLIC KEY BLOCK-----":       false,
		"a:$" + strings.Repeat("a", 40) + "$":        false,
	}
	for in, want := range cases {
		if got := holdsSecret([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
	alphabet := rapid.StringOfN(rapid.SampledFrom([]rune(":$!*ab6\n\" ")), 0, 30, -1)
	old := rapid.StringMatching(`[a:]{0,2}:[!*]{0,2}[./09AZaz-]{12,14}:[0-9x]{0,2}:[0-9]{0,2}[:\n]`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(alphabet, old).Draw(t, "text")
		if got, want := holdsSecret([]byte(s)), secretExpr.MatchString(s); got != want {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
		line := strings.ReplaceAll(s, "\n", "")
		if got, want := lineHolds([]byte(line)), lineExpr.MatchString(line); got != want {
			t.Fatalf("line %q: %v, want %v", line, got, want)
		}
	})
}
