//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

// crash is one case of the matrix: what goes wrong, and at which point.
type crash struct {
	what  string // laptop dies, power cut, reboot, sshd dies, guard dies, network cut, none
	point string // of apply.FailPoints, or "host:" and one of apply.HostPoints or RollPoints
	plan  string // good, locks out, ends sshd
	clock int    // by how many days the laptop's clock is wrong
	waits bool   // the host waits for its deadline; elsewhere the test has it come at once
}

func (c crash) String() string {
	s := fmt.Sprintf("%-11s at %-14s (plan: %s", c.what, c.point, c.plan)
	if c.clock != 0 {
		s += fmt.Sprintf(", clock %+d d", c.clock)
	}
	if c.waits {
		s += ", waits"
	}
	return s + ")"
}

// crashes are all cases. Where they may strike is asked for, not listed.
func crashes() (all []crash) {
	add := func(what, plan string, points ...string) {
		for _, p := range points {
			all = append(all, crash{what: what, point: p, plan: plan})
		}
	}
	inHost := func(names []string) (points []string) {
		for _, p := range names {
			points = append(points, "host:"+p)
		}
		return points
	}
	inside, rolling := inHost(apply.HostPoints(2)), inHost(apply.RollPoints(2))
	add("laptop dies", "good", apply.FailPoints()...)
	add("laptop dies", "good", inside...)
	add("power cut", "good", apply.FailPoints()[2:]...)
	add("power cut", "good", inside...)
	add("reboot", "good", "armed", "installed", "reloaded", "verified")
	add("sshd dies", "good", "armed", "installed", "reloaded", "fresh")
	add("guard dies", "good", "armed", "installed", "reloaded", "verified")
	add("network cut", "good", "installed", "reloaded", "fresh", "verified")
	add("none", "ends sshd", "")
	add("none", "locks out", "")
	// What a change that locks out does when nobody is there to take it back.
	add("laptop dies", "locks out", "installed", "host:changed1", "host:hup", "reloaded")
	add("laptop dies", "ends sshd", "reloaded", "host:hup")
	add("power cut", "locks out", "installed", "reloaded", "host:changed1", "host:hup")
	add("reboot", "locks out", "installed", "reloaded")
	add("network cut", "locks out", "installed", "reloaded")
	add("guard dies", "locks out", "reloaded")
	// And when what takes it back is itself cut short.
	add("laptop dies", "locks out", rolling...)
	add("power cut", "locks out", rolling...)
	// The host's deadline is the host's own: the laptop's clock has no say.
	for _, days := range []int{3, -3} {
		all = append(all,
			crash{what: "none", plan: "good", clock: days},
			crash{what: "laptop dies", point: "reloaded", plan: "locks out", clock: days, waits: true})
	}
	return all
}

// crashKind is a kind of host that the matrix runs on.
type crashKind struct {
	release e2e.Release
	init    e2e.Init
	socket  bool // systemd holds sshd's socket
}

func (k crashKind) String() string {
	if k.socket {
		return string(k.release) + "/socket"
	}
	return fmt.Sprintf("%s/%s", k.release, k.init)
}

func crashKinds() (all []crashKind) {
	for _, release := range []e2e.Release{e2e.Bullseye, e2e.Bookworm, e2e.Trixie} {
		all = append(all, crashKind{release: release}, crashKind{release: release, init: e2e.Systemd}, crashKind{release: release, init: e2e.Systemd, socket: true})
	}
	return all
}

// has tells whether a case can be on this kind of host.
func (k crashKind) has(c crash) bool {
	if !k.socket {
		return c.plan != "ends sshd" || c.point != "reloaded" // it is dead before
	}
	// No daemon that listens is told to read its files again; and what it would
	// listen on has no effect. From 9.8 on there is another way to end it.
	return c.point != "host:hup" && (c.plan != "ends sshd" || k.release == e2e.Trixie)
}

// matrixRow is what became of one case on one host.
type matrixRow struct {
	crash crash
	host  string
	got   string // old, new; LOST: the owner is out; MIXED: neither
	note  string
	again string // what another run says of this one
}

type crashMatrix struct {
	mu     sync.Mutex
	rows   []matrixRow
	passed map[string]bool // fail points that were hit
}

func (m *crashMatrix) add(r matrixRow) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, r)
}

func (m *crashMatrix) hit(point string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed[point] = true
}

