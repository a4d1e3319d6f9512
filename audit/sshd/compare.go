package sshd

import (
	"sort"
	"strings"
)

// Difference is a keyword on which the files and sshd -T do not agree.
type Difference struct {
	Keyword   string   // as sshd_config(5) spells it
	File      []string // what this package reads from the files
	Effective []string // what sshd -T printed; nil: nothing
	Origin    Origin   // the line that the file's value comes from
}

// Compare names the keywords on which file and effective differ, sorted. Both
// must be for the same login. What either side leaves open is left out: values
// that a file unread here may set, keywords that -T does not print, defaults of
// a release that is not known.
func Compare(file *Settings, effective Effective) []Difference {
	var out []Difference
	mine := file.Effective()
	// Absence says something only where the output is not cut short.
	whole := effective["permitrootlogin"] != nil && effective["ciphers"] != nil && effective["permitopen"] != nil
	for i := range rows {
		r := &rows[i]
		v := file.vals[i]
		if r.alias != "" || r.fate != acted {
			continue
		}
		k := strings.ToLower(r.name)
		theirs, printed := effective[k]
		if !printed && (!silentWhenEmpty[k] || !whole) {
			continue
		}
		if v == nil {
			if !printed || !silentWhenEmpty[k] || !r.in(file.cfg.opt.Version) {
				continue
			}
			v = &Value{}
		}
		if v.Unknown != "" || v.Origin.Kind == FromDefault && (!file.cfg.opt.Version.Known() || v.Args == nil && !silentWhenEmpty[k] && r.kind != kindListen) {
			continue
		}
		a, b := normal(r, append([]string(nil), mine[k]...)), normal(r, append([]string(nil), theirs...))
		if r.kind == kindListen && mine[k] == nil {
			continue
		}
		if sameWords(r, v, a, b) {
			continue
		}
		out = append(out, Difference{Keyword: r.name, File: a, Effective: b, Origin: v.Origin})
	}
	if d := compareListeners(file, mine, effective); d != nil {
		out = append(out, *d)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Keyword < out[j].Keyword })
	return out
}

// compareListeners compares the addresses where none is set by a line, so that
// the loop over set values does not see them.
func compareListeners(file *Settings, mine, effective Effective) *Difference {
	la := file.Get("ListenAddress")
	if la.Origin.Kind != FromDefault || la.Args != nil || mine["listenaddress"] == nil || effective["listenaddress"] == nil || !file.cfg.opt.Version.Known() {
		return nil
	}
	r := rowByName("ListenAddress")
	a, b := normal(r, append([]string(nil), mine["listenaddress"]...)), normal(r, append([]string(nil), effective["listenaddress"]...))
	if equal(a, b) {
		return nil
	}
	return &Difference{Keyword: r.name, File: a, Effective: b, Origin: file.Get("Port").Origin}
}

func sameWords(r *row, v *Value, a, b []string) bool {
	switch r.name {
	case "HostKey", "HostCertificate":
		return subset(a, b) // -h adds a key, and sshd -T is asked with one
	case "PerSourcePenalties":
		return subset(a, b) || len(a) == 1 && a[0] == "yes" && len(b) > 1
	case "AuthorizedKeysFile":
		return equal(a, b) || len(a) == 0 && len(b) == 1 && b[0] == "none" || len(b) == 0 && len(v.Args) == 1 && v.Args[0] == "none"
	case "ChannelTimeout", "LogVerbose", "PerSourcePenaltyExemptList", "PubkeyAuthOptions":
		if len(a) == 1 && a[0] == "none" {
			a = nil
		}
		if len(b) == 1 && b[0] == "none" {
			b = nil
		}
		return equal(a, b)
	}
	if r.kind == kindAlgorithms && v.Origin.Kind == FromDefault {
		// The order of a default list differs between builds and decides nothing
		// here: the client's order does (RFC 4253, section 7.1).
		return subset(a, b) && subset(b, a)
	}
	return equal(a, b)
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func subset(a, b []string) bool {
	have := make(map[string]bool, len(b))
	for _, w := range b {
		have[w] = true
	}
	for _, w := range a {
		if !have[w] {
			return false
		}
	}
	return true
}
