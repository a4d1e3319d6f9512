package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/triage"
)

// huntPast asks the kept runs, from the oldest.
func huntPast(c *cli.Context, s streams, req *huntRequest, args []string) error {
	for _, name := range []string{"local", "root", "snapshot"} {
		if c.IsSet(name) {
			return usagef("--past and --%s are two sources", name).hint("run postern once for each")
		}
	}
	return ask(c, s, func(ix *history.Index) error {
		chosen, err := pastHosts(ix, args)
		if err != nil {
			return err
		}
		req.result.Hosts = req.result.Hosts[:0]
		if req.unasked, err = unasked(c, ix); err != nil {
			return err
		}
		at := map[string]int{}
		then := req.questionThen
		if req.iocs != nil {
			then = req.listThen
			if !c.Bool("logs") && req.iocs.OldKeys() {
				fmt.Fprintf(s.err, "postern: warning: %s: fingerprints by MD5 stand in no fact: only --logs finds them in kept runs\n", visible(req.result.List))
			}
		}
		answer := then(c)
		return ix.Readings(c.Context, history.Filter{Hosts: chosen}, func(r *history.Reading) error {
			h := noFacts(r)
			if r.HasFacts() {
				var err error
				if h, err = answer(r); err != nil {
					return err
				}
			}
			h.Host = r.Host
			told(&h, r.Start)
			if i, ok := at[r.Host]; ok {
				mergeReading(&req.result.Hosts[i], &h)
			} else {
				at[r.Host] = len(req.result.Hosts)
				req.result.Hosts = append(req.result.Hosts, h)
			}
			return nil
		})
	})
}

// unasked counts the kept runs that are not in the index, since they could not be read:
// what they would answer is not known.
func unasked(c *cli.Context, ix *history.Index) (int, error) {
	ids, err := keptRuns(c).Runs()
	for _, r := range ix.Runs() {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == r.ID })
	}
	return len(ids), err
}

// noFacts is the answer of a host that could not be read in a run.
func noFacts(r *history.Reading) triage.HuntedFor {
	why := "the host was " + string(r.State)
	if r.Reason != "" {
		why += ": " + r.Reason
	}
	return triage.HuntedFor{Verdict: "unknown", Reason: why, Items: []string{}, Evidence: []facts.Evidence{}, Hits: []triage.Hit{}, Readings: 1}
}

// thenAnswers answers for a reading that has facts.
type thenAnswers func(*history.Reading) (triage.HuntedFor, error)

// questionThen puts the question to readings, and to equal facts once.
func (req *huntRequest) questionThen(c *cli.Context) thenAnswers {
	names := req.question.Names()
	known := map[string]triage.HuntedFor{}
	return func(r *history.Reading) (triage.HuntedFor, error) {
		key, err := r.Key(names...)
		if err != nil {
			return triage.HuntedFor{}, err
		}
		h, ok := known[key]
		if !ok {
			f, err := r.Facts(c.Context, names...)
			if err != nil {
				return h, err
			}
			h = req.answer(f, nil)
			known[key] = h
		}
		return h, nil
	}
}

// listThen hunts for the list in readings. A list is about all facts, and some of them
// differ in every reading: it is looked for in each fact by itself, and in equal ones
// once.
func (req *huntRequest) listThen(c *cli.Context) thenAnswers {
	type content struct {
		name   string
		number int64
	}
	type found struct {
		hits []triage.Hit
		gap  string
	}
	known := map[content]found{}
	store, logs := keptRuns(c), c.Bool("logs")
	return func(r *history.Reading) (triage.HuntedFor, error) {
		h := triage.HuntedFor{Verdict: "no", Items: []string{}, Evidence: []facts.Evidence{}, Hits: []triage.Hit{}, Readings: 1}
		err := r.Contents(func(name string, number int64) error {
			x, ok := known[content{name, number}]
			if !ok {
				f, err := r.Facts(c.Context, name)
				if err != nil {
					return err
				}
				x = found{req.iocs.InFacts(f), firstGap(f)}
				known[content{name, number}] = x
			}
			if h.Reason == "" {
				h.Reason = x.gap
			}
			for _, x := range x.hits {
				if len(h.Hits) < triage.MaxHits && !sameHit(h.Hits, x) {
					h.Hits = append(h.Hits, x)
				}
			}
			return nil
		})
		if err == nil && logs {
			req.inArchive(store, r, &h)
		}
		switch {
		case len(h.Hits) > 0:
			h.Verdict, h.Reason = "yes", ""
		case h.Reason != "":
			h.Verdict = "unknown"
		}
		return h, err
	}
}

// inArchive hunts for the list in what was read of a host in a run: logs, names and
// contents of files, and a second round where there is one.
func (req *huntRequest) inArchive(store history.Store, r *history.Reading, h *triage.HuntedFor) {
	snap, err := store.Snapshot(r.Run.ID, r.Host)
	if err != nil {
		if h.Reason == "" {
			h.Reason = "the archive of run " + r.Run.ID + " was not read: " + reasonOf(err).Error()
		}
		return
	}
	for _, x := range req.iocs.InRead(snap) {
		if len(h.Hits) < triage.MaxHits && !sameHit(h.Hits, x) && !sameLine(h.Hits, x) {
			h.Hits = append(h.Hits, x)
		}
	}
}

// sameLine reports a line of a file that a fact told of.
func sameLine(hits []triage.Hit, x triage.Hit) bool {
	if x.Evidence == nil || x.Evidence.Line == 0 {
		return false
	}
	return slices.ContainsFunc(hits, func(h triage.Hit) bool {
		return h.IOC == x.IOC && h.Where != x.Where && h.Evidence != nil && h.Evidence.Path == x.Evidence.Path && h.Evidence.Line == x.Evidence.Line
	})
}

// sameHit reports a hit without a place of its own that is there already.
func sameHit(hits []triage.Hit, x triage.Hit) bool {
	if x.Evidence != nil {
		return false
	}
	for i := range hits {
		if hits[i].Evidence == nil && hits[i].IOC == x.IOC && hits[i].Where == x.Where {
			return true
		}
	}
	return false
}
