//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/inventory"
)

// sourcesSSHD has a carve-out, so that the sources have contexts to tell apart.
const sourcesSSHD = `PermitRootLogin prohibit-password
MaxAuthTries 4
Match User typist Address 10.0.0.0/8
  PasswordAuthentication yes
Match Group sudo
  X11Forwarding no
`

// sourcesSetup gives the host something of every kind that facts tell of.
const sourcesSetup = guestAccount + `
usermod -aG sudo admin
mkdir -p '/root/. ..'
printf '#!/bin/sh\nexit 0\n' > '/root/. ../update'
chmod 755 '/root/. ../update'
printf '%s\n' 'MAILTO=root' "*/10 * * * * sh '. ../update' >/dev/null 2>&1" '30 2 * * * /usr/local/sbin/rotate' > /var/spool/cron/crontabs/root
chown root:crontab /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
printf '5 5 * * * /home/plain/bin/report\n' > /var/spool/cron/crontabs/plain
chown plain:crontab /var/spool/cron/crontabs/plain
chmod 600 /var/spool/cron/crontabs/plain
mkdir -p /home/plain/bin
printf '#!/bin/sh\nexit 0\n' > /home/plain/bin/report
chmod 777 /home/plain/bin/report
printf '17 4 * * * root /usr/local/sbin/rotate\n' > /etc/cron.d/rotate
printf '1 1 * * * root /bin/true\n' > /etc/cron.d/ignored.by-name
printf '#!/bin/sh\nexit 0\n' > /usr/local/sbin/rotate
chmod 755 /usr/local/sbin/rotate
chmod 664 /etc/cron.d/e2scrub_all 2>/dev/null || :
` + older

// TestSources reads one host from all sides and compares the facts with those
// that root's login brought. What differs, or is not known, stands with its
// reason in a golden file for each kind of host; all else is equal.
func TestSources(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Accounts, s.SSHD, s.Setup = true, sourcesSSHD, sourcesSetup
	}, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		settle(h)
		base := collect(t, h, a.Root.Name, a.Root.KeyFile, inventory.SudoAuto)
		want := flatten(t, h, shown(factsOf(base)))

		// An archive holds all of it.
		var file bytes.Buffer
		if err := snapshot.Write(&file, base); err != nil {
			t.Fatal(err)
		}
		kept, err := snapshot.Read(&file, snapshot.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(factsOf(base), factsOf(kept)); diff != "" {
			t.Errorf("the archive's facts differ (-ssh +archive):\n%s", diff)
		}

		rooted, err := snapshot.FromRoot(t.Context(), h.Root(), snapshot.Options{Name: "host"})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, source := range []struct {
			name  string
			facts *facts.Facts
		}{
			{"sudo", shown(factsOf(collect(t, h, a.Admin.Name, a.Admin.KeyFile, inventory.SudoYes)))},
			{"local", localFacts(t, h, "root")},
			{"root directory", shown(factsOf(rooted))},
			{"plain account", shown(factsOf(collect(t, h, a.Plain.Name, a.Plain.KeyFile, inventory.SudoAuto)))},
			{"local as a plain account", localFacts(t, h, a.Plain.Name)},
		} {
			fmt.Fprintf(&text, "== %s, against root's login over SSH\n", source.name)
			for _, line := range differences(want, flatten(t, h, source.facts)) {
				// An account's manager outlives its last login by ten seconds: whether
				// there still is a folder of it that others cannot see is a race.
				if !strings.Contains(line, ": /run/user/") {
					text.WriteString(line + "\n")
				}
			}
		}
		golden(t, filepath.Join("testdata", "sources", fmt.Sprintf("%s-%s.golden", h.Spec().Release, h.Spec().Init)), text.String())
	})
}

// golden compares with a file of testdata, or writes it under -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-golden +now); if now is right: POSTERN_E2E=require go test ./e2e -run '%s' -update\n%s", path, t.Name(), diff)
	}
}

func factsOf(s *snapshot.Snapshot) *facts.Facts {
	return facts.From(s, facts.Options{Now: s.Start, Name: "host"})
}

