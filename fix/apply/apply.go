// Package apply makes a plan true on a host, so that its owner can log in
// afterwards: by what the plan promises, or by what worked before.
//
// The order is fixed: copy what is there, try the new files where nobody else
// sees them, arm a guard on the host that takes everything back unless it is
// told not to (also after a reboot), write, have sshd read, log in anew, prove
// what has changed, confirm over the new login. The laptop may die, the network
// may go and the host may restart at each point between.
//
// What runs on the host is one POSIX sh program, sent over the connection. Its
// state lies below /var/lib/postern-fix and is one file whose name says it.
package apply

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory/connect"
)

// Conn is a login, as *connect.Conn gives it.
type Conn interface {
	Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error)
	Capture() *wire.Capture
	Close() error
}

// Connect logs in to the host anew: a new TCP connection, a new key exchange.
type Connect func(ctx context.Context) (Conn, error)

// Options say how to apply. The zero value is careful.
type Options struct {
	// Journal is a folder for the local journal, one file a host; "" none, and
	// then an interrupted run can be recovered only when its time is over.
	Journal string
	// Deadline is how long the host waits for the confirmation, from the moment
	// the guard is armed; 0: a minute, or ten round trips where these are slow.
	Deadline time.Duration
	Accept   []string // risks that are accepted by name
	// Progress is told each step; nil: nobody is.
	Progress func(step string)

	// Records says of how many runs that are over Status tells what they changed.
	Records int

	// Prove is asked over and above what the plan promises, before the change is
	// confirmed; its error takes the change back. nil: nothing more is asked.
	Prove func(ctx context.Context) error

	// FailPoint is called between the steps with their names (see FailPoints), and
	// HostFail names a point inside a step at which the host stops and FailPoint is
	// called with "host:" before the name. For tests.
	FailPoint func(name string)
	HostFail  string
	// Unguarded leaves guard and boot hook out. For the test that shows what they
	// are worth.
	Unguarded bool
}

// Outcome is how a run ended.
type Outcome string

// The outcomes. The zero value says that nothing is known.
const (
	Done       Outcome = "done"        // confirmed; what the plan promises is in force
	Already    Outcome = "already"     // nothing was to be done
	Refused    Outcome = "refused"     // nothing was changed
	RolledBack Outcome = "rolled back" // what was before is in force again
	Unproven   Outcome = "not proven"  // a reload without a change, which cannot be taken back: sshd runs with its files as they are, and the proof failed
	Pending    Outcome = "pending"     // the host could not be reached again: it takes the change back by itself
)

// Result is what became of one host.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Run     string  `json:"run,omitempty"` // names the record on the host, for Undo
	// Recovered says what became of an earlier run that had been interrupted.
	Recovered string `json:"recovered,omitempty"`
	// Left are changes that were not taken back, since somebody else had changed
	// their files meanwhile: paths.
	Left  []string `json:"left,omitempty"`
	Notes []string `json:"notes,omitempty"`
	// Held: nothing was changed, but the host may hold the run's folder: the
	// connection ended first. The next run takes it away.
	Held bool `json:"held,omitempty"`
}

var (
	// ErrBusy marks a host that another run holds.
	ErrBusy = errors.New("another run holds the host")
	// ErrChanged marks a host that is not as the plan saw it.
	ErrChanged = errors.New("the host has changed since the plan was made")
	// ErrRefused marks a plan that was not applied; nothing was changed.
	ErrRefused = errors.New("not applied")
	// ErrRolledBack marks a change that was taken back.
	ErrRolledBack = errors.New("rolled back")
)

// StepError says at which step and why a run ended.
type StepError struct {
	Step string
	Code string // refused, changed, busy, sshd, state, dead, late ...; "" the connection or the shell
	Path string // of the change that it is about; "" none
	Why  string
	Err  error
}

