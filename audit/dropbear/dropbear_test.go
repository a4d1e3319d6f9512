package dropbear

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// server is a Server with the defaults, changed.
func server(change func(*Server)) *Server {
	s := &Server{Listens: []Listen{{Port: "22"}}, HostKeys: defaultKeys, MaxTries: 10}
	change(s)
	return s
}

var parseTests = []struct {
	args string
	want *Server
}{
	{"", server(func(*Server) {})},
	{"-F -E -R", server(func(*Server) {})},
	{"-s", server(func(s *Server) { s.NoPassword = true })},
	{"-sgw", server(func(s *Server) { s.NoPassword, s.NoRootPasswd, s.NoRoot = true, true, true })},
	{"-FEsp 2222", server(func(s *Server) { s.NoPassword = true; s.Listens = []Listen{{"", "2222"}} })},
	{"-p2222 -p 127.0.0.1:22 -p [::1]:23", server(func(s *Server) { s.Listens = []Listen{{"", "2222"}, {"127.0.0.1", "22"}, {"::1", "23"}} })},
	{"-p -s", server(func(s *Server) { s.Listens = []Listen{{"", "-s"}} })}, // the value, not an option
	{"-jka -c /bin/x", server(func(s *Server) { s.NoLocal, s.NoRemote, s.Gateway, s.Command = true, true, true, "/bin/x" })},
	{"-i -p 22", server(func(s *Server) { s.Inetd, s.Listens = true, nil })},
	{"-T 3 -G ssh -t -B", server(func(s *Server) { s.MaxTries, s.Group, s.Both, s.Blank = 3, "ssh", true, true })},
	{"-r /k -d /d", server(func(s *Server) { s.HostKeys = []string{"/k", "/d"} })},
	{"-D /etc/keys -A /lib/x.so,opt", server(func(s *Server) { s.KeysDir, s.Plugin = "/etc/keys", "/lib/x.so" })},
	{"-Y secret", server(func(s *Server) { s.Master = true })},
	{"-W 65536 -K 30 -I 60 -P /run/p -b /b -z", server(func(s *Server) { s.Banner = "/b" })},
	{"-Q", server(func(s *Server) { s.Refused = "Invalid option -Q" })},
	{"-sQw", server(func(s *Server) { s.NoPassword, s.Refused = true, "Invalid option -Q" })},
	{"x", server(func(s *Server) { s.Refused = "Invalid argument: x" })},
	{"-", server(func(s *Server) { s.Refused = "Invalid argument: -" })},
	{"-p", server(func(s *Server) { s.Refused = "Missing argument" })},
	{"-p 127.0.0.1:", server(func(s *Server) { s.Refused = "Bad port" })},
	{"-p [::1", server(func(s *Server) { s.Refused = "Bad -p argument" })},
	{"-T 0", server(func(s *Server) { s.Refused = "Bad maxauthtries '0'" })},
	{"-T x", server(func(s *Server) { s.Refused = "Bad maxauthtries 'x'" })},
	{"-t -s", server(func(s *Server) { s.Both, s.NoPassword, s.Refused = true, true, "-t and -s are incompatible" })},
	{"-V", server(func(s *Server) { s.Refused = "-V prints and ends" })},
}