// String draws the matrix, and counts.
func (m *crashMatrix) String() string {
	var hosts, cases []string
	cell, count, again := map[string]string{}, map[string]int{}, map[string]int{}
	for _, r := range m.rows {
		c := r.crash.String()
		if !slices.Contains(hosts, r.host) {
			hosts = append(hosts, r.host)
		}
		if !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
		cell[c+"|"+r.host] = r.got
		count[r.got]++
		if r.again != "" {
			again[r.again]++
		}
	}
	slices.Sort(hosts)
	slices.Sort(cases)
	var b strings.Builder
	wide := 0
	for _, c := range cases {
		wide = max(wide, len(c))
	}
	for _, line := range []int{0, 1} { // release above init
		fmt.Fprintf(&b, "%-*s", wide, "")
		for _, h := range hosts {
			fmt.Fprintf(&b, " %-8s", strings.Split(h, "/")[line])
		}
		b.WriteByte('\n')
	}
	for _, c := range cases {
		line := fmt.Sprintf("%-*s", wide, c)
		for _, h := range hosts {
			line += fmt.Sprintf(" %-8s", cell[c+"|"+h])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, said := range slices.Sorted(maps.Keys(again)) {
		fmt.Fprintf(&b, "another run said %d times: %s\n", again[said], said)
	}
	fmt.Fprintf(&b, "%d cases: %d end with what was before, %d with what the plan promises, %d mixed, %d lost", len(m.rows), count["old"], count["new"], count["MIXED"], count["LOST"])
	return b.String()
}

// crashHost is a host on which cases are tried one after the other.
type crashHost struct {
	*e2e.Host
	kind      crashKind
	matrix    *crashMatrix
	unguarded bool
}

func startCrashHost(t *testing.T, kind crashKind, m *crashMatrix, unguarded bool) *crashHost {
	spec := e2e.Spec{Release: kind.release, Init: kind.init, Accounts: true, FailingLogins: true, DiskMB: 256}
	if kind.socket {
		spec.Setup = "systemctl disable ssh.service; systemctl enable ssh.socket"
	}
	h := e2e.Start(t, spec)
	h.Run("cp -a /etc/ssh /root/ssh; sync")
	return &crashHost{Host: h, kind: kind, matrix: m, unguarded: unguarded}
}

// reset makes the host what it was: another case begins.
func (h *crashHost) reset(t *testing.T) {
	t.Helper()
	h.Run(`rm -rf /var/lib/postern-fix /etc/cron.d/postern-rollback /etc/systemd/system/postern-fix-rollback.service
		find /etc/systemd/system -name 'postern-fix*' -delete
		rm -rf /etc/ssh/sshd_config.d && cp -a /root/ssh/sshd_config.d /etc/ssh/ && cp -a /root/ssh/sshd_config /etc/ssh/sshd_config; sync`)
	h.Kill()
	h.Boot()
}

func (h *crashHost) plan(t *testing.T, kind string) fix.Host {
	admin := h.Accounts().Admin
	p := noPasswords(t, h.Host, admin)
	switch kind {
	case "locks out":
		// nobody looks before it is in force: what only the guard can mend
		p.Changes[0] = sshdChange(t, h.Host, mainConfig, func(old string) string { return "AllowUsers nobodyhere\n" + old })
		p.Checks, p.Shut = nil, nil
	case "ends sshd":
		// sshd -t is content, and the daemon has nothing to listen on
		end := "ListenAddress 192.0.2.1\n"
		if h.kind.socket {
			end = "SshdSessionPath /nonexistent\n"
		}
		p.Changes[0] = sshdChange(t, h.Host, mainConfig, func(old string) string { return end + old })
		p.Checks, p.Shut = nil, nil
	}
	return p
}

// try runs one case to its end and writes down how the host is.
func (h *crashHost) try(t *testing.T, c crash) {
	h.reset(t)
	admin := h.Accounts().Admin
	j := newFixJob(t, h.Host, admin)
	j.Plan = h.plan(t, c.plan)
	j.Options.Deadline = 2 * time.Minute
	if c.waits {
		j.Options.Deadline = 25 * time.Second
	}
	j.Options.Unguarded = h.unguarded
	j.FailAt = c.point
	j.Clock = time.Duration(c.clock) * 24 * time.Hour
	if p, ok := strings.CutPrefix(c.point, "host:"); ok {
		j.Options.HostFail = p
	}
	row := matrixRow{crash: c, host: h.kind.String()}
	fault := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s: %s", h.kind, c, fmt.Sprintf(format, args...))
	}
	if c.what == "laptop dies" {
		began := time.Now()
		if _, killed := j.run(t); !killed {
			fault("the laptop did not come to that point")
			return
		}
		h.matrix.hit(c.point)
		if c.waits {
			left, told := h.timeLeft(t)
			if most := int(j.Options.Deadline.Seconds()); !told || left > most || left < most-1-int(time.Since(began).Seconds()) {
				fault("%d seconds left of %v (%v)", left, j.Options.Deadline, told)
			}
		} else {
			h.hasten()
		}
		if strings.HasPrefix(c.point, "host:restored") {
			// What took it back dies too, not only its laptop: the guard need not wait.
			h.Exec("read -r p _ </var/lib/postern-fix/current/roller && kill -9 $p")
		}
	} else {
		j.Announce = filepath.Join(t.TempDir(), "there")
		laptop := j.start(t)
		done := make(chan error, 1)
		go func() { done <- laptop.Wait() }()
		heal := func() {}
		if c.what != "none" {
			if !h.await(t, j.Announce, done) {
				laptop.Process.Kill()
				fault("the laptop did not come to that point")
				return
			}
			h.matrix.hit(c.point)
			heal = h.strike(t, c.what, laptop)
			os.Remove(j.Announce)
		}
		ended := false
		select {
		case <-done:
			ended = true
		case <-time.After(h.patience(c)):
		}
		heal()
		if !ended {
			select {
			case <-done:
			case <-time.After(3 * time.Minute):
				laptop.Process.Kill()
				fault("the laptop does not end")
			}
		}
		if c.clock != 0 {
			a := j.answer(t)
			if off := time.Until(a.Now) - j.Clock; off.Abs() > 10*time.Minute {
				fault("the laptop's clock is not wrong as it was to be: %v off", off)
			}
			if a.Result.Outcome != apply.Done {
				fault("%+v", a)
			}
		}
	}
	// The host alone, until it is done with it.
	for deadline := time.Now().Add(90 * time.Second); !h.unguarded && h.open(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			fault("the host does not decide")
			break
		}
	}
	row.got, row.note = h.standing(t, j)
	if row.got != "LOST" && !h.unguarded {
		row.again = h.another(t, j, c, fault)
	}
	h.matrix.add(row)
	if !h.unguarded && (row.got == "LOST" || row.got == "MIXED") {
		fault("%s: %s", row.got, row.note)
		out, _, _ := h.Exec("ls -lR /var/lib/postern-fix; ls -la /etc/ssh /etc/ssh/sshd_config.d /etc/cron.d; head -3 /etc/ssh/sshd_config")
		t.Log(out)
	}
}

