package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/postern-ssh/postern"

// deps are the walls of the house: what a package must not import, and why.
var deps = []struct {
	pkg    string   // package, or a folder with "/..."
	forbid []string // prefixes of import paths
	reason string
}{
	{"audit/sshd", []string{module}, "a parser is a library that others would want: bytes in, tree out"},
	{"audit/dropbear", []string{module}, "a parser is a library that others would want: a command line in, answers out"},
	{"audit/cron", []string{module}, "a parser is a library that others would want: bytes in, tree out"},
	{"audit/wire", []string{module}, "a parser is a library that others would want: bytes in, lists out"},
	{"audit/account", []string{module}, "a parser is a library that others would want: bytes in, accounts out"},
	{"audit/packages", []string{module}, "a parser is a library that others would want: bytes in, versions out"},
	{"audit/vulns", []string{module + "/audit/facts", module + "/audit/snapshot", module + "/audit/sshd", module + "/audit/wire", module + "/audit/account", module + "/policies", module + "/inventory", module + "/fix"}, "which fault a package has is data and comparison; what a configuration holds is asked by name"},
	{"audit/snapshot", []string{module, "golang.org/x/crypto"}, "what was read is bytes: the snapshot knows nothing of SSH nor of what its bytes mean"},
	{"audit/compare", []string{module + "/policies", module + "/inventory", module + "/audit/facts", module + "/audit/report", module + "/fix"}, "what differs is found on values of its own: facts ask it, and so does the fleet"},
	{"audit/access", []string{module + "/policies", module + "/inventory", module + "/audit/facts", module + "/fix"}, "who can log in is computed from configuration and accounts, not from rules"},
	{"audit/triage", []string{module + "/policies", module + "/inventory", module + "/audit/report", module + "/audit/history", module + "/fix"}, "a triage judges what was read by what a thing is, and knows no rule and no place to keep it"},
	{"audit/facts", []string{module + "/policies", module + "/inventory", module + "/fix", module + "/audit/report"}, "facts are the vocabulary of rules and know none of them"},
	{"audit", []string{module + "/audit/report", module + "/audit/history"}, "audit declares the stream; who reads it imports audit, never the reverse"},
	{"audit/history", []string{module + "/audit/report", module + "/inventory"}, "a store is told what happens and given the form to write it in"},
	{"audit/report", []string{module + "/inventory", module + "/audit/snapshot", module + "/audit/access", module + "/audit/history"}, "a report knows results: a saved run must do as well as a live one"},
	{"policies", []string{module + "/audit/access", module + "/audit/sshd", module + "/audit/cron", module + "/audit/wire", module + "/audit/account"}, "real analysis is a fact, tested where it is made"},
	{"policies", []string{module + "/inventory", module + "/fix", module + "/audit/report", module + "/audit/snapshot"}, "rules ask facts and nothing else"},
	{"inventory", []string{module}, "an inventory says what is written; what it means is judged elsewhere"},
	{"inventory/connect", []string{module + "/audit/facts", module + "/policies", module + "/audit/snapshot", module + "/fix"}, "a connection carries bytes"},
	{"audit/...", []string{module + "/fix", "github.com/urfave", "github.com/fatih"}, "an audit never changes a host, and nobody below main knows flags; colour only in report"},
	{"fix", []string{"github.com/urfave", "github.com/fatih", module + "/inventory/connect"}, "a plan is made from what was read: no flags, no terminal, no connection"},
	{"fix/fleet", []string{module + "/inventory", module + "/audit", module + "/policies", "github.com/urfave", "golang.org/x/crypto"}, "the order of hosts is decided without any: what is done to one is a function"},
	{"policies", []string{"github.com/urfave", "github.com/fatih", "golang.org/x/crypto"}, "nobody below main knows flags or terminals"},
}

// exceptions to the rows above, each with its reason.
var allowed = map[string]string{
	"audit/report github.com/fatih/color": "report draws the text report; whether to colour is its argument",
}

func TestImportsPointDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(strings.TrimPrefix(words[0], module), "/")
		for _, row := range deps {
			base, all := strings.CutSuffix(row.pkg, "/...")
			if pkg != row.pkg && !(all && (pkg == base || strings.HasPrefix(pkg, base+"/"))) {
				continue
			}
			seen[row.pkg] = true
			for _, imp := range words[1:] {
				for _, f := range row.forbid {
					if imp != f && !strings.HasPrefix(imp, f+"/") {
						continue
					}
					if _, ok := allowed[pkg+" "+imp]; ok {
						continue
					}
					t.Errorf("%s imports %s: %s", pkg, imp, row.reason)
				}
			}
		}
	}
	for _, row := range deps {
		if !seen[row.pkg] {
			t.Errorf("no package matches the row %q: the wall stands nowhere", row.pkg)
		}
	}
}
