package apply

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/fix"
)

// shells are those that read the program on hosts.
func shells(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for name, argv := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}} {
		if _, err := exec.LookPath(argv[0]); err == nil {
			all[name] = argv
		} else if os.Getenv("CI") == "true" {
			t.Fatalf("no %s: install it", argv[0])
		}
	}
	if len(all) == 0 {
		t.Skip("none of dash, bash and busybox is here")
	}
	return all
}

// attacks are words of which each would do something if a shell looked at it.
var attacks = []string{
	"$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "\"; touch pwned; \"", "\n touch pwned\n", "\\", "\\'", "'\\''", "''",
	"-rf", "--", "-n", "*", "?[a-z]*", "~root", "${IFS}", "$0", "!!", "%s%n", "\\0101", "\r", "\t ", "é\xff\xfe", "\x01\x1b[2J", "& touch pwned &", "<pwned", ">pwned", "#", "=", "x=y", "\x7f",
}

func nasty(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(attacks), rapid.StringOfN(rapid.RuneFrom([]rune("ab'\"$`\\ \n;")), 0, 6, -1)), 1, 5).Draw(t, label), "")
}

// sh runs a script from its standard input in an empty folder and holds that it
// leaves nothing there.
func sh(t *rapid.T, argv []string, script string) []byte {
	dir, err := os.MkdirTemp("", "postern-sh-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(script)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %v: %s", argv, err, errs.Bytes())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Fatalf("%v: a name was carried out: %v %v", argv, left, err)
	}
	return out.Bytes()
}

// TestNamesStayNames: whatever stands in a plan comes out of a shell as the same
// bytes, in a variable or in a file, and none of it is carried out.
func TestNamesStayNames(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				word := func(label string) string { return nasty(t, label) }
				content := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "content")
				content = append(content, word("more")...)
				h := fix.Host{Changes: []fix.Change{{
					Kind: fix.KindKeys, User: word("user"), Record: word("record"), New: content,
					Before: fix.State{Path: "/" + word("path"), Real: "/" + word("real"), Exists: true, SHA256: word("hash")},
					After:  fix.State{Exists: true},
				}}, Rests: []fix.State{{Path: "/" + word("rest"), Real: "/" + word("rest real"), User: word("rest user"), Glob: word("glob"), SHA256: "h" + word("rest hash"), Exists: true}}}
				value := word("option")
				h.Reload.Args = []string{"sshd", "-D", "-f", value}
				login := check{spec: word("spec"), login: fix.Login{User: word("login")}}
				id := word("id")
				text, err := manifest(id, &h, []check{login}, false)
				if err != nil {
					t.Fatal(err)
				}
				script := assign("WANT", id) + text + printer("new_1", content) + `
p() { for w in "$@"; do printf '%s\0' "$w"; done; }
p "$WANT" "$ID" "$US1" "$RC1" "$P1" "$R1" "$T1" "$BH1" "$C1" "$W1" "$QP1" "$QR1" "$QU1" "$QG1" "$QH1"
with_test_args p
with_start_args p
new_1
`
				c := h.Changes[0]
				want := []string{id, id, c.User, c.Record, c.Before.Path, c.Before.Real, tempDir(c.Before.Real), c.Before.SHA256, login.spec, login.login.User,
					h.Rests[0].Path, h.Rests[0].Real, h.Rests[0].User, h.Rests[0].Glob, h.Rests[0].SHA256, "-f", value, "-f", value}
				got := sh(t, argv, script)
				words := strings.SplitN(string(got), "\x00", len(want)+1)
				if diff := cmp.Diff(append(want, string(content)), words); diff != "" {
					t.Fatal(diff)
				}
			})
		})
	}
}

// TestPrinter: contents of any bytes and lengths, in each shell.
func TestPrinter(t *testing.T) {
	every := make([]byte, 0, 3*256)
	for i := range 3 * 256 {
		every = append(every, byte(i*7))
	}
	for name, argv := range shells(t) {
		for _, content := range [][]byte{nil, {0}, []byte("\n"), []byte("no end of line"), every, bytes.Repeat([]byte("0123456789\\'"), 1000), bytes.Repeat([]byte{0xff}, 4001)} {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stdin = strings.NewReader(printer("p", content) + "p\n")
			got, err := cmd.Output()
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes: got %d bytes, %v", name, len(content), len(got), err)
			}
		}
	}
}

