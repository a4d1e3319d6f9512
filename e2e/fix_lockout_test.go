//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

// lockOut is a line with which sshd -t is content and that ends a login.
type lockOut struct {
	name string
	// edit is what somebody has written and not reloaded.
	edit func(first string) string
	// base is what runs before that, where it is not the stock file.
	base func(first string) string
	// setup is run before the edit is seen, undo afterwards.
	setup, undo string
	want        string // in the refusal
	only        []e2e.Release
	keep        *fix.Login     // who is shut out; nil: admin, who plans
	as          ssh.AuthMethod // how keep logs in; nil: by key
	knows       string         // type of the only host key that the client knows
	// quiet: nothing is noticed on a host that nobody else asks.
	quiet bool
	// settled: not a matter of sshd's files; nothing has to be reloaded.
	settled bool
}

func head(lines ...string) func(string) string {
	return func(first string) string { return strings.Join(lines, "\n") + "\n" + first }
}

func foot(lines ...string) func(string) string {
	return func(first string) string { return first + strings.Join(lines, "\n") + "\n" }
}

// around puts one line at the top and others at the end.
func around(top string, end ...string) func(string) string {
	return func(first string) string { return head(top)(foot(end...)(first)) }
}

func without(keyword string, then func(string) string) func(string) string {
	return func(first string) string {
		var out strings.Builder
		for line := range strings.Lines(first) {
			if !strings.HasPrefix(line, keyword) {
				out.WriteString(line)
			}
		}
		return then(out.String())
	}
}

var newer = []e2e.Release{e2e.Bookworm, e2e.Trixie}

