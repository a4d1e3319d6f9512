package fix_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

const dropIn = "/etc/ssh/sshd_config.d/50-x.conf"

// wantedValues are rules that set a keyword, with what has to hold afterwards.
var wantedValues = []struct {
	rule, keyword string
	ok            func(string) bool
}{
	{"no-root-login", "PermitRootLogin", func(s string) bool { return s == "no" }},
	{"permit-root-login", "PermitRootLogin", func(s string) bool { return s == "no" }},
	{"permit-empty-passwords", "PermitEmptyPasswords", func(s string) bool { return s == "no" }},
	{"x11-forwarding", "X11Forwarding", func(s string) bool { return s == "no" }},
	{"permit-tunnel", "PermitTunnel", func(s string) bool { return s == "no" }},
	{"tcp-forwarding", "AllowTcpForwarding", func(s string) bool { return s == "no" }},
	{"hostbased-authentication", "HostbasedAuthentication", func(s string) bool { return s == "no" }},
	{"max-auth-tries-strict", "MaxAuthTries", func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n <= 4 }},
	{"log-level-verbose", "LogLevel", func(s string) bool { return strings.EqualFold(s, "VERBOSE") }},
	{"login-grace-time-strict", "LoginGraceTime", func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n >= 1 && n <= 60 }},
	{"permit-user-environment", "PermitUserEnvironment", func(s string) bool { return s == "no" }},
	{"strict-modes", "StrictModes", func(s string) bool { return s == "yes" }},
}

// someConfig draws a configuration as people write them, and as they should not.
func someConfig() *rapid.Generator[map[string]string] {
	value := map[string][]string{
		"PermitRootLogin": {"yes", "no", "prohibit-password", "forced-commands-only"}, "PasswordAuthentication": {"yes", "no"},
		"KbdInteractiveAuthentication": {"yes", "no"}, "PermitEmptyPasswords": {"yes", "no"}, "X11Forwarding": {"yes", "no"},
		"PermitTunnel": {"yes", "no", "ethernet"}, "AllowTcpForwarding": {"yes", "no", "local", "all"}, "HostbasedAuthentication": {"yes", "no"},
		"MaxAuthTries": {"2", "4", "6", "20"}, "LogLevel": {"INFO", "VERBOSE", "quiet", "DEBUG3"}, "LoginGraceTime": {"0", "30", "2m", "1h"},
		"PermitUserEnvironment": {"yes", "no", "LANG,LC_*"}, "StrictModes": {"yes", "no"}, "UsePAM": {"yes", "no"}, "PubkeyAuthentication": {"yes"},
		"Banner": {"none", "/etc/issue.net"}, "ClientAliveInterval": {"0", "300"}, "AllowAgentForwarding": {"yes", "no"}, "GatewayPorts": {"yes", "clientspecified"},
	}
	var keywords []string
	for k := range value {
		keywords = append(keywords, k)
	}
	slices.Sort(keywords)
	global := []string{"UsePAM", "StrictModes", "LoginGraceTime", "PermitUserEnvironment"}
	return rapid.Custom(func(t *rapid.T) map[string]string {
		eol := rapid.SampledFrom([]string{"\n", "\n", "\n", "\r\n"}).Draw(t, "eol")
		line := func(inMatch bool) string {
			k := rapid.SampledFrom(keywords).Filter(func(k string) bool { return !inMatch || !slices.Contains(global, k) }).Draw(t, "keyword")
			v := rapid.SampledFrom(value[k]).Draw(t, "value")
			switch rapid.IntRange(0, 9).Draw(t, "form") {
			case 0:
				return "# " + k + " " + v
			case 1:
				return "#" + k + " " + v
			case 2:
				return strings.ToUpper(k) + "=" + v
			case 3:
				return "  " + k + "\t\"" + v + "\" # why"
			case 4:
				return ""
			}
			return k + " " + v
		}
		file := func(n int) string {
			var b strings.Builder
			for range rapid.IntRange(0, n).Draw(t, "lines") {
				b.WriteString(line(false) + eol)
			}
			for range rapid.IntRange(0, 3).Draw(t, "blocks") {
				b.WriteString("Match " + rapid.SampledFrom([]string{"User alice", "User bob,alice", "Address 10.0.0.0/8", "User !root,*", "all", "Group sudo", "User bob Address 192.0.2.0/24", "Address *,!10.0.0.9"}).Draw(t, "match") + eol)
				for range rapid.IntRange(0, 4).Draw(t, "lines") {
					b.WriteString("\t" + line(true) + eol)
				}
			}
			s := b.String()
			if rapid.Bool().Draw(t, "open end") {
				s = strings.TrimSuffix(s, eol)
			}
			return s
		}
		files := map[string]string{mainFile: file(8)}
		if rapid.Bool().Draw(t, "drop-in") {
			files[dropIn] = file(4)
			files[mainFile] = "Include /etc/ssh/sshd_config.d/*.conf" + eol + files[mainFile]
		}
		return files
	})
}