// TestProgramParses: each shell reads the whole program, and a cut one does nothing.
func TestProgramParses(t *testing.T) {
	for name, argv := range shells(t) {
		cmd := exec.Command(argv[0], append(argv[1:], "-n")...)
		cmd.Stdin = strings.NewReader(program)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		script := "N=n\ntouch pwned\nset -- status\n" + program
		for _, cut := range []int{20, 2000, len(script) - 30} {
			dir := t.TempDir()
			cmd := exec.Command(argv[0], append(argv[1:], "-c", body, "sh", "")...)
			cmd.Dir = dir
			cmd.Stdin = strings.NewReader(script[:cut])
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 || len(out) > 0 {
				t.Errorf("%s: cut at %d: %v: %s", name, cut, err, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
				t.Errorf("%s: a script that was cut at %d did something", name, cut)
			}
		}
	}
}

// TestCommand: the line for the login shell holds what each of them, csh and fish
// included, takes as it stands within single quotes.
func TestCommand(t *testing.T) {
	if strings.ContainsAny(command, "\n\\!") {
		t.Errorf("a newline, backslash or exclamation mark in %q", command)
	}
	if strings.Contains(body, "'") || strings.Count(command, "'") != 4 {
		t.Errorf("quotes within quotes in %q", command)
	}
}

// TestProgramIsCareful: no name of a host is evaluated, none is without quotes
// where a command could take it for several words, and no wall clock is asked.
func TestProgramIsCareful(t *testing.T) {
	for i, line := range strings.Split(program, "\n") {
		code, _, _ := strings.Cut(line, " # ")
		if strings.HasPrefix(strings.TrimSpace(code), "#") {
			continue
		}
		if strings.Contains(code, "eval ") && !strings.Contains(code, `=\$`) {
			t.Errorf("line %d evaluates something: %s", i+1, line)
		}
		for _, v := range []string{"P", "R", "T", "US", "RC", "DIR", "NEW", "OLD", "REAL", "_d", "_f", "_x", "_from", "_to", "_t"} {
			for _, bare := range []string{" $" + v + " ", " $" + v + ";", " $" + v + "/", ">$" + v + " ", " ${" + v + "}"} {
				if strings.Contains(code+" ", bare) && !strings.Contains(code, "case $"+v+" in") && !strings.Contains(code, "=$"+v) && !strings.Contains(code, "kill") && !quotedAt(code, strings.Index(code+" ", bare)) {
					t.Errorf("line %d: %s without quotes: %s", i+1, bare, line)
				}
			}
		}
		for _, word := range []string{"$(date", "OnCalendar", "+%s"} {
			if strings.Contains(code, word) {
				t.Errorf("line %d asks the wall clock: %s", i+1, line)
			}
		}
	}
}

// quotedAt tells whether that place of a line is within double or single quotes.
func quotedAt(line string, i int) bool {
	var in byte
	for j := 0; j < i; j++ {
		switch c := line[j]; {
		case in == 0 && (c == '"' || c == '\''):
			in = c
		case c == in:
			in = 0
		}
	}
	return in != 0
}

func TestDaemonArgs(t *testing.T) {
	for _, c := range []struct {
		args, test, start []string
		bad               string
	}{
		{args: nil},
		{args: []string{"/usr/sbin/sshd", "-D"}},
		{args: []string{"sshd", "-Def", "/x", "-E/log", "-4"}, test: []string{"-f", "/x", "-4"}, start: []string{"-f", "/x", "-E", "/log", "-4"}},
		{args: []string{"sshd", "-o", "Port=2222", "-p22", "-h", "-key"}, test: []string{"-o", "Port=2222", "-p", "22", "-h", "-key"}, start: []string{"-o", "Port=2222", "-p", "22", "-h", "-key"}},
		{args: []string{"sshd", "-u0", "-C", "user=x", "-g", "5"}},
		{args: []string{"sshd", "; id"}, bad: "; id"},
		{args: []string{"sshd", "-Z"}, bad: "-Z"},
		{args: []string{"sshd", "-f"}, bad: "no value"},
		{args: []string{"sshd", "-"}, bad: "not understood"},
		{args: []string{"sshd", "[listener]"}, bad: "listener"},
	} {
		test, start, err := daemonArgs(c.args)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q: %v", c.args, err)
			}
			continue
		}
		if err != nil || !slices.Equal(test, c.test) || !slices.Equal(start, c.start) {
			t.Errorf("%q: %q %q %v", c.args, test, start, err)
		}
	}
}

func TestTempDir(t *testing.T) {
	for real, want := range map[string]string{
		"/etc/ssh/sshd_config":             "/etc/ssh",
		"/etc/cron.d/job":                  "/etc",
		"/var/spool/cron/crontabs/alice":   "/var/spool/cron",
		"/var/spool/cron/root":             "/var/spool",
		"/etc/ssh/sshd_config.d/50-x.conf": "/etc/ssh/sshd_config.d",
	} {
		if got := tempDir(real); got != want {
			t.Errorf("%s: %s, want %s", real, got, want)
		}
	}
}

// FuzzReader: what a host says, in whatever pieces it comes, gives the same answer,
// and none of it is longer than what it said.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"n done x\n", "n begin 1\na b\nn end 1\n", "n fail refused 1 why\nn at here\n", "garbage\x00\nn groups 1 a b\nn groups\n", "n begin\nn begin 2\nx\nn end 2", "nn done x\nn  done\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, said []byte, piece int) {
		read := func(piece int) (output, string) {
			var points []string
			r := reader{nonce: "n", point: func(p string) { points = append(points, p) },
				out: output{values: map[string][]string{}, blocks: map[string]string{}, groups: map[string][]string{}}}
			for rest := said; len(rest) > 0; {
				n := min(piece, len(rest))
				if _, err := r.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			return r.out, fmt.Sprint(points)
		}
		whole, at := read(len(said))
		parts, also := read(max(1, piece%64))
		if diff := cmp.Diff(whole, parts, cmp.AllowUnexported(output{})); diff != "" || at != also {
			t.Fatal(diff, at, also)
		}
		held := 0
		for k, v := range whole.values {
			held += len(k) + len(strings.Join(v, ""))
		}
		for _, v := range whole.blocks {
			held += len(v)
		}
		if held > 2*len(said) {
			t.Fatalf("%d bytes of %d", held, len(said))
		}
	})
}

