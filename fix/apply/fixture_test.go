package apply

import (
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/fix"
)

// said is what a host answers to one step of the program.
type said struct {
	out  string // %N% stands for the run's nonce
	errs string
	exit int
	err  error
	hang bool // until the step's time is over
	// endless repeats out until nobody listens any more
	endless bool
}

// hostOf is a host that answers as the function says.
type hostOf func(step, script string) said

func (h hostOf) connect(context.Context) (Conn, error) { return &lyingConn{host: h}, nil }

// lyingConn takes the program apart as a hostile host could: it knows the nonce
// and which step is wanted.
type lyingConn struct{ host hostOf }

var (
	nonceLine = regexp.MustCompile(`^N='([0-9a-f]*)'\n`)
	stepLine  = regexp.MustCompile(`(?m)^set -- '([a-z]*)'$`)
)

func (c *lyingConn) Run(ctx context.Context, _ string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	raw, err := io.ReadAll(stdin)
	if err != nil {
		return 0, err
	}
	script := string(raw)
	nonce := nonceLine.FindStringSubmatch(script)[1]
	s := c.host(stepLine.FindStringSubmatch(script)[1], script)
	text := []byte(strings.ReplaceAll(s.out, "%N%", nonce))
	for {
		if _, err := stdout.Write(text); err != nil {
			return 0, err
		}
		if !s.endless {
			break
		}
	}
	io.WriteString(stderr, s.errs)
	if s.hang {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return s.exit, s.err
}

func (c *lyingConn) Capture() *wire.Capture { return &wire.Capture{Methods: []string{"publickey"}} }
func (c *lyingConn) Close() error           { return nil }

// done is a step's own word that it is whole.
func done(step string) said { return said{out: "%N% done " + step + "\n"} }

// honest answers each step as a host does on which all goes well. It remembers
// what it was told, so that status fits.
func honest() hostOf {
	run, state := "", ""
	id := regexp.MustCompile(`(?m)^ID='([0-9a-f]*)'$`)
	return func(step, script string) said {
		switch step {
		case "status":
			out := "%N% uptime 100\n%N% uid 0\n%N% connection 192.0.2.1 50000 192.0.2.2 22\n"
			if run != "" {
				out += "%N% current 1\n%N% run " + run + "\n%N% age 1\n"
			}
			if state != "" {
				out += "%N% state " + state + "\n%N% guard 1\n"
			}
			return said{out: out + "%N% done status\n"}
		case "prepare":
			run, state = id.FindStringSubmatch(script)[1], "prepared"
		case "stage", "verify":
			return said{out: "%N% begin 1\npubkeyauthentication yes\nport 22\n%N% end 1\n%N% groups 1 admin\n%N% done " + step + "\n"}
		case "arm":
			state = "armed"
		case "confirm":
			state = "confirmed"
		case "rollback":
			state = "rolledback"
			return said{out: "%N% state rolledback\n%N% done rollback\n"}
		case "clean":
			run, state = "", ""
		}
		return done(step)
	}
}

// aPlan is one with two changes and a reload.
func aPlan() fix.Host {
	return fix.Host{
		Name: "host",
		Changes: []fix.Change{
			{Kind: fix.KindSshd, Before: fix.State{Path: "/etc/ssh/sshd_config", Real: "/etc/ssh/sshd_config", Exists: true, SHA256: sum([]byte("Port 22\n")), Mode: 0o644},
				After: fix.State{Path: "/etc/ssh/sshd_config", Real: "/etc/ssh/sshd_config", Exists: true, Mode: 0o644}, Old: []byte("Port 22\n"), New: []byte("Port 22\nPermitRootLogin no\n")},
			{Kind: fix.KindSshd, Before: fix.State{Path: "/etc/ssh/sshd_config.d/x.conf", Real: "/etc/ssh/sshd_config.d/x.conf"},
				After: fix.State{Path: "/etc/ssh/sshd_config.d/x.conf", Real: "/etc/ssh/sshd_config.d/x.conf", Exists: true, Mode: 0o644}, New: []byte("PasswordAuthentication no\n")},
		},
		Reload: fix.Reload{Needed: true, Args: []string{"/usr/sbin/sshd", "-D"}},
		Checks: []fix.Login{{Own: true, User: "admin", Method: "publickey"}},
		Shut:   []string{"password"},
	}
}
