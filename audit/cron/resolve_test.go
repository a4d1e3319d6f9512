package cron

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// targets says what a command runs, one short text each: how:path, how:?word for a
// name that PATH decides, how:!word for what cannot be told, how:path (may) for one
// of several places.
func targets(a *Analysis) []string {
	var out []string
	for i := range a.Targets {
		t := &a.Targets[i]
		s := string(t.How) + ":"
		switch {
		case t.Search:
			s += "?" + t.Word
		case t.May:
			s += t.Path + " (may)"
		case t.Reason != "":
			s += "!" + t.Word
		default:
			s += t.Path
		}
		if t.Dir {
			s += " (directory)"
		}
		out = append(out, s)
	}
	return out
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
		want []string
	}{
		{"absolute", "/usr/bin/x -a b", []string{"command:/usr/bin/x"}},
		{"bare", "certbot renew", []string{"command:?certbot"}},
		{"relative to the home", "bin/x", []string{"command:/home/u/bin/x"}},
		{"tilde", "~/bin/x", []string{"command:/home/u/bin/x"}},
		{"HOME", "$HOME/bin/x; ${HOME}/y", []string{"command:/home/u/bin/x", "command:/home/u/y"}},
		{"single quotes", "sh '. ../update'", []string{"command:?sh", "script:/home/u/. ../update"}},
		{"double quotes", `sh ". ../update"`, []string{"command:?sh", "script:/home/u/. ../update"}},
		{"escaped blank", `sh .\ ../update`, []string{"command:?sh", "script:/home/u/. ../update"}},
		{"cd and relative", `cd ". .." && sh ./update`, []string{"command:?sh", "script:/home/u/. ../update"}},
		{"unquoted opens the directory", "sh . ../update", []string{"command:?sh", "script:/home/u (directory)"}},
		{"cd /", "cd / && run-parts --report /etc/cron.hourly", []string{"run-parts:/etc/cron.hourly", "command:?run-parts"}},
		{"guard", "test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", []string{"run-parts:/etc/cron.daily", "command:?run-parts"}},
		{"test and run", "[ -x /usr/lib/x ] && /usr/lib/x -q", []string{"command:/usr/lib/x"}},
		{"if", "if [ -x /a ]; then /a/b; else /c; fi", []string{"command:/a/b", "command:/c"}},
		{"env and assignments", "env -i A=b /x/y", []string{"command:/x/y"}},
		{"env -C", "env -C /srv ./x; ./y", []string{"command:/srv/x", "command:/home/u/y"}},
		{"nice ionice timeout", "nice -n 19 ionice -c3 timeout -k 5 10m /x/y -n 3", []string{"command:/x/y"}},
		{"flock command", "flock -n /run/lock /x/y", []string{"command:/x/y"}},
		{"flock string", `flock -n /run/lock -c "/x/y && /z"`, []string{"command:/x/y", "command:/z"}},
		{"sudo", "sudo -u bob -E A=b /x/y", []string{"command:/x/y"}},
		{"su", `su - bob -c "/x/y"`, []string{"command:/x/y"}},
		{"runuser", "runuser -u bob -- /x/y", []string{"command:/x/y"}},
		{"sh -c", `sh -c 'cd /srv; exec ./x'`, []string{"command:?sh", "command:/srv/x"}},
		{"bash -lc", `bash -lc "/x/y"`, []string{"command:?bash", "command:/x/y"}},
		{"eval", `eval "/x/y; /z"`, []string{"command:/x/y", "command:/z"}},
		{"source", ". /etc/profile; source ~/.env", []string{"sourced:/etc/profile", "sourced:/home/u/.env"}},
		{"python script", "python3 -u /opt/a.py --x", []string{"command:?python3", "script:/opt/a.py"}},
		{"python module", "python3 -m mod /opt/a.py", []string{"command:?python3"}},
		{"python code", "python3 -c 'x' /opt/a.py", []string{"command:?python3"}},
		{"php -f", "php -d x=y -f /opt/a.php", []string{"command:?php", "script:/opt/a.php"}},
		{"perl -e", "perl -e 'sleep 1' && /x/y", []string{"command:?perl", "command:/x/y"}},
		{"shell reads a file", "sh < /opt/a.sh", []string{"command:?sh", "script:/opt/a.sh"}},
		{"literal input", "echo '/x/y -a' | sh", []string{"command:?sh", "command:/x/y"}},
		{"decoded input", "echo L3gveSAtYQ== | base64 -d | sh", []string{"command:?base64", "command:?sh", "command:/x/y"}},
		{"here-string", "bash <<< /x/y", []string{"command:?bash", "command:/x/y"}},
		{"find -exec", "find /srv -name x -exec /x/y {} +", []string{"command:/x/y"}},
		{"xargs", "ls | xargs -n1 -I{} /x/y {}", []string{"command:?ls", "command:/x/y"}},
		{"ssh runs elsewhere", "ssh -i key host /x/y", nil},
		{"docker runs elsewhere", "docker exec -u www web php /x.php", nil},
		{"unknown variable", "$VV $X/scripts/worker", []string{"command:!$VV"}},
		{"known variable", "D=/srv/app; $D/run", []string{"command:/srv/app/run"}},
		{"default", "${D:-/srv}/run", []string{"command:!/srv/run"}},
		{"cd to an unknown place", "cd $APP; ./x", []string{"command:!./x"}},
		{"subshell keeps its cd", "(cd /srv; ./x); ./y", []string{"command:/srv/x", "command:/home/u/y"}},
		{"pattern", "/opt/*/run", []string{"command:!/opt/*/run"}},
		{"function", "f() { /x/y; }; f", []string{"command:/x/y"}},
		{"braces", "{curl,-s,http://x}", []string{"command:?curl"}},
		{"busybox", "busybox sh -c /x/y", []string{"command:?sh", "command:/x/y"}},
		{"quoted start", `"/home/u/.acme.sh"/acme.sh --cron`, []string{"command:/home/u/.acme.sh/acme.sh"}},
		{"wrapper of one's own", "/tmp/nice /x/y", []string{"command:/tmp/nice", "command:/x/y"}},
		{"comment", "/x/y # /z", []string{"command:/x/y"}},
		{"unclosed quote", `echo "a`, []string{}},
		{"env -S with settings", `env -S "A=b B=c /x/y z"`, []string{"command:/x/y"}},
		{"env -iS", `env -iS 'A=b /x/y'`, []string{"command:/x/y"}},
		{"cd in the background", "cd /srv & ./x", []string{"command:/home/u/x"}},
		{"sudo -iu", "sudo -iu bob ./x; sudo -nHi -u bob ./y; sudo -u ivan ./z", []string{"command:~bob/x", "command:~bob/y", "command:/home/u/z"}},
		{"one cd or another", "cd /a || cd /b; ./x; sh y; cd c; ./z; cd /d; ./v", []string{"command:/b/x (may)", "command:/a/x (may)", "command:?sh", "script:/b/y (may)", "script:/a/y (may)", "command:!./z", "command:/d/v"}},
		{"a cd or the end", "cd /a || exit 1; ./x", []string{"command:/a/x"}},
		{"a cd in one branch", "if test -d /a; then cd /a; fi; ./x", []string{"command:/a/x (may)", "command:/home/u/x (may)"}},
		{"a cd in the condition", "if cd /a; then ./x; fi", []string{"command:/a/x"}},
		{"a cd in each branch", "if test x; then cd /a; else cd /a; fi; ./x", []string{"command:/a/x"}},
		{"a cd in some case", "case $a in x) cd /a;; esac; ./x", []string{"command:/home/u/x (may)", "command:/a/x (may)"}},
		{"a loop over a pattern", `for f in /opt/j/*.sh; do "$f"; sh "$f"; done`, []string{"command:!/opt/j/*.sh", "command:?sh", "script:!/opt/j/*.sh"}},
		{"the command [", "/usr/bin/[ -f /a ] && /x/y", []string{"command:/usr/bin/[", "command:/x/y"}},
		{"ruby -C", "ruby -C /opt run.rb", []string{"command:?ruby", "script:/opt/run.rb"}},
		{"at reads a file", "at now + 1 minute < /x/y", []string{"command:?at", "script:/x/y"}},
		{"batch reads a file", "batch < /x/y", []string{"command:?batch", "script:/x/y"}},
		{"the program loader", "/lib64/ld-linux-x86-64.so.2 --library-path /l /x/y", []string{"command:/lib64/ld-linux-x86-64.so.2", "command:/x/y"}},
		{"musl's loader", "/lib/ld-musl-x86_64.so.1 /x/y", []string{"command:/lib/ld-musl-x86_64.so.1", "command:/x/y"}},
		{"systemd-inhibit", "systemd-inhibit --what=sleep --why 'a b' /x/y", []string{"command:/x/y"}},
		{"solo", "solo -port=3801 /x/y", []string{"command:/x/y"}},
		{"capsh", "capsh --user=app -- -c /x/y", []string{"command:?bash", "command:/x/y"}},
		{"sg", "sg www -c '/x/y a'", []string{"command:/x/y"}},
		{"sg without -c", "sg www '/x/y a'", []string{"command:/x/y"}},
		{"ssh-agent", "ssh-agent -t 60 /x/y", []string{"command:/x/y"}},
		{"runcon with options", "runcon -t x_t /x/y", []string{"command:/x/y"}},
		{"runcon with a context", "runcon system_u:x:y:s0 /x/y", []string{"command:/x/y"}},
		{"toybox", "toybox nice /x/y", []string{"command:/x/y"}},
		{"ip netns exec", "ip netns exec blue /x/y", []string{"command:/x/y"}},
		{"ip -n", "ip -n blue addr show", []string{"command:?ip"}},
		{"secrets into the environment", "op run --env-file x -- /x/y; doppler run -p z -- /x/y2; chamber exec svc -- /x/y3; aws-vault exec prod -- /x/y4",
			[]string{"command:/x/y", "command:/x/y2", "command:/x/y3", "command:/x/y4"}},
		{"direnv", "direnv exec /opt ./x", []string{"command:/home/u/x"}},
		{"nvm", "nvm exec 18 node /x/y.js", []string{"command:?node", "script:/x/y.js"}},
		{"monitors of jobs", "cronitor exec KEY /x/y; runitor -uuid k -- /x/y2; sentry-cli monitors run m -- /x/y3",
			[]string{"command:/x/y", "command:/x/y2", "command:/x/y3"}},
		{"containers without a verb", "lxc-attach -n c -- /x/y; pct exec 101 -- /x/y; vagrant ssh -c /x/y; incus exec c -- /x/y; adb shell /x/y; pdsh -w h /x/y", nil},
		{"libslack's daemon", "daemon -n x -- /x/y", []string{"command:/x/y"}},
		{"queues", "nq /x/y; tsp -L l /x/y2", []string{"command:/x/y", "command:/x/y2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := Resolve(c.line, ResolveEnv{Home: "/home/u"}, Debian)
			got := targets(a)
			if len(got) == 0 && len(c.want) == 0 {
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s: -want +got\n%s%+v", c.line, d, a.Reason)
			}
		})
	}
}