func (e *StepError) Error() string {
	s := e.Step + ": "
	if e.Path != "" {
		s += clip(e.Path) + ": "
	}
	return s + e.Why
}

func (e *StepError) Unwrap() error { return e.Err }

// clip shows a host's words in printable ASCII, bounded.
func clip(s string) string {
	const most = 800
	if len(s) > most {
		s = s[:most] + "..."
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

const (
	minDeadline = time.Minute
	// patience is for steps before anything is armed: copying and hashing on a
	// slow disk.
	patience = 3 * time.Minute
	// busyFor is how long a run that has armed nothing keeps others out, should its
	// laptop have died: longer than copying and trying take.
	busyFor = 5 * time.Minute
)

// points are the fail points in the order in which a run meets them.
var points = []string{
	"begun", "connected", "prepared", "staged", "armed", "installed", "reloaded",
	"fresh", "verified", "confirmed", "cleaned",
}

// FailPoints are the names with which Options.FailPoint is called.
func FailPoints() []string { return slices.Clone(points) }

// HostPoints are the values of Options.HostFail, for a plan of n changes.
func HostPoints(n int) []string {
	all := []string{"locked", "copied", "deadline", "hooked", "guarded", "written"}
	for i := range n {
		all = append(all, fmt.Sprintf("changed%d", i+1))
	}
	return append(all, "loaded", "hup", "confirmed", "unhooked")
}

// RollPoints are further values of Options.HostFail, inside the taking back of a
// plan of n changes.
func RollPoints(n int) []string {
	all := []string{"rolling"}
	for i := n; i > 0; i-- {
		all = append(all, fmt.Sprintf("restored%d", i))
	}
	return append(all, "read")
}

// run is one host's way through the steps.
type run struct {
	connect Connect
	host    *fix.Host
	opt     Options
	id      string
	journal *journal
	res     Result

	old, fresh Conn // the first login, and the one that proves
	trip       time.Duration
	deadline   time.Duration
	armed      time.Time // zero: nothing is armed
	checks     []check
	manifest   string
	ports      []int // that sshd will listen on
}

func newRun(connect Connect, h *fix.Host, opt Options) (*run, error) {
	j, err := openJournal(opt.Journal, h.Name)
	if err != nil {
		return nil, err
	}
	return &run{connect: connect, host: h, opt: opt, journal: j}, nil
}

func (r *run) at(name string) {
	if r.opt.FailPoint != nil {
		r.opt.FailPoint(name)
	}
}

func (r *run) tell(step string) {
	if r.opt.Progress != nil {
		r.opt.Progress(step)
	}
}

func (r *run) close() {
	for _, c := range []Conn{r.fresh, r.old} {
		if c != nil {
			c.Close()
		}
	}
	r.journal.close()
}

// Apply makes the plan true on one host. The error says why the outcome is not
// Done or Already; the Result holds in either case. A run that was interrupted
// before is finished or undone first. Once the guard is armed, the end of ctx
// makes it take the change back before it returns.
func Apply(ctx context.Context, connect Connect, h fix.Host, opt Options) (Result, error) {
	r, err := newRun(connect, &h, opt)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	defer r.close()
	err = r.apply(ctx)
	note := string(r.res.Outcome)
	if err != nil {
		note += ": " + err.Error()
	}
	if r.res.Outcome != Pending && !r.res.Held { // the next run has to ask
		if jerr := r.journal.add(r.id, "end", note); err == nil {
			err = jerr
		}
	}
	return r.res, err
}

func (r *run) apply(ctx context.Context) error {
	r.res.Outcome = Refused
	if err := accepted(r.host, r.opt.Accept); err != nil {
		return err
	}
	if err := sound(r.host); err != nil {
		return err
	}
	r.id = newID()
	r.at("begun")
	st, err := r.begin(ctx)
	if err != nil {
		return err
	}
	r.at("connected")
	if err := r.recover(ctx, st); err != nil {
		return err
	}
	if err := r.stage(ctx, st); err != nil {
		return err
	}
	if r.res.Outcome == Already {
		return nil
	}
	return r.guarded(ctx)
}

// begin logs in and asks how the host stands.
func (r *run) begin(ctx context.Context) (*status, error) {
	r.tell("connect")
	c, err := r.connect(ctx)
	if err != nil {
		return nil, &StepError{Step: "connect", Why: err.Error(), Err: err}
	}
	r.old = c
	before := time.Now()
	st, err := r.status(ctx, c)
	r.trip = time.Since(before)
	if err != nil {
		return nil, err
	}
	if st.uid != 0 {
		return nil, &StepError{Step: "connect", Code: "refused", Why: "the account is not root and sudo -n gives no root rights", Err: ErrRefused}
	}
	r.deadline = r.opt.Deadline
	if r.deadline <= 0 {
		r.deadline = max(minDeadline, 10*r.trip)
	}
	return st, nil
}

// stage copies and tries. Nothing that the host reads is changed by it.
func (r *run) stage(ctx context.Context, st *status) error {
	var err error
	if r.host.Reload.Needed {
		if r.checks, err = newChecks(r.host.Checks, parseConnection(st.connection)); err != nil {
			return &StepError{Step: "prepare", Code: "refused", Why: err.Error(), Err: ErrRefused}
		}
	}
	if r.manifest, err = manifest(r.id, r.host, r.checks, r.opt.Unguarded); err != nil {
		return &StepError{Step: "prepare", Code: "refused", Why: err.Error(), Err: ErrRefused}
	}
	r.tell("prepare")
	if err := r.journal.add(r.id, "prepare", ""); err != nil {
		return err
	}
	stored, err := json.Marshal(r.host)
	if err != nil {
		return err
	}
	if _, err := r.step(ctx, r.old, "prepare", r.preparation(stored), patience); err != nil {
		var step *StepError
		if errors.As(err, &step) && step.Code == "changed" && r.alreadyThere(ctx) {
			r.res.Outcome = Already
			return nil
		}
		// Without the host's word it may have its folder: the next run knows it then.
		r.res.Held = !errors.As(err, &step) || step.Code == ""
		return err
	}
	r.res.Run = r.id
	r.at("prepared")
	if !r.host.Reload.Needed {
		r.at("staged")
		return nil
	}
	r.tell("try")
	out, err := r.step(ctx, r.old, "stage", "", patience)
	if err == nil {
		err = r.judge("try", out)
	}
	if err != nil {
		return r.giveUp(ctx, err)
	}
	for _, block := range out.blocks {
		for _, p := range words(sshd.ParseEffective([]byte(block))["port"]) {
			if n, err := strconv.Atoi(p); err == nil && n > 0 && n < 65536 && !slices.Contains(r.ports, n) {
				r.ports = append(r.ports, n)
			}
		}
	}
	r.at("staged")
	return nil
}

// giveUp removes what a run left that has changed nothing.
func (r *run) giveUp(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if _, cerr := r.step(ctx, r.old, "clean", "", 30*time.Second); cerr != nil {
		r.res.Notes = append(r.res.Notes, "its folder was left: "+cerr.Error())
		r.res.Held = true
	}
	return err
}

// judge looks at what sshd made of its files for each login that has to work.
func (r *run) judge(step string, out *output) error {
	for i := range r.checks {
		n := strconv.Itoa(i + 1)
		why := r.checks[i].judge(sshd.ParseEffective([]byte(out.blocks[n])), out.groups[n])
		if why != "" {
			l := r.checks[i].login
			return &StepError{Step: step, Code: "lock-out", Err: ErrRefused,
				Why: fmt.Sprintf("%s by %s could not log in any more: %s", clip(l.User), l.Method, clip(why))}
		}
	}
	return nil
}

// guarded is what happens under the guard: from arming to confirming.
func (r *run) guarded(ctx context.Context) error {
	if err := r.journal.add(r.id, "arm", ""); err != nil {
		return r.giveUp(ctx, err)
	}
	r.tell("arm")
	vars := assign("DEADLINE", fmt.Sprint(int(r.deadline.Seconds())))
	vars += assign("NEWPORTS", strings.Trim(fmt.Sprint(r.ports), "[]"))
	r.armed = time.Now()
	// From here on the end of ctx must not cut a step in two: it is looked at
	// between them.
	steady := context.WithoutCancel(ctx)
	if _, err := r.step(steady, r.old, "arm", vars, r.left()); err != nil {
		var step *StepError
		if errors.As(err, &step) && step.Code != "" {
			return r.giveUp(ctx, err)
		}
		return r.takeBack(ctx, err)
	}
	r.at("armed")
	for _, s := range []struct {
		name, point string
		do          func(context.Context) error
	}{
		{"install", "installed", r.install},
		{"reload", "reloaded", r.reload},
		{"log in anew", "fresh", r.freshLogin},
		{"verify", "verified", r.verify},
		{"confirm", "confirmed", r.confirm},
	} {
		if err := ctx.Err(); err != nil {
			return r.takeBack(ctx, fmt.Errorf("interrupted: %w", err))
		}
		r.tell(s.name)
		err := r.journal.add(r.id, s.name, "")
		if err == nil {
			err = s.do(steady)
		}
		if err != nil {
			return r.takeBack(ctx, err)
		}
		r.at(s.point)
	}
	r.res.Outcome = Done
	if _, err := r.step(steady, r.fresh, "clean", "", 30*time.Second); err != nil {
		// confirmed all the same: the next run puts the record away
		r.res.Notes = append(r.res.Notes, "confirmed, but the host's folder was not tidied: "+err.Error())
	}
	r.at("cleaned")
	return nil
}

// left is the time in which the laptop still tries: two thirds of the deadline.
func (r *run) left() time.Duration {
	return max(r.deadline*2/3-time.Since(r.armed), time.Second)
}

func (r *run) install(ctx context.Context) error {
	_, err := r.step(ctx, r.old, "install", "", r.left())
	return err
}

func (r *run) reload(ctx context.Context) error {
	if !r.host.Reload.Needed {
		return nil
	}
	_, err := r.step(ctx, r.old, "reload", "", r.left())
	return err
}

// freshLogin logs in by a new connection. The listener is away for a moment while
// sshd starts itself again, so a refused connect is tried again; a refused login
// only once more: sshd since 9.8 shuts out who fails often (PerSourcePenalties).
func (r *run) freshLogin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.left())
	defer cancel()
	refused := 0
	for {
		c, err := r.connect(ctx)
		if err == nil {
			r.fresh = c
			return nil
		}
		pause := 300 * time.Millisecond
		switch {
		case errors.Is(err, connect.ErrHostKey):
			return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
		case errors.Is(err, connect.ErrThrottled):
			pause = 15 * time.Second
		case errors.Is(err, connect.ErrRefused):
			if refused++; refused == 2 {
				return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
			}
			pause = 2 * time.Second
		}
		select {
		case <-ctx.Done():
			return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
		case <-time.After(pause):
		}
	}
}