// lockOuts are numbered as in the list of sshd -t's blind spots.
func lockOuts(h *e2e.Host) []lockOut {
	a := h.Accounts()
	accept := "PubkeyAcceptedAlgorithms"
	if h.Spec().Release == e2e.Bullseye {
		accept = "PubkeyAcceptedKeyTypes"
	}
	typist := &fix.Login{User: "typist", Method: "keyboard-interactive"}
	return []lockOut{
		{name: "1 a comma", edit: head("AllowUsers admin,root"), want: "AllowUsers"},
		{name: "2 another case", edit: head("AllowUsers Admin"), want: "AllowUsers"},
		{name: "2 a typo", edit: head("AllowUsers amdin root"), want: "AllowUsers"},
		{name: "2 no such group", edit: head("AllowGroups nosuch"), want: "AllowGroups"},
		{name: "3 another network", edit: head("AllowUsers admin@192.168.77.0/24"), want: "AllowUsers"},
		{name: "3 a name without UseDNS", edit: head("AllowUsers admin@localhost"), want: "AllowUsers"},
		{name: "4 everybody", edit: head("DenyUsers *"), want: "DenyUsers"},
		{name: "4 his group", edit: head("DenyGroups admin"), want: "DenyGroups"},
		{name: "5 a list in a block", edit: around("AllowUsers admin root", "Match Address *", "AllowUsers root"), want: "AllowUsers"},
		{name: "6 the one method", edit: around("AuthenticationMethods publickey", "Match User admin", "PubkeyAuthentication no"), want: "switched off"},
		{name: "7 two keys", edit: head("AuthenticationMethods publickey,publickey"), want: "keys"},
		{name: "7 another method", edit: head("KbdInteractiveAuthentication yes", "ChallengeResponseAuthentication yes", "AuthenticationMethods keyboard-interactive"), want: "keyboard-interactive"},
		{name: "8 no file", edit: head("AuthorizedKeysFile none"), want: "AuthorizedKeysFile"},
		{name: "8 no folder", edit: head("AuthorizedKeysFile /nonexistent/%u"), want: "AuthorizedKeysFile"},
		{name: "8 root's tilde", edit: head("AuthorizedKeysFile ~/.ssh/authorized_keys"), want: "AuthorizedKeysFile"},
		{name: "9 another type", edit: head(accept + " rsa-sha2-512"), want: accept},
		{name: "10 no list of revoked keys", edit: head("RevokedKeys /nonexistent"), want: "RevokedKeys"},
		{name: "11 no key for it", edit: head("HostKeyAlgorithms rsa-sha2-512"), setup: "mv /etc/ssh/ssh_host_rsa_key /root/k", undo: "mv /root/k /etc/ssh/ssh_host_rsa_key", want: "HostKeyAlgorithms"},
		{name: "11 ciphers of yore", edit: head("Ciphers aes128-cbc"), want: "Ciphers"},
		{name: "11 no cipher", edit: head("Ciphers -*"), want: "Ciphers"},
		{name: "11 no key exchange", edit: head("KexAlgorithms -*"), want: "KexAlgorithms"},
		{name: "12 no try", edit: head("MaxAuthTries 0"), want: "MaxAuthTries"},
		{name: "12 no session", edit: head("MaxSessions 0"), want: "MaxSessions"},
		{name: "13 no start", edit: head("PerSourceMaxStartups 0"), want: "PerSourceMaxStartups", only: newer},
		{name: "14 bound to false", edit: head("ForceCommand /bin/false"), want: "ForceCommand"},
		{name: "14 quotes stay", edit: head(`ForceCommand "echo hi"`), want: "ForceCommand"},
		{name: "15 a chroot that is not there", edit: head("ChrootDirectory /nonexistent"), want: "/nonexistent"},
		{name: "15 a chroot of his own", edit: head("ChrootDirectory %h"), want: "root's alone"},
		{name: "16 refused", edit: foot("Match all", "RefuseConnection yes"), want: "RefuseConnection", only: []e2e.Release{e2e.Trixie}},
		{name: "17 no session program", edit: head("SshdSessionPath /nonexistent"), want: "SshdSessionPath", only: []e2e.Release{e2e.Trixie}},
		{name: "18 a subsystem in a block alone", edit: without("Subsystem", foot("Match User admin", "Subsystem sftp /x")), want: "Subsystem", only: []e2e.Release{e2e.Trixie}},
		{name: "19 another's address", edit: head("ListenAddress 192.0.2.1"), want: "no longer listen"},
		{name: "19 another port", edit: head("Port 2222"), want: "port"},
		{name: "20 locked without PAM", edit: head("UsePAM no"), setup: "cp -p /etc/shadow /root/s; sed -i 's/^admin:[^:]*:/admin:!:/' /etc/shadow", undo: "cat /root/s >/etc/shadow", want: "locked"},
		{name: "21 empty passwords and PAM", edit: head("PermitEmptyPasswords yes", "PasswordAuthentication no"), base: head("PasswordAuthentication no", "KbdInteractiveAuthentication yes", "ChallengeResponseAuthentication yes"), keep: typist, as: keyboard(a.Password.Password), want: "PermitEmptyPasswords"},
		{name: "22 no keys", edit: head("PubkeyAuthentication no"), want: "PubkeyAuthentication"},
		{name: "22 no root", edit: head("PermitRootLogin no"), base: head("PermitRootLogin yes"), keep: &fix.Login{User: "root", Method: "publickey"}, as: ssh.PublicKeys(a.Root.Signer), want: "PermitRootLogin"},
		{name: "22 no passwords", edit: head("PasswordAuthentication no"), keep: &fix.Login{User: "typist", Method: "password"}, as: ssh.Password(a.Password.Password), want: "PasswordAuthentication no"},
		{name: "23 the second factor is gone", edit: around("KbdInteractiveAuthentication no\nChallengeResponseAuthentication no", "Match User plain", "AuthenticationMethods publickey,keyboard-interactive:pam"),
			base: around("KbdInteractiveAuthentication yes\nChallengeResponseAuthentication yes", "Match User plain", "AuthenticationMethods publickey,keyboard-interactive:pam"),
			keep: &fix.Login{User: "plain", Method: "publickey"}, as: ssh.PublicKeys(a.Plain.Signer), want: "AuthenticationMethods", only: newer},
		{name: "24 no time", edit: head("LoginGraceTime 1"), want: "LoginGraceTime", quiet: true},
		{name: "24 no room", edit: head("MaxStartups 1:100:1"), want: "MaxStartups", quiet: true},
		{name: "25 behind the last Match", edit: around("AllowUsers root", "Match User nobody", "X11Forwarding no", "AllowUsers admin"), want: "AllowUsers"},
		{name: "26 the other family", edit: head("AddressFamily inet6"), want: "IPv4"},
		{name: "27 a home that all may write", edit: head("MaxAuthTries 5"), setup: "chmod 777 /home/plain", undo: "chmod 755 /home/plain", keep: &fix.Login{User: "plain", Method: "publickey"}, as: ssh.PublicKeys(a.Plain.Signer), want: "writable by everyone", settled: true},
		{name: "27 keys of somebody else's", edit: head("MaxAuthTries 5"), setup: "chown typist /home/plain/.ssh/authorized_keys", undo: "chown plain /home/plain/.ssh/authorized_keys", keep: &fix.Login{User: "plain", Method: "publickey"}, as: ssh.PublicKeys(a.Plain.Signer), want: "plain", settled: true},
		// Up to 9.7 each connection reads the host keys anew: there it is too late for a plan.
		{name: "28 the known host key is gone", edit: head("HostKey /etc/ssh/ssh_host_rsa_key", "HostKey /etc/ssh/ssh_host_ed25519_key"), setup: "mv /etc/ssh/ssh_host_ed25519_key /root/k", undo: "mv /root/k /etc/ssh/ssh_host_ed25519_key", knows: "ssh-ed25519", want: "your client knows this host", only: []e2e.Release{e2e.Trixie}},
	}
}

