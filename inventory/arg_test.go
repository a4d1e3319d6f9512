package inventory

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var argTests = []struct {
	name, arg string
	want      Host
	err       string // a part of the message; "" none
	hint      string // a part of the hint
}{
	{name: "host", arg: "web01", want: Host{Name: "web01", Address: "web01", Port: 22}},
	{name: "user", arg: "admin@web01", want: Host{Name: "web01", Address: "web01", Port: 22, User: "admin"}},
	{name: "port", arg: "web01:2222", want: Host{Name: "web01:2222", Address: "web01", Port: 2222}},
	{name: "user and port", arg: "admin@web01.example.org:2222", want: Host{Name: "web01.example.org:2222", Address: "web01.example.org", Port: 2222, User: "admin"}},
	{name: "port 22 is in no name", arg: "web01:22", want: Host{Name: "web01", Address: "web01", Port: 22}},
	{name: "IPv4", arg: "10.0.0.1", want: Host{Name: "10.0.0.1", Address: "10.0.0.1", Port: 22}},
	{name: "bare IPv6", arg: "2001:db8::1", want: Host{Name: "2001:db8::1", Address: "2001:db8::1", Port: 22}},
	{name: "bare IPv6 holds every colon", arg: "::1:22", want: Host{Name: "::1:22", Address: "::1:22", Port: 22}},
	{name: "IPv6 in canonical form", arg: "2001:DB8:0::1", want: Host{Name: "2001:db8::1", Address: "2001:db8::1", Port: 22}},
	{name: "user at bare IPv6", arg: "root@fe80::1%eth0", want: Host{Name: "fe80::1%eth0", Address: "fe80::1%eth0", Port: 22, User: "root"}},
	{name: "IPv6 and port", arg: "[::1]:2222", want: Host{Name: "[::1]:2222", Address: "::1", Port: 2222}},
	{name: "brackets alone", arg: "[::1]", want: Host{Name: "::1", Address: "::1", Port: 22}},
	{name: "zone and port", arg: "root@[fe80::1%eth0.7]:2222", want: Host{Name: "[fe80::1%eth0.7]:2222", Address: "fe80::1%eth0.7", Port: 2222, User: "root"}},
	{name: "name in brackets as in known_hosts", arg: "[web01]:2222", want: Host{Name: "web01:2222", Address: "web01", Port: 2222}},
	{name: "the last @ splits", arg: "joe@corp.example@web01", want: Host{Name: "web01", Address: "web01", Port: 22, User: "joe@corp.example"}},
	{name: "domain user", arg: `CORP\joe@web01`, want: Host{Name: "web01", Address: "web01", Port: 22, User: `CORP\joe`}},
	{name: "machine account", arg: "web$@web01", want: Host{Name: "web01", Address: "web01", Port: 22, User: "web$"}},
	{name: "letters of the world", arg: "jürgen@web01", want: Host{Name: "web01", Address: "web01", Port: 22, User: "jürgen"}},
	{name: "underscore, final dot", arg: "web_01.example.", want: Host{Name: "web_01.example.", Address: "web_01.example.", Port: 22}},

	{name: "empty", arg: "", err: `host "": it is empty`, hint: "user@host"},
	{name: "flag", arg: "-oProxyCommand=x", err: `host "-oProxyCommand=x": a host cannot begin with "-"`, hint: "flag"},
	{name: "flag behind a user", arg: "root@-oProxyCommand", err: `begins with "-"`},
	{name: "a dash within the user", arg: "a@-b@web01", want: Host{Name: "web01", Address: "web01", Port: 22, User: "a@-b"}},
	{name: "space", arg: "web01 web02", err: "a space", hint: "argument of its own"},
	{name: "line break", arg: "web01\n", err: `'\n'`},
	{name: "escape", arg: "web\x1b[31m", err: `'\x1b'`},
	{name: "bidi override", arg: "web\u202e01", err: `'\u202e'`},
	{name: "zero width", arg: "web\u200b01", err: `'\u200b'`},
	{name: "not UTF-8", arg: "web\xff", err: "not UTF-8"},
	{name: "long", arg: strings.Repeat("a", 2000), err: "longer than 1024"},
	{name: "empty user", arg: "@web01", err: "no user"},
	{name: "no host", arg: "root@", err: "no host"},
	{name: "no host before the port", arg: ":22", err: `no host before the ":"`},
	{name: "no port", arg: "web01:", err: "no port"},
	{name: "no port behind brackets", arg: "[::1]:", err: "no port"},
	{name: "port 0", arg: "web01:0", err: `the port "0" is out of range`, hint: "1 to 65535"},
	{name: "port 65536", arg: "web01:65536", err: "out of range"},
	{name: "port past every number", arg: "web01:99999999999999999999999", err: "out of range"},
	{name: "signed port", arg: "web01:+22", err: "no number"},
	{name: "port by name", arg: "web01:ssh", err: `the port "ssh" is no number`},
	{name: "password", arg: "root:secret@web01", err: `holds a ":"`, hint: "password is never taken"},
	{name: "command substitution", arg: "$(id)@web01", err: `holds '$'`},
	{name: "backquote", arg: "`id`@web01", err: "holds '`'"},
	{name: "semicolon", arg: "a;b@web01", err: "holds ';'"},
	{name: "percent token", arg: "%h@web01", err: "holds '%'"},
	{name: "backslash at the end", arg: `joe\@web01`, err: `holds '\\'`},
	{name: "dots", arg: "..@web01", err: "is a directory"},
	{name: "shell in the host", arg: "web$(id)", err: `holds '$'`},
	{name: "comma", arg: "web01,web02", err: `holds a ","`, hint: "separate"},
	{name: "network", arg: "10.0.0.0/24", err: `holds a "/"`, hint: "networks"},
	{name: "URL", arg: "ssh://root@web01:22/", err: "URL", hint: `"root@web01:22"`},
	{name: "international name", arg: "bücher.example", err: "not ASCII", hint: "xn--"},
	{name: "number too large", arg: "10.0.0.256", err: "no IPv4"},
	{name: "leading zero", arg: "10.0.0.010", err: "no IPv4"},
	{name: "three numbers", arg: "10.0.1", err: "no IPv4"},
	{name: "a number alone", arg: "42", err: "no IPv4"},
	{name: "empty label", arg: "web..example", err: "empty label"},
	{name: "long label", arg: strings.Repeat("a", 64) + ".example", err: "63"},
	{name: "open bracket", arg: "[::1", err: `"[" without "]"`},
	{name: "empty brackets", arg: "[]:22", err: "nothing between"},
	{name: "junk behind brackets", arg: "[::1]22", err: `"22" after "]"`},
	{name: "colons, no address", arg: "a:b:c", err: `more than one ":"`, hint: "[v6]:port"},
	{name: "bad v6 in brackets", arg: "[1::2::3]:22", err: "no IPv6"},
	{name: "odd zone", arg: "[fe80::1%a;b]:22", err: "odd zone"},
}

