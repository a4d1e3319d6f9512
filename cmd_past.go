package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
)

// answer is what one reading says to a question about the past.
type answer struct {
	known, yes bool
	text       string
	places     []report.PastPlace // of what has places
	whole      bool               // where else it was is not so any more
}

// past puts a question about some facts to all kept readings, and to equal facts
// once. keep says of which hosts the answers are worth telling.
func past(c *cli.Context, s streams, args []string, question string, names []string, judge func(*facts.Facts) answer, keep func(*report.PastHost) bool) (*report.Past, error) {
	var p *report.Past
	err := ask(c, s, func(ix *history.Index) error {
		p = &report.Past{Question: question, Hosts: []report.PastHost{}}
		chosen, err := pastHosts(ix, args)
		if err != nil {
			return err
		}
		known := map[string]answer{}
		hosts := map[string]*report.PastHost{}
		err = ix.Readings(c.Context, history.Filter{Hosts: chosen}, func(r *history.Reading) error {
			h := hosts[r.Host]
			if h == nil {
				h = &report.PastHost{Host: r.Host}
				hosts[r.Host] = h
			}
			if !r.HasFacts() {
				h.Add(r.Start, r.Run.ID, false, false, "not known: the host was "+string(r.State))
				return nil
			}
			key, err := r.Key(names...)
			if err != nil {
				return err
			}
			a, ok := known[key]
			if !ok {
				f, err := r.Facts(c.Context, names...)
				if err != nil {
					return err
				}
				a = judge(f)
				known[key] = a
			}
			h.Add(r.Start, r.Run.ID, a.known, a.yes, a.text)
			h.AddPlaces(r.Start, r.Run.ID, a.whole, a.places)
			return nil
		})
		if err != nil {
			return err
		}
		for _, name := range ix.Hosts() {
			if h := hosts[name]; h != nil && keep(h) {
				p.Hosts = append(p.Hosts, *h)
			}
		}
		return nil
	})
	return p, err
}

// pastHosts gives the hosts of kept runs that the arguments name, by name or glob;
// nil: all.
func pastHosts(ix *history.Index, args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	all := ix.Hosts()
	var out []string
	for _, a := range args {
		n := len(out)
		for _, h := range all {
			if ok, _ := path.Match(a, h); ok || a == h {
				out = append(out, h)
			}
		}
		if len(out) == n {
			return nil, knownHost(ix, a)
		}
	}
	return out, nil
}

func showPast(c *cli.Context, s streams, p *report.Past) error {
	return show(c, s, func(o *output) error {
		if c.String("format") == "json" {
			return report.PastJSON(o, p)
		}
		return (&report.PastText{W: o, Width: s.width(o.out), Color: s.colour(c.String("color"), o.out)}).Write(p)
	})
}

// accessPast answers since when an account could log in, and how.
func accessPast(c *cli.Context, s streams) error {
	if !c.IsSet("user") {
		return usagef("--past needs --user").hint("since when could backup log in with a password? postern access --past --user backup")
	}
	for _, name := range []string{"local", "root", "snapshot", "reach", "weak-keys", "from", "login", "key"} {
		if c.IsSet(name) {
			return usagef("--past looks at kept runs, and --%s does not belong to them", name).hint("leave one of them out")
		}
	}
	if err := textOrJSON(c); err != nil {
		return err
	}
	user := c.String("user")
	p, err := past(c, s, c.Args().Slice(), user+" may log in with a password", []string{"access", "accounts"},
		func(f *facts.Facts) answer { return accessThen(f, user) },
		func(h *report.PastHost) bool {
			return c.Args().Present() || slices.ContainsFunc(h.Periods, func(x report.Period) bool { return x.Answer != noAccount })
		})
	if err != nil {
		return err
	}
	return showPast(c, s, p)
}

const noAccount = "no such account"

