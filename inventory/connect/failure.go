package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
)

// noKeyError is for a host that was not asked: a connection without a login helps
// nobody, and sshd since 9.8 shuts out addresses that make many (PerSourcePenalties).
func noKeyError(t target, notes []string) *StageError {
	e := &StageError{Host: t.name, Stage: StageAuth, Text: "no key to log in with", Hint: "name a private key (key: in the inventory, --key FILE) or start an SSH agent"}
	if len(notes) > 0 {
		e.Text += ": " + strings.Join(notes, "; ")
	}
	e.Text += "; the host was not asked"
	return e
}

// ended says how a context ended: by its caller, or by its time.
func ended(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return "the time for this host was over"
	}
	return "interrupted"
}

// dialError says why no TCP connection came about.
func (a *attempt) dialError(dctx context.Context, err error) *StageError {
	e := &StageError{Host: a.t.name, Stage: StageDial, Err: err}
	where := net.JoinHostPort(a.t.host, strconv.Itoa(a.t.port))
	var dns *net.DNSError
	switch {
	case a.ctx.Err() != nil:
		e.Text, e.Err = ended(a.ctx), context.Cause(a.ctx)
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Text, e.Hint = "the name "+quote(a.t.host)+" does not exist", "check the spelling, or set address: in the inventory; ~/.ssh/config is not read"
	case errors.As(err, &dns) && (dns.IsTimeout || dctx.Err() != nil):
		e.Text, e.Hint = "no name server answered for "+quote(a.t.host)+" within "+a.took(), "check this machine's name resolution"
	case errors.As(err, &dns):
		e.Text, e.Hint = "the name "+quote(a.t.host)+" could not be looked up: "+quote(dns.Err), "check this machine's name resolution"
	case isErrno(err, refusedErrnos):
		e.Text, e.Hint = "connection refused by "+where, "the machine is up, but nothing listens there: is sshd running, on another port?"
	case isErrno(err, resetErrnos):
		e.Text, e.Hint = where+" reset the connection", "a firewall or a limit of the server (MaxStartups, penalties)? Retry later"
	case isErrno(err, unreachableErrnos):
		e.Text, e.Hint = "no route to "+where, "is the machine up, and a firewall or VPN between?"
	case errors.Is(err, syscall.EINVAL):
		// A blackhole route gives this error at once.
		e.Text, e.Hint = "this machine's routes lead "+where+" nowhere", "check the routing table for a blackhole"
	case errors.Is(err, os.ErrPermission):
		e.Text, e.Hint = "this machine may not connect to "+where, "check its own firewall"
	case dctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		e.Text, e.Hint = "no answer from "+where+" within "+a.limit.String(), "is the machine up, and a firewall between that drops packets?"
	default:
		e.Text = "no connection to " + where + ": " + err.Error()
	}
	return e
}

func isErrno(err error, list []syscall.Errno) bool {
	var n syscall.Errno
	return errors.As(err, &n) && slices.Contains(list, n)
}

// took is the time since the stage began, for people.
func (a *attempt) took() string {
	return max(time.Since(a.began).Round(100*time.Millisecond), 100*time.Millisecond).String()
}

// loginError says at which stage and why the SSH library gave up.
func (a *attempt) loginError(err error) *StageError {
	capture := a.capture()
	server, perr := wire.Parse(*capture)
	if len(capture.Server) == 0 {
		capture = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &StageError{Host: a.t.name, Stage: a.stage, Err: err, Capture: capture}
	var hk *hostKeyError
	var neg *ssh.AlgorithmNegotiationError
	late := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case errors.As(err, &hk):
		e.Stage, e.Text, e.Hint = StageHostKey, hk.text, hk.hint
	case a.ctx.Err() != nil:
		e.Text, e.Err = ended(a.ctx), context.Cause(a.ctx)
	case errors.As(err, &neg):
		a.negotiationError(e, neg)
	case server.Throttled != "":
		e.Text = fmt.Sprintf("the server turned this address away for its rate: %q", server.Throttled)
		e.Hint = "retry later (MaxStartups, PerSourcePenalties: up to 10 minutes), with less in parallel"
		e.Err = fmt.Errorf("%w: %w", ErrThrottled, err)
	case server.Disconnect != nil:
		e.Text = "the server ended the connection: " + quote(server.Disconnect.Description)
	case a.stage == StageAuth:
		a.authError(e, err, late)
	default:
		a.handshakeError(e, err, server, perr, late)
	}
	return e
}

// handshakeError covers what goes wrong before the host key.
func (a *attempt) handshakeError(e *StageError, err error, s *wire.Server, perr error, late bool) {
	got := len(a.tee.seen())
	within := "within " + a.limit.String()
	const port = "is this the right port?"
	switch {
	case got == 0 && late:
		e.Text, e.Hint = "the port is open, but no SSH server spoke "+within, "is sshd stopped or the machine overloaded? "+port
	case got == 0:
		e.Text, e.Hint = "the server closed the connection before its first word", "it may refuse this address (MaxStartups, penalties, hosts.deny), or not be an SSH server: retry later"
	case errors.Is(perr, wire.ErrNotSSH) && late:
		e.Text, e.Hint = fmt.Sprintf("no SSH version line in %d bytes %s", got, within), port
	case errors.Is(perr, wire.ErrNotSSH):
		e.Text, e.Hint = "not an SSH server: it says "+quote(strings.Join(s.PreLines, "\n")), port
	case s.Version != "" && s.Protocol != "2.0" && s.Protocol != "1.99":
		e.Text, e.Hint = "the server speaks no SSH 2: "+quote(s.Version), "upgrade it: protocol 1 protects nothing"
	case errors.Is(perr, wire.ErrMalformed):
		e.Text, e.Hint = "what follows "+quote(s.Version)+" is not SSH: "+bound(perr.Error()), "is something between that changes the stream?"
	case late:
		e.Text, e.Hint = "the key exchange with "+quote(s.Version)+" was not done "+within, "is the machine overloaded, or the line very slow?"
	case lost(err):
		e.Text, e.Hint = "the server closed the connection during the key exchange", "retry; see the server's log"
		e.Err = fmt.Errorf("%w: %w", ErrHungUp, err)
	default:
		e.Text = "the key exchange with " + quote(s.Version) + " failed: " + bound(err.Error())
	}
}