// another run finishes or undoes, says which, and leaves nothing behind. It is
// the good plan's, whichever went before.
func (h *crashHost) another(t *testing.T, j *fixJob, c crash, fault func(string, ...any)) string {
	t.Helper()
	j.FailAt, j.Announce, j.Options.HostFail, j.Clock = "", "", "", 0
	if c.plan != "good" {
		j.Plan = h.plan(t, "good")
	}
	j.Options.Deadline = 2 * time.Minute
	a, _ := j.run(t)
	for range 3 {
		// Debian 11's ssh@.service removes /run/sshd with each session that ends; the
		// one that begins just then is turned away by sshd, whoever it is.
		if !h.kind.socket || !strings.Contains(a.Error, "before its first word") || len(a.Points) != 1 {
			break
		}
		a, _ = j.run(t)
	}
	if a.Result.Outcome != apply.Done && a.Result.Outcome != apply.Already {
		fault("again: %+v", a)
	}
	if got, note := h.standing(t, j); got != "new" {
		fault("after another run the host is %s (%s)", got, note)
	}
	if left, _, _ := h.Exec("find /etc /var/lib/postern-fix -maxdepth 4 -name '.postern*' -o -name '*postern*rollback*' -o -name current"); left != "" {
		fault("left on the host:\n%s", left)
	}
	dead := c.what == "laptop dies" || c.what == "power cut"
	if begun := c.point != "begun" && c.point != "connected"; dead && begun && a.Result.Recovered == "" {
		fault("another run does not say what became of this one")
	}
	return a.Result.Recovered
}

// patience is how long the laptop is waited for before the network is healed.
func (h *crashHost) patience(c crash) time.Duration {
	switch {
	case c.what != "network cut":
		return 3 * time.Minute
	case h.unguarded: // nobody will decide
		return 5 * time.Second
	}
	for deadline := time.Now().Add(90 * time.Second); h.open() && time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond)
	}
	return 0
}

