package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// steps are those of a run without a fault, in their order.
var steps = []string{"status", "prepare", "stage", "arm", "install", "reload", "verify", "confirm", "clean"}

// shown is what may reach a terminal: bounded, printable.
func shown(t *testing.T, what, s string) {
	t.Helper()
	if len(s) > 8000 {
		t.Errorf("%s has %d bytes", what, len(s))
	}
	for _, r := range s {
		if (r < ' ' || r > '~') && r != '\n' {
			t.Errorf("%s holds %q: %.200q", what, r, s)
			return
		}
	}
}

// TestHonestHost is the control of the lies: without one, the plan is carried out.
func TestHonestHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took []string
		host := honest()
		res, err := Apply(t.Context(), hostOf(func(step, script string) said {
			took = append(took, step)
			return host(step, script)
		}).connect, aPlan(), Options{})
		if err != nil || res.Outcome != Done {
			t.Fatalf("%+v, %v", res, err)
		}
		if got, want := strings.Join(took, " "), strings.Join(steps, " "); got != want {
			t.Errorf("steps %s, want %s", got, want)
		}
	})
}

// TestLies: whatever a host answers to whichever step, the run ends, within its
// time and bounds, and never says that it is done when the host did not confirm.
func TestLies(t *testing.T) {
	esc := "\x1b]0;owned\a\u202e"
	lies := map[string]func(step string) said{
		"nothing":                     func(string) said { return said{} },
		"exit 0 and words":            func(string) said { return said{out: "all is well\n"} },
		"another nonce":               func(step string) said { return said{out: "0123456789abcdef done " + step + "\n"} },
		"done of another step":        func(string) said { return said{out: "%N% done everything\n"} },
		"garbage":                     func(string) said { return said{out: strings.Repeat("\x00\xff"+esc+"%N%\n%N% \n", 1000)} },
		"a line without end":          func(string) said { return said{out: strings.Repeat("x", 1<<16), endless: true} },
		"lines without end":           func(string) said { return said{out: "%N% left 1\n%N% record x\n%N% begin 1\n", endless: true} },
		"errors without end":          func(string) said { return said{errs: strings.Repeat(esc, 1<<16), exit: 1} },
		"fails in colours":            func(string) said { return said{out: "%N% fail refused 1 " + strings.Repeat(esc, 5000) + "\n"} },
		"fails with a code of it own": func(string) said { return said{out: "%N% fail " + esc + " 999999999999 x\n"} },
		"fails without words":         func(string) said { return said{out: "%N% fail \n"} },
		"dies":                        func(string) said { return said{err: errors.New("connection lost")} },
		"never answers":               func(string) said { return said{hang: true} },
		"root by a lie": func(step string) said {
			return said{out: "%N% uid -1\n%N% connection $(id) `id` ; '\n%N% current 1\n%N% run ../../../etc\n%N% state " + esc + "\n%N% done " + step + "\n"}
		},
		"numbers": func(step string) said {
			return said{out: "%N% uid 0\n%N% age 99999999999999999999\n%N% left_s -99999999999999999999\n%N% done " + step + "\n"}
		},
		"blocks that do not end": func(step string) said {
			return said{out: "%N% begin 1\n%N% begin 2\n%N% end 7\npubkeyauthentication no\n%N% groups\n%N% groups 1\n%N% done " + step + "\n"}
		},
	}
	for _, at := range steps {
		for name, lie := range lies {
			t.Run(at+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					host := honest()
					lied, confirmed := false, false
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
					defer cancel()
					began := time.Now()
					res, err := Apply(ctx, hostOf(func(step, script string) said {
						if step == at && !lied {
							lied = true
							s := lie(step)
							confirmed = confirmed || strings.Contains(s.out, "done "+step) && step == "confirm"
							return s
						}
						if step == "confirm" {
							confirmed = true
						}
						return host(step, script)
					}).connect, aPlan(), Options{})
					if !lied {
						t.Fatal("the step was not asked for")
					}
					if took := time.Since(began); took > 8*time.Minute {
						t.Errorf("it took %v", took)
					}
					if res.Outcome == Done && !confirmed {
						t.Errorf("done, though the host did not confirm: %+v", res)
					}
					if at == "stage" && name == "blocks that do not end" || at == "verify" && name == "blocks that do not end" {
						if res.Outcome == Done {
							t.Errorf("done, though sshd says nothing of the login")
						}
					}
					if err == nil && res.Outcome != Done {
						t.Errorf("%s, and no error", res.Outcome)
					}
					if err != nil {
						shown(t, "the error", err.Error())
					}
					for _, n := range append(res.Notes, res.Left...) {
						shown(t, "a note", n)
					}
					shown(t, "what it recovered", res.Recovered)
				})
			})
		}
	}
}