// negotiationError names what the server offers where nothing is in common.
func (a *attempt) negotiationError(e *StageError, neg *ssh.AlgorithmNegotiationError) {
	const flag = "reach it with --allow-insecure-algorithms; better, upgrade it"
	helps := a.insecureHelps(neg)
	if neg.What == "host key" && !helps {
		if hk := noCommonHostKey(a.t, a.known, neg.RequestedAlgorithms); hk != nil {
			e.Stage, e.Text, e.Hint, e.Err = StageHostKey, hk.text, hk.hint, errors.Join(hk, neg)
			return
		}
	}
	e.Text = fmt.Sprintf("no %s in common: the server offers only %s", neg.What, quoteNames(neg.RequestedAlgorithms))
	if helps {
		e.Hint = flag
	} else {
		e.Hint = "postern knows none of these"
	}
}

// insecureHelps reports whether err is a negotiation that algorithms with known
// faults would have settled.
func (a *attempt) insecureHelps(err error) bool {
	var neg *ssh.AlgorithmNegotiationError
	if a.insecure || !errors.As(err, &neg) {
		return false
	}
	bad := ssh.InsecureAlgorithms()
	ours := slices.Concat(bad.KeyExchanges, bad.Ciphers, bad.MACs)
	if neg.What == "host key" {
		ours = a.known.algorithms(true)
	}
	return slices.ContainsFunc(neg.RequestedAlgorithms, func(n string) bool { return slices.Contains(ours, n) })
}

// authError covers what goes wrong after the host key.
func (a *attempt) authError(e *StageError, err error, late bool) {
	e.Err = fmt.Errorf("%w: %w", ErrRefused, err)
	user := quote(a.t.user)
	asked := slices.ContainsFunc(a.offers, func(o *offer) bool { return o.asked && o.err == nil })
	text, disconnected := disconnect(err)
	switch {
	case late:
		e.Text = "the login as " + user + " was not done within " + a.limit.String()
		e.Hint = "the server may wait for a name server or a PAM module: see its log"
		e.Err = err
	case disconnected && strings.Contains(text, "oo many authentication failures"):
		// auth.c, auth_maxtries_exceeded; the reason code is that of any protocol error.
		e.Text = fmt.Sprintf("too many keys: the server hung up after %d; offered: %s", len(a.offers), a.offered())
		e.Hint = "name the one key for this host (key: in the inventory)"
	case disconnected:
		e.Text = "the server ended the login as " + user + ": " + quote(text)
	case lost(err) && asked && !a.partial:
		e.Text = "the server took the key and hung up on " + user + "; offered: " + a.offered()
		e.Hint = "is the account expired, locked or denied by PAM (access.conf, nologin)?"
	case lost(err):
		e.Text = "the server hung up during the login as " + user
		e.Hint = "it may penalise this address, or limit tries: retry later, and see its log"
	case a.partial:
		e.Text = fmt.Sprintf("a key alone does not log in %s: the server then asks for %s", user, quoteNames(a.methods))
		e.Hint = "postern logs in with keys only: give its account AuthenticationMethods publickey (Match User)"
	case a.sawMethods && !slices.Contains(a.first, "publickey"):
		e.Text = fmt.Sprintf("the server takes no keys from %s: it offers %s", user, quoteNames(a.first))
		e.Hint = "PubkeyAuthentication is off for this account or address"
	case a.sawMethods && a.lockedKey() != nil:
		e.Text = fmt.Sprintf("login as %s failed: %s; tried: %s", user, a.lockedKey(), a.offered())
		e.Hint = "load the key into the SSH agent (ssh-add), or run postern on a terminal that can be asked for its passphrase"
	case a.sawMethods:
		e.Text = fmt.Sprintf("login as %s refused: the server offers %s; tried: %s", user, quoteNames(a.first), a.offered())
		e.Hint = "add one of these keys to the account's authorized_keys, or name another key or user"
	default:
		e.Text = "the login as " + user + " failed: " + bound(err.Error())
	}
	if len(a.notes) > 0 {
		e.Text += "; not offered: " + strings.Join(a.notes, "; ")
	}
}

// lockedKey is why a key could not be used although the server may take it; nil
// where none was locked.
func (a *attempt) lockedKey() error {
	for _, o := range a.offers {
		if o.err != nil {
			return o.err
		}
	}
	return nil
}

// disconnect reads the library's error for SSH_MSG_DISCONNECT, whose type it
// does not export.
func disconnect(err error) (text string, ok bool) {
	_, rest, ok := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	if !ok {
		return "", false
	}
	_, text, _ = strings.Cut(rest, ": ")
	if t, uerr := strconv.Unquote(text); uerr == nil {
		text = t
	}
	return text, true
}

// lost reports whether a connection ended under the library's hands.
func lost(err error) bool {
	return isErrno(err, resetErrnos) || errors.Is(err, net.ErrClosed) || strings.HasSuffix(err.Error(), "EOF")
}

// bound cuts a library's message, which may hold a host's words (the library
// quotes these).
func bound(s string) string {
	s = strings.TrimPrefix(s, "ssh: handshake failed: ")
	if len(s) > 2*maxQuote {
		s = s[:2*maxQuote] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