// hasten makes the host's deadline come at once, where there is one.
func (h *crashHost) hasten() {
	h.Exec("test ! -e /var/lib/postern-fix/current/deadline || sed -i 's/ [0-9]*$/ 0/' /var/lib/postern-fix/current/deadline")
}

// timeLeft is what the host's guard still waits, in seconds.
func (h *crashHost) timeLeft(t *testing.T) (left int, told bool) {
	out, _, _ := h.Exec("cut -d' ' -f2 /var/lib/postern-fix/current/deadline; cut -d. -f1 /proc/uptime")
	var until, up int
	n, _ := fmt.Sscan(out, &until, &up)
	return until - up, n == 2
}

func (h *crashHost) await(t *testing.T, file string, done <-chan error) bool {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return true
		}
		select {
		case <-done:
			return false
		default:
		}
	}
	return false
}

// strike does what the case is about, and returns what makes the host reachable
// again where it is the way there that was cut.
func (h *crashHost) strike(t *testing.T, what string, laptop *exec.Cmd) func() {
	t.Helper()
	switch what {
	case "power cut": // of all that is in the room
		laptop.Process.Kill()
		h.PowerCut()
		h.Boot()
	case "reboot": // under the feet of a laptop that lives, and would try for long
		if h.unguarded {
			laptop.Process.Kill()
		}
		h.Reboot()
	case "sshd dies":
		if h.kind.socket {
			h.Exec("systemctl stop ssh.socket")
		}
		h.Exec("for p in $(pgrep -x sshd); do tr '\\0' ' ' </proc/$p/cmdline | grep -q listener && kill -9 $p; done")
	case "guard dies":
		if out, _, _ := h.Exec("read -r p _ </var/lib/postern-fix/current/guard && kill -9 $p && echo killed"); out == "" {
			t.Errorf("%s: there is no guard to kill", h.kind)
		}
	case "network cut":
		h.Run("ip link set eth0 down")
		h.hasten()
		return func() {
			h.Run("ip link set eth0 up")
			h.Run("ip neigh replace 10.99.0.1 lladdr 02:00:00:ff:00:01 dev eth0 nud permanent; ip route replace default via 10.99.0.1")
		}
	}
	return func() {}
}

// open tells whether the host still has to decide.
func (h *crashHost) open() bool {
	_, _, code := h.Exec("ls /var/lib/postern-fix/current/state | grep -qx 'armed\\|rolling'")
	return code == 0
}

// standing judges as the owner would: can he log in and be root, and is the
// configuration one of the two, in the files and in force.
func (h *crashHost) standing(t *testing.T, j *fixJob) (got, note string) {
	getsIn := func() (err error) {
		for deadline := time.Now().Add(12 * time.Second); ; time.Sleep(300 * time.Millisecond) {
			if err = h.becomesRoot(t, h.Accounts().Admin); err == nil || time.Now().After(deadline) {
				return err
			}
		}
	}
	if err := getsIn(); err != nil {
		return "LOST", err.Error()
	}
	old, new := 0, 0
	for _, c := range j.Plan.Changes {
		now, _ := fileState(t, h.Host, c.Before.Path)
		switch {
		case now.Exists == c.Before.Exists && now.SHA256 == c.Before.SHA256 && (!now.Exists || now.Mode == c.Before.Mode):
			old++
		case now.Exists == c.After.Exists && now.SHA256 == c.After.SHA256 && now.Mode == c.After.Mode:
			new++
		}
	}
	got = "MIXED"
	switch len(j.Plan.Changes) {
	case old:
		got = "old"
	case new:
		got = "new"
	}
	// With a /run of its own: where systemd holds the socket, the folder comes and
	// goes with each session.
	if _, stderr, code := h.Exec("unshare -m sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -t'"); code != 0 {
		return "MIXED", "sshd -t: " + stderr
	}
	for deadline := time.Now().Add(12 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		if offersPasswords(t, h.Host, "typist") == (got == "old") {
			// Again: what offers nothing may have ended just now.
			if err := getsIn(); err != nil {
				return "LOST", err.Error()
			}
			return got, ""
		}
		if time.Now().After(deadline) {
			return "MIXED", "in force is not what the files say: " + got
		}
	}
}

func (h *crashHost) becomesRoot(t *testing.T, a e2e.Account) error {
	c, err := h.Dial(a.Name, ssh.PublicKeys(a.Signer))
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := s.CombinedOutput("sudo -n id -u")
	if err == nil && string(out) != "0\n" {
		err = errors.New(string(out))
	}
	return err
}