// memory is a set of files for the parser.
type memory map[string]string

func (m memory) Glob(pattern string) (out []string, err error) {
	for p := range m {
		if sshd.GlobMatch(pattern, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (m memory) Read(p string) ([]byte, error) {
	if s, ok := m[p]; ok {
		return []byte(s), nil
	}
	return nil, fs.ErrNotExist
}

var worldUsers = []sshd.User{{Name: "root", Groups: []string{"root"}}, {Name: "daemon", Groups: []string{"daemon"}}, {Name: "alice", Groups: []string{"alice", "sudo"}}, {Name: "bob", Groups: []string{"bob"}}}

// applied is what the files are after a plan.
func applied(files map[string]string, h fix.Host) memory {
	out := memory{}
	for p, s := range files {
		out[p] = s
	}
	for _, c := range h.Changes {
		if _, ok := out[c.Before.Real]; ok && c.Kind == fix.KindSshd {
			out[c.Before.Real] = string(c.New)
		}
	}
	return out
}

func worldOf(files map[string]string) *world {
	w := newWorld()
	for p, s := range files {
		w.text(p, s)
	}
	return w
}

// TestFixesHold: the wanted value holds in every context, everything else is as it
// was, a second fix changes nothing, and the plan holds the first bytes.
func TestFixesHold(t *testing.T) {
	judges := map[string]*daemon{"8.4": otherDaemon(t, "8.4"), "9.2": newDaemon(t), "10.0": otherDaemon(t, "10.0")}
	mended, left := 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		release := rapid.SampledFrom([]string{"9.2", "9.2", "8.4", "10.0"}).Draw(rt, "release")
		files := someConfig().Draw(rt, "files")
		var rules []string
		for _, r := range wantedValues {
			if rapid.IntRange(0, 3).Draw(rt, r.rule) == 0 {
				rules = append(rules, r.rule)
				if common, strict := strings.CutSuffix(r.rule, "-strict"); strict {
					rules = append(rules, common) // the strict rule is silent while this one fails
				} else if common, strict := strings.CutSuffix(r.rule, "-verbose"); strict {
					rules = append(rules, common)
				}
			}
		}
		if rapid.Bool().Draw(rt, "passwords") {
			rules = append(rules, "no-password-login")
		}
		if len(rules) == 0 {
			return
		}
		h := worldOf(files).release(release).plan(t, rules...)
		after, is, contexts := holds(rt, files, release, rules, h, left)
		mended += len(h.Changes)
		if judge := judges[release]; judge != nil {
			judge.compare(rt, files, after, is, contexts, rules)
		}
	})
	if mended == 0 {
		t.Error("nothing was mended")
	}
	for release, judge := range judges {
		if judge != nil {
			t.Logf("sshd %s asked %d times", release, judge.asked)
		}
	}
	t.Logf("%d files mended, left: %v", mended, left)
}

// teller is a test of either kind.
type teller interface {
	Helper()
	Fatalf(format string, args ...any)
}

// mends reports whether a plan changes something for that rule.
func mends(h fix.Host, rule string) bool {
	return slices.ContainsFunc(h.Changes, func(c fix.Change) bool { return slices.Contains(c.Rules, rule) })
}

// holds checks what a plan promises, by the evaluator, for every context that the
// files tell apart before or after: the wanted values, everything else as it was, no
// further change, and the first bytes back by undo. Rules that the plan left are
// counted with their reasons.
func holds(t teller, files map[string]string, release string, rules []string, h fix.Host, left map[string]int) (after memory, is *sshd.Config, contexts []sshd.Context) {
	t.Helper()
	unfixed := map[string]bool{}
	for _, u := range h.Unfixed {
		unfixed[u.Rule] = true
		left[u.Why]++
	}
	touched := touchedBy(rules)
	after = applied(files, h)
	opt := sshd.Options{Distro: "debian"}
	opt.Version, _ = sshd.ParseVersion(release + "p1")
	was, is := sshd.Load(mainFile, memory(files), opt), sshd.Load(mainFile, after, opt)
	contexts, _ = is.Contexts(worldUsers)
	more, _ := was.Contexts(worldUsers)
	contexts = append(contexts, more...)
	for i := range contexts {
		s, old := is.Eval(contexts[i]), was.Eval(contexts[i])
		for _, r := range wantedValues {
			if !slices.Contains(rules, r.rule) || unfixed[r.rule] || r.rule == "no-root-login" && old.Get("PermitRootLogin").First() != "yes" {
				continue
			}
			if r.keyword == "PermitRootLogin" && contexts[i].User != "root" {
				continue // it decides about nobody else
			}
			if r.rule == "tcp-forwarding" && s.Get("DisableForwarding").Is("yes") {
				continue
			}
			if got := strings.Join(s.Get(r.keyword).Args, " "); !r.ok(got) {
				t.Fatalf("%s is %q for %+v\n%s%s", r.keyword, got, contexts[i], after[mainFile], tell(h))
			}
		}
		// No password opens anything for alice, who has none, nor root's where root may
		// not come by one: no finding, no fix. What is mended for others holds for alice.
		shutOut := contexts[i].User == "alice" && !mends(h, "no-password-login") || contexts[i].User == "root" && !s.Get("PermitRootLogin").Is("yes")
		if slices.Contains(rules, "no-password-login") && !unfixed["no-password-login"] && !shutOut && s.Get("PasswordAuthentication").Is("yes") && !s.Get("PermitEmptyPasswords").Is("no") {
			t.Fatalf("passwords for %+v\n%s%s", contexts[i], after[mainFile], tell(h))
		}
		for _, k := range sshd.Keywords() {
			if touched[k] {
				continue
			}
			if a, b := old.Get(k), s.Get(k); !slices.Equal(a.Args, b.Args) {
				t.Fatalf("%s was %v and is %v\n%s", k, a.Args, b.Args, tell(h))
			}
		}
	}
	for _, c := range h.Changes {
		if string(c.Old) != files[c.Before.Real] {
			t.Fatalf("%s: the plan does not hold its first bytes", c.Before.Real)
		}
	}
	back := applied(after, apply.Reverse(h, "0123456789abcdef"))
	for p, text := range files {
		if back[p] != text {
			t.Fatalf("%s: undo does not give the first bytes back\n%s", p, tell(h))
		}
	}
	if again := worldOf(after).release(release).plan(t, rules...); len(again.Changes) > 0 {
		t.Fatalf("the second fix changes\n%s\nafter\n%s", tell(again), tell(h))
	}
	return after, is, contexts
}

// touchedBy are the keywords that rules may set.
func touchedBy(rules []string) map[string]bool {
	touched := map[string]bool{}
	for _, r := range wantedValues {
		touched[r.keyword] = touched[r.keyword] || slices.Contains(rules, r.rule)
	}
	for _, k := range []string{"PasswordAuthentication", "KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "SkeyAuthentication"} {
		touched[k] = touched[k] || slices.Contains(rules, "no-password-login") // one switch under several names
	}
	return touched
}

// daemon is a release's sshd as a judge of what a plan has made: this machine's, or
// one in a root file system of its own.
type daemon struct {
	root           string // "" this machine's
	path, key, dir string
	asked, most    int
}

// otherDaemon is the sshd of another release, over the root file system that the tests
// of audit/sshd build, without writing to it. nil: it is not there.
func otherDaemon(t *testing.T, release string) *daemon {
	cache := os.Getenv("POSTERN_E2E_CACHE")
	if cache == "" {
		cache = "/var/cache/postern-e2e"
	}
	d := &daemon{root: filepath.Join(cache, "sshd-"+map[string]string{"8.4": "bullseye", "10.0": "trixie"}[release]), path: "/usr/sbin/sshd", dir: t.TempDir(), most: 20}
	if os.Getenv("POSTERN_FIX_SSHD") == "all" {
		d.most = 1 << 30
	}
	d.key = "/mnt/key"
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(d.dir, "key")).CombinedOutput()
	if err == nil {
		out, err = d.command("-t", "-f", "none", "-h", d.key).CombinedOutput()
	}
	if err != nil {
		if d.most == 1<<30 {
			t.Fatalf("no sshd %s to judge by (go test ./audit/sshd as root builds its root file system): %v %s", release, err, out)
		}
		return nil
	}
	return d
}

