package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
)

func fixKeyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "install-key", Usage: "let a public key open an account, and see that it does", ArgsUsage: "KEY.pub USER HOST...",
		Description: `Adds the key to the file that sshd reads for the account, with the account's own
rights where it may write there itself, and nothing where it stands already.
Then it is proven: where the private half is at hand (beside KEY.pub, --key, the
agent) by a fresh login as USER, else by one question to sshd whether it would
take a signature of it (none is made); the report says which. Where the proof
fails the key is taken out again.

A key that would not open the account (AllowUsers, StrictModes, PermitRootLogin)
is refused with the reason. fix undo takes the key out later.

Exit codes: 0 the key opens the account; 1 with --dry-run, there is something to
add; 2 a mistake; 3 a host could not be read or reached; 4 refused, nothing was
changed; 5 taken back; 6 the host takes it back by itself.`,
		Flags: concat(hostFlags(), []cli.Flag{
			&cli.BoolFlag{Category: "Plan", Name: "dry-run", Usage: "show what would be added, and change nothing"},
			&cli.StringSliceFlag{Category: "Plan", Name: "accept-risk", Usage: "accept what refuses the change by its `NAME`: no-use; may be repeated"},
			&cli.BoolFlag{Category: "Plan", Name: "yes", Usage: "do not ask; accepts no risk"},
			&cli.DurationFlag{Category: "Plan", Name: "deadline", Usage: "the host takes the key out again when it is not confirmed after `TIME` (default: a minute, or more where the way is slow)"},
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json"},
			&cli.StringFlag{Category: "Report", Name: "color", Value: "auto", Usage: "auto, always or never"},
		}),
		Action: func(c *cli.Context) error { return installKey(c, s) },
	}
}

// keyJob is what is installed where.
type keyJob struct {
	s    streams
	file string
	user string
	key  *fix.PublicKey
	pub  ssh.PublicKey
}

// keyResult is what became of one host.
type keyResult struct {
	Host    string         `json:"host"`
	User    string         `json:"user"`
	Key     string         `json:"key"`   // fingerprint
	Place   string         `json:"place"` // file, with the line where it stood already
	Outcome string         `json:"outcome"`
	Run     string         `json:"run,omitempty"`
	Proof   string         `json:"proof"` // logged in, step, known, refused; "" none was had
	Words   string         `json:"words"` // the proof in a sentence
	Refused []fix.Refusal  `json:"refused"`
	Notes   []string       `json:"notes"`
	Plan    *fix.Host      `json:"plan,omitempty"`
	code    int            // exit code
	err     error          // for stderr
	result  *apply.Result  // nil: nothing was applied
	told    int            // notes that stood on the page of the plan
	target  *fixTarget     // as it was reached
	host    inventory.Host // as the account would log in
}

func installKey(c *cli.Context, s streams) error {
	if err := textOrJSON(c); err != nil {
		return err
	}
	if err := checkRisks(c); err != nil {
		return err
	}
	asJSON := c.String("format") == "json"
	if c.NArg() < 3 {
		return usagef("a key file, an account and a host are needed").hint("postern fix install-key KEY.pub USER HOST...")
	}
	words := c.Args().Slice()
	job, err := readKeyJob(s, words[0], words[1])
	if err != nil {
		return err
	}
	targets, err := fixHosts(c, s, words[2:])
	if err != nil {
		return err
	}
	worst := 0
	results := []keyResult{}
	for i, t := range targets {
		if !asJSON && i > 0 {
			fmt.Fprintln(s.out)
		}
		r := job.host(c, t, asJSON)
		var u *usageError
		if errors.As(r.err, &u) {
			return r.err
		}
		if r.err != nil {
			fmt.Fprintf(s.err, "postern: %s: %s\n", visible(t.name), visible(r.err.Error()))
		}
		if asJSON {
			results = append(results, r)
		} else {
			job.tell(&r)
		}
		worst = max(worst, r.code)
		if c.Context.Err() != nil {
			break
		}
	}
	if asJSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		for i := range results {
			results[i].escape()
		}
		if err := enc.Encode(results); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
	}
	if worst > 0 {
		return exitCode(worst)
	}
	return nil
}

