package policies

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
)

func embeddedSources(tb testing.TB) []Source {
	tb.Helper()
	names, err := fs.Glob(embedded, "catalogue/*.yaml")
	if err != nil || len(names) == 0 {
		tb.Fatalf("no embedded rule files: %v", err)
	}
	var out []Source
	for _, n := range names {
		data, err := embedded.ReadFile(n)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, Source{n, data})
	}
	return out
}

// BenchmarkLoad compiles the embedded catalogue, as every start of the program
// does. What the first one in a process costs more stands in TestFirstLoad.
func BenchmarkLoad(b *testing.B) {
	sources := embeddedSources(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := Load(sources...); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}

// BenchmarkJudge judges the neutral host by all rules.
func BenchmarkJudge(b *testing.B) {
	c := catalogueFor(b)
	f := neutral()
	b.ReportAllocs()
	for b.Loop() {
		c.Judge(f, JudgeOptions{})
	}
}

// BenchmarkJudgeBig judges a host of n accounts, keys, jobs and files: the cost
// has to grow as they do, not faster.
func BenchmarkJudgeBig(b *testing.B) {
	c := catalogueFor(b)
	for _, n := range []int{100, 200, 400} {
		f := neutral()
		for i := range n {
			name := fmt.Sprintf("user%d", i)
			f.Accounts = append(f.Accounts, facts.Account{Name: name, UID: int64(2000 + i), Password: "hash", Algorithm: "yescrypt"})
			f.Access = append(f.Access, facts.Access{User: name, From: "anywhere", Password: "no", PublicKey: "yes", Empty: "no", Other: "no"})
			f.AuthorizedKeys = append(f.AuthorizedKeys, facts.AuthorizedKey{User: name, Type: "ssh-ed25519"})
			f.Jobs = append(f.Jobs, facts.Job{Path: "/var/spool/cron/crontabs/" + name, User: name, Command: "true", Runs: true,
				Targets: []facts.Target{{Path: "/bin/true", Exists: "yes"}}})
			f.Files = append(f.Files, facts.File{Path: "/home/" + name, Role: "authorized-keys-dir", User: name})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Judge(f, JudgeOptions{})
			}
		})
	}
}

// BenchmarkJudgeHostile judges a host where n jobs and keys all fail.
func BenchmarkJudgeHostile(b *testing.B) {
	c := catalogueFor(b)
	for _, n := range []int{1000, 2000, 4000} {
		f := neutral()
		for i := range n {
			name := fmt.Sprintf("user%d", i)
			f.AuthorizedKeys = append(f.AuthorizedKeys, facts.AuthorizedKey{User: name, Type: "ssh-dss", Weak: "DSA"})
			f.Jobs = append(f.Jobs, facts.Job{Path: "/" + name, User: name, Severity: "critical", Deceptive: []string{name},
				Signs:    []facts.Sign{{ID: "fetch-and-run", Severity: "critical"}, {ID: "miner", Severity: "critical"}},
				Evidence: []facts.Evidence{{Path: "/" + name, Line: i}}, Targets: []facts.Target{{Path: name, Writable: name}}})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				c.Judge(f, JudgeOptions{})
			}
		})
	}
}

func catalogueFor(tb testing.TB) *Catalogue {
	tb.Helper()
	c, err := Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
