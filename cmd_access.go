package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/inventory"
)

func accessCommand(s streams) *cli.Command {
	source := sourceFlags()
	for _, f := range source {
		if f, ok := f.(*cli.StringFlag); ok && f.Name == "login" {
			f.Aliases = nil // --user names whom to look at
		}
	}
	return &cli.Command{
		Name:      "access",
		Category:  lookAtHosts,
		Usage:     "show who can log in, from where, and how",
		ArgsUsage: "[HOST...]",
		Description: `First by what people get in, with the line that makes it so, then a row for
each account and place: "yes" is open, "?" not known, and "factors" how many
kinds of proof every way in asks for. -v shows who does not get in, and why.
Private keys that lie on the hosts are listed with what they open on them.

With --reach KEY.pub: which accounts on which hosts that key opens. A
certificate (KEY-cert.pub) is held against the authorities that hosts trust.

With --past --user NAME: since when that account could log in, and how, by the
kept runs. HOSTs are then names or globs of hosts in them.

Exit code 3 when a host could not be read.`,
		Flags: concat(source, []cli.Flag{
			&cli.StringFlag{Category: "What to show", Name: "user", Usage: "the account `NAME` alone"},
			&cli.BoolFlag{Category: "What to show", Name: "past", Usage: "with --user: since when it could log in, and how, by the kept runs; no host is read"},
			archiveFlag(),
			&cli.StringFlag{Category: "What to show", Name: "from", Usage: "what holds for logins from `ADDR` alone"},
			&cli.StringFlag{Category: "What to show", Name: "reach", Usage: "what the public key in `FILE` opens"},
			&cli.StringFlag{Category: "What to show", Name: "weak-keys", Usage: "call the keys weak whose fingerprints (SHA256:...) stand in `FILE`, one a line"},
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json"},
		}, slices.DeleteFunc(outputFlags(), func(f cli.Flag) bool { return f.Names()[0] == "format" || f.Names()[0] == "show-secrets" })),
		Action: func(c *cli.Context) error {
			if c.Bool("past") {
				return accessPast(c, s)
			}
			if c.IsSet("archive") {
				return usagef("--archive names kept runs, which access looks at with --past alone").hint("for an archive of one host: --snapshot FILE")
			}
			if err := checkSource(c); err != nil {
				return err
			}
			ask, err := readAccessRequest(c)
			if err != nil {
				return err
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			return showAccess(c, s, sel, ask)
		},
	}
}

// accessRequest is what postern access was asked, read before any host is.
type accessRequest struct {
	user, from string
	reach      *audit.Credential
	weak       map[string]bool
	json       bool
}

func readAccessRequest(c *cli.Context) (*accessRequest, error) {
	r := &accessRequest{user: c.String("user")}
	if err := textOrJSON(c); err != nil {
		return nil, err
	}
	r.json = c.String("format") == "json"
	if c.IsSet("from") {
		a, err := netip.ParseAddr(c.String("from"))
		if err != nil {
			return nil, usagef("--from %q is no address", c.String("from")).hint("one address that a login may come from, such as 10.0.0.5")
		}
		r.from = a.Unmap().WithZone("").String()
	}
	var err error
	if c.IsSet("reach") {
		if r.reach, err = readCredential(c.String("reach")); err != nil {
			return nil, err
		}
	}
	if c.IsSet("weak-keys") {
		r.weak, err = readFingerprints(c.String("weak-keys"))
	}
	return r, err
}

// maxKeyList bounds a list of weak keys: the known ones of Debian's fault are
// below a million.
const maxKeyList = 256 << 20

func readSmall(flag, file string, most int64) ([]byte, error) {
	if err := readable(file); err != nil {
		return nil, usagef("--%s %s: %s", flag, file, reasonOf(err)).hint("name a file that you may read")
	}
	if info, err := os.Stat(file); err == nil && info.Size() > most {
		return nil, usagef("--%s %s: more than %d bytes", flag, file, most)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("--%s %s: %s", flag, file, reasonOf(err)).hint("name a file that you may read")
	}
	return data, nil
}

// readCredential reads a public key, or a certificate.
func readCredential(file string) (*audit.Credential, error) {
	data, err := readSmall("reach", file, 1<<20)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(data), "PRIVATE KEY-----") {
		return nil, usagef("--reach %s: that is a private key", file).hint("name its public half: %s.pub", file)
	}
	keys := account.ParseKeys(data)
	if len(keys) != 1 || keys[0].Blob == nil || keys[0].Bad != "" {
		return nil, usagef("--reach %s: not one public key in OpenSSH's form", file).hint("ssh-keygen writes one: KEY.pub, or KEY-cert.pub")
	}
	k, err := wire.ParseKey(keys[0].Blob)
	if err != nil {
		return nil, usagef("--reach %s: %s", file, err)
	}
	r := &audit.Credential{Fingerprint: k.Fingerprint}
	if k.Certificate != nil {
		if k.Certificate.Host {
			return nil, usagef("--reach %s: that is a host's certificate", file)
		}
		r.CA, r.Principals = k.Certificate.CA, k.Certificate.Principals
	}
	return r, nil
}

