package cron

import (
	"math/rand/v2"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// variantNames are names that mean something to the host or to a sign; the rest of
// a path may be called anything.
var variantNames = set(`usr bin sbin etc tmp var dev shm root home null opt share lib lib64 local run srv www html mnt cron cron.d cron.hourly cron.daily
cron.weekly cron.monthly raw http https tcp udp bash sh python perl php ruby wget curl systemd system log spool cache mozilla kthreadd php5 init.d scripts script periodic`)

// variant changes what an intruder, or an honest person, might have chosen
// otherwise: names, addresses, times, quoting and what wraps the command.
func variant(r *rand.Rand, command string) (fields, out string) {
	out = renamed(r, command)
	quoted := func(s string) string {
		q, err := syntax.Quote(s, syntax.LangBash)
		if err != nil {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
		return q
	}
	switch r.IntN(9) {
	case 0:
		out = "sh -c " + quoted(out)
	case 1:
		out = "nice -n 10 timeout 300 bash -c " + quoted(out)
	case 2:
		out = "flock -n /run/lock.a -c " + quoted(out)
	case 3:
		out = "sudo -n sh -c " + quoted(out)
	case 4:
		out = "sleep 3; " + out
	case 5:
		out = "[ -d / ] && { " + out + "\n}"
		out = strings.ReplaceAll(out, "\n", "; ")
		if strings.Contains(out, "&; }") || strings.Contains(out, "#") || strings.Contains(out, "disown") {
			out = renamed(r, command)
		}
	case 6:
		out = "env A=1 B=2 sh -c " + quoted(out)
	}
	times := []string{"* * * * *", "*/2 * * * *", "*/10 * * * *", "17 * * * *", "5 4 * * *", "@daily", "@reboot", "@hourly", "0 3 * * 0", "1 1 1 * *"}
	return times[r.IntN(len(times))], out
}

// renamed gives other names to the components of paths and other numbers to
// addresses.
func renamed(r *rand.Rand, s string) string {
	letters := "abcdefghijklmnopqrstuvwxyz"
	name := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(26)]
		}
		return string(b)
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '/' {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteByte('/')
		k := i + 1
		if k < len(s) && s[k] == '.' {
			k++
		}
		start := k
		for k < len(s) && (isLower(s[k]) || s[k] >= '0' && s[k] <= '9') {
			k++
		}
		word := s[start:k]
		end := k >= len(s) || strings.IndexByte("/ \t|>;)&", s[k]) >= 0
		hidden := start == i+2
		if end && len(word) >= 3 && !variantNames[word] && !usualHidden["."+word] && !daemons[word] && r.IntN(2) == 0 && (i == 0 || s[i-1] != '/') {
			b.WriteString(s[i+1 : start])
			if word = name(3 + r.IntN(6)); hidden && usualHidden["."+word] {
				word += "q"
			}
			b.WriteString(word)
		} else {
			b.WriteString(s[i+1 : k])
		}
		i = k
	}
	return b.String()
}

func TestVariants(t *testing.T) {
	const each = 20
	r := rand.New(rand.NewPCG(2011, 312))
	count := map[string][2]int{}
	logged := 0
	for _, file := range []string{"corpus/cron-malicious.jsonl", "corpus/cron-benign.jsonl"} {
		for _, l := range readLines[corpusLine](t, file) {
			form := User
			if l.Kind == "system" {
				form = System
			}
			jobs := ParseTable([]byte(l.Line+"\n"), form, Debian, Options{User: "someone"}).Jobs()
			if len(jobs) != 1 || jobs[0].HasStdin || !accountShape(jobs[0].User) && form == System {
				continue
			}
			for range each {
				times, command := variant(r, jobs[0].Command)
				line := times + " " + strings.ReplaceAll(command, "%", `\%`)
				tab := ParseTable([]byte(line+"\n"), User, Debian, Options{User: "someone"}).Jobs()
				if len(tab) != 1 {
					t.Fatalf("%q is no job", line)
				}
				j := tab[0]
				sev := Severity(Signs(j, j.Resolve("", Debian), SignContext{UID: -1}))
				n := count[l.Label]
				n[1]++
				if sev >= Medium {
					n[0]++
				}
				count[l.Label] = n
				if (l.Label == "malicious" && sev < Medium || l.Label == "benign" && sev >= Medium) && logged < 60 {
					logged++
					t.Logf("%s %v %q", l.Label, sev, line)
				}
			}
		}
	}
	for label, n := range count {
		t.Logf("%s: %d of %d variants at medium or above (%.1f %%)", label, n[0], n[1], 100*float64(n[0])/float64(n[1]))
	}
	if m := count["malicious"]; float64(m[0]) < 0.9*float64(m[1]) {
		t.Errorf("recall over variants %d of %d, want 90 %%", m[0], m[1])
	}
	if b := count["benign"]; float64(b[0]) > 0.01*float64(b[1]) {
		t.Errorf("false alarms over variants %d of %d, want at most 1 %%", b[0], b[1])
	}
}
