package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/cron"
)

// job parses one line of a user's table as Debian's cron does.
func job(t testing.TB, user, table string) Form {
	t.Helper()
	jobs := cron.ParseTable([]byte(table+"\n"), cron.User, cron.Debian, cron.Options{User: user}).Jobs()
	if len(jobs) != 1 {
		t.Fatalf("%q holds %d jobs", table, len(jobs))
	}
	return FormOf(jobs[0])
}

func TestFormOf(t *testing.T) {
	for name, c := range map[string]struct {
		a, b       string
		same, twin bool // equal; equal but for values of the schedule
	}{
		"a nickname":                   {"@daily x", "0 0 * * * x", true, true},
		"steps":                        {"*/30 * * * * x", "0,30 * * * * x", true, true},
		"Sunday":                       {"0 0 * * 0 x", "0 0 * * 7 x", true, true},
		"spellings of a word":          {`* * * * * sh ". ../x"`, `* * * * * sh .\ ../x`, true, true},
		"a blank that is no part":      {`* * * * * sh ". ../x"`, `* * * * * sh . ../x`, false, false},
		"blanks between words":         {"* * * * * a   b", "* * * * * a b", true, true},
		"blanks in a word":             {"* * * * * a 'b  c'", "* * * * * a 'b c'", false, false},
		"letters":                      {"* * * * * a", "* * * * * A", false, false},
		"drawn by lot":                 {"17 3 * * * x", "42 4 * * * x", false, true},
		"more often":                   {"17 3 * * * x", "17,18 3 * * * x", false, false},
		"either day, and both":         {"0 0 1-31 * 2 x", "0 0 * * 2 x", false, false},
		"standard input":               {"* * * * * cat%a", "* * * * * cat%b", false, false},
		"settings":                     {"PATH=/a\n* * * * * x", "PATH=/b\n* * * * * x", false, false},
		"mail is not what is run":      {"MAILTO=a\n* * * * * x", "* * * * * x", true, true},
		"one setting in two spellings": {"A=\"b\"\n* * * * * x", "A=b\n* * * * * x", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := job(t, "root", c.a), job(t, "root", c.b)
			if same := a == b; same != c.same {
				t.Errorf("same %v, want %v\n%s", same, c.same, cmp.Diff(a, b))
			}
			a.Times, b.Times, a.PerDay, b.PerDay = "", "", 0, 0
			if twin := a == b; twin != c.twin {
				t.Errorf("same but for the values of times: %v, want %v", twin, c.twin)
			}
		})
	}
}

func TestDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		a, b     string
		ok       bool
		where    Where
		hair     bool
		old, new string
	}{
		"the incident, unquoted":    {"sh ../update", "sh . ../update", true, InLook, true, "", "."},
		"the incident, quoted":      {"sh ../update", "sh '. ../update'", true, InLook, true, "../update", "'. ../update'"},
		"a hidden twin":             {"/usr/bin/update", "/usr/bin/.update", true, InLook, true, "/usr/bin/update", "/usr/bin/.update"},
		"a look-alike":              {"freshclam", "freshcIam", true, InLook, true, "freshclam", "freshcIam"},
		"one letter of a program":   {"/usr/bin/backup", "/usr/bin/backap", true, InCommand, true, "/usr/bin/backup", "/usr/bin/backap"},
		"an argument":               {"sa1 1 1", "sa1 1 2", true, InArgument, false, "1", "2"},
		"a path":                    {"rsync /srv/a host:", "rsync /srv/b host:", true, InPath, true, "/srv/a", "/srv/b"},
		"a long path, many letters": {"run-parts --report /etc/cron.daily --verbose", "run-parts --report /etc/cron.weekly --verbose", true, InPath, false, "/etc/cron.daily", "/etc/cron.weekly"},
		"another program":           {"/usr/sbin/logrotate /etc/logrotate.conf", "/usr/local/sbin/monitor", false, "", false, "", ""},
		"shorter than the edits":    {"a", "bcd", true, InCommand, true, "a", "bcd"},
	} {
		t.Run(name, func(t *testing.T) {
			d, ok := Differ(c.a, c.b)
			if ok != c.ok {
				t.Fatalf("ok %v, want %v: %+v", ok, c.ok, d)
			}
			if !ok {
				return
			}
			d.Edits = 0
			if diff := cmp.Diff(Difference{Where: c.where, Hair: c.hair, Old: c.old, New: c.new}, d); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPair(t *testing.T) {
	old := []Form{
		job(t, "root", "0 * * * * /usr/sbin/monitor"),
		job(t, "root", "5 * * * * sh ../update"),
		job(t, "root", "0 3 * * * /usr/sbin/backup"),
		job(t, "bob", "0 4 * * * /usr/bin/sync"),
		job(t, "root", "PATH=/usr/bin\n0 5 * * * clean"),
		job(t, "root", "0 6 * * * gone-for-good --and --never --seen"),
	}
	new := []Form{
		job(t, "root", "5 * * * * sh '. ../update'"),
		job(t, "root", "* * * * * /usr/sbin/backup"),
		job(t, "root", "0 4 * * * /usr/bin/sync"),
		job(t, "root", "PATH=/tmp\n0 5 * * * clean"),
		job(t, "root", "0 * * * * /usr/sbin/monitor"),
		job(t, "bob", "0 6 * * * gone-for-good --and --never --seen --x"),
	}
	found, capped := Pair(old, new)
	got := map[[2]int]Alteration{}
	for _, m := range found {
		got[[2]int{m.Old, m.New}] = m.How
	}
	want := map[[2]int]Alteration{{0, 4}: Same, {1, 0}: Rewritten, {2, 1}: Rescheduled, {3, 2}: MovedUser, {4, 3}: Reset}
	if diff := cmp.Diff(want, got); diff != "" || capped {
		t.Errorf("capped %v\n%s", capped, diff)
	}
}

// Of a list and itself in another order, every job finds its equal; no job of
// either list is matched twice, whatever the lists are.
func TestPairProperties(t *testing.T) {
	form := rapid.Custom(func(t *rapid.T) Form {
		return Form{
			User:    rapid.SampledFrom([]string{"root", "bob"}).Draw(t, "user"),
			Times:   rapid.SampledFrom([]string{"* * * * *", "0 0 * * *"}).Draw(t, "times"),
			Command: rapid.StringMatching(`[ab./ ]{0,6}`).Draw(t, "command"),
			Env:     rapid.SampledFrom([]string{"", "A=b"}).Draw(t, "env"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(form, 0, 12).Draw(t, "a")
		b := rapid.SliceOfN(form, 0, 12).Draw(t, "b")
		found, _ := Pair(a, b)
		seenOld, seenNew := map[int]bool{}, map[int]bool{}
		for _, m := range found {
			if seenOld[m.Old] || seenNew[m.New] {
				t.Fatalf("matched twice: %+v of %v", m, found)
			}
			seenOld[m.Old], seenNew[m.New] = true, true
			if (m.How == Same) != (a[m.Old].User == b[m.New].User && a[m.Old].Times == b[m.New].Times && a[m.Old].Command == b[m.New].Command && a[m.Old].Env == b[m.New].Env) {
				t.Fatalf("%+v: %+v, %+v", m, a[m.Old], b[m.New])
			}
		}
		itself, _ := Pair(a, rapid.Permutation(a).Draw(t, "permuted"))
		for _, m := range itself {
			if m.How != Same {
				t.Fatalf("of itself: %+v", m)
			}
		}
		if len(itself) != len(a) {
			t.Fatalf("%d of %d found", len(itself), len(a))
		}
	})
}

// fleet is n hosts of group web with three jobs each.
func fleet(t testing.TB, n int) []PeerHost {
	t.Helper()
	lines := []string{"17 3 * * * /usr/local/sbin/backup --to store:/web01", "*/5 * * * * /usr/local/sbin/monitor", "0 4 * * 0 sh ../update"}
	out := make([]PeerHost, n)
	for i := range out {
		name := fmt.Sprintf("web%02d", i+1)
		out[i] = PeerHost{Name: name, Names: []string{name + ".example.net"}, Groups: []string{"all", "web"}, Kind: "debian 12", Whole: true}
		for k, line := range lines {
			f := job(t, "root", strings.ReplaceAll(line, "web01", name))
			out[i].Jobs = append(out[i].Jobs, PeerJob{Form: &f, Path: "/var/spool/cron/crontabs/root", Line: k + 1})
		}
	}
	return out
}

func (h *PeerHost) put(t testing.TB, at int, line string) {
	f := job(t, "root", line)
	if at == len(h.Jobs) {
		h.Jobs = append(h.Jobs, PeerJob{Path: "/etc/cron.d/x", Line: 1})
	}
	h.Jobs[at].Form = &f
}

func TestPeers(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]PeerHost) []PeerHost
		want   []string
	}{
		"all alike": {func(h []PeerHost) []PeerHost { return h }, nil},
		"times drawn by lot": {func(h []PeerHost) []PeerHost {
			h[3].put(t, 0, "44 5 * * * /usr/local/sbin/backup --to store:/web04")
			return h
		}, nil},
		"digits of arguments": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].put(t, 1, fmt.Sprintf("*/5 * * * * /usr/local/sbin/monitor --slot %d", i))
			}
			return h
		}, nil},
		"the incident": {func(h []PeerHost) []PeerHost {
			h[6].put(t, 2, "0 4 * * 0 sh '. ../update'")
			h[6].Jobs = append(h[6].Jobs[:1], h[6].Jobs[2:]...)
			return h
		}, []string{`altered [web07] sh ../update -> sh '. ../update' look`, `missing [web07] /usr/local/sbin/monitor ->`}},
		"a twin beside it": {func(h []PeerHost) []PeerHost { h[6].put(t, 3, "*/5 * * * * /usr/local/sbin/monit0r"); return h },
			[]string{`twin [web07] /usr/local/sbin/monitor -> /usr/local/sbin/monit0r look`}},
		"one of its own": {func(h []PeerHost) []PeerHost { h[6].put(t, 3, "@reboot /opt/something-else --at all"); return h },
			[]string{`rare [web07]  -> /opt/something-else --at all`}},
		"more often": {func(h []PeerHost) []PeerHost { h[6].put(t, 1, "* * * * * /usr/local/sbin/monitor"); return h },
			[]string{`altered [web07] /usr/local/sbin/monitor -> /usr/local/sbin/monitor`}},
		"two hosts lack it": {func(h []PeerHost) []PeerHost {
			h[1].Jobs, h[2].Jobs = h[1].Jobs[:2], h[2].Jobs[:2]
			return h
		}, []string{`missing [web02 web03] sh ../update ->`}},
		"not all was read": {func(h []PeerHost) []PeerHost { h[1].Jobs, h[1].Whole = h[1].Jobs[:2], false; return h }, nil},
		"too few":          {func(h []PeerHost) []PeerHost { h[1].Jobs = h[1].Jobs[:2]; return h[:4] }, nil},
		"another system":   {func(h []PeerHost) []PeerHost { h[1].Jobs, h[1].Kind = h[1].Jobs[:2], "debian 11"; return h }, nil},
		"a group that differs on purpose": {func(h []PeerHost) []PeerHost {
			for i := range 3 {
				h[i].Groups = []string{"all", "db"}
				h[i].Jobs = h[i].Jobs[:2]
				h[i].put(t, 2, "0 1 * * * /usr/bin/pg_dumpall")
			}
			return h
		}, nil},
		"flags in another order": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].put(t, 1, "*/5 * * * * rsync -a --delete --exclude x /srv/data/ store:/data")
			}
			h[6].put(t, 1, "*/5 * * * * rsync --exclude x --delete -a /srv/data/ store:/data")
			return h
		}, []string{`altered [web07] rsync -a --delete --exclude x /srv/data/ store:/data -> rsync --exclude x --delete -a /srv/data/ store:/data argument`}},
		"a path of its own each": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].put(t, 1, fmt.Sprintf("*/5 * * * * /srv/site%d/cron.sh", 100+i))
			}
			return h
		}, nil},
		"all but one have a path of their own": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].put(t, 1, fmt.Sprintf("*/5 * * * * /srv/site%d/cron.sh", 100+i))
			}
			h[6].Jobs = append(h[6].Jobs[:1], h[6].Jobs[2:]...)
			return h
		}, []string{`missing [web07] /srv/site100/cron.sh ->`}},
		"another number than all": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].put(t, 1, "*/5 * * * * /srv/site1/cron.sh")
			}
			h[6].put(t, 1, "*/5 * * * * /srv/site7/cron.sh")
			return h
		}, []string{`altered [web07] /srv/site1/cron.sh -> /srv/site7/cron.sh command`}},
		"it never runs": {func(h []PeerHost) []PeerHost { h[6].Jobs[1].Dead = true; return h },
			[]string{`altered [web07] /usr/local/sbin/monitor -> /usr/local/sbin/monitor`}},
		"it runs nowhere": {func(h []PeerHost) []PeerHost {
			for i := range h {
				h[i].Jobs[1].Dead = true
			}
			return h
		}, nil},
		"one of three, by a hair": {func(h []PeerHost) []PeerHost { h[1].put(t, 2, "0 4 * * 0 sh '. ../update'"); return h[:3] },
			[]string{`altered [web02] sh ../update -> sh '. ../update' look`}},
		"one of three, otherwise": {func(h []PeerHost) []PeerHost { h[1].put(t, 2, "0 4 * * 0 /opt/another/thing --entirely"); return h[:3] }, nil},
		"one of three lacks it":   {func(h []PeerHost) []PeerHost { h[1].Jobs = h[1].Jobs[:2]; return h[:3] }, nil},
		"a twin on one of three": {func(h []PeerHost) []PeerHost { h[1].put(t, 3, "*/5 * * * * /usr/local/sbin/.monitor"); return h[:3] },
			[]string{`twin [web02] /usr/local/sbin/monitor -> /usr/local/sbin/.monitor look`}},
		"two of two": {func(h []PeerHost) []PeerHost { h[1].put(t, 2, "0 4 * * 0 sh '. ../update'"); return h[:2] }, nil},
		"half and half": {func(h []PeerHost) []PeerHost {
			for i := range 10 {
				h[i].put(t, 2, "0 4 * * 0 sh '. ../update'")
			}
			return h
		}, nil},
		"a table or a timer": {func(h []PeerHost) []PeerHost {
			f := FormOf(&cron.Job{User: "root", Command: "/usr/local/sbin/monitor", Schedule: cron.Schedule{Kind: cron.ScheduleElapsed, Every: 300}, Exec: true})
			h[6].Jobs[1].Form = &f
			return h
		}, []string{`altered [web07] /usr/local/sbin/monitor -> /usr/local/sbin/monitor`}},
		"no group": {func(h []PeerHost) []PeerHost { h[1].Groups, h[1].Jobs = nil, nil; return h }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPeers()
			for _, h := range c.change(fleet(t, 20)) {
				p.Add(h)
			}
			var got []string
			for _, x := range p.Find() {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %v %s -> %s %s", x.Kind, x.Hosts, x.Old, x.New, x.Where)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || p.Capped() {
				t.Errorf("capped %v\n%s", p.Capped(), diff)
			}
		})
	}
}

// A host that sends more than anybody has is cut, and said to be.
func TestPeersBounds(t *testing.T) {
	p := NewPeers()
	h := PeerHost{Name: "h", Groups: []string{"g"}, Whole: true}
	for i := range maxHostForms + 1 {
		h.Jobs = append(h.Jobs, PeerJob{Form: &Form{User: "u", Command: fmt.Sprintf("/x/%d", i)}})
	}
	p.Add(h)
	if !p.Capped() || len(p.hosts[0].jobs) != maxHostForms || p.hosts[0].whole {
		t.Errorf("capped %v, %d jobs, whole %v", p.Capped(), len(p.hosts[0].jobs), p.hosts[0].whole)
	}
}
