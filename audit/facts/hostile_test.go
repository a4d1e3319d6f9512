package facts_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// TestArchiveRoundTrip: an archive tells the same facts as the snapshot that it keeps.
func TestArchiveRoundTrip(t *testing.T) {
	all := recordings(t)
	all["plain"], all["worst"] = plainHost().snapshot(), worstHost().snapshot()
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := snapshot.Write(&buf, s); err != nil {
				t.Fatal(err)
			}
			again, err := snapshot.Read(&buf, snapshot.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			opt := facts.Options{Now: now, Name: "h", Expect: []facts.Expectation{{Match: "*x*"}}}
			if d := cmp.Diff(facts.From(s, opt), facts.From(again, opt)); d != "" {
				t.Errorf("(-snapshot +archive)\n%s", d)
			}
		})
	}
}

// TestFromIsDeterministic: the same snapshot, the same facts.
func TestFromIsDeterministic(t *testing.T) {
	s := worstHost().snapshot()
	opt := facts.Options{Now: now, Name: "h"}
	want := facts.From(s, opt)
	for range 20 {
		if d := cmp.Diff(want, facts.From(s, opt)); d != "" {
			t.Fatal(d)
		}
	}
}

// FuzzFacts puts an attacker's bytes in place of a file, an output, a name or a
// link of a host: no panic, no fact that rules do not know, and a reason for all
// that is unknown.
func FuzzFacts(f *testing.F) {
	s := worstHost().snapshot()
	c, err := policies.Embedded()
	if err != nil {
		f.Fatal(err)
	}
	seeds := []string{"", "\x00", "a:b", "root::0:0:::", "Include *\n", "* * * * * root x", "/etc", "/../..", strings.Repeat("(", 3000), "\xff\xfe", "1\tsshd\n1\tsshd\n",
		"Match User a,!b Address 0.0.0.0/0\n", "{\"server\":\"AAAA\"}", "@include sshd\n", "auth [success=9999999999 default=-1] x\n", ": 5 ", "/proc/1/fd/../.."}
	for i := range len(s.Files) + len(s.Outputs) {
		f.Add(uint16(i), byte(i%4), []byte(seeds[i%len(seeds)]))
	}
	f.Fuzz(func(t *testing.T, at uint16, how byte, data []byte) {
		s := clone(s)
		if n := int(at) % (len(s.Files) + len(s.Outputs)); n >= len(s.Files) {
			s.Outputs[n-len(s.Files)].Data = data
		} else {
			file := &s.Files[n]
			switch text := strings.ReplaceAll(string(data), "\x00", ""); how % 4 {
			case 0:
				file.Content = data
			case 1:
				file.Type, file.Target, file.Real = 'l', text, ""
			case 2:
				file.Type, file.Target, file.Real = 'l', text, "/"+text
			case 3:
				s.Files = append(s.Files[:n:n], s.Files[n+1:]...)
				if s.Lookup("/"+text) == nil {
					at := 0
					for at < len(s.Files) && s.Files[at].Path < "/"+text {
						at++
					}
					one := snapshot.File{Path: "/" + text, Type: 'f', Mode: 0o644, Content: data}
					s.Files = append(s.Files[:at:at], append([]snapshot.File{one}, s.Files[at:]...)...)
				}
			}
		}
		facts := facts.From(s, facts.Options{Now: now, Name: "h", Expect: []facts.Expectation{{Match: "*x*"}}})
		if bad := policies.UnknownPaths(facts); len(bad) > 0 {
			t.Errorf("paths that name no fact: %q", bad)
		}
		for p, why := range facts.Unknown {
			if why == "" {
				t.Errorf("%s is unknown for no reason", p)
			}
		}
		outcomes, _ := c.Judge(facts, policies.JudgeOptions{Host: "h", Now: now})
		for _, o := range outcomes {
			if o.Verdict == policies.Unknown && o.Reason == "" {
				t.Errorf("%s is unknown for no reason", o.Rule)
			}
		}
	})
}