// verify proves over the fresh login that the new files are in force.
func (r *run) verify(ctx context.Context) error {
	out, err := r.step(ctx, r.fresh, "verify", "", r.left())
	if err != nil {
		return err
	}
	if out.one("guard") == "0" {
		r.res.Notes = append(r.res.Notes, "the guard had died")
	}
	if err := r.judge("verify", out); err != nil {
		return err
	}
	if err := r.shut(); err != nil || r.opt.Prove == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.left())
	defer cancel()
	return r.opt.Prove(ctx)
}

// shut proves that the methods which have to be gone are.
func (r *run) shut() error {
	if len(r.host.Shut) == 0 {
		return nil
	}
	offered := r.fresh.Capture()
	if offered == nil || offered.Methods == nil && !offered.NoneAccepted {
		return &StepError{Step: "verify", Why: "the server did not say which methods it offers"}
	}
	for _, m := range r.host.Shut {
		if slices.Contains(offered.Methods, m) || offered.NoneAccepted {
			return &StepError{Step: "verify", Why: "the server still offers " + m}
		}
	}
	return nil
}

// confirm tells the host that the change is to stay, over the login that proved
// it. Where the answer is lost, the host is asked, not guessed about.
func (r *run) confirm(ctx context.Context) error {
	_, err := r.step(ctx, r.fresh, "confirm", assign("WANT", r.id), r.left())
	var step *StepError
	if err == nil || errors.As(err, &step) && step.Code != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	for {
		if c, cerr := r.connect(ctx); cerr == nil {
			st, serr := r.status(ctx, c)
			if serr == nil && (st.run == r.id && st.state == "confirmed" || st.records[r.id] == "confirmed") {
				r.fresh.Close()
				r.fresh = c
				return nil
			}
			c.Close()
			if serr == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// takeBack undoes what is armed: over a login that is still there, since that one
// keeps its old rules, else by a new one, else by the guard.
func (r *run) takeBack(ctx context.Context, why error) error {
	r.tell("take back")
	r.res.Outcome = Pending
	until := r.armed.Add(r.deadline + 45*time.Second)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	if err := r.journal.add(r.id, "take back", why.Error()); err != nil {
		r.res.Notes = append(r.res.Notes, err.Error())
	}
	for _, c := range []Conn{r.old, r.fresh} {
		if c != nil && r.rollbackOver(ctx, c) == nil {
			return r.tookBack(ctx, c, why)
		}
	}
	for ctx.Err() == nil {
		c, err := r.connect(ctx)
		if err == nil {
			if r.rollbackOver(ctx, c) == nil {
				defer c.Close()
				return r.tookBack(ctx, c, why)
			}
			c.Close()
		}
		pause := 2 * time.Second
		if errors.Is(err, connect.ErrRefused) || errors.Is(err, connect.ErrThrottled) {
			pause = 10 * time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("%w; the host could not be reached again and takes the change back by itself", why)
}

func (r *run) rollbackOver(ctx context.Context, c Conn) error {
	st, err := r.status(ctx, c)
	if err != nil {
		return err
	}
	if st.run != r.id { // put away already
		return nil
	}
	out, err := r.step(ctx, c, "rollback", "", time.Minute)
	if err == nil {
		r.leftOver(out)
	}
	return err
}

func (r *run) leftOver(out *output) {
	for _, n := range out.all("left") {
		if i, err := strconv.Atoi(n); err == nil && i > 0 && i <= len(r.host.Changes) {
			r.res.Left = append(r.res.Left, realPath(&r.host.Changes[i-1]))
		} else {
			r.res.Notes = append(r.res.Notes, "sshd was not told to read its files again: it would refuse them")
		}
	}
}

// tookBack reads the host's word for how it ended, and puts the record away.
func (r *run) tookBack(ctx context.Context, c Conn, why error) error {
	st, err := r.status(ctx, c)
	if err != nil {
		return why
	}
	state := st.state
	if st.run != r.id {
		state = st.records[r.id]
	}
	switch {
	case state == "confirmed":
		r.res.Outcome = Done
	case state == "rolledback":
		r.res.Outcome = RolledBack
		if len(r.host.Changes) == 0 {
			r.res.Outcome = Unproven
		}
	case state == "" && st.run != r.id: // nothing had been armed
		r.res.Outcome = Refused
	default:
		return why
	}
	if st.run == r.id {
		if _, err := r.step(ctx, c, "clean", "", 30*time.Second); err != nil {
			r.res.Notes = append(r.res.Notes, "the host's folder was not tidied: "+err.Error())
		}
	}
	switch r.res.Outcome {
	case Done:
		return nil
	case Unproven:
		return fmt.Errorf("sshd may run with its files as they are, and that could not be proven: %w", why)
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, why)
}

// accepted refuses a plan that refuses itself.
func accepted(h *fix.Host, risks []string) error {
	for _, f := range h.Refused {
		if f.Risk == "" || !slices.Contains(risks, f.Risk) {
			return &StepError{Step: "plan", Code: "refused", Path: f.Path, Why: clip(f.Why), Err: ErrRefused}
		}
	}
	return nil
}

// sound refuses a plan that cannot be said to a shell, or that makes no sense.
func sound(h *fix.Host) error {
	bad := func(path, why string) error {
		return &StepError{Step: "plan", Code: "refused", Path: path, Why: why, Err: ErrRefused}
	}
	if h.Empty() {
		return bad("", "nothing to change")
	}
	seen := map[string]bool{}
	for i := range h.Changes {
		c := &h.Changes[i]
		real := realPath(c)
		for _, s := range []string{c.Before.Path, real, c.User, c.Record} {
			if strings.Contains(s, "\x00") {
				return bad(real, "a name with a NUL byte")
			}
		}
		for _, p := range []string{c.Before.Path, real} {
			if !cleanPath(p) {
				return bad(p, "not a clean absolute path")
			}
		}
		what := real
		if c.Kind == fix.KindAccount { // which share a file
			what += "\x00" + c.User
		}
		if seen[what] {
			return bad(real, "two changes of one file")
		}
		seen[what] = true
		if strings.ContainsAny(c.User, "/:\n") || strings.HasPrefix(c.User, "-") {
			return bad(real, "not the name of an account: "+clip(c.User))
		}
		if c.Record != "" && !cleanPath("/"+c.Record) {
			return bad(real, "not a record: "+clip(c.Record))
		}
		if c.Before.Exists && c.Before.SHA256 != "" && !isHash(c.Before.SHA256) {
			return bad(real, "not a hash")
		}
		switch c.Kind {
		case fix.KindSshd, fix.KindTable, fix.KindKeys:
			if c.Before.Exists && c.Before.SHA256 == "" {
				return bad(real, "the plan does not say what was there")
			}
		case fix.KindMode:
			if !c.Before.Exists || !c.After.Exists {
				return bad(real, "owner and mode of a file that is not there")
			}
		case fix.KindMove:
			if c.Before.Exists == c.After.Exists || c.After.Exists != (c.Record != "") {
				return bad(real, "a move is out of the way, or back from a record")
			}
		case fix.KindKey:
			if c.Before.Exists || !c.After.Exists {
				return bad(real, "a host key is made only where none is")
			}
		case fix.KindAccount:
			if c.User == "" || c.User == "root" || real != "/etc/shadow" || !c.Before.Exists || !c.After.Exists {
				return bad(real, "not an account that can be ended: "+clip(c.User))
			}
		default:
			return bad(real, "unknown kind of change: "+clip(string(c.Kind)))
		}
	}
	for i := range h.Rests {
		s := &h.Rests[i]
		switch {
		case !cleanPath(s.Path) || !cleanPath(s.Real) || strings.Contains(s.Path+s.Real+s.Glob+s.User, "\x00"):
			return bad(s.Path, "not a clean absolute path")
		case s.SHA256 != "" && !isHash(s.SHA256):
			return bad(s.Path, "not a hash")
		case strings.ContainsAny(s.User, "/:\n") || strings.HasPrefix(s.User, "-"):
			return bad(s.Path, "not the name of an account: "+clip(s.User))
		}
	}
	return nil
}

func cleanPath(p string) bool {
	if !strings.HasPrefix(p, "/") || p == "/" {
		return false
	}
	for _, w := range strings.Split(p[1:], "/") {
		if w == "" || w == "." || w == ".." {
			return false
		}
	}
	return true
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