// command is its sshd with these arguments.
func (d *daemon) command(args ...string) *exec.Cmd {
	if d.root == "" {
		return exec.Command(d.path, args...)
	}
	const enter = `mount --make-rprivate / && mount --bind "$1" "$2/mnt" && mount -t tmpfs t "$2/run" && mkdir "$2/run/sshd" && r=$2 && shift 2 && exec chroot "$r" "$@"`
	return exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, "sh", d.dir, d.root, d.path}, args...)...)
}

// at is where the daemon finds what stands in the judge's folder.
func (d *daemon) at(name string) string {
	if d.root == "" {
		return filepath.Join(d.dir, name)
	}
	return "/mnt/" + name
}

// says is what it makes of some files for one login.
func (d *daemon) says(t teller, files memory, spec string) sshd.Effective {
	defer os.RemoveAll(filepath.Join(d.dir, "d"))
	for p, s := range files {
		s = strings.ReplaceAll(s, "/etc/ssh/sshd_config.d/", d.at("d")+"/")
		to := filepath.Join(d.dir, "sshd_config")
		if p != mainFile {
			to = filepath.Join(d.dir, "d", filepath.Base(p))
			os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err := os.WriteFile(to, []byte(s), 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	d.asked++
	cmd := d.command("-T", "-f", d.at("sshd_config"), "-h", d.key, "-C", spec)
	var stderr strings.Builder // apart: its warnings name lines
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sshd -T: %v %s\n%s", err, &stderr, files[mainFile])
	}
	return sshd.ParseEffective(out)
}

// newDaemon finds it. Where it is not there the evaluator judges alone.
func newDaemon(t *testing.T) *daemon {
	d := &daemon{path: "/usr/sbin/sshd", dir: t.TempDir(), most: 40}
	if os.Getenv("POSTERN_FIX_SSHD") == "all" {
		d.most = 1 << 30
	}
	out, err := exec.Command(d.path, "-V").CombinedOutput()
	if v, ok := sshd.ParseVersion(string(out)); runtime.GOOS != "linux" || !ok || v != sshd.V(9, 2) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no sshd 9.2 to judge by: %v %s", err, out)
		}
		d.most = 0
		return d
	}
	d.key = filepath.Join(d.dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d.key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	return d
}

// compare asks it about the contexts of which it can be told: accounts by name, no
// groups but those of this machine. What was wanted is what the plan foresaw, and what
// no rule touches is what it was.
func (d *daemon) compare(t teller, before, files memory, is *sshd.Config, contexts []sshd.Context, rules []string) {
	touched := map[string]bool{}
	for k, yes := range touchedBy(rules) {
		touched[strings.ToLower(k)] = yes
	}
	for i, c := range contexts {
		if d.asked >= d.most {
			return
		}
		if strings.Contains(files[mainFile]+files[dropIn], "Group") && c.User != "nosuch" {
			continue
		}
		spec := fmt.Sprintf("user=%s,host=%s,addr=%s,laddr=10.0.0.1,lport=22", c.User, c.Addr, c.Addr)
		eff := d.says(t, files, spec)
		ctx := c
		ctx.LocalAddr, ctx.LocalPort, ctx.Host = "10.0.0.1", 22, c.Addr
		s := is.Eval(ctx)
		for _, w := range wantedValues {
			if got, want := eff.Get(w.keyword), s.Get(w.keyword).Args; !slices.Equal(got, want) {
				t.Fatalf("%s: sshd says %v, the plan %v\n%s", w.keyword, got, want, files[mainFile])
			}
		}
		if i%8 != 0 { // it takes 45 ms to ask
			continue
		}
		was := d.says(t, before, spec)
		for k := range was {
			if !touched[k] && !slices.Equal(was[k], eff[k]) {
				t.Fatalf("%s: sshd said %v before, and says %v\n%s", k, was[k], eff[k], files[mainFile])
			}
		}
		if len(was) < 40 || len(was) != len(eff) {
			t.Fatalf("sshd says %d keywords, and said %d", len(eff), len(was))
		}
	}
}

// refuses sees that it refuses a file that the evaluator refuses.
func (d *daemon) refuses(t *testing.T, c corpusFile) {
	if d.most == 0 || len(c.files) > 1 {
		return
	}
	if err := os.WriteFile(filepath.Join(d.dir, "refused"), []byte(c.files[mainFile]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := d.command("-t", "-f", d.at("refused"), "-h", d.key).CombinedOutput(); err == nil {
		t.Errorf("%s: sshd takes it: %s", c.name, out)
	}
}