// TestFixRefusesLockOuts writes each line into a real host's file, does not reload
// it, and plans something else, which would bring it into force: refused, with the
// right reason. Then the control: the line is brought into force all the same, and
// the login that was named is really shut out. POSTERN_FIX_LOCKOUTS=all has all of
// them on each release; without it each release has its share.
func TestFixRefusesLockOuts(t *testing.T) {
	e2e.NeedHosts(t)
	all := os.Getenv("POSTERN_FIX_LOCKOUTS") == "all"
	for n, release := range e2e.Releases {
		t.Run(string(release), func(t *testing.T) {
			t.Parallel()
			spec := e2e.Spec{Release: release, Init: e2e.Tiny, Accounts: true}
			if release == e2e.Trixie {
				spec.SSHD = "PerSourcePenalties no\n" // its memory is of the last case, not of this one
			}
			b := newBlind(t, e2e.Start(t, spec))
			if p := b.plan(t, &lockOut{}); len(p.Refused) > 0 || len(p.Changes) == 0 {
				t.Fatal(tellPlan(t, p))
			}
			ran := 0
			for i, c := range lockOuts(b.h) {
				if len(c.only) > 0 && !slices.Contains(c.only, release) || !all && i%8 != n {
					continue
				}
				ran++
				t.Run(c.name, func(t *testing.T) { b.run(t, &c) })
			}
			t.Logf("%d lines", ran)
		})
	}
}

// blind is a host whose file is edited under its daemon.
type blind struct {
	h     *e2e.Host
	j     *fixJob
	rules *policies.Catalogue
	first string
}

const configFile = "/etc/ssh/sshd_config"

func newBlind(t *testing.T, h *e2e.Host) *blind {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if cat, err = cat.Choose(policies.Choice{Only: []string{"x11-forwarding"}}); err != nil {
		t.Fatal(err)
	}
	return &blind{h: h, j: newFixJob(t, h, h.Accounts().Admin), rules: cat, first: string(h.ReadFile(configFile))}
}