func readKeyJob(s streams, file, user string) (*keyJob, error) {
	data, err := readSmall("KEY.pub", file, 1<<20)
	if err != nil {
		return nil, usagef("%s: %s", file, reasonOf(readable(file))).hint("name the public key's file: ~/.ssh/id_ed25519.pub")
	}
	key, err := fix.ReadPublicKey(data)
	if err != nil {
		return nil, usagef("%s: %s", file, err)
	}
	pub, err := ssh.ParsePublicKey(key.Blob)
	if err != nil {
		return nil, usagef("%s: %s", file, err)
	}
	if !accountName(user) {
		return nil, usagef("%q is no name of an account", user).hint("postern fix install-key KEY.pub USER HOST...")
	}
	return &keyJob{s: s, file: file, user: user, key: key, pub: pub}, nil
}

// accountName keeps a name to what useradd(8) makes and what sshd can be asked for.
func accountName(s string) bool {
	if s == "" || len(s) > 256 || s[0] == '-' {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || r == ':' || r == '/' || r == ',' || r == '=' || r == '@' {
			return false
		}
	}
	return true
}

// host installs the key on one host.
func (j *keyJob) host(c *cli.Context, t *fixTarget, quiet bool) keyResult {
	r := keyResult{Host: t.name, User: j.user, Key: j.key.Fingerprint, Refused: []fix.Refusal{}, Notes: []string{}, target: t, host: t.target.Host}
	r.host.User = j.user
	fail := func(code int, err error) keyResult {
		r.Outcome, r.code, r.err = "not done", code, err
		return r
	}
	snap, err := readHost(c, t.target)
	if err != nil {
		return fail(exitUnread, err)
	}
	keep, err := keepLogins(t.target.Host)
	if err != nil {
		return fail(2, err)
	}
	dialer := t.target.Source.(audit.SSH).Dialer
	h, there, err := j.plan(fix.Input{Host: t.target.Host, Snapshot: snap, Now: time.Now().UTC(), Keep: keep, OwnKeys: dialer.Keys(c.Context, t.target.Host)})
	if err != nil {
		return fail(exitUnread, err)
	}
	r.Notes, r.Refused, r.Place = append(r.Notes, h.Warnings...), h.Refused, there
	if len(h.Changes) > 0 {
		r.Place = h.Changes[0].Before.Real
	}
	if !quiet && (len(h.Changes) > 0 || len(h.Refused) > 0) {
		text := &fix.Text{W: t.s.out, Width: t.s.width(t.s.out), Color: t.s.colour(c.String("color"), t.s.out)}
		if err := text.Write(&fix.Plan{Hosts: []fix.Host{h}}); err != nil {
			return fail(exitUnread, fmt.Errorf("writing the plan: %w", err))
		}
		r.told = len(r.Notes)
	}
	useless := false
	for _, f := range h.Refused {
		if f.Risk == "" || !slices.Contains(c.StringSlice("accept-risk"), f.Risk) {
			r.Outcome, r.code = "refused", exitPlanRefused
			return r
		}
		useless = useless || f.Risk == "no-use"
	}
	if c.Bool("dry-run") {
		r.Outcome, r.Plan = "there already", nil
		if len(h.Changes) > 0 {
			r.Outcome, r.Plan, r.code = "planned", &h, exitPlanned
		}
		return r
	}
	if len(h.Changes) == 0 {
		r.Outcome = "there already"
		if err := j.prove(c.Context, dialer, &r); err != nil {
			r.code, r.err = exitPlanRefused, err
		}
		return r
	}
	if !c.Bool("yes") {
		if err := agreed(c.Context, t.s, fmt.Sprintf("Let this key open %s on %s?", visible(j.user), visible(t.name))); err != nil {
			var u *usageError
			if r = fail(exitPlanned, nil); errors.As(err, &u) {
				r.code, r.err = 2, err
			}
			return r
		}
	}
	opt := t.options(c)
	opt.Prove = func(ctx context.Context) error {
		err := j.prove(ctx, dialer, &r)
		if useless {
			return nil // which was accepted by name
		}
		return err
	}
	res, err := apply.Apply(c.Context, t.connect, h, opt)
	r.Outcome, r.Run, r.result, r.err = string(res.Outcome), res.Run, &res, err
	r.Notes = append(r.Notes, res.Notes...)
	switch res.Outcome {
	case apply.Done, apply.Already:
	case apply.Refused:
		r.code = exitPlanRefused
	case apply.RolledBack:
		r.code = exitRolledBack
	case apply.Pending:
		r.code = exitPending
	default:
		r.code = exitUnread
	}
	return r
}

