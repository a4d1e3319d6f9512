package policies

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExamples runs every rule's own examples and refuses a rule that lacks one.
func TestExamples(t *testing.T) {
	n := 0
	for _, r := range catalogueFor(t).Test() {
		n++
		if !r.OK() {
			t.Errorf("%s: %s: %s: %s", r.Pos, r.Rule, r.Name, r.Detail)
		}
	}
	t.Logf("%d rules, %d examples", len(catalogueFor(t).Rules()), n)
}

// TestNeutral holds the neutral host to its promise: nothing fails on it and
// nothing is unknown.
func TestNeutral(t *testing.T) {
	outcomes, _ := catalogueFor(t).Judge(neutral(), JudgeOptions{})
	for _, o := range outcomes {
		if o.Verdict != Pass && o.Verdict != NotApplicable {
			t.Errorf("%s: %s: %s %s", o.Rule, o.Verdict, o.Message, o.Reason)
		}
	}
	if odd := UnknownPaths(neutral()); len(odd) > 0 {
		t.Errorf("paths that name no fact: %v", odd)
	}
}

// TestCovers names what the catalogue must never lose.
func TestCovers(t *testing.T) {
	c := catalogueFor(t)
	for id, want := range map[string]struct {
		severity Severity
		baseline bool
	}{
		"no-password-login":         {High, true},
		"no-root-login":             {High, true},
		"root-password-login":       {Critical, true},
		"empty-password-login":      {Critical, true},
		"none-accepted":             {Critical, true},
		"sshd-refuses-config":       {Critical, true},
		"sshd-stale-config":         {Medium, true},
		"sshd-second-daemon":        {Medium, true},
		"sshd-witnesses-disagree":   {Medium, true},
		"sshd-replaced-binary":      {Medium, true},
		"max-auth-tries":            {Low, true},
		"login-grace-time":          {Low, true},
		"max-startups":              {Low, true},
		"tcp-forwarding":            {Info, false},
		"terrapin":                  {Medium, true},
		"weak-host-keys":            {High, true},
		"sshd-config-files":         {High, true},
		"host-key-files":            {High, true},
		"authorized-keys-files":     {High, true},
		"cron-table-files":          {High, true},
		"deceptive-job-names":       {High, true},
		"fetch-and-run-jobs":        {Critical, true},
		"writable-job-targets":      {High, true},
		"ignored-tables":            {Medium, true},
		"expected-job-missing":      {High, true},
		"expected-job-altered":      {High, true},
		"uid-0-accounts":            {High, true},
		"weak-password-hashes":      {Medium, true},
		"weak-authorized-keys":      {High, true},
		"ssh-protocol-1":            {High, true},
		"post-quantum-key-exchange": {Info, true},
		"critical-vulnerabilities":  {Critical, true},
		"high-vulnerabilities":      {High, true},
		"ineffective-settings":      {Medium, true},
		"unrecognised-algorithms":   {Info, true},
	} {
		r := c.Rule(id)
		if r == nil {
			t.Errorf("no rule %s", id)
			continue
		}
		if r.Severity != want.severity || r.In(ProfileBaseline) != want.baseline {
			t.Errorf("%s: %s, in the baseline: %v", id, r.Severity, r.In(ProfileBaseline))
		}
	}
}