// TestLyingState: what a host says of itself comes out as known words, or not at all.
func TestLyingState(t *testing.T) {
	lines := []string{
		"run $(touch x)", "run ../../etc", "run 0123456789abcde", "run 0123456789ABCDEF",
		"state \x1b[2J", "state armed;", "uid 0x0", "age 1e9", "left_s 99999999999999",
	}
	for _, line := range lines {
		host := hostOf(func(string, string) said { return said{out: "%N% uid 0\n%N% " + line + "\n%N% done status\n"} })
		st, err := Status(t.Context(), host.connect, "host", Options{})
		if err == nil {
			t.Errorf("%q is taken for %+v", line, st)
		} else {
			shown(t, "the error", err.Error())
		}
	}
	host := hostOf(func(string, string) said {
		return said{out: "%N% uid 0\n%N% record ../../etc confirmed\n%N% record 0123456789abcdef \x1b\n%N% record 0123456789abcdef rolledback\n%N% done status\n"}
	})
	st, err := Status(t.Context(), host.connect, "host", Options{})
	if err != nil || len(st.Records) != 1 || st.Records["0123456789abcdef"] != "rolledback" {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestRunsNewestFirst: what a host says of times orders its runs, and no word of it
// makes a time that is none.
func TestRunsNewestFirst(t *testing.T) {
	host := hostOf(func(string, string) said {
		out := "%N% uid 0\n"
		for id, at := range map[string]string{"a": " 100", "b": " 300", "c": " 200", "d": "", "e": " -5", "f": " 9e99\x1b"} {
			out += "%N% record " + strings.Repeat(id, 16) + " confirmed" + at + "\n"
		}
		return said{out: out + "%N% done status\n"}
	})
	st, err := Status(t.Context(), host.connect, "host", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, id := range st.Runs() {
		got += id[:1]
	}
	if got != "bcadef" || len(st.Ended) != 3 {
		t.Errorf("%s %v", got, st.Ended)
	}
}

// TestLyingRecord: a record is a host's word too. What it plans is held to the
// same rules as every plan, and its name is ours.
func TestLyingRecord(t *testing.T) {
	const id = "0123456789abcdef"
	for name, plan := range map[string]string{
		"no JSON":   "\x00{",
		"deep":      strings.Repeat("[", 1<<20),
		"nothing":   "{}",
		"path":      `{"changes":[{"kind":"sshd","before":{"path":"/etc/../x","real":"/etc/../x"},"after":{"exists":true}}]}`,
		"account":   `{"changes":[{"kind":"keys","user":"-rf","before":{"path":"/x","real":"/x"},"after":{"exists":true}}]}`,
		"kind":      `{"changes":[{"kind":"\u001b[2J","before":{"path":"/x","real":"/x"},"after":{"exists":true}}]}`,
		"arguments": `{"changes":[{"kind":"sshd","before":{"path":"/x","real":"/x"},"after":{"exists":true}}],"reload":{"needed":true,"args":["/x","; id"]},"checks":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			honest := honest()
			res, err := Undo(t.Context(), hostOf(func(step, script string) said {
				switch step {
				case "record":
					return said{out: "%N% begin plan\n" + plan + "\n%N% end plan\n%N% state confirmed\n%N% done record\n"}
				case "prepare":
					t.Error("it came as far as to be sent")
				}
				return honest(step, script)
			}).connect, "host", id, Options{})
			if err == nil || res.Outcome != Refused {
				t.Fatalf("%+v, %v", res, err)
			}
			shown(t, "the error", err.Error())
		})
	}
	for _, bad := range []string{"", "../../etc/passwd", "0123456789abcde\n", "0123456789ABCDEF", id + "0"} {
		if res, err := Undo(t.Context(), nil, "host", bad, Options{}); err == nil || res.Outcome != Refused {
			t.Errorf("run %q: %+v, %v", bad, res, err)
		}
	}
}

// TestConfirmIsAsked: the answer to the confirmation is lost. The host is asked,
// and only its word counts.
func TestConfirmIsAsked(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprint("kept ", kept), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host, lost := honest(), false
				res, err := Apply(t.Context(), hostOf(func(step, script string) said {
					if step == "confirm" && !lost {
						lost = true
						if kept {
							host(step, script)
						}
						return said{err: errors.New("connection lost")}
					}
					return host(step, script)
				}).connect, aPlan(), Options{})
				if kept && (err != nil || res.Outcome != Done) || !kept && (!errors.Is(err, ErrRolledBack) || res.Outcome != RolledBack) {
					t.Errorf("%+v, %v", res, err)
				}
			})
		})
	}
}