// connectAs is the way of admin, with the host keys that c's client knows.
func (b *blind) connectAs(t *testing.T, c *lockOut) (*connect.Dialer, inventory.Host) {
	t.Helper()
	known := b.j.Known
	if c.knows != "" {
		known = filepath.Join(t.TempDir(), "known_hosts")
		for _, k := range b.h.HostKeys() {
			if k.Type() == c.knows {
				if err := os.WriteFile(known, []byte(knownhosts.Line([]string{b.h.Addr()}, k)+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	d, err := connect.New(connect.Options{KnownHosts: []string{known}})
	if err != nil {
		t.Fatal(err)
	}
	return d, inventory.Host{Name: "h", Address: b.j.Address, Port: b.j.Port, User: b.j.User, Keys: []string{b.j.Key}}
}

func (b *blind) plan(t *testing.T, c *lockOut) fix.Host {
	t.Helper()
	d, host := b.connectAs(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	snap, err := audit.SSH{Dialer: d, Host: host}.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	in := fix.Input{Host: host, Snapshot: snap, Now: now, Named: []string{"x11-forwarding"}, OwnKeys: d.Keys(ctx, host), Judge: func(f *facts.Facts) []policies.Outcome {
		out, _ := b.rules.Judge(f, policies.JudgeOptions{Host: "h", Now: now})
		return out
	}}
	if c.keep != nil {
		in.Keep = []fix.Login{*c.keep}
	}
	return fix.Make(in)
}

func tellPlan(t *testing.T, p fix.Host) string {
	t.Helper()
	var b strings.Builder
	if err := (&fix.Text{W: &b, Width: 120}).Write(&fix.Plan{Hosts: []fix.Host{p}}); err != nil {
		t.Error(err)
	}
	return b.String()
}

// in tries the login that c is about, and says what went against it.
func (b *blind) in(t *testing.T, c *lockOut) error {
	t.Helper()
	if c.keep == nil {
		d, host := b.connectAs(t, c)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn, err := d.Dial(ctx, host)
		if err != nil {
			return err
		}
		defer conn.Close()
		var out strings.Builder
		if _, err := conn.Run(ctx, "id -un", nil, &out, nil); err != nil || out.String() != "admin\n" {
			return fmt.Errorf("id -un: %q, %v", out.String(), err)
		}
		return nil
	}
	methods := []ssh.AuthMethod{c.as}
	if strings.HasPrefix(c.name, "23") {
		methods = append(methods, keyboard("")) // plain has no password: the answer is wrong, and it is asked for
	}
	conn, err := b.h.Dial(c.keep.User, methods...)
	if err != nil {
		return err
	}
	defer conn.Close()
	s, err := conn.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	if out, err := s.CombinedOutput("id -un"); err != nil || string(out) != c.keep.User+"\n" {
		return fmt.Errorf("id -un: %q, %v", out, err)
	}
	return nil
}

// write gives the file other content, keeping its inode.
func (b *blind) write(t *testing.T, text string) {
	t.Helper()
	b.h.WriteFile("/root/new", []byte(text), 0o600)
	b.sh(t, "cat /root/new >"+configFile)
}

func (b *blind) sh(t *testing.T, command string) {
	t.Helper()
	if out, errs, code := b.h.Exec(command); code != 0 {
		t.Fatalf("%s: %d %s%s", command, code, out, errs)
	}
}

// load makes the daemon read its files, and waits until it has, or has died; a dead
// one is started where that is asked for. sshd takes its pid file away when it is told,
// and writes it anew after it listens: who looks in between takes it for dead.
func (b *blind) load(t *testing.T, start bool) {
	t.Helper()
	b.sh(t, `listens() { awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6 | sort | tr '\n' ' '; }
p=$(cat /run/sshd.pid); was=" $(listens)"
kill -HUP "$p" 2>/dev/null
anew() { now=$(listens); [ -n "$now" ] || return; for i in $now; do case $was in *" $i "*) return 1 ;; esac; done; }
while [ -e "/proc/$p/exe" ] && ! { anew && [ -s /run/sshd.pid ]; }; do sleep 0.05; done`)
	if start {
		b.sh(t, `p=$(cat /run/sshd.pid 2>/dev/null); [ -n "$p" ] && [ -e "/proc/$p/exe" ] && exit 0
/usr/sbin/sshd && until [ -s /run/sshd.pid ] && p=$(cat /run/sshd.pid) && [ -e "/proc/$p/exe" ]; do sleep 0.05; done`)
	}
}

// later waits for the next second: that the edit is later than the load is told by
// whole ones.
func (b *blind) later() { time.Sleep(1100 * time.Millisecond) }

func (b *blind) run(t *testing.T, c *lockOut) {
	defer func() {
		b.write(t, b.first)
		if c.undo != "" {
			b.sh(t, c.undo)
		}
		b.load(t, true)
		if err := b.in(t, &lockOut{}); err != nil {
			t.Fatalf("the host was not brought back: %v", err)
		}
	}()
	first := b.first
	if c.base != nil {
		b.write(t, c.base(first))
		b.load(t, false)
	}
	if !strings.HasPrefix(c.name, "23") {
		if err := b.in(t, c); err != nil {
			t.Fatalf("the login does not work to begin with: %v", err)
		}
	}
	b.later()
	if c.setup != "" {
		b.sh(t, c.setup)
	}
	text := c.edit(first)
	b.write(t, text)
	if out, err := b.h.Command("/usr/sbin/sshd", "-t").CombinedOutput(); err != nil {
		t.Fatalf("sshd -t is not content: %s", out)
	}
	if c.settled { // what is wrong lies beside sshd's files
		b.load(t, false)
		b.later()
	}
	p := b.plan(t, c)
	var found *fix.Refusal
	for i := range p.Refused {
		if r := &p.Refused[i]; r.Risk == "lock-out" && strings.Contains(r.Why+" "+r.Text, c.want) && r.WayOut != "" {
			found = r
			break
		}
	}
	if found == nil {
		t.Fatalf("not refused:\n%s", tellPlan(t, p))
	}
	if c.quiet {
		return
	}
	// The control: by postern itself, with the risk accepted by name. It tries, and
	// is stopped by what it then finds or takes everything back; or it is done, where
	// another's login is the one that goes.
	if c.keep == nil && c.knows == "" {
		d, host := b.connectAs(t, c)
		res, err := apply.Apply(context.Background(), func(ctx context.Context) (apply.Conn, error) {
			conn, err := d.Dial(ctx, host)
			if err != nil {
				return nil, err
			}
			return conn, nil
		}, p, apply.Options{Journal: filepath.Join(t.TempDir(), "j"), Deadline: 20 * time.Second, Accept: []string{"lock-out", "pending-edits", "disagreement"}})
		if err == nil || res.Outcome == apply.Done || res.Outcome == apply.Already {
			t.Errorf("with the risk accepted: %+v, %v", res, err)
		}
		t.Logf("%s | applied: %s, %v", found.Why, res.Outcome, err)
	} else {
		t.Logf("%s", found.Why)
	}
	// And bare: somebody reloads, and the host does not let it in.
	b.write(t, text)
	b.load(t, false)
	err := b.in(t, c)
	if err == nil {
		t.Error("the refusal was about nothing: the login works")
	}
	t.Logf("bare: %v", err)
}