// TestThreeValued reads the vocabulary's own comments: a field that is said to
// hold "unknown" must be one that the engine takes for unknown.
func TestThreeValued(t *testing.T) {
	const path = "../audit/facts/facts.go"
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range file.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			typ, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			st, ok := typ.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range st.Fields.List {
				id, ok := f.Type.(*ast.Ident)
				if !ok || id.Name != "string" || f.Tag == nil {
					continue
				}
				name := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("cel")
				// Access says it once, above the fields; Why only speaks of it.
				said := slices.Contains(strings.FieldsFunc(f.Comment.Text(), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz-", r) }), "unknown")
				said = said || typ.Name.Name == "Access" && slices.Contains([]string{"password", "public_key", "empty", "other"}, name)
				if name == "why" {
					said = false
				}
				if got := threeValued("facts."+typ.Name.Name, name); got != said {
					t.Errorf("%s.%s: three values: %v, its comment says %v", typ.Name.Name, name, got, said)
				}
				if said {
					seen++
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d fields of three values in %s", seen, path)
	}
}

// TestReferences looks up every id of other catalogues in the notes that they
// were taken from.
func TestReferences(t *testing.T) {
	shared := os.Getenv("POSTERN_SHARED")
	if shared == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("POSTERN_SHARED is not set")
		}
		t.Skip("POSTERN_SHARED is not set: the notes that hold the ids are not in the repository")
	}
	files, err := filepath.Glob(filepath.Join(shared, "facts", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no notes in %s: %v", shared, err)
	}
	var notes strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		notes.Write(data)
	}
	// From attack.mitre.org, which the notes quote only in part: Unsecured
	// Credentials: Private Keys, and Remote Services: SSH.
	all := notes.String() + " T1552.004 T1021.004"
	// The notes shorten: "sshd-40,41,38".
	for _, m := range regexp.MustCompile(`sshd-(\d\d(?:, ?\d\d)+)`).FindAllStringSubmatch(all, -1) {
		for _, n := range strings.Split(m[1], ",") {
			all += " sshd-" + strings.TrimSpace(n)
		}
	}
	known := []string{
		"anssi", "attack", "bsi", "cac", "cis-debian-12", "cis-rhel-9", "cis-ubuntu-24.04", "cve", "dev-sec",
		"nist-800-53", "ovh-debian-cis", "pci-dss-4", "stig-rhel-9", "stig-ubuntu-24.04",
	}
	n := 0
	for _, r := range catalogueFor(t).Rules() {
		for name, ids := range r.References {
			if !slices.Contains(known, name) {
				t.Errorf("%s: unknown catalogue %q", r.ID, name)
			}
			for _, id := range ids {
				n++
				if !strings.Contains(all, strings.TrimPrefix(id, "ssh_")) {
					t.Errorf("%s: %s %s is not in the notes", r.ID, name, id)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d references", n)
	}
}

func TestRuleText(t *testing.T) {
	for _, r := range catalogueFor(t).Rules() {
		for what, s := range map[string]string{"title": r.Title, "message": r.Message, "ok": r.OK, "witness": r.Witness, "doubt": r.Doubt} {
			if strings.HasSuffix(s, ".") {
				t.Errorf("%s: %s ends with a full stop", r.ID, what)
			}
		}
		for _, l := range strings.Split(r.Remedy, "\n") {
			if len(l) > 150 {
				t.Errorf("%s: a line of the remedy has %d characters", r.ID, len(l))
			}
		}
		if r.Subject == "" || r.Pos.Line == 0 || !strings.HasSuffix(r.Pos.File, r.Subject+".yaml") {
			t.Errorf("%s: subject %q, position %s", r.ID, r.Subject, r.Pos)
		}
	}
}

func TestChoose(t *testing.T) {
	c := catalogueFor(t)
	for name, tc := range map[string]struct {
		choice Choice
		want   []string // nil: only the number counts
		n      int
		err    []string
	}{
		"one":            {choice: Choice{Only: []string{"terrapin"}}, want: []string{"terrapin"}},
		"a pattern":      {choice: Choice{Only: []string{"expected-job-*"}}, want: []string{"expected-job-altered", "expected-job-duplicated", "expected-job-missing"}},
		"beyond profile": {choice: Choice{Profile: ProfileBaseline, Only: []string{"login-banner"}}, want: []string{"login-banner"}},
		"skip wins":      {choice: Choice{Only: []string{"expected-job-*"}, Skip: []string{"*-altered", "*-missing"}}, want: []string{"expected-job-duplicated"}},
		"all":            {choice: Choice{Profile: ProfileAll}, n: len(c.Rules())},
		"near names":     {choice: Choice{Profile: "basline", Only: []string{"terapin"}, Skip: []string{"no-rot-login"}}, err: []string{`unknown profile "basline"`, `"baseline"`, `no rule is called "terapin"`, `did you mean "terrapin"?`, `did you mean "no-root-login"?`}},
		"nothing left":   {choice: Choice{Only: []string{"terrapin"}, Skip: []string{"terrapin"}}, err: []string{"no rule is left"}},
		"nonsense":       {choice: Choice{Skip: []string{"["}}, err: []string{`no rule is called "["`, "postern rules list"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Choose(tc.choice)
			if (err != nil) != (tc.err != nil) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				var faults Faults
				if !errors.As(err, &faults) || got != nil {
					t.Errorf("not faults: %T", err)
				}
				for _, want := range tc.err {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q lacks %q", err, want)
					}
				}
				return
			}
			if tc.want != nil {
				if d := cmp.Diff(tc.want, got.ids()); d != "" {
					t.Error(d)
				}
			} else if len(got.Rules()) != tc.n {
				t.Errorf("%d rules, want %d", len(got.Rules()), tc.n)
			}
			if got.Hash() != c.Hash() {
				t.Error("a choice has another hash")
			}
		})
	}
	base, err := c.Choose(Choice{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range base.Rules() {
		if !r.In(DefaultProfile) {
			t.Errorf("%s is not of the default profile", r.ID)
		}
	}
	if n := len(base.Rules()); n < 35 || n >= len(c.Rules()) {
		t.Errorf("%d of %d rules in the baseline", n, len(c.Rules()))
	}
}

// TestHash: the hash follows the bytes, not the order in which they come.
func TestHash(t *testing.T) {
	s := embeddedSources(t)
	reversed := slices.Clone(s)
	slices.Reverse(reversed)
	a, _ := Load(s...)
	b, _ := Load(reversed...)
	if a.Hash() != b.Hash() || len(a.Hash()) != 64 {
		t.Errorf("%s, %s", a.Hash(), b.Hash())
	}
	if d := cmp.Diff(a.ids(), b.ids()); d != "" {
		t.Error(d)
	}
	s[0].Data = append(slices.Clone(s[0].Data), '\n')
	if c, _ := Load(s...); c.Hash() == a.Hash() {
		t.Error("another file, the same hash")
	}
}
