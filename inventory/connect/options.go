package connect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/postern-ssh/postern/inventory"
)

// Policy says what to do with a host whose key is not known.
type Policy string

// The policies. Under both a changed or revoked key is refused.
const (
	Strict    Policy = ""           // refuse
	AcceptNew Policy = "accept-new" // write it to the first known_hosts file and go on
)

// Options say how to log in. The zero value knows no host and no key.
type Options struct {
	User        string   // for hosts that name none
	KeyFiles    []string // private keys for hosts that name none; those that are not there are left out
	AgentSocket string   // of the SSH agent; "" none
	// Passphrase asks for the passphrase of a private key. It is called only when
	// a server accepts the key, or when nothing tells the public half; for one
	// key at a time, and until it is right, at most three times a key a run. nil:
	// encrypted keys cannot be used.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	KnownHosts []string // known_hosts files; those that are not there are left out
	Policy     Policy
	// AllowInsecure permits a second attempt with algorithms that have known
	// faults where a host offers nothing else; the capture says so.
	AllowInsecure bool
	MaxTries      int // keys offered to one host; 0: 6, sshd's own default of MaxAuthTries
	Deadlines     Deadlines
}

// Dialer logs in to hosts. It is safe for concurrent use and holds nothing open.
type Dialer struct {
	opt   Options
	known *knownHosts
	keys  *keyStore
	agent *agentClient
}

// New reads the known_hosts files. Lines that are not understood are no error:
// see [Dialer.Warnings].
func New(opt Options) (*Dialer, error) {
	switch opt.Policy {
	case Strict, AcceptNew:
	default:
		return nil, fmt.Errorf("connect: unknown host key policy %q", opt.Policy)
	}
	if opt.Policy == AcceptNew && len(opt.KnownHosts) == 0 {
		return nil, errors.New("connect: accept-new needs a known_hosts file to write to")
	}
	if opt.MaxTries <= 0 {
		opt.MaxTries = 6
	}
	opt.Deadlines = opt.Deadlines.withDefaults()
	d := &Dialer{opt: opt, known: readKnownHosts(opt.KnownHosts), keys: newKeyStore(opt.Passphrase)}
	if opt.AgentSocket != "" {
		d.agent = &agentClient{socket: opt.AgentSocket}
	}
	return d, nil
}

// Warnings lists what was skipped in the known_hosts files, as "file:line: why".
func (d *Dialer) Warnings() []string {
	return d.known.warnings
}

// target is one host, checked.
type target struct {
	name string // for errors
	host string // to dial
	port int
	user string
	keys []string // private key files
	own  bool     // keys are the host's own: no other is offered
}

// address is what known_hosts calls the target.
func (t target) address() string { return hostPort(t.host, t.port) }

func (d *Dialer) target(h inventory.Host) (target, *StageError) {
	t := target{name: h.Name, host: h.Address, port: h.Port, user: h.User, keys: h.Keys, own: len(h.Keys) > 0}
	if t.host == "" {
		t.host = h.Name
	}
	if t.name == "" {
		t.name = t.host
	}
	if s, ok := strings.CutPrefix(t.host, "["); ok {
		t.host = strings.TrimSuffix(s, "]")
	}
	if t.port == 0 {
		t.port = 22
	}
	if t.user == "" {
		t.user = d.opt.User
	}
	if !t.own {
		t.keys = d.opt.KeyFiles
	}
	bad := func(stage Stage, text, hint string) (target, *StageError) {
		return t, &StageError{Host: t.name, Stage: stage, Text: text, Hint: hint}
	}
	switch {
	case !validHost(t.host):
		return bad(StageDial, quote(t.host)+" is neither a host name nor an address", "set address: in the inventory")
	case t.port < 1 || t.port > 65535:
		return bad(StageDial, "port "+strconv.Itoa(t.port)+" does not exist", "")
	case t.user == "":
		return bad(StageAuth, "no account to log in to", "name one: user@host, or user: in the inventory")
	}
	return t, nil
}

// validHost excludes what known_hosts or a resolver would read as something
// else; it does not say that the name exists.
func validHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	if strings.Contains(s, ":") {
		_, err := netip.ParseAddr(s)
		return err == nil
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(",*?![]|@#/\\\"'%", r) || r == unicode.ReplacementChar
	})
}

// maxQuote bounds a host's words in an error.
const maxQuote = 200

// quote shows a host's words in printable ASCII, and bounds them.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.QuoteToASCII(s[:maxQuote]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
