package cron

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEdit(t *testing.T) {
	const three = "# head\nMAILTO=x\n1 * * * * /bin/a\n  2 * * * * /bin/b  \n@daily /bin/c\n"
	for _, c := range []struct {
		name   string
		daemon Daemon
		table  string
		edit   func(*Table) (*Edit, error)
		want   string
		others []string // "line was now"
		refuse string
	}{
		{name: "remove", table: three, edit: func(t *Table) (*Edit, error) { return t.Remove(4) }, want: "# head\nMAILTO=x\n1 * * * * /bin/a\n@daily /bin/c\n"},
		{name: "comment keeps its blanks", table: three, edit: func(t *Table) (*Edit, error) { return t.Comment(4) }, want: "# head\nMAILTO=x\n1 * * * * /bin/a\n#   2 * * * * /bin/b  \n@daily /bin/c\n"},
		{name: "replace", table: three, edit: func(t *Table) (*Edit, error) { return t.Replace(3, "9 9 * * * /bin/z") }, want: "# head\nMAILTO=x\n9 9 * * * /bin/z\n  2 * * * * /bin/b  \n@daily /bin/c\n"},
		{name: "append", table: three, edit: func(t *Table) (*Edit, error) { return t.Append("3 * * * * /bin/d") }, want: three + "3 * * * * /bin/d\n"},
		{name: "into nothing", edit: func(t *Table) (*Edit, error) { return t.Append("3 * * * * /bin/d") }, want: "3 * * * * /bin/d\n"},
		{name: "a setting is every job's below", table: three, edit: func(t *Table) (*Edit, error) { return t.Remove(2) }, want: "# head\n1 * * * * /bin/a\n  2 * * * * /bin/b  \n@daily /bin/c\n",
			others: []string{"5 env", "4 env", "3 env"}},
		{name: "a bad line removed wakes the file", table: "61 * * * * /x\n1 * * * * /bin/a\n", edit: func(t *Table) (*Edit, error) { return t.Remove(1) }, want: "1 * * * * /bin/a\n",
			others: []string{"2 file-dropped runs"}},
		{name: "a bad line appended kills it", table: "1 * * * * /bin/a\n", edit: func(t *Table) (*Edit, error) { return t.Append("61 * * * * /x") }, want: "1 * * * * /bin/a\n61 * * * * /x\n",
			others: []string{"1 runs file-dropped"}},
		{name: "the last newline wakes the file", table: "1 * * * * /bin/a\n2 * * * * /bin/b", edit: func(t *Table) (*Edit, error) { return t.Append("# x") }, want: "1 * * * * /bin/a\n2 * * * * /bin/b\n# x\n",
			others: []string{"1 file-dropped runs", "2 file-dropped runs"}},
		{name: "joined lines go together", daemon: Busybox, table: "1 * * * * a \\\n b\n2 * * * * c\n", edit: func(t *Table) (*Edit, error) { return t.Comment(1) }, want: "# 1 * * * * a \\\n b\n2 * * * * c\n"},
		{name: "not the second half of a line", daemon: Busybox, table: "1 * * * * a \\\n b\n2 * * * * c\n", edit: func(t *Table) (*Edit, error) { return t.Remove(2) }, refuse: "line 2: no line begins here"},
		{name: "behind a backslash at the end", daemon: Busybox, table: "1 * * * * a \\\n", edit: func(t *Table) (*Edit, error) { return t.Append("2 * * * * b") }, want: "1 * * * * a \\\n\n2 * * * * b\n"},
		{name: "two lines at once", table: three, edit: func(t *Table) (*Edit, error) { return t.Append("a\nb") }, refuse: "the new line holds the control character 0x0a"},
		{name: "a line that would eat the next one", daemon: Busybox, table: three, edit: func(t *Table) (*Edit, error) { return t.Replace(3, "1 * * * * a \\") }, refuse: "the new line ends in a backslash, with which this daemon joins the next line to it"},
		{name: "a comment", table: three, edit: func(t *Table) (*Edit, error) { return t.Comment(1) }, refuse: "line 1: there is nothing to comment out"},
		{name: "no such line", table: three, edit: func(t *Table) (*Edit, error) { return t.Remove(77) }, refuse: "line 77: no line begins here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := ParseTable([]byte(c.table), User, c.daemon, Options{User: "u"})
			ed, err := c.edit(tab)
			if c.refuse != "" {
				var ee *EditError
				if !errors.As(err, &ee) || err.Error() != c.refuse {
					t.Fatalf("error %v, want %q", err, c.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(ed.Bytes)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			var others []string
			for _, o := range ed.Others {
				text := itoa(o.Line)
				if o.Was != o.Now {
					text += " " + o.Was.String() + " " + o.Now.String()
				}
				if o.Env {
					text += " env"
				}
				others = append(others, text)
			}
			if d := cmp.Diff(c.others, others); d != "" {
				t.Errorf("others (-want +got)\n%s", d)
			}
		})
	}
}

// lineParts are pieces of lines that mean something to some daemon.
var lineParts = []string{"* * * * * ", "1 2 3 4 5 ", "@daily ", "@reboot ", "61 * * * * ", "MAILTO=", "A=b", "# ", "\\", "%", "\r", " ", "\t", "/bin/x", "sh -c 'a'", "root ", "\x00", "\"", "a#b", "\xef\xbb\xbf"}

func tableText(t *rapid.T) string {
	line := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(lineParts), 0, 4).Draw(t, "parts"), "")
	})
	text := strings.Join(rapid.SliceOfN(line, 0, 8).Draw(t, "lines"), "\n")
	if rapid.Bool().Draw(t, "newline") {
		text += "\n"
	}
	return text
}

