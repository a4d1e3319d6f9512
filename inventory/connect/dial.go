package connect

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/inventory"
)

// attempt is one TCP connection on its way to a login. Callbacks of the SSH
// library run in other goroutines; mu guards all that they write.
type attempt struct {
	d        *Dialer
	ctx      context.Context
	t        target
	insecure bool
	known    known // what known_hosts says about the host
	tee      *tee

	mu         sync.Mutex
	stage      Stage
	began      time.Time
	deadline   time.Time     // of the stage; zero while a person is asked
	limit      time.Duration // of the stage
	waited     time.Duration // for persons
	tries      []try
	offers     []*offer
	notes      []string // keys that could not be offered, with the reason
	sawMethods bool
	first      []string // methods after "none"
	methods    []string // methods after the last try
	partial    bool     // one step was accepted, more are asked
	signed     string   // the algorithm of the last signature
	banner     []byte
	hostKey    ssh.PublicKey
	negotiated ssh.NegotiatedAlgorithms
	learnt     *Learnt
}

// Dial logs in to a host. Errors are *[StageError]; errors.Is finds
// [ErrHostKey], [ErrRefused], [ErrThrottled] and the context's error in them.
//
// A second connection is made where the host offers only algorithms with known
// faults and [Options.AllowInsecure] permits them, and where the server hung up
// while a person was asked for a passphrase.
func (d *Dialer) Dial(ctx context.Context, h inventory.Host) (*Conn, error) {
	t, serr := d.target(h)
	if serr != nil {
		return nil, serr
	}
	if err := context.Cause(ctx); err != nil {
		return nil, &StageError{Host: t.name, Stage: StageDial, Text: "not begun: " + err.Error(), Err: err}
	}
	cs, notes := d.candidates(ctx, t)
	if len(cs) == 0 {
		return nil, noKeyError(t, notes)
	}
	// A file of ten thousand hashed names costs 2 ms: it is searched once.
	known := d.known.lookup(t.host, t.port)
	for insecure, again := false, false; ; {
		a := &attempt{d: d, ctx: ctx, t: t, insecure: insecure, known: known, tries: plan(cs, d.opt.AllowInsecure), notes: slices.Clone(notes)}
		c, err := a.dial()
		if err == nil {
			return c, nil
		}
		switch {
		case ctx.Err() != nil:
		case d.opt.AllowInsecure && a.insecureHelps(err):
			insecure = true
			continue
		case !again && a.hungUpMeanwhile():
			again = true
			continue
		}
		return nil, err
	}
}

func (a *attempt) dial() (*Conn, error) {
	a.stage, a.began, a.limit = StageDial, time.Now(), a.d.opt.Deadlines.Dial
	dctx, cancel := context.WithTimeout(a.ctx, a.limit)
	defer cancel()
	var nd net.Dialer
	raw, err := nd.DialContext(dctx, "tcp", net.JoinHostPort(a.t.host, strconv.Itoa(a.t.port)))
	if err != nil {
		return nil, a.dialError(dctx, err)
	}
	a.tee = newTee(raw)
	stop := context.AfterFunc(a.ctx, func() { raw.Close() })
	defer stop()
	a.begin(StageHandshake, a.d.opt.Deadlines.Handshake)
	conn, chans, reqs, err := ssh.NewClientConn(a.tee, a.t.address(), a.config())
	if err != nil {
		raw.Close()
		return nil, a.loginError(err)
	}
	a.tee.drop()
	if !stop() {
		// Cancelled in the last moment: the connection is closed already.
		conn.Close()
		return nil, a.loginError(context.Cause(a.ctx))
	}
	raw.SetDeadline(time.Time{})
	if algs, ok := conn.(ssh.AlgorithmsConnMetadata); ok {
		a.negotiated = algs.Algorithms()
	}
	return newConn(a, conn, chans, reqs), nil
}