func TestResolveWithoutHome(t *testing.T) {
	a := Resolve(`sh ". ../update"`, ResolveEnv{}, Debian)
	if d := cmp.Diff([]string{"command:?sh", "script:$HOME/. ../update"}, targets(a)); d != "" {
		t.Error(d)
	}
}

// The literal reading and the joined one are both said, never one for the other.
func TestJoined(t *testing.T) {
	for _, c := range []struct {
		line   string
		joined string
		broken bool
	}{
		{"sh . ../update", "/home/u/. ../update", true},
		{"bash -x . ../update", "/home/u/. ../update", true},
		{"cd . ../dir", "/home/u/. ../dir", true},
		{". ../update", "/home/u/. ../update", false},
		{"cp -r . ../x", "/home/u/. ../x", false},
		{"sh ../update", "", false},
		{"sh '. ../update'", "", false},
	} {
		t.Run(c.line, func(t *testing.T) {
			a := Resolve(c.line, ResolveEnv{Home: "/home/u"}, Debian)
			path, broken := "", false
			if len(a.Joined) > 0 {
				path, broken = a.Joined[0].Path, a.Joined[0].Broken
			}
			if path != c.joined || broken != c.broken {
				t.Errorf("%q %v, want %q %v", path, broken, c.joined, c.broken)
			}
		})
	}
}

