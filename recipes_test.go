package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/cron"
)

// recipes is the page that says how postern is run every night.
const recipes = "audit/history/README.md"

// block gives that page's block of a kind.
func block(t *testing.T, kind string) string {
	t.Helper()
	readme, err := os.ReadFile(recipes)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(readme), "```"+kind+"\n")
	text, _, closed := strings.Cut(text, "```")
	if !ok || !closed {
		t.Fatalf("%s has no block of kind %s", recipes, kind)
	}
	return text
}

// commandLine holds the words behind "postern" to our own command line: its flags
// exist and take such values.
func commandLine(t *testing.T, command string) {
	t.Helper()
	at := strings.Index(command, "postern ")
	if at < 0 {
		t.Fatalf("%q does not run postern", command)
	}
	var words []string
	for _, w := range strings.Fields(command[at:]) {
		if w == "||" || strings.HasPrefix(w, ">") {
			break
		}
		words = append(words, w)
	}
	l, err := parseLine(newApp(streams{}), words)
	if err != nil {
		t.Errorf("%q: %v", command, err)
	} else if len(l.path) == 0 {
		t.Errorf("%q names no command", command)
	}
}

// TestCronRecipe: Debian's and cronie's daemons run the recipe's lines, as audit.
func TestCronRecipe(t *testing.T) {
	text := block(t, "crontab")
	for _, name := range []string{"debian", "cronie"} {
		d, ok := cron.ParseDaemon(name)
		if !ok {
			t.Fatal(name)
		}
		table := cron.ParseTable([]byte(text), cron.System, d, cron.Options{Path: "/etc/cron.d/postern"})
		jobs := table.Jobs()
		if len(jobs) != 2 {
			t.Fatalf("%s: %d jobs", name, len(jobs))
		}
		for _, j := range jobs {
			if j.User != "audit" || strings.Contains(j.Command, "%") {
				t.Errorf("%s: %+v", name, j)
			}
			commandLine(t, j.Command)
		}
		if table.Dropped || table.Kills || table.Reason != "" {
			t.Errorf("%s: %s", name, table.Reason)
		}
	}
}

// TestSystemdRecipe: the units parse, the timer has a next time, and the service
// runs postern.
func TestSystemdRecipe(t *testing.T) {
	text := block(t, "systemd")
	service, timer, ok := strings.Cut(text, "# postern.timer\n")
	if !ok {
		t.Fatal("no timer")
	}
	s, u := cron.ParseUnit([]byte(service)), cron.ParseUnit([]byte(timer))
	jobs := cron.TimerJobs("postern.timer", filepath.Join("/etc/systemd/system", "postern.timer"), u, s, cron.Manager{})
	if len(jobs) != 1 || jobs[0].User != "audit" {
		t.Fatalf("%d jobs: %+v", len(jobs), jobs)
	}
	commandLine(t, jobs[0].Command)
}
