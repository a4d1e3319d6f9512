package cron

import (
	"slices"
	"strings"
	"testing"
)

// judge parses one line of a table and judges it, with no host behind it.
func judge(t testing.TB, line string, form Form) (*Job, []Sign) {
	t.Helper()
	tab := ParseTable([]byte(line+"\n"), form, Cronie, Options{User: "u"})
	jobs := tab.Jobs()
	if len(jobs) != 1 {
		t.Fatalf("%q: %d jobs, want 1: %+v", line, len(jobs), tab.Entries)
	}
	j := jobs[0]
	return j, Signs(j, j.Resolve("/home/u", Cronie), SignContext{Daemon: Cronie, UID: -1})
}

func TestCatalogueExamples(t *testing.T) {
	last := ""
	for _, info := range catalogue {
		if info.ID <= last {
			t.Errorf("%s stands behind %s: not in order", info.ID, last)
		}
		last = info.ID
		if info.Booster && info.Severity > Low {
			t.Errorf("%s: a booster above low", info.ID)
		}
		if len(info.Attack) == 0 || info.Title == "" {
			t.Errorf("%s: no technique or no title", info.ID)
		}
		for _, line := range info.True {
			t.Run(info.ID+"/true/"+line, func(t *testing.T) {
				_, signs := judge(t, line, User)
				if !hasSign(signs, info.ID) {
					t.Errorf("no sign %s: %+v", info.ID, signs)
				}
				for _, s := range signs {
					for _, a := range s.Attack {
						if !slices.Contains(signInfo(s.ID).Attack, a) {
							t.Errorf("%s: technique %s is not in the catalogue", s.ID, a)
						}
					}
				}
			})
		}
		for _, line := range info.False {
			t.Run(info.ID+"/false/"+line, func(t *testing.T) {
				_, signs := judge(t, line, User)
				if hasSign(signs, info.ID) {
					t.Errorf("sign %s: %+v", info.ID, signs)
				}
			})
		}
	}
}

func TestSeverity(t *testing.T) {
	boost := Sign{ID: "often", Severity: Info, Booster: true}
	heavy := Sign{ID: "x", Severity: Low, Booster: true}
	for _, c := range []struct {
		name  string
		signs []Sign
		want  Level
	}{
		{"nothing", nil, None},
		{"booster alone", []Sign{boost}, Info},
		{"boosters never add up", []Sign{boost, heavy, heavy, heavy}, Low},
		{"one sign", []Sign{{Severity: Medium}}, Medium},
		{"booster lifts one step", []Sign{{Severity: Medium}, boost, heavy}, High},
		{"nothing lifts critical", []Sign{{Severity: Critical}, boost}, Critical},
		{"a low sign is lifted by a low booster", []Sign{{Severity: Low}, heavy}, Medium},
		{"a low sign is lifted too", []Sign{{Severity: Low}, boost}, Medium},
		{"information is not lifted", []Sign{{Severity: Info}, boost}, Info},
		{"the heaviest counts", []Sign{{Severity: Low}, {Severity: High}}, High},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Severity(c.signs); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestSignsAreBounded(t *testing.T) {
	deep := "* * * * * " + strings.Repeat("(", 5000) + "x" + strings.Repeat(")", 5000)
	_, signs := judge(t, deep, User)
	if !hasSign(signs, "unreadable") {
		t.Errorf("a nest of 5000 brackets is not called unreadable: %+v", signs)
	}
}

// A sign of several techniques names the one that it is about.
func TestNarrowTechnique(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"@yearly f() { f | f & }; f", "T1499"},
		{"@yearly for f in /home/*/*; do gpg -c $f && rm -f $f; done", "T1486"},
		{"@yearly dd if=/dev/zero of=/dev/sda", "T1561"},
		{"@yearly rm -rf /", "T1485"},
		{"@yearly mysql -e 'drop database shop'; rm -rf /backup/*", "T1490"},
	} {
		t.Run(c.line, func(t *testing.T) {
			_, signs := judge(t, c.line, User)
			for _, s := range signs {
				if s.ID == "destroys" && len(s.Attack) == 1 && s.Attack[0] == c.want {
					return
				}
			}
			t.Errorf("no destroys of %s: %+v", c.want, signs)
		})
	}
}