// plan plans for one host. A host whose bytes bring a parser down is an error like any
// other.
func (j *keyJob) plan(in fix.Input) (h fix.Host, there string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("postern failed on what this host sent: %v", p)
		}
	}()
	h, there = fix.InstallKey(in, j.user, j.key)
	return h, there, nil
}

// readHost reads a host whole.
func readHost(c *cli.Context, t audit.Target) (*snapshot.Snapshot, error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	snap, err := t.Source.Snapshot(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errors.New("no whole answer within --timeout")
	case err != nil:
		return nil, err
	case !snap.Complete:
		return nil, errors.New("the host's answer ended before it was whole: nothing is planned on a part")
	}
	return snap, nil
}

// prove sees whether the key opens the account, and how that is known.
func (j *keyJob) prove(ctx context.Context, d *connect.Dialer, r *keyResult) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var files []string
	if private, ok := strings.CutSuffix(j.file, ".pub"); ok {
		files = append(files, private)
	}
	proof, err := d.Prove(ctx, r.host, j.pub, files...)
	r.Proof = string(proof)
	if err != nil {
		r.Words = "whether the key opens the account was not seen"
		return fmt.Errorf("%s: %w", r.Words, err)
	}
	switch proof {
	case connect.KeyOpens:
		r.Words = fmt.Sprintf("proven: a fresh login as %s with this key alone", j.user)
	case connect.KeyStep:
		r.Words = "proven in part: sshd took the key's signature, and asks for a further step (AuthenticationMethods)"
	case connect.KeyKnown:
		r.Words = "proven in part: sshd would take a signature of this key (one unsigned question); no login was made, since its private half is not at hand: what PAM and the shell say was not seen"
	default:
		r.Words = fmt.Sprintf("sshd does not take this key for %s", j.user)
		return errors.New(r.Words + ": its log says why")
	}
	return nil
}

// tell writes a result for people.
func (j *keyJob) tell(r *keyResult) {
	w, width := j.s.out, j.s.width(j.s.out)
	line := func(indent, text string) { fmt.Fprintln(w, wrapped(indent+report.Inline(text), width, indent)) }
	switch {
	case r.Outcome == "there already":
		line("", fmt.Sprintf("%s: the key %s opens %s already: %s", report.Name(r.Host), r.Key, r.User, r.Place))
	case r.result != nil:
		text := report.Name(r.Host) + ": " + either(r.Outcome, "not known how it ended")
		if r.Run != "" {
			text += " (run " + r.Run + ")"
		}
		line("", text)
	case r.Outcome == "refused":
		line("", report.Name(r.Host)+": refused, nothing was changed")
		return
	default:
		return
	}
	if r.Words != "" {
		line("  ", r.Words)
	}
	for _, n := range r.Notes[r.told:] {
		line("  ", n)
	}
}

// escape passes what came from a host through the one door.
func (r *keyResult) escape() {
	r.Host, r.Place, r.Words = report.Name(r.Host), report.Inline(r.Place), report.Inline(r.Words)
	for i := range r.Notes {
		r.Notes[i] = report.Inline(r.Notes[i])
	}
	for i := range r.Refused {
		f := &r.Refused[i]
		f.Why, f.Path, f.Text, f.WayOut = report.Inline(f.Why), report.Inline(f.Path), report.Inline(f.Text), report.Inline(f.WayOut)
	}
	if r.Plan != nil {
		facts.MapStrings(r.Plan, report.Inline)
	}
}