// accessThen says what an account's logins took.
func accessThen(f *facts.Facts, user string) answer {
	best := map[string]string{}
	order := map[string]int{"": 0, "no": 1, "unknown": 2, "yes": 3}
	where := map[string][]string{}
	there := false
	for i := range f.Access {
		a := &f.Access[i]
		if a.User != user {
			continue
		}
		there = true
		for method, v := range map[string]string{"password": a.Password, "key": a.PublicKey, "empty password": a.Empty, "other": a.Other} {
			switch {
			case order[v] > order[best[method]]:
				best[method], where[method] = v, []string{a.From}
			case v == best[method]:
				where[method] = append(where[method], a.From)
			}
		}
	}
	lacks := f.Unknown["access"]
	for _, list := range []string{"access", "accounts"} {
		if g := f.Gaps[list]; lacks == "" && len(g) > 0 {
			lacks = g[0].Reason
		}
	}
	if !there {
		if lacks != "" {
			return answer{text: "not known: " + lacks}
		}
		return answer{known: true, text: noAccount}
	}
	var parts []string
	for _, method := range []string{"password", "empty password", "key", "other"} {
		v := best[method]
		if method != "password" && method != "key" && v == "no" {
			continue
		}
		text := method + " " + v
		if v == "yes" {
			from := slices.Compact(slices.Sorted(slices.Values(where[method])))
			if len(from) > 0 && from[0] != "" {
				text += " " + strings.Join(from[:min(len(from), 3)], ", ")
			}
		}
		parts = append(parts, text)
	}
	yes := best["password"] == "yes" || best["empty password"] == "yes"
	return answer{known: yes || best["password"] == "no" && best["empty password"] != "unknown", yes: yes, text: strings.Join(parts, ", ")}
}

var fingerprint = regexp.MustCompile(`^(SHA256:)?[A-Za-z0-9+/]{43}=?$`)

func historyKeyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "key",
		Usage:     "when a key was first seen, and where",
		ArgsUsage: "FINGERPRINT [HOST...]",
		Description: `FINGERPRINT is SHA256:... as ssh-keygen -l prints it. Told are accounts that the
key opens, hosts whose own key it is, and private keys whose public half it is.`,
		Flags: concat([]cli.Flag{archiveFlag()}, historyOutputFlags()),
		Action: func(c *cli.Context) error {
			if err := textOrJSON(c); err != nil {
				return err
			}
			want := c.Args().First()
			if !fingerprint.MatchString(want) {
				return usagef("%q is no fingerprint", want).hint("SHA256: and 43 letters, as ssh-keygen -lf KEY.pub prints it")
			}
			want = "SHA256:" + strings.TrimSuffix(strings.TrimPrefix(want, "SHA256:"), "=")
			p, err := past(c, s, c.Args().Slice()[1:], "the key "+want, []string{"authorized_keys", "private_keys", "wire.host_keys"},
				func(f *facts.Facts) answer { return keyThen(f, want) },
				func(h *report.PastHost) bool {
					return slices.ContainsFunc(h.Periods, func(x report.Period) bool { return x.Yes })
				})
			if err != nil {
				return err
			}
			return showPast(c, s, p)
		},
	}
}

// keyThen says where a key was.
func keyThen(f *facts.Facts, want string) answer {
	var places []report.PastPlace
	var words []string
	add := func(p report.PastPlace, text string) {
		places = append(places, p)
		words = append(words, text)
	}
	for i := range f.AuthorizedKeys {
		if k := &f.AuthorizedKeys[i]; k.Fingerprint == want {
			add(report.PastPlace{What: "opens", Account: k.User, Path: k.Path, Line: int(k.Line)}, fmt.Sprintf("opens %s (%s:%d)", k.User, k.Path, k.Line))
		}
	}
	for i := range f.Wire.HostKeys {
		if k := &f.Wire.HostKeys[i]; k.Fingerprint == want {
			add(report.PastPlace{What: "is the host's own " + k.Type + " key"}, "is the host's own "+k.Type+" key")
		}
	}
	for i := range f.PrivateKeys {
		if k := &f.PrivateKeys[i]; k.Fingerprint == want {
			add(report.PastPlace{What: "its private half lies there", Path: k.Path}, "its private half lies at "+k.Path)
		}
	}
	lacks := ""
	for _, list := range []string{"authorized_keys", "private_keys"} {
		if why := f.Unknown[list]; why != "" && lacks == "" {
			lacks = why
		}
		if g := f.Gaps[list]; len(g) > 0 && lacks == "" {
			lacks = "not all could be read: " + g[0].Reason
		}
	}
	switch {
	case len(places) > 0:
		return answer{known: true, yes: true, text: strings.Join(words, ", "), places: places, whole: lacks == ""}
	case lacks != "":
		return answer{text: "not seen, and " + lacks}
	}
	return answer{known: true, text: "not there", whole: true}
}
