package apply

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/fix"
)

// program is what runs on the host: one POSIX sh program for every step, the
// guard and the boot hook.
//
//go:embed host.sh
var program string

// body reads the whole program from stdin and runs it, unless it was cut: its
// last line says that it ends. Its
// argument is SSH_CONNECTION, which sudo does not hand on.
const body = `PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; umask 077; CONN=$1; ` +
	`S=$(cat; echo x); case $S in *"# end of postern"*"program"*x) eval "${S%x}";; *) exit 3;; esac`

// command is the line that the account's login shell gets, whichever shell that
// is: two words in single quotes without a quote, backslash, exclamation mark or
// newline in them. Root runs the program itself, everybody else through sudo -n.
const command = `exec /bin/sh -c '` +
	`PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; umask 077; B=$1; C=$SSH_CONNECTION; ` +
	`case $(id -u) in 0) set -- "$C"; eval "$B";; *) exec sudo -n -k /bin/sh -c "$B" sh "$C";; esac` +
	`' sh '` + body + `'`

// quote makes one word of a POSIX shell out of any text without NUL. It is the
// only way by which a name or an argument gets into a script.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// printer is the body of a shell function that prints exactly these bytes. What a
// shell or a tool on the way could take for something else, NUL included, goes as
// an octal escape of printf's %b (POSIX, printf(1)).
func printer(name string, content []byte) string {
	const line = 4000
	var b strings.Builder
	b.Grow(len(content) + len(content)/8 + 64)
	b.WriteString(name + "() {\n:\n")
	for len(content) > 0 {
		n := min(line, len(content))
		b.WriteString("printf '%b' '")
		for _, c := range content[:n] {
			if c == '\n' || c == '\t' || c >= ' ' && c <= '~' && c != '\\' && c != '\'' {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, `\0%03o`, c)
			}
		}
		b.WriteString("' || return 1\n")
		content = content[n:]
	}
	b.WriteString("}\n")
	return b.String()
}

// manifest is the plan as the host's program reads it: assignments of quoted
// words, and sshd's arguments.
func manifest(run string, h *fix.Host, checks []check, unguarded bool) (string, error) {
	var b strings.Builder
	set := func(name, value string) { b.WriteString(name + "=" + quote(value) + "\n") }
	flag := func(name string, on bool) {
		v := "0"
		if on {
			v = "1"
		}
		set(name, v)
	}
	set("ID", run)
	set("COUNT", fmt.Sprint(len(h.Changes)))
	flag("RELOAD", h.Reload.Needed)
	set("RELOAD_PID", fmt.Sprint(h.Reload.PID))
	flag("RESTART", h.Reload.Restart)
	set("SUNIT", h.Reload.Unit)
	flag("GUARDED", !unguarded)
	for i, c := range h.Changes {
		n := fmt.Sprint(i + 1)
		real := realPath(&c)
		set("K"+n, string(c.Kind))
		set("P"+n, c.Before.Path)
		set("R"+n, real)
		set("T"+n, tempDir(real))
		set("US"+n, c.User)
		set("RC"+n, c.Record)
		state := func(p string, s fix.State, sum string) {
			flag(p+"X"+n, s.Exists)
			set(p+"H"+n, sum)
			set(p+"U"+n, fmt.Sprint(s.UID))
			set(p+"G"+n, fmt.Sprint(s.GID))
			set(p+"M"+n, fmt.Sprintf("%o", s.Mode))
			set(p+"L"+n, s.Link)
		}
		state("B", c.Before, c.Before.SHA256)
		set("BI"+n, fmt.Sprint(c.Before.Inode))
		state("A", c.After, afterSum(&c))
	}
	rests(set, h)
	set("CHECKS", fmt.Sprint(len(checks)))
	for i, c := range checks {
		set(fmt.Sprintf("C%d", i+1), c.spec)
		set(fmt.Sprintf("W%d", i+1), c.login.User)
	}
	test, start, err := daemonArgs(h.Reload.Args)
	if err != nil {
		return "", err
	}
	words := func(name, first string, args []string) {
		b.WriteString(name + "() { " + first)
		for _, a := range args {
			b.WriteString(" " + quote(a))
		}
		b.WriteString("; }\n")
	}
	words("with_test_args", `"$@"`, test)
	words("with_start_args", `"$1"`, start)
	if h.Reload.Restart {
		words("fresh_args", "printf '%s\\n'", changedArgs(h.Reload.ArgsBefore, h.Reload.Args))
	}
	return b.String(), nil
}

// changedArgs are those of a daemon's arguments that it has not had before.
func changedArgs(before, after []string) (out []string) {
	for _, a := range after {
		if !slices.Contains(before, a) {
			out = append(out, a)
		}
	}
	return out
}

// realPath is where a change's bytes are.
func realPath(c *fix.Change) string {
	if c.Before.Real != "" {
		return c.Before.Real
	}
	return c.Before.Path
}

// afterSum is the hash of what will be there. The plan's own word counts only
// where it brings no content.
func afterSum(c *fix.Change) string {
	switch c.Kind {
	case fix.KindKey, fix.KindAccount:
		return ""
	case fix.KindMode:
		return c.Before.SHA256
	case fix.KindMove:
		return c.After.SHA256
	}
	if !c.After.Exists {
		return ""
	}
	return sum(c.New)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// tempDir is where the new file is written before it takes the old one's name:
// the same folder under a name that no glob of sshd's matches, but above a folder
// of cron's, whose daemons may run whatever lies in it.
func tempDir(real string) string {
	dir := path.Dir(real)
	if strings.HasPrefix(path.Base(dir), "cron") {
		return path.Dir(dir)
	}
	return dir
}

// daemonArgs takes those of sshd's arguments that say what it reads and where it
// listens (sshd(8)). test is for -t and -T: nothing that writes a log or stays in
// the foreground; start is for bringing a dead daemon back.
func daemonArgs(args []string) (test, start []string, err error) {
	if len(args) > 0 {
		args = args[1:]
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			return nil, nil, fmt.Errorf("sshd's argument %q is not understood", a)
		}
		for j := 1; j < len(a); j++ {
			opt := a[j]
			if strings.IndexByte("46Ddeiqrt", opt) >= 0 {
				if opt == '4' || opt == '6' {
					test, start = append(test, "-"+string(opt)), append(start, "-"+string(opt))
				}
				continue
			}
			if strings.IndexByte("CEbcfghkopu", opt) < 0 {
				return nil, nil, fmt.Errorf("sshd's argument %q is not understood", a)
			}
			value := a[j+1:]
			if value == "" {
				if i++; i == len(args) {
					return nil, nil, fmt.Errorf("sshd's argument %q has no value", a)
				}
				value = args[i]
			}
			switch opt {
			case 'f', 'o', 'p', 'h', 'c':
				test = append(test, "-"+string(opt), value)
				start = append(start, "-"+string(opt), value)
			case 'E':
				start = append(start, "-E", value)
			}
			break
		}
	}
	return test, start, nil
}

// bare is a user's table without the header of three lines that crontab(1) writes
// anew each time (crontab.c of Vixie's cron), as bare of the host's program has it.
func bare(table []byte) []byte {
	var out []byte
	n := 0
	for line := range bytes.Lines(table) {
		if n++; n <= 3 && (bytes.HasPrefix(line, []byte("# DO NOT EDIT THIS FILE")) || bytes.HasPrefix(line, []byte("# (Cron version ")) ||
			bytes.HasPrefix(line, []byte("# (")) && bytes.Contains(line, []byte(" installed on "))) {
			continue
		}
		out = append(out, line...)
	}
	return out
}