func TestParseArg(t *testing.T) {
	for _, tt := range argTests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseArg(tt.arg)
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
				return
			}
			var f Fault
			if !errors.As(err, &f) {
				t.Fatalf("%+v, %v; want a fault with %q", got, err, tt.err)
			}
			if !strings.Contains(f.Text, tt.err) || !strings.Contains(f.Hint, tt.hint) || f.Hint == "" {
				t.Errorf("%q, hint %q; want %q, hint %q", f.Text, f.Hint, tt.err, tt.hint)
			}
			if !strings.HasPrefix(f.Text, "host "+quote(tt.arg)) {
				t.Errorf("%q does not name the argument", f.Text)
			}
		})
	}
}

// FuzzParseArg: what is accepted has a dialable form that reads back as the
// same host; what is refused is refused with a way out; neither ever carries a
// byte that a shell, ssh or a terminal could take for more than a name.
func FuzzParseArg(f *testing.F) {
	for _, tt := range argTests {
		f.Add(tt.arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		h, err := ParseArg(arg)
		if err != nil {
			var fault Fault
			if !errors.As(err, &fault) || fault.Hint == "" || len(fault.Text) > 1000 {
				t.Fatalf("%q: %#v", arg, err)
			}
			return
		}
		for _, s := range []string{h.Name, h.Address, h.User} {
			if strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\r\n\x00\x1b'\"`;&|<>(){}*?!#~") {
				t.Fatalf("%q: %+v", arg, h)
			}
		}
		again := h.Name
		if h.User != "" {
			again = h.User + "@" + h.Name
		}
		g, err := ParseArg(again)
		if err != nil {
			t.Fatalf("%q: gave %+v, which reads back as %v", arg, h, err)
		}
		if d := cmp.Diff(h, g); d != "" {
			t.Fatalf("%q: %s", arg, d)
		}
		if h.Port < 1 || h.Port > 65535 {
			t.Fatalf("%q: port %d", arg, h.Port)
		}
	})
}