// An edit changes the bytes of one line, and what it does to other jobs it says.
func TestEditChangesOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		daemon := Daemon(rapid.IntRange(0, int(SystemdCron)).Draw(t, "daemon"))
		checkEdits(t, tableText(t), daemon)
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkEdits(t fataler, text string, d Daemon) {
	tab := ParseTable([]byte(text), User, d, Options{User: "u"})
	if string(tab.Bytes()) != text {
		t.Fatalf("%q: printed as %q", text, tab.Bytes())
	}
	for i := range tab.Entries {
		if i > 32 {
			break
		}
		e := &tab.Entries[i]
		for _, edit := range []struct {
			name string
			do   func() (*Edit, error)
			want string
		}{
			{"remove", func() (*Edit, error) { return tab.Remove(e.Line) }, text[:e.Pos] + text[e.End:]},
			{"comment", func() (*Edit, error) { return tab.Comment(e.Line) }, text[:e.Pos] + "# " + text[e.Pos:]},
			{"replace", func() (*Edit, error) { return tab.Replace(e.Line, "7 * * * * /bin/q") }, text[:e.Pos] + "7 * * * * /bin/q\n" + text[e.End:]},
		} {
			ed, err := edit.do()
			if err != nil {
				var ee *EditError
				if !errors.As(err, &ee) {
					t.Fatalf("%s: %v", edit.name, err)
				}
				continue
			}
			if string(ed.Bytes) != edit.want {
				t.Fatalf("%s line %d of %q: %q, want %q", edit.name, e.Line, text, ed.Bytes, edit.want)
			}
			told := map[int]bool{}
			for _, o := range ed.Others {
				told[o.Line] = true
			}
			// Jobs that the edit does not name do what they did.
			now := ParseTable(ed.Bytes, User, d, Options{User: "u"})
			after := map[string][]Fate{}
			for _, j := range now.Jobs() {
				after[j.Raw+"\x00"+j.Schedule.Text] = append(after[j.Raw+"\x00"+j.Schedule.Text], j.Fate)
			}
			for _, j := range tab.Jobs() {
				if j.Line == e.Line || told[j.Line] {
					continue
				}
				found := false
				for _, f := range after[j.Raw+"\x00"+j.Schedule.Text] {
					found = found || f == j.Fate
				}
				if !found {
					t.Fatalf("%s line %d of %q (%v) changes the job of line %d and does not say so", edit.name, e.Line, text, d, j.Line)
				}
			}
		}
	}
}

func FuzzEdit(f *testing.F) {
	for _, s := range []string{"1 * * * * a\n", "A=b\n@daily x\n61 * * * * y", "1 * * * * a \\\n b\n# x \\\n2 * * * * c\n", "\xef\xbb\xbf* * * * * x\r\n"} {
		for d := Debian; d <= SystemdCron; d++ {
			f.Add(s, uint8(d))
		}
	}
	f.Fuzz(func(t *testing.T, s string, d uint8) {
		if len(s) < 4096 {
			checkEdits(t, s, Daemon(d%5))
		}
	})
}