var fingerprintForm = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)

// readFingerprints reads a list of fingerprints, one a line; what stands behind
// one is a comment.
func readFingerprints(file string) (map[string]bool, error) {
	data, err := readSmall("weak-keys", file, maxKeyList)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if !fingerprintForm.MatchString(f[0]) {
			return nil, usagef("--weak-keys %s:%d: %q is no fingerprint", file, n, f[0]).hint("ssh-keygen -l prints them: SHA256: and 43 letters")
		}
		out[f[0]] = true
	}
	return out, nil
}

// showAccess reads the hosts side by side and writes the answers in their order.
func showAccess(c *cli.Context, s streams, sel *selection, ask *accessRequest) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	a := &audit.Access{Schema: audit.AccessSchema, Hosts: make([]audit.HostLogins, len(sel.targets)), Keys: []audit.FleetKey{}, PrivateKeys: []audit.PrivateReach{}}
	inFlight := make(chan struct{}, c.Int("parallel"))
	done := make(chan int)
	for i, t := range sel.targets {
		go func() {
			inFlight <- struct{}{}
			defer func() { <-inFlight; done <- i }()
			a.Hosts[i] = loginsOf(c, t, ask)
		}()
	}
	failed := 0
	for range sel.targets {
		if i := <-done; a.Hosts[i].Error != "" {
			failed++
			fmt.Fprintf(s.err, "postern: %s\n", visible(a.Hosts[i].Error))
		}
	}
	text := &report.AccessText{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out), Verbose: c.Bool("verbose"), User: ask.user}
	switch {
	case ask.reach != nil && ask.json:
		uses := audit.Reach(a.Hosts, *ask.reach)
		err = report.ReachJSON(out, ask.reach.Fingerprint, uses)
	case ask.reach != nil:
		err = text.ReachText(ask.reach.Fingerprint, len(a.Hosts)-failed, audit.Reach(a.Hosts, *ask.reach))
	default:
		a.Keys = slices.DeleteFunc(audit.FleetKeys(a.Hosts, ask.weak), func(k audit.FleetKey) bool {
			return ask.user != "" && !slices.ContainsFunc(k.Opens, func(u audit.KeyUse) bool { return u.User == ask.user })
		})
		a.PrivateKeys = slices.DeleteFunc(audit.PrivateReaches(a.Hosts), func(k audit.PrivateReach) bool {
			return ask.user != "" && k.Key.User != ask.user
		})
		for i := range a.Hosts {
			if l := a.Hosts[i].Logins; l != nil {
				audit.Only(l, ask.user, ask.from)
			}
		}
		if ask.json {
			err = report.AccessJSON(out, a)
		} else {
			err = text.Write(a)
		}
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing the answers: %w", err)
	}
	if failed > 0 {
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

// loginsOf reads one host. A failure is a line like any other, and so is a host
// whose bytes bring a parser down.
func loginsOf(c *cli.Context, t audit.Target, ask *accessRequest) (h audit.HostLogins) {
	h.Host = t.Host.Name
	defer func() {
		if p := recover(); p != nil {
			h.Logins, h.Error = nil, fmt.Sprintf("%s: postern failed on what this host sent: %v", h.Host, p)
		}
	}()
	if c.Context.Err() != nil {
		h.Error = h.Host + ": not looked at: interrupted"
		return h
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	snap, err := t.Source.Snapshot(ctx)
	if err != nil {
		h.Error = err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			h.Error = h.Host + ": no whole answer within --timeout"
		}
	}
	if snap != nil {
		h.Logins = facts.WhoCanLogIn(snap, loginOptions(t.Host, ask.from))
	}
	return h
}

func loginOptions(h inventory.Host, from string) facts.Options {
	o := facts.Options{Now: time.Now(), Name: h.Name, Labels: h.Labels, Allow: audit.Allowances(h.Allow)}
	if from != "" {
		o.Apart = []string{from}
	}
	return o
}