// config says explicitly what is offered: the library's defaults hold SHA-1 and
// DSA.
func (a *attempt) config() *ssh.ClientConfig {
	algs := ssh.SupportedAlgorithms()
	if a.insecure {
		bad := ssh.InsecureAlgorithms()
		algs.KeyExchanges = append(algs.KeyExchanges, bad.KeyExchanges...)
		algs.Ciphers = append(algs.Ciphers, bad.Ciphers...)
		algs.MACs = append(algs.MACs, bad.MACs...)
	}
	return &ssh.ClientConfig{
		Config:            ssh.Config{KeyExchanges: algs.KeyExchanges, Ciphers: algs.Ciphers, MACs: algs.MACs},
		User:              a.t.user,
		HostKeyAlgorithms: a.hostKeyAlgorithms(),
		HostKeyCallback:   a.acceptHostKey,
		BannerCallback:    a.keepBanner,
		AuthCallback:      a.nextAuth,
	}
}

// noHostKey is offered where no known key can be checked: the library would
// take an empty list for its default.
const noHostKey = "none@postern"

func (a *attempt) hostKeyAlgorithms() []string {
	if algs := a.known.algorithms(a.insecure); len(algs) > 0 {
		return algs
	}
	return []string{noHostKey}
}

// acceptHostKey runs after the server has proven to hold its key, and before
// anything of ours is shown to it.
func (a *attempt) acceptHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	a.mu.Lock()
	a.hostKey = key
	a.mu.Unlock()
	learn, err := a.d.checkHostKey(a.t, a.known, key)
	if err == nil && learn {
		var l *Learnt
		l, err = a.d.learn(a.t, plainKey(key))
		if err != nil && !errors.Is(err, ErrHostKey) {
			err = &hostKeyError{
				text: "host key is new and could not be written to " + a.d.known.files[0] + ": " + err.Error(),
				hint: "name another file with --known-hosts",
			}
		}
		a.mu.Lock()
		a.learnt = l
		a.mu.Unlock()
	}
	if err != nil {
		return err
	}
	a.begin(StageAuth, a.d.opt.Deadlines.Auth)
	return nil
}

// maxBanner bounds SSH_MSG_USERAUTH_BANNER, which may come many times.
const maxBanner = 8 << 10

func (a *attempt) keepBanner(text string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.banner = append(a.banner, text[:min(len(text), maxBanner-len(a.banner))]...)
	return nil
}

// begin enters a stage. Its deadline is an absolute time on the connection, so
// a server that drips byte by byte gains nothing.
func (a *attempt) begin(s Stage, limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage, a.began, a.limit = s, time.Now(), limit
	a.deadline = a.began.Add(limit)
	a.tee.SetDeadline(a.deadline)
}

// person stops the stage's clock while a person is asked, and returns what
// starts it again.
func (a *attempt) person() (resume func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	start := time.Now()
	left := a.deadline.Sub(start)
	a.tee.SetDeadline(time.Time{})
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.waited += time.Since(start)
		a.deadline = time.Now().Add(left)
		a.tee.SetDeadline(a.deadline)
	}
}

// hungUpMeanwhile reports whether the server ended the connection while a
// person was asked: the answer is known by now, and a second try will do.
func (a *attempt) hungUpMeanwhile() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waited > time.Second && a.stage == StageAuth && a.tee.failed.Load()
}

func (a *attempt) unlock(k *keyFile) (ssh.AlgorithmSigner, error) {
	if k.pem != nil {
		defer a.person()()
	}
	return a.d.keys.unlock(a.ctx, k)
}

// capture is what was seen up to now.
func (a *attempt) capture() *wire.Capture {
	if a.tee == nil {
		return nil
	}
	a.tee.drop()
	server := a.tee.seen()
	server = server[:wire.ClearPart(server)]
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &wire.Capture{
		Server:   slices.Clone(server),
		Banner:   string(a.banner),
		User:     a.t.user,
		Remote:   a.tee.RemoteAddr().String(),
		Local:    a.tee.LocalAddr().String(),
		Kex:      a.negotiated.KeyExchange,
		HostKey:  a.negotiated.HostKey,
		Cipher:   a.negotiated.Read.Cipher,
		MAC:      a.negotiated.Read.MAC,
		Insecure: a.insecure || a.signed == ssh.KeyAlgoRSA,
	}
	if a.sawMethods {
		c.Methods = slices.Clone(a.first)
	}
	if a.hostKey != nil {
		c.HostKeys = []wire.CapturedKey{{Blob: a.hostKey.Marshal(), Proven: true}}
	}
	return c
}
