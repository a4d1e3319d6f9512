package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/triage"
)

// tellOpened says of each private key that lies on a host what it opens elsewhere: on
// the other hosts of this triage, and on those of the kept runs, as they were last read.
func tellOpened(c *cli.Context, s streams, r *triage.Report) {
	if !r.HasPrivateKeys() {
		return
	}
	looked := map[string]bool{}
	for i := range r.Hosts {
		looked[r.Hosts[i].Host] = r.Hosts[i].Error == ""
	}
	var kept []triage.Admission
	store := storeIn("") // --archive of triage is where archives go, and no folder of runs
	if runs, err := store.Runs(); err != nil || len(runs) == 0 {
		r.Opened(nil)
		return
	}
	err := store.Ask(c.Context, func(text string) { fmt.Fprintf(s.err, "postern: %s\n", visible(text)) }, func(ix *history.Index) error {
		kept = nil
		newest := map[string]*history.Reading{}
		err := ix.Readings(c.Context, history.Filter{}, func(x *history.Reading) error {
			if x.HasFacts() && !looked[x.Host] {
				newest[x.Host] = x
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, host := range ix.Hosts() {
			x := newest[host]
			if x == nil {
				continue
			}
			f, err := x.Facts(c.Context, "authorized_keys")
			if err != nil {
				return err
			}
			for i := range f.AuthorizedKeys {
				k := &f.AuthorizedKeys[i]
				kept = append(kept, triage.Admission{Host: host, User: k.User, Fingerprint: k.Fingerprint, Path: k.Path, Line: int(k.Line), Run: x.Run.ID})
			}
		}
		return nil
	})
	if err != nil {
		kept = nil
		fmt.Fprintf(s.err, "postern: warning: what private keys open on hosts of the kept runs is not told: %s\n", visible(keptError(store, err).Error()))
	}
	r.Opened(kept)
}