// shown is what `postern facts` prints of them.
func shown(f *facts.Facts) *facts.Facts {
	f.Mask(cron.Mask)
	f.Map(report.Inline)
	return f
}

// localFacts are those that postern prints in the host itself.
func localFacts(t *testing.T, h *e2e.Host, user string) *facts.Facts {
	t.Helper()
	out, stderr, code := h.PosternAs(user, "facts", "--local")
	var line struct{ Facts *facts.Facts }
	if err := json.Unmarshal([]byte(out), &line); err != nil || code != 0 || line.Facts == nil {
		t.Fatalf("postern facts --local as %s: exit code %d, %v\n%s%s", user, code, err, out, stderr)
	}
	line.Facts.Host.Name = "host"
	return line.Facts
}

// flat is every single value of facts, by its path. List elements go by what
// they are about, not by their number.
type flat struct {
	values  map[string]string
	unknown map[string]string
	gaps    map[string][]string
}

func flatten(t *testing.T, h *e2e.Host, f *facts.Facts) flat {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	out := flat{values: map[string]string{}, unknown: map[string]string{}, gaps: map[string][]string{}}
	n := normal{h}
	for path, why := range f.Unknown {
		out.unknown[path] = n.text(why)
	}
	for list, gaps := range f.Gaps {
		for _, g := range gaps {
			out.gaps[list] = append(out.gaps[list], n.text(g.Path)+": "+n.text(g.Reason))
		}
		slices.Sort(out.gaps[list])
		out.gaps[list] = slices.Compact(out.gaps[list])
	}
	delete(tree, "unknown")
	delete(tree, "gaps")
	for path, v := range tree {
		n.walk(out.values, path, v)
	}
	// Of each login and each boot, not of the source.
	for _, path := range []string{"host.clock_offset", "host.source", "host.privilege"} {
		delete(out.values, path)
	}
	return out
}

// normal takes out what is another in each run.
type normal struct{ h *e2e.Host }

var (
	isoTime     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)`)
	fingerprint = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`)
	processes   = regexp.MustCompile(`\b(process |sshd-[TV]\.|/proc/)\d+`)
	hexID       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
)

func (n normal) text(s string) string {
	s = strings.ReplaceAll(s, n.h.Root(), "ROOT")
	s = strings.ReplaceAll(s, n.h.Name(), "NAME")
	s = strings.ReplaceAll(s, n.h.Addr(), "ADDRESS")
	s = isoTime.ReplaceAllString(s, "TIME")
	s = fingerprint.ReplaceAllString(s, "SHA256:FINGERPRINT")
	s = processes.ReplaceAllString(s, "${1}PID")
	return hexID.ReplaceAllString(s, "UUID")
}

func (n normal) walk(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			n.walk(out, path+"."+n.text(k), child)
		}
	case []any:
		seen := map[string]int{}
		for _, child := range v {
			key := n.key(child)
			seen[key]++
			if seen[key] > 1 {
				key += " #" + strconv.Itoa(seen[key])
			}
			n.walk(out, path+"["+key+"]", child)
		}
	case nil: // a list without elements
	case string:
		out[path] = strconv.Quote(n.text(v))
	case float64:
		if strings.HasSuffix(path, ".pid") {
			v = 1
		}
		out[path] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out[path] = fmt.Sprint(v)
	}
}

// key says what a list element is about.
func (n normal) key(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return brackets.Replace(n.text(fmt.Sprint(v)))
	}
	var words []string
	for _, field := range []string{"name", "scheduler", "role", "setting", "kind", "path", "line", "user", "from", "type", "id", "match", "config", "text"} {
		if w, ok := m[field]; ok && w != "" {
			words = append(words, n.text(fmt.Sprint(w)))
		}
	}
	return brackets.Replace(strings.Join(words, " "))
}

// brackets keeps the paths of values readable for element.
var brackets = strings.NewReplacer("[", "(", "]", ")")

