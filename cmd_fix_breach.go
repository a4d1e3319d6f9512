package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/policies"
)

// breachFlags name what is the intruder's. No rule can.
func breachFlags() []cli.Flag {
	const c = "After a break-in"
	return []cli.Flag{
		&cli.StringSliceFlag{Category: c, Name: "quarantine", Usage: "take out the `JOB` HOST:PATH:LINE and put what it runs into the record; may be repeated"},
		&cli.StringSliceFlag{Category: c, Name: "revoke-key", Usage: "let the key of that `FINGERPRINT` (SHA256:...) open no account any more; may be repeated"},
		&cli.StringSliceFlag{Category: c, Name: "lock-account", Usage: "lock the password of the account `NAME` and end it, keys and jobs too; may be repeated"},
		&cli.StringFlag{Category: c, Name: "from-triage", Usage: "the arguments are ids of things that the triage `RUN` named (last, the name it is kept by, or its JSON file): end these"},
	}
}

// breachRequest is what was named, and what came of it over all hosts.
type breachRequest struct {
	quarantine []fix.JobRef
	revoke     []string
	lock       []string
	alone      bool
	chosen     *triageChoice // nil: not from a triage

	mu     sync.Mutex
	found  map[string]bool
	trusts map[string][]string              // "alice on web2" by the fingerprint that opens it
	took   map[fix.JobRef]map[string]string // of jobs without a host: a host of each command
}

// readBreach reads the flags; nil where nothing is said of a break-in.
func readBreach(c *cli.Context) (*breachRequest, error) {
	r := &breachRequest{revoke: c.StringSlice("revoke-key"), lock: c.StringSlice("lock-account"), found: map[string]bool{}, trusts: map[string][]string{}, took: map[fix.JobRef]map[string]string{}}
	for _, text := range c.StringSlice("quarantine") {
		ref, err := fix.ParseJobRef(text)
		if err != nil {
			return nil, usagef("--quarantine: %s", err).hint("postern jobs shows path and line of each job")
		}
		r.quarantine = append(r.quarantine, ref)
	}
	for _, print := range r.revoke {
		if !strings.HasPrefix(print, "SHA256:") || len(print) != len("SHA256:")+43 {
			return nil, usagef("--revoke-key %q is no fingerprint", print).hint("SHA256:... as ssh-keygen -l -f KEY.pub and postern access show it")
		}
	}
	for _, name := range r.lock {
		if name == "" || strings.ContainsAny(name, ":/, \t\n\x00") || strings.HasPrefix(name, "-") {
			return nil, usagef("--lock-account %q is no name of an account", name)
		}
	}
	var err error
	if r.chosen, err = readTriageChoice(c); err != nil {
		return nil, err
	}
	named := len(r.quarantine)+len(r.revoke)+len(r.lock) > 0 || r.chosen != nil
	if !named && c.String("profile") != policies.ProfileBreach {
		return nil, nil
	}
	r.alone = !c.IsSet("profile") && !c.IsSet("only")
	return r, nil
}

// of is what one host is asked for.
func (r *breachRequest) of(host string) *fix.Breach {
	if r == nil {
		return nil
	}
	b := &fix.Breach{Quarantine: r.quarantine, Revoke: r.revoke, Lock: r.lock, Alone: r.alone, Found: func(what string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.found[what] = true
	}, Took: func(ref fix.JobRef, command string) {
		if ref.Host != "" || ref.Line == 0 {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.took[ref] == nil {
			r.took[ref] = map[string]string{}
		}
		if at := r.took[ref][command]; at == "" || host < at {
			r.took[ref][command] = host
		}
	}}
	if r.chosen != nil {
		r.chosen.add(host, b)
	}
	return b
}

// hosts are those of the chosen things; else what the arguments say.
func (r *planRequest) hosts(c *cli.Context) []string {
	if r.breach != nil && r.breach.chosen != nil {
		return r.breach.chosen.names
	}
	return c.Args().Slice()
}

// saw takes down which keys open a host.
func (r *breachRequest) saw(host string, f *facts.Facts) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range f.AuthorizedKeys {
		k := &f.AuthorizedKeys[i]
		r.trusts[k.Fingerprint] = append(r.trusts[k.Fingerprint], fmt.Sprintf("%s on %s", k.User, host))
	}
}

// settle fills in what is known once all hosts are, and refuses what no host has: a
// slip of the finger must not look like a job well done.
func (r *breachRequest) settle(p *fix.Plan, whole bool) error {
	if r == nil {
		return nil
	}
	for i := range p.Hosts {
		p.Hosts[i].Opening(r.trusts)
	}
	for _, ref := range r.quarantine {
		if at := slices.Sorted(maps.Values(r.took[ref])); len(at) > 1 {
			// a line is a place: on the next host the job that must not go may stand there
			return usagef("%s is one job on %s and another on %s", ref, at[0], at[1]).hint("name the host: --quarantine %s:%s", at[0], ref)
		}
	}
	if !whole {
		return nil // one of those that were not read may have it
	}
	var words []string
	for _, ref := range r.quarantine {
		words = append(words, ref.String())
	}
	for _, what := range slices.Concat(words, r.revoke, r.lock) {
		if !r.found[what] {
			return usagef("no host that was read has %s", what).hint("a job is HOST:PATH:LINE, as postern jobs shows the place; postern access shows keys and accounts")
		}
	}
	return nil
}