// function cuts one out of the program.
func function(t *testing.T, name string) string {
	t.Helper()
	at := strings.Index(program, "\n"+name+"() {")
	if at < 0 {
		t.Fatalf("no function %s", name)
	}
	rest := program[at+1:]
	if line, _, _ := strings.Cut(rest, "\n"); strings.HasSuffix(line, "}") {
		return line + "\n"
	}
	body, _, _ := strings.Cut(rest, "\n}\n")
	return body + "\n}\n"
}

// TestHostKeyGoesWhole: wherever the host dies while a key is made, taking it back
// leaves neither half, and never a half that is somebody else's.
func TestHostKeyGoesWhole(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("no ssh-keygen")
	}
	parts := "NL='\n'\n"
	for _, f := range []string{"fsync", "hash", "parent", "do_key", "undo_key"} {
		parts += function(t, f)
	}
	for name, argv := range shells(t) {
		for _, c := range []struct{ what, between, left string }{
			{"whole", "do_key 1 && undo_key 1", ""},
			{"only the public half had its name", `do_key 1 && rm -- "$R" && undo_key 1`, ""},
			{"only the private half had", `do_key 1 && rm -- "$R.pub" && undo_key 1`, ""},
			{"nothing had", `do_key 1 && rm -- "$R" "$R.pub" && undo_key 1`, ""},
			{"not begun", "undo_key 1", ""},
			{"somebody's half was there", `echo other >"$R.pub"; ! do_key 1 && undo_key 1`, "k.pub"},
			{"somebody put his there", `do_key 1 && echo other >"$R.pub" && ! undo_key 1`, "k.pub"},
		} {
			t.Run(name+"/"+c.what, func(t *testing.T) {
				dir := t.TempDir()
				for _, d := range []string{"ssh", "run", "run/made"} {
					if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				script := fmt.Sprintf("R=%s D=%s AU=%d AG=%d AM=600\nNEW=$R.new\n", quote(dir+"/ssh/k"), quote(dir+"/run"), os.Getuid(), os.Getgid()) + parts + c.between + "\n"
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Stdin = strings.NewReader(script)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				all, err := os.ReadDir(filepath.Join(dir, "ssh"))
				if err != nil {
					t.Fatal(err)
				}
				left := ""
				for _, e := range all {
					left += e.Name()
				}
				if left != c.left {
					t.Errorf("left: %q, want %q", left, c.left)
				}
			})
		}
	}
}

// TestAge: a run is of another boot where its mark says so, and where the mark came
// to nothing when the power went. One that begins this moment has its mark in a while.
func TestAge(t *testing.T) {
	parts := "sleep() { eval \"$LATER\"; }\n"
	for _, f := range []string{"uptime_s", "born", "boot_id", "age"} {
		parts += function(t, f)
	}
	const now = `boot_id; uptime_s; echo "$BOOT $UP" >"$D/since"`
	for name, argv := range shells(t) {
		for _, c := range []struct{ what, set, later, want string }{
			{"this boot", now, "", "0"},
			{"another boot", `echo "b6b5 7" >"$D/since"`, "", "-1"},
			{"the mark is empty", `: >"$D/since"`, "", "-1"},
			{"the host died before the mark", ":", ":", "-1"},
			{"it begins now", ":", now, "0"},
		} {
			t.Run(name+"/"+c.what, func(t *testing.T) {
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Stdin = strings.NewReader("D=" + quote(t.TempDir()) + " LATER=" + quote(c.later) + "\n" + parts + c.set +
					"\nage\n[ \"$AGE\" != 1 ] || AGE=0 # a second has passed\necho \"$AGE\"\n")
				if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != c.want {
					t.Errorf("%q, %v; want %s", out, err, c.want)
				}
			})
		}
	}
}

// TestPutBackFollowsNoLink: the folder may be somebody else's, who makes the name lead
// to another folder in the moment in which root gives a file back.
func TestPutBackFollowsNoLink(t *testing.T) {
	cut := func(name string) string { return function(t, name) }
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"theirs", "daily", "record"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(dir, "theirs"), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "record", "2"), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(dir, "daily"), filepath.Join(dir, "theirs", "report")); err != nil {
				t.Fatal(err)
			}
			script := cut("parent") + cut("no_link_race") + cut("put_back") + "R=" + quote(dir+"/theirs/report") + "\ncd " + quote(dir+"/theirs") + "\nput_back " + quote(dir+"/record/2") + "\n:\n"
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "daily")); len(left) > 0 {
				t.Errorf("root put %s where the link leads", left[0].Name())
			}
		})
	}
}