// TestMutatedRecordings does the same to real answers, with pieces of each other.
func TestMutatedRecordings(t *testing.T) {
	for name, s := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			for i := range s.Files {
				m := clone(s)
				from := &s.Files[(i*7+3)%len(s.Files)]
				m.Files[i].Content, m.Files[i].Target, m.Files[i].Real, m.Files[i].Type = from.Content, from.Target, from.Real, from.Type
				facts.From(m, facts.Options{Now: now})
			}
			for i := range s.Outputs {
				m := clone(s)
				m.Outputs[i].Data = s.Outputs[(i+1)%len(s.Outputs)].Data
				facts.From(m, facts.Options{Now: now})
			}
		})
	}
}

// large is a host with so many accounts, jobs and gaps. Each account has a home,
// a key and a group of its own.
func large(n int) *snapshot.Snapshot {
	h := plainHost()
	var passwd, group, shadow, jobs, asked strings.Builder
	for i := range n {
		name, home := fmt.Sprintf("user%05d", i), fmt.Sprintf("/home/user%05d", i)
		id := int64(2000 + i)
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/bin/bash\n", name, id, id, home)
		fmt.Fprintf(&group, "%s:x:%d:\n", name, id)
		fmt.Fprintf(&shadow, "%s:hash:yescrypt:20000:0:99999:7::\n", name)
		h.dir(home, 0o755, id, id).dir(home+"/.ssh", 0o700, id, id)
		h.file(home+"/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 k\n", 0o600, id, id)
		h.gap(home+"/.config/x", snapshot.GapDenied, "no permission").gap(home+"/.ssh/other", snapshot.GapDenied, "no permission")
		fmt.Fprintf(&jobs, "%d * * * * root /opt/jobs/job%d\n%d * * * * root cd /opt/jobs && ./job%d --twice\n", i%60, i, (i+1)%60, i)
		h.file(fmt.Sprintf("/opt/jobs/job%d", i), "#!/bin/sh\n", 0o755, 0, 0)
		fmt.Fprintf(&asked, "/opt/jobs/job%d\x00", i)
	}
	add := func(p string, text string) { h.text(p, string(h.files[p].Content)+text) }
	add("/etc/passwd", passwd.String())
	add("/etc/group", group.String())
	h.out(snapshot.OutShadow, string(h.outs[snapshot.OutShadow].Data)+shadow.String()).out(snapshot.OutTargets, asked.String())
	h.text("/etc/cron.d/many", jobs.String()).dir("/opt", 0o755, 0, 0).dir("/opt/jobs", 0o755, 0, 0)
	h.text("/etc/ssh/sshd_config", "PermitRootLogin no\nPasswordAuthentication no\nMatch User user00001 Address 10.0.0.0/8\n  PasswordAuthentication yes\nMatch Group staff\n  X11Forwarding yes\n")
	return h.snapshot()
}

func TestLargeHost(t *testing.T) {
	f := facts.From(large(300), facts.Options{Now: now})
	if len(f.Accounts) != 303 || len(f.Jobs) != 601 || len(f.AuthorizedKeys) != 300 || len(f.Access) < 303 || len(f.Gaps["jobs"]) != 0 {
		t.Errorf("%d accounts, %d jobs, %d keys, %d answers, gaps of jobs %v", len(f.Accounts), len(f.Jobs), len(f.AuthorizedKeys), len(f.Access), f.Gaps["jobs"])
	}
	if len(f.Gaps["authorized_keys"]) != 0 {
		t.Errorf("gaps of keys for what lies beside them: %v", f.Gaps["authorized_keys"][:1])
	}
}

// BenchmarkFrom: the cost of the facts should grow with the host and no faster.
func BenchmarkFrom(b *testing.B) {
	for name, s := range recordings(b) {
		b.Run(name, func(b *testing.B) { benchFrom(b, s) })
	}
	for _, n := range []int{500, 5000} {
		s := large(n)
		b.Run(fmt.Sprintf("accounts=%d,jobs=%d,gaps=%d", n, 2*n, 2*n), func(b *testing.B) { benchFrom(b, s) })
	}
}

func benchFrom(b *testing.B, s *snapshot.Snapshot) {
	b.ReportAllocs()
	for b.Loop() {
		facts.From(s, facts.Options{Now: now, Name: "h"})
	}
}

// BenchmarkHost is all that a host costs after it was read: facts and judgement.
func BenchmarkHost(b *testing.B) {
	c := catalogue(b)
	for name, s := range recordings(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Judge(facts.From(s, facts.Options{Now: now, Name: "h"}), policies.JudgeOptions{Host: "h", Now: now})
			}
		})
	}
}