// TestUnitWithoutFolder: Debian 11's systemd-tmpfiles-clean.service names its program
// without a folder, and it lies in /bin, which is no link there.
func TestUnitWithoutFolder(t *testing.T) {
	a := (&Job{Exec: true, Command: "systemd-tmpfiles --clean"}).Resolve("/root", SystemdCron)
	if len(a.Targets) != 1 || !slices.Contains(a.Candidates(&a.Targets[0]), "/bin/systemd-tmpfiles") {
		t.Errorf("%+v", a.Targets)
	}
}

func TestCandidates(t *testing.T) {
	j := ParseTable([]byte("PATH=/tmp/.x:/usr/bin:\n* * * * * x\n"), User, Cronie, Options{}).Jobs()[0]
	a := j.Resolve("/home/u", Cronie)
	if d := cmp.Diff([]string{"/tmp/.x/x", "/usr/bin/x", "/home/u/x"}, a.Candidates(&a.Targets[0])); d != "" {
		t.Error(d)
	}
	signs := Signs(j, a, SignContext{UID: -1})
	if !hasSign(signs, "environment") {
		t.Errorf("PATH in /tmp is no sign: %+v", signs)
	}
}

func TestResolveExec(t *testing.T) {
	j := &Job{Exec: true, Command: `-/usr/bin/env A=b "/opt/my tool/x" --y ; /bin/z`}
	if d := cmp.Diff([]string{"command:/opt/my tool/x", "command:/bin/z"}, targets(j.Resolve("", Debian))); d != "" {
		t.Error(d)
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"sh . ../update", `sh -c "$(curl x)"`, "a=$a$a; eval $a", "{ x; } | sh <<E\ny\nE", "((((", "f(){ f; }; f", "$((1+1))", "echo aGk= | base64 -d | sh", "sudo -u x env -S 'a b' flock l -c 'c'", "x \x00 y", "case x in a) b;; esac"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := Resolve(s, ResolveEnv{Home: "/root", Stdin: s, HasStdin: true}, Debian)
		if len(a.Commands) > maxParsed || len(a.Targets) > maxParsed {
			t.Fatalf("%d commands, %d targets", len(a.Commands), len(a.Targets))
		}
		for i := range a.Targets {
			x := &a.Targets[i]
			if x.Path != "" && x.Path[0] != '/' && !strings.HasPrefix(x.Path, "$HOME") {
				t.Fatalf("path %q of %q is not absolute", x.Path, s)
			}
			if x.Path == "" && !x.Search && x.Reason == "" {
				t.Fatalf("target %+v of %q says neither where nor why not", x, s)
			}
		}
		for i := range a.Commands {
			for _, in := range a.Commands[i].Input {
				if in < 0 || in >= len(a.Commands) {
					t.Fatalf("input %d of %d commands", in, len(a.Commands))
				}
			}
		}
		j := &Job{Command: s, Raw: s, Fate: FateRuns}
		for _, sign := range Signs(j, a, SignContext{UID: -1}) {
			for _, c := range []byte(sign.Message) {
				if c < 0x20 || c >= 0x7f {
					t.Fatalf("message of %s holds raw bytes: %q", sign.ID, sign.Message)
				}
			}
		}
	})
}