// whole tells whether all cases are to run on all hosts, as .ci/full does.
func whole() bool { return os.Getenv("POSTERN_FIX") == "full" }

// turn is where the deal of cases to kinds of hosts begins. It moves on by the
// day; POSTERN_FIX_TURN repeats one.
func turn(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("POSTERN_FIX_TURN"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			t.Fatalf("POSTERN_FIX_TURN=%q is not a number", s)
		}
		return n
	}
	return int(time.Now().Unix() / 86400)
}

// deal gives each kind of host its cases: all of them, or else each case to one.
func deal(all []crash, kinds []crashKind, turn int) map[crashKind][]crash {
	out := map[crashKind][]crash{}
	for i, c := range all {
		for n := range kinds {
			k := kinds[(i+n+turn)%len(kinds)]
			if !k.has(c) {
				continue
			}
			out[k] = append(out[k], c)
			if !whole() {
				break
			}
		}
	}
	return out
}

// run tries the dealt cases, on so many hosts of each kind beside each other.
func (m *crashMatrix) run(t *testing.T, dealt map[crashKind][]crash, shards int, unguarded bool) {
	t.Run("hosts", func(t *testing.T) {
		for _, k := range crashKinds() {
			for shard := range shards {
				var mine []crash
				for i, c := range dealt[k] {
					if i%shards == shard {
						mine = append(mine, c)
					}
				}
				if len(mine) == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d", k, shard), func(t *testing.T) {
					t.Parallel()
					h := startCrashHost(t, k, m, unguarded)
					for _, c := range mine {
						began := time.Now()
						h.try(t, c)
						t.Logf("%s: %s", c, time.Since(began).Round(100*time.Millisecond))
					}
				})
			}
		}
	})
}

// TestFixCrashMatrix: whatever dies at whatever point, the owner can log in
// afterwards, by what worked before or by what the plan promises.
func TestFixCrashMatrix(t *testing.T) {
	e2e.NeedHosts(t)
	m := &crashMatrix{passed: map[string]bool{}}
	all, from := crashes(), turn(t)
	shards := 1
	if whole() {
		shards = 2
	}
	m.run(t, deal(all, crashKinds(), from), shards, false)
	t.Logf("each case on one kind of host, POSTERN_FIX_TURN=%d; POSTERN_FIX=full: on all\n%s", from, m)
	if len(m.rows) < 80 {
		t.Errorf("%d cases, want at least 80", len(m.rows))
	}
	var want []string
	want = append(want, apply.FailPoints()...)
	for _, p := range append(apply.HostPoints(2), apply.RollPoints(2)...) {
		want = append(want, "host:"+p)
	}
	for _, p := range want {
		if !m.passed[p] {
			t.Errorf("fail point %s was never hit", p)
		}
	}
}

// TestFixWithoutGuard: what the guard is worth. Without it the same cases, of
// plans that lock out, lose every host whose sshd has read the files.
func TestFixWithoutGuard(t *testing.T) {
	e2e.NeedHosts(t)
	m := &crashMatrix{passed: map[string]bool{}}
	lost := func(c crash) bool { // nobody is left who could take it back
		in := c.point == "reloaded" || c.point == "host:hup" || c.what == "power cut" || c.what == "reboot" && c.point == "installed"
		return in && c.what != "network cut" && c.what != "guard dies"
	}
	var all []crash
	for _, c := range crashes() {
		// Where the laptop takes the change back, it is not the guard that saves.
		p, _ := strings.CutPrefix(c.point, "host:")
		if c.plan != "good" && c.clock == 0 && c.what != "none" && c.what != "guard dies" && !slices.Contains(apply.RollPoints(2), p) {
			all = append(all, c)
		}
	}
	if !whole() { // half of them
		var half []crash
		for i := turn(t) % 2; i < len(all); i += 2 {
			half = append(half, all[i])
		}
		all = half
	}
	m.run(t, deal(all, crashKinds(), turn(t)), 1, true)
	t.Logf("the guard is switched off; MIXED: out as soon as sshd reads what lies there\n%s", m)
	for _, r := range m.rows {
		if lost(r.crash) && r.got != "LOST" {
			t.Errorf("%s: %s: %s without a guard: then the guard's matrix proves nothing there (%s)", r.host, r.crash, r.got, r.note)
		}
	}
	if !slices.ContainsFunc(m.rows, func(r matrixRow) bool { return r.got == "LOST" }) {
		t.Error("no host was lost: the guard's matrix proves nothing")
	}
}