func argv(args string) []string {
	return append([]string{"/usr/sbin/dropbear"}, strings.Fields(args)...)
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.args, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Parse(argv(tt.args))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	shells := []string{"/bin/sh", "/bin/bash"}
	root := Account{Name: "root", Shell: "/bin/bash", Groups: []string{"root"}, Empty: No}
	bob := Account{Name: "bob", UID: 1000, Groups: []string{"bob", "ssh"}, Empty: No}
	blank := Account{Name: "blank", UID: 1001, Shell: "/bin/sh", Groups: []string{"blank"}, Empty: Yes}
	service := Account{Name: "service", UID: 999, Shell: "/usr/sbin/nologin", Groups: []string{"service"}, Empty: No}
	unknown := Account{Name: "unknown", UID: 1002, Shell: "/bin/sh"}
	tests := []struct {
		args string
		a    Account
		h    Host
		want string // password, key, empty
	}{
		{"", root, Host{Shells: shells}, "yes yes no"},
		{"-w", root, Host{Shells: shells}, "no no no: -w: no login of uid 0"},
		{"-g", root, Host{Shells: shells}, "no yes no"},
		{"-g", bob, Host{Shells: shells}, "yes yes no"},
		{"-s", bob, Host{Shells: shells}, "no yes no"},
		{"-t", bob, Host{Shells: shells}, "yes yes no both"},
		{"-t -g", root, Host{Shells: shells}, "no no no both: -t wants a password, which -g does not take of uid 0"},
		{"", blank, Host{Shells: shells}, "yes yes no"},
		{"-B", blank, Host{Shells: shells}, "yes yes yes"},
		{"-B -t", blank, Host{Shells: shells}, "yes yes yes both"}, // none succeeds before -t is looked at
		{"-B -s", blank, Host{Shells: shells}, "no yes no"},
		{"-B", unknown, Host{Shells: shells}, "yes yes unknown: -B: whether its password is empty is not known"},
		{"", service, Host{Shells: shells}, "no no no: its shell /usr/sbin/nologin is not in /etc/shells"},
		{"", bob, Host{}, "unknown unknown no: /etc/shells is not known"},
		{"-G ssh", bob, Host{Shells: shells}, "yes yes no"},
		{"-G ssh", root, Host{Shells: shells}, "no no no: -G: not in the group ssh"},
		{"-G ssh", unknown, Host{Shells: shells}, "unknown unknown no: -G ssh: its groups are not known"},
		{"-G ssh -s", unknown, Host{Shells: shells}, "no unknown no: -G ssh: its groups are not known"},
		{"-A /x.so", bob, Host{Shells: shells}, "yes unknown no: -A: the plugin /x.so decides about keys"},
		{"", bob, Host{UID: 1000, Shells: shells}, "yes yes no"},
		{"", root, Host{UID: 1000, Shells: shells}, "no no no: the server does not run as root and lets in its own account only"},
		{"-t -s", bob, Host{Shells: shells}, "no no no: the server does not start: -t and -s are incompatible"},
	}
	for _, tt := range tests {
		t.Run(tt.args+" "+tt.a.Name, func(t *testing.T) {
			l := Parse(argv(tt.args)).Judge(tt.a, tt.h)
			got := l.Password.String() + " " + l.PublicKey.String() + " " + l.Empty.String()
			if l.Both {
				got += " both"
			}
			if l.Reason != "" {
				got += ": " + l.Reason
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestKeyFile(t *testing.T) {
	for args, want := range map[string]string{"": "/home/bob/.ssh/authorized_keys", "-D /etc/keys": "/etc/keys/authorized_keys",
		"-D ~/k": "/home/bob/k/authorized_keys", "-D k": "/home/bob/k/authorized_keys"} {
		if got := Parse(argv(args)).KeyFile("/home/bob"); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}

// TestRun puts the command lines to a real dropbear. It is given no host key that
// it could load, so it ends when it has read its arguments.
func TestRun(t *testing.T) {
	path := os.Getenv("POSTERN_DROPBEAR")
	if path == "" {
		var err error
		if path, err = exec.LookPath("dropbear"); err != nil {
			if os.Getenv("POSTERN_E2E") == "require" {
				t.Fatal("no dropbear to ask: install dropbear-bin")
			}
			t.Skip("no dropbear to ask; POSTERN_DROPBEAR=PATH names one")
		}
	}
	for _, tt := range parseTests {
		// Options that came after or went before 2022.83, and what ends it otherwise.
		if strings.ContainsAny(tt.args, "DAYlVbv") || strings.Contains(tt.args, "-i") || strings.Contains(tt.args, "-R") {
			continue
		}
		t.Run(tt.args, func(t *testing.T) {
			args := []string{"-F", "-E"} // first, so that what it says goes to stderr
			if !strings.Contains(tt.args, "-r") {
				args = append(args, "-r", "/nonexistent")
			}
			args = append(args, strings.Fields(tt.args)...)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			out, _ := exec.CommandContext(ctx, path, args...).CombinedOutput()
			said := string(out)
			got := ""
			for _, m := range []string{"Invalid option", "Invalid argument", "Missing argument", "Bad port", "Bad -p argument", "Bad maxauthtries", "incompatible"} {
				if strings.Contains(said, m) {
					got = m
				}
			}
			if got == "" && !strings.Contains(said, "hostkey") && !strings.Contains(said, "Cannot restrict logins") {
				t.Fatalf("%q: did dropbear run? it says %q", args, said)
			}
			if (got != "") != (tt.want.Refused != "") || !strings.Contains(tt.want.Refused, got) {
				t.Errorf("%q: here %q, dropbear says %q", args, tt.want.Refused, said)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		f.Add(strings.Join(argv(tt.args), "\x00"))
	}
	f.Fuzz(func(t *testing.T, cmdline string) {
		s := Parse(strings.Split(cmdline, "\x00"))
		if s.MaxTries <= 0 || len(s.Listens) > maxListens || !s.Inetd && len(s.Listens) == 0 {
			t.Fatalf("%+v", s)
		}
		l := s.Judge(Account{Name: "root", Empty: Yes}, Host{Shells: []string{"/bin/sh"}})
		if s.NoPassword && (l.Password != No || l.Empty != No) || s.NoRoot && l.PublicKey != No || !s.Blank && l.Empty == Yes {
			t.Fatalf("%+v lets in %+v", s, l)
		}
	})
}