// differences lists what the second does not know, what it may lack, and what it
// holds otherwise. Values below a path that either does not know are not
// compared: what is not known differs from everything.
func differences(a, b flat) []string {
	var lines []string
	for path, why := range b.unknown {
		if a.unknown[path] != why {
			lines = append(lines, "unknown "+path+": "+why)
		}
	}
	for path := range a.unknown {
		if _, ok := b.unknown[path]; !ok {
			lines = append(lines, "known "+path)
		}
	}
	for list, gaps := range b.gaps {
		for _, g := range gaps {
			if !slices.Contains(a.gaps[list], g) {
				lines = append(lines, "gap in "+list+": "+g)
			}
		}
	}
	for list, gaps := range a.gaps {
		for _, g := range gaps {
			if !slices.Contains(b.gaps[list], g) {
				lines = append(lines, "no gap in "+list+": "+g)
			}
		}
	}
	covered := func(path string) bool {
		path = strings.TrimPrefix(path, "origin.")
		for _, f := range []flat{a, b} {
			for p := range f.unknown {
				if path == p || strings.HasPrefix(path, p) && strings.ContainsAny(path[len(p):len(p)+1], ".[") {
					return true
				}
			}
		}
		return false
	}
	elements := map[string][]string{} // by list and element, what is different
	count := func(f flat, element string) bool {
		for path := range f.values {
			if strings.HasPrefix(path, element+".") || path == element {
				return true
			}
		}
		return false
	}
	paths := map[string]bool{}
	for path := range a.values {
		paths[path] = true
	}
	for path := range b.values {
		paths[path] = true
	}
	for path := range paths {
		v, inA := a.values[path]
		w, inB := b.values[path]
		if v == w && inA == inB || covered(path) {
			continue
		}
		said := path
		if element, rest, ok := element(path); ok && (!inA || !inB) && (!count(a, element) || !count(b, element)) {
			said = element // one line says it all
			if rest == "" {
				said = path
			}
		}
		list, key, field := split(said)
		if strings.HasPrefix(field, "evidence[") && list != "origin" {
			continue // it goes with the answer
		}
		if name, _, ok := strings.Cut(key, " "); ok && list == "access" {
			v, w = strings.ReplaceAll(v, " "+name+" ", " USER "), strings.ReplaceAll(w, " "+name+" ", " USER ")
		}
		switch {
		case !inB:
			elements["lacks\x00"+list+"\x00"+key] = append(elements["lacks\x00"+list+"\x00"+key], field)
		case !inA:
			elements["has\x00"+list+"\x00"+key] = append(elements["has\x00"+list+"\x00"+key], field)
		default:
			elements["differs\x00"+list+"\x00"+key] = append(elements["differs\x00"+list+"\x00"+key], field+" = "+w+", not "+v)
		}
	}
	// Elements of which the same is to be said stand in one line.
	alike := map[string][]string{}
	for at, said := range elements {
		f := strings.Split(at, "\x00")
		slices.Sort(said)
		said = slices.Compact(said)
		what := f[0] + " " + f[1] + "\x00" + strings.Join(said, "; ")
		alike[what] = append(alike[what], f[2])
	}
	for what, keys := range alike {
		head, said, _ := strings.Cut(what, "\x00")
		slices.Sort(keys)
		line := head
		if keys[0] != "" {
			line += "[" + strings.Join(keys, " | ") + "]"
		}
		if said != "" {
			line += " " + said
		}
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return lines
}

// element gives the list element that a path lies in.
func element(path string) (element, rest string, ok bool) {
	open := strings.IndexByte(path, '[')
	if open < 0 {
		return "", "", false
	}
	depth := 0
	for i := open; i < len(path); i++ {
		switch path[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return path[:i+1], path[i+1:], true
			}
		}
	}
	return "", "", false
}

// split takes a path apart: the list, the element's key, the field in it.
func split(path string) (list, key, field string) {
	at, rest, ok := element(path)
	if !ok {
		return path, "", ""
	}
	list, key, _ = strings.Cut(at, "[")
	return list, strings.TrimSuffix(key, "]"), strings.TrimPrefix(rest, ".")
}
