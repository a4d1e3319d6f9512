// Package dropbear reads the command line of a dropbear server, which is all the
// configuration that it has, and says who may log in with what.
//
// [Parse] takes the arguments as svr_getopts (svr-runopts.c of dropbear 2013 to
// 2026) does; [Server.Judge] decides as svr-auth.c. The package opens no file and
// runs nothing; its input is an attacker's.
package dropbear

import (
	"fmt"
	"strconv"
	"strings"
)

// Listen is an address and a port that the server listens on. Address is "" for
// all.
type Listen struct {
	Address, Port string
}

// Server is what the arguments say. The zero value is not a server: use [Parse].
type Server struct {
	Listens      []Listen // of -p; port 22 on all addresses without it; nothing with -i
	Inetd        bool     // -i: something else listens, and starts a server for each connection
	Interface    string   // -l: bound to that interface
	HostKeys     []string // -r; the defaults without it
	NoPassword   bool     // -s: no passwords at all
	NoRootPasswd bool     // -g: none for uid 0
	NoRoot       bool     // -w: no login of uid 0
	Blank        bool     // -B: an account with an empty password opens without one
	Both         bool     // -t: password and public key are both needed
	Group        string   // -G: only its members; "" everybody
	Command      string   // -c: runs whatever the client asks for
	KeysDir      string   // -D: where authorized_keys lie instead of ~/.ssh
	Plugin       string   // -A: a plugin decides about keys
	Master       bool     // -Y: one password opens all accounts (no release has it; patched builds do)
	MaxTries     int      // -T, 10 by default
	NoLocal      bool     // -j: no local forwarding
	NoRemote     bool     // -k: no remote forwarding
	Gateway      bool     // -a: forwarded ports may be reached from elsewhere
	Banner       string   // -b

	// Refused says in dropbear's words why it does not start; "" it does.
	Refused string
}

// Defaults of the program (default_options.h, sysoptions.h).
const (
	defaultPort  = "22"
	defaultTries = 10
	maxListens   = 10   // further ones are ignored
	maxHostKeys  = 4    // more are an error
	maxArgs      = 4096 // of a command line that is looked at
)

var defaultKeys = []string{"/etc/dropbear/dropbear_rsa_host_key", "/etc/dropbear/dropbear_ecdsa_host_key", "/etc/dropbear/dropbear_ed25519_host_key"}

// Parse reads a command line; args[0] is the program. It never fails: what
// dropbear would not take is in Refused, and what stands behind that is not read.
func Parse(args []string) *Server {
	s := &Server{MaxTries: defaultTries}
	if len(args) > maxArgs {
		s.Refused = "too many arguments to be looked at"
		return s
	}
	s.Refused = s.parse(args)
	if len(s.Listens) == 0 && !s.Inetd {
		s.Listens = []Listen{{Port: defaultPort}}
	}
	if s.Inetd {
		s.Listens = nil // -p is ignored
	}
	if len(s.HostKeys) == 0 {
		s.HostKeys = append([]string(nil), defaultKeys...)
	}
	if s.Refused == "" && s.Both && s.NoPassword {
		s.Refused = "-t and -s are incompatible"
	}
	return s
}

func (s *Server) parse(args []string) string {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			return "Invalid argument: " + a
		}
		for j := 1; j < len(a); j++ {
			if s.flag(a[j]) {
				continue
			}
			if strings.IndexByte("bcdrpPlGWKITAD2Y", a[j]) < 0 {
				if a[j] == 'h' || a[j] == 'V' {
					return "-" + a[j:j+1] + " prints and ends"
				}
				return "Invalid option -" + a[j:j+1]
			}
			// The value is the rest of the word, else the next one.
			value := a[j+1:]
			if value == "" {
				if i++; i >= len(args) {
					return "Missing argument"
				}
				value = args[i]
			}
			if msg := s.option(a[j], value); msg != "" {
				return msg
			}
			break
		}
	}
	return ""
}

// flag takes an option without a value.
func (s *Server) flag(c byte) bool {
	switch c {
	case 's':
		s.NoPassword = true
	case 'g':
		s.NoRootPasswd = true
	case 'w':
		s.NoRoot = true
	case 'B':
		s.Blank = true
	case 't':
		s.Both = true
	case 'i':
		s.Inetd = true
	case 'j':
		s.NoLocal = true
	case 'k':
		s.NoRemote = true
	case 'a':
		s.Gateway = true
	case 'R', 'F', 'E', 'e', 'm', 'u', 'v', 'z':
	default:
		return false
	}
	return true
}

// option takes an option with its value; the answer is why it is not taken.
func (s *Server) option(c byte, value string) string {
	switch c {
	case 'b':
		s.Banner = value
	case 'c':
		s.Command = value
	case 'd', 'r':
		if len(s.HostKeys) >= maxHostKeys {
			return "Too many hostkeys"
		}
		s.HostKeys = append(s.HostKeys, value)
	case 'p':
		return s.listen(value)
	case 'l':
		s.Interface = value
	case 'G':
		s.Group = value
	case 'T':
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return fmt.Sprintf("Bad maxauthtries '%s'", value)
		}
		s.MaxTries = int(n)
	case 'A':
		s.Plugin, _, _ = strings.Cut(value, ",")
	case 'D':
		s.KeysDir = value
	case 'Y':
		s.Master = true // the password itself is not kept
	}
	return ""
}

// listen is addportandaddress: port, address:port or [address]:port.
func (s *Server) listen(spec string) string {
	if len(s.Listens) >= maxListens {
		return ""
	}
	l := Listen{Port: spec}
	switch {
	case strings.HasPrefix(spec, "["):
		i := strings.IndexByte(spec, ']')
		if i < 0 || i+1 < len(spec) && spec[i+1] != ':' {
			return "Bad -p argument"
		}
		l.Address, l.Port = spec[1:i], strings.TrimPrefix(spec[i+1:], ":")
		if i+1 == len(spec) {
			// Without a port the address is taken for one.
			l.Address, l.Port = "", l.Address
		}
	default:
		if i := strings.LastIndexByte(spec, ':'); i >= 0 {
			l.Address, l.Port = spec[:i], spec[i+1:]
		}
	}
	if l.Port == "" {
		return "Bad port"
	}
	s.Listens = append(s.Listens, l)
	return ""
}
