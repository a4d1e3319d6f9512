package sshd

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		name string
		want Help // what is compared: fields that are not zero
	}{
		{"permitrootlogin", Help{Name: "PermitRootLogin", Life: []Span{{Text: "known"}}, Match: []Span{{Text: "allowed in a Match block"}},
			Repeat: []Span{{Text: "the first line counts"}}, Defaults: []Span{{Text: "prohibit-password"}}}},
		{"MaxStartups", Help{Name: "MaxStartups", Match: []Span{{Text: "not allowed in a Match block"}},
			Repeat: []Span{{Text: "the last line counts"}, {V(10, 1), "the first line counts"}}}},
		{"Subsystem", Help{Name: "Subsystem", Match: []Span{{Text: "not allowed in a Match block"}, {V(9, 5), "allowed in a Match block"}},
			Repeat: []Span{{Text: "a second line of the same name stops sshd"}, {V(9, 5), "the first line of each name counts"}}}},
		{"PerSourceMaxStartups", Help{Name: "PerSourceMaxStartups", Life: []Span{{V(8, 5), "known"}}, Defaults: []Span{{V(8, 5), "none"}}}},
		{"SkeyAuthentication", Help{Name: "SkeyAuthentication", Life: []Span{{Text: "another name for ChallengeResponseAuthentication"}, {V(7, 8), `ignored: "Deprecated option"`}, {V(8, 7), "another name for KbdInteractiveAuthentication"}}}},
		{"PAMAuthenticationViaKbdInt", Help{Name: "PAMAuthenticationViaKbdInt", Life: []Span{{Text: `ignored: "Deprecated option"`}, {V(10, 4), ""}}}},
		{"PubkeyAcceptedKeyTypes", Help{Name: "PubkeyAcceptedKeyTypes", Life: []Span{{V(6, 8), "known"}, {V(8, 5), "another name for PubkeyAcceptedAlgorithms"}}}},
		{"KbdInteractiveAuthentication", Help{Name: "KbdInteractiveAuthentication", Aliases: []string{"ChallengeResponseAuthentication", "SkeyAuthentication"}}},
		{"SetEnv", Help{Name: "SetEnv", Match: []Span{{V(7, 8), "allowed in a Match block, without effect there"}, {V(8, 5), "allowed in a Match block"}}}},
		{"PAMServiceName", Help{Name: "PAMServiceName", Life: []Span{{V(9, 8), "known"}}}},
		{"RSAMinSize", Help{Name: "RSAMinSize", Vendor: []string{"fedora", "rhel"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _, ok := Explain(tt.name)
			if !ok {
				t.Fatal("not known")
			}
			got := Help{Name: h.Name}
			if tt.want.Life != nil {
				got.Life = h.Life
			}
			if tt.want.Match != nil {
				got.Match = h.Match
			}
			if tt.want.Repeat != nil {
				got.Repeat = h.Repeat
			}
			if tt.want.Defaults != nil {
				got.Defaults = h.Defaults
			}
			if tt.want.Aliases != nil {
				got.Aliases = h.Aliases
			}
			if tt.want.Vendor != nil {
				got.Vendor = h.Vendor
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if _, meant, ok := Explain("PermitRootLogn"); ok || meant != "PermitRootLogin" {
		t.Errorf("PermitRootLogn: %v, meant %q", ok, meant)
	}
}

// Every keyword can be explained: what acts has a sentence, a form, a rule for
// repeated lines; what is said about it names only keywords and distributions
// that there are.
func TestExplainAll(t *testing.T) {
	names := Keywords()
	for _, n := range names {
		h, _, ok := Explain(n)
		if !ok || len(h.Life) == 0 {
			t.Errorf("%s: no life", n)
			continue
		}
		acts := slices.ContainsFunc(h.Life, func(s Span) bool { return s.Text == "known" })
		if acts && (h.About == "" || n != "RDomain" && n != "KerberosGetAFSToken" && h.Form == "") {
			t.Errorf("%s: about %q, form %q", n, h.About, h.Form)
		}
		if acts && n != "Match" && (len(h.Match) == 0 || n != "Include" && len(h.Repeat) == 0) {
			t.Errorf("%s: match %v, repeat %v", n, h.Match, h.Repeat)
		}
		for _, s := range slices.Concat(h.Life, h.Match, h.Repeat) {
			if strings.Contains(s.Text, "%!") {
				t.Errorf("%s: %q", n, s.Text)
			}
		}
	}
	for n := range about {
		if !slices.Contains(names, n) {
			t.Errorf("about %s, which the table lacks", n)
		}
	}
	for n := range runOn {
		if !slices.Contains(names, n) {
			t.Errorf("%s was run, and the table lacks it", n)
		}
	}
	for _, s := range shipped {
		if !slices.Contains(names, s.Keyword) || s.Source == "" || s.Where == "" || s.Value == "" {
			t.Errorf("shipped: %+v", s)
		}
		if s.patch != nil && strings.Contains(s.Distro, " ") {
			t.Errorf("%s: a patch is looked up by one distribution, not %q", s.Keyword, s.Distro)
		}
	}
	for _, r := range rows {
		for v := range strings.FieldsSeq(r.vendor) {
			if !slices.Contains([]string{"debian", "ubuntu", "fedora", "rhel"}, v) {
				t.Errorf("%s: vendor %q", r.name, v)
			}
		}
	}
}
