package cron

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDeceptive(t *testing.T) {
	type found struct {
		Component string
		Class     Class
	}
	for _, c := range []struct {
		name string
		path string
		want []found
	}{
		{"dot space dot dot", "/root/. ../update", []found{{". ..", ClassDots}}},
		{"three dots", "/srv/.../x", []found{{"...", ClassDots}}},
		{"dots and a blank", "/srv/.. /x", []found{{".. ", ClassDots}}},
		{"blank", "/srv/ /x", []found{{" ", ClassDots}}},
		{"parent and self", "/srv/../x/./y", nil},
		{"backspaces", "/srv/..\b\b/x", []found{{"..\b\b", ClassControl}}},
		{"newline", "/srv/a\nb", []found{{"a\nb", ClassControl}}},
		{"C1", "/srv/a\u009bb", []found{{"a\u009bb", ClassControl}}},
		{"zero width", "/srv/upd\u200bate", []found{{"upd\u200bate", ClassInvisible}}},
		{"no-break space", "/srv/a\u00a0b", []found{{"a\u00a0b", ClassInvisible}}},
		{"hangul filler", "/srv/\u3164", []found{{"\u3164", ClassInvisible}}},
		{"right to left", "/srv/gpj\u202exe", []found{{"gpj\u202exe", ClassBidi}}},
		{"Cyrillic o", "/srv/monit\u043er", []found{{"monit\u043er", ClassHomoglyph}}},
		{"all Cyrillic is a language", "/srv/\u0440\u0435\u0437\u0435\u0440\u0432", nil},
		{"I for l", "/usr/bin/freshcIam", []found{{"freshcIam", ClassHomoglyph}}},
		{"rn for m", "/usr/lib/systernd", []found{{"systernd", ClassHomoglyph}}},
		{"en dash", "/usr/bin/ssh\u2013agent", []found{{"ssh\u2013agent", ClassHomoglyph}}},
		{"swapped", "/usr/bin/logroatte", []found{{"logroatte", ClassNear}}},
		{"a mark on a letter", "/usr/sbin/cro\u0301nd", []found{{"cro\u0301nd", ClassHomoglyph}}},
		{"a language with marks", "/srv/re\u0301sume\u0301/build.sh", nil},
		{"doubled hyphen", "/usr/bin/systemd--logind", []found{{"systemd--logind", ClassHomoglyph}}},
		{"a program of its own", "/usr/bin/ddclient", nil},
		{"a letter or two too many", "/usr/sbin/kworkerds", []found{{"kworkerds", ClassKernel}}},
		{"a script called cron", "/home/u/app/cron", nil},
		{"systemd in /opt", "/opt/systemd-udevd", []found{{"systemd-udevd", ClassDaemon}}},
		{"trailing blank", "/usr/bin/update ", []found{{"update ", ClassBlankEdge}}},
		{"one blank inside", "/srv/My Films/x", nil},
		{"an option", "/srv/--help/x", []found{{"--help", ClassOption}}},
		{"a dash alone", "/srv/-/x", nil},
		{"a word of a command line", "-rf", nil},
		{"a letter less", "/usr/lib/systemd/systemd-resolvd", []found{{"systemd-resolvd", ClassNear}}},
		{"a letter more", "/usr/bin/ssh-agentd", []found{{"ssh-agentd", ClassNear}}},
		{"a plural", "/usr/bin/ssh-agents", nil},
		{"not UTF-8", "/srv/\xff/x", []found{{"\xff", ClassEncoding}}},
		{"kernel thread", "/usr/share/kworker", []found{{"kworker", ClassKernel}}},
		{"bracketed", "/srv/[kswapd0]", []found{{"[kswapd0]", ClassKernel}}},
		{"daemon in a home", "/home/u/crond", []found{{"crond", ClassDaemon}}},
		{"daemon at home", "/usr/sbin/crond", nil},
		{"hidden in the system", "/usr/share/.28810/x", []found{{".28810", ClassHidden}}},
		{"hidden in temp", "/dev/shm/.x/upd", []found{{".x", ClassHidden}}},
		{"hidden in a home", "/root/.configrc/a/upd", []found{{".configrc", ClassHiddenHome}}},
		{"first hidden one only", "/root/.a/.b/x", []found{{".a", ClassHiddenHome}}},
		{"usual", "/root/.acme.sh/acme.sh", nil},
		{"usual under home unknown", "$HOME/.local/bin/x", nil},
		{"plain", "/usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron", nil},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []found
			for _, d := range Deceptive(c.path) {
				got = append(got, found{d.Component, d.Class})
				if d.Words == "" || d.Severity == None {
					t.Errorf("%+v: no words or no severity", d)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

func TestSpell(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"dots", ". ..", "dot, space, dot, dot"},
		{"plain", "update", `"update"`},
		{"inside", "upd\u200bate", `"upd", zero width space, "ate"`},
		{"Cyrillic", "m\u043e", `"m", Cyrillic letter U+043E`},
		{"raw byte", "a\xff", `"a", byte 0xff`},
		{"escape", "\x1b[", `escape, "["`},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Spell(c.in); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{". ..", `". .."`}, {"a\u200b", `"a\u200b"`}, {"\x1b", `"\x1b"`}, {"\xff", `"\xff"`}, {`"`, `"\""`},
	} {
		if got := Quote(c.in); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

// Names are judged by their components alone: putting a plain directory in front
// of the system's root changes nothing but the index; every component named is one
// of the path; words are ASCII.
func FuzzDeceptive(f *testing.F) {
	for _, s := range []string{"/root/. ../update", "/a/\u202e/b", "....", "/dev/shm/.x", "\xff\xfe", "/[x]", "/ / /", "freshcIam"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, d := range Deceptive(path) {
			parts := strings.Split(path, "/")
			if d.Index >= len(parts) || parts[d.Index] != d.Component {
				t.Fatalf("component %d of %q is not %q", d.Index, path, d.Component)
			}
			if d.Component == "." || d.Component == ".." || d.Component == "" {
				t.Fatalf("%q is called deceptive", d.Component)
			}
			for i := 0; i < len(d.Words); i++ {
				if d.Words[i] < 0x20 || d.Words[i] >= utf8.RuneSelf {
					t.Fatalf("words %q are not ASCII", d.Words)
				}
			}
		}
	})
}
