package triage

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// IOC is one thing to hunt for: a line of a list.
type IOC struct {
	Line int    `json:"line"`
	Kind string `json:"kind"` // address, digest, key, name
	Text string `json:"text"` // as written
}

// Hit is one place where a host shows an IOC.
type Hit struct {
	IOC      IOC             `json:"ioc"`
	Where    string          `json:"where"` // a fact ("jobs") or an output of the collector ("log.sshd")
	Evidence *facts.Evidence `json:"evidence"`
	// The readings that show it first and last; RFC 3339, UTC.
	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`
}

// IOCs is a list to hunt for, ready for many hosts.
type IOCs struct {
	words    map[string]IOC // names, digests, fingerprints and addresses, lower case
	prefixes map[netip.Prefix]IOC
	lengths  []int // of the prefixes: a list has ten thousand networks, and few lengths
	phrases  []IOC // names with blanks and the like: looked for as they are
	n        int
}

// Bounds of a list.
const (
	maxIOCs    = 200_000
	maxPhrases = 1000
	maxIOCLine = 16 << 10
)

var digestForm = regexp.MustCompile(`^(?i)([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$`)
var keyFingerprint = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}=?$`)
var oldFingerprint = regexp.MustCompile(`^(?i)(?:MD5:)?([0-9a-f]{2}(?::[0-9a-f]{2}){15})$`) // of sshd before 6.8, and of FingerprintHash md5

// ParseIOC reads a list: an address or network, a digest (MD5, SHA-1 or SHA-256 in
// hex), a public key or its fingerprint, or a name (of a file, a path, a host, an
// account) a line. "#" begins a comment; "name:" and "address:" before a line say what
// it is where that could be mistaken. The error names every wrong line.
func ParseIOC(file string, data []byte) (*IOCs, error) {
	out := &IOCs{words: map[string]IOC{}, prefixes: map[netip.Prefix]IOC{}}
	var faults []error
	n := 0
	fault := func(format string, args ...any) {
		if len(faults) < 20 {
			faults = append(faults, fmt.Errorf("%s:%d: %s", file, n, fmt.Sprintf(format, args...)))
		}
	}
	for raw := range bytes.Lines(data) {
		n++
		if len(raw) > maxIOCLine {
			fault("longer than %d bytes", maxIOCLine)
			continue
		}
		t := strings.TrimSpace(strings.TrimPrefix(string(raw), "\ufeff"))
		if t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		if strings.IndexByte(t, 0) >= 0 {
			fault("it holds a NUL byte: not a list of lines")
			continue
		}
		if out.n++; out.n > maxIOCs {
			fault("more than %d lines", maxIOCs)
			break
		}
		kind, rest, tagged := strings.Cut(t, ":")
		if tagged && (kind == "name" || kind == "address") {
			t = strings.TrimSpace(rest)
		} else {
			kind = ""
		}
		if t == "" {
			fault("nothing stands behind %q", kind+":")
			continue
		}
		x := IOC{Line: n, Text: t}
		addr, aerr := netip.ParseAddr(t)
		net, nerr := netip.ParsePrefix(t)
		switch {
		case kind == "name":
			out.name(x, fault)
		case aerr == nil:
			x.Kind = "address"
			out.words[addr.Unmap().WithZone("").String()] = x
		case nerr == nil:
			x.Kind = "address"
			if net.Bits() == 0 {
				fault("%q is every address", t)
				continue
			}
			out.prefixes[net.Masked()] = x
			if !slices.Contains(out.lengths, net.Bits()) {
				out.lengths = append(out.lengths, net.Bits())
			}
		case kind == "address":
			fault("%q is no address and no network", t)
		case keyFingerprint.MatchString(t):
			x.Kind = "key"
			out.words[strings.TrimSuffix(t, "=")] = x
		case oldFingerprint.MatchString(t):
			x.Kind = "key"
			out.words["MD5:"+strings.ToLower(oldFingerprint.FindStringSubmatch(t)[1])] = x
		case digestForm.MatchString(t):
			x.Kind = "digest"
			out.words[strings.ToLower(t)] = x
		case strings.HasPrefix(t, "SHA256:"):
			fault("%q is no fingerprint: SHA256: and 43 letters", clip(t, 60))
		case strings.Contains(t, "PRIVATE KEY-----"):
			fault("that is a private key: name its public half")
		case keyLine(t):
			fp, err := publicKey(t)
			if err != nil {
				fault("%s", err)
				continue
			}
			x.Kind = "key"
			out.words[fp] = x
		default:
			out.name(x, fault)
		}
	}
	if out.n == 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("%s: no line to hunt for", file))
	}
	return out, errors.Join(faults...)
}

// keyLine reports a line that means to be a public key.
func keyLine(t string) bool {
	return strings.HasPrefix(t, "ssh-") || strings.HasPrefix(t, "ecdsa-sha2-") || strings.HasPrefix(t, "sk-")
}

func publicKey(t string) (string, error) {
	w := strings.Fields(t)
	if len(w) < 2 {
		return "", fmt.Errorf("%q is no public key: its type and its base64 are wanted", clip(t, 40))
	}
	if _, err := base64.StdEncoding.DecodeString(w[1]); err != nil {
		return "", fmt.Errorf("the base64 of a public key is broken: %w", err)
	}
	keys := account.ParseKeys([]byte(t))
	if len(keys) != 1 || keys[0].Blob == nil {
		return "", errors.New("not one public key in OpenSSH's form")
	}
	k, err := wire.ParseKey(keys[0].Blob)
	if err != nil {
		return "", err
	}
	return k.Fingerprint, nil
}

// name takes a name over.
func (l *IOCs) name(x IOC, fault func(string, ...any)) {
	x.Kind = "name"
	switch {
	case len(x.Text) < 3:
		fault("%q is too short to be told from other words", x.Text)
	case strings.ContainsFunc(x.Text, func(r rune) bool { return !isToken(r) }):
		if len(l.phrases) == maxPhrases {
			fault("more than %d names with blanks or marks in them", maxPhrases)
			return
		}
		l.phrases = append(l.phrases, x)
	default:
		l.words[x.Text] = x
	}
}

// isToken reports the characters of names, paths, addresses and digests.
func isToken(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r < 0x80 && strings.ContainsRune("._:/@+-~%", r) || r >= 0x80
}

// MaxHits bounds the hits of one host.
const MaxHits = 500

// finder looks for a list in one host.
type finder struct {
	l    *IOCs
	hits []Hit
	seen map[string]bool
}

func (f *finder) add(x IOC, where string, e *facts.Evidence) {
	key := fmt.Sprint(x.Line, where, e)
	if e != nil {
		key = fmt.Sprint(x.Line, where, e.Path, e.Line, e.Text)
	}
	if len(f.hits) < MaxHits && !f.seen[key] {
		f.seen[key] = true
		f.hits = append(f.hits, Hit{IOC: x, Where: where, Evidence: e})
	}
}

// text looks at one text.
func (f *finder) text(s, where string, e *facts.Evidence) {
	for _, p := range f.l.phrases {
		if strings.Contains(s, p.Text) {
			f.add(p, where, e)
		}
	}
	for len(s) > 0 {
		i := strings.IndexFunc(s, isToken)
		if i < 0 {
			return
		}
		s = s[i:]
		end := strings.IndexFunc(s, func(r rune) bool { return !isToken(r) })
		if end < 0 {
			end = len(s)
		}
		f.token(s[:end], where, e)
		s = s[end:]
	}
}

// token looks up a word, what is left of it without marks at its ends, the parts of a
// path, and the address in it.
func (f *finder) token(t, where string, e *facts.Evidence) {
	if len(t) > 4096 {
		t = t[:4096]
	}
	look := func(w string) {
		if x, ok := f.l.words[w]; ok {
			f.add(x, where, e)
		}
	}
	look(t)
	if len(t) >= minKey && strings.HasPrefix(t, "AAAA") {
		f.key(t, look)
	}
	if len(t) >= 47 && len(t) <= 51 {
		if m := oldFingerprint.FindStringSubmatch(t); m != nil {
			look("MD5:" + strings.ToLower(m[1]))
		}
	}
	trimmed := strings.Trim(t, ".:/@+-~%")
	if trimmed != t {
		look(trimmed)
		look("/" + trimmed)
	}
	if len(t) >= 32 && len(t) <= 64 {
		look(strings.ToLower(t))
	}
	if strings.ContainsAny(t, "/:@") {
		n := 0
		for part := range strings.FieldsFuncSeq(t, func(r rune) bool { return r == '/' || r == ':' || r == '@' }) {
			if n++; n > 64 {
				break
			}
			look(part)
			f.address(part, where, e)
		}
		if i := strings.IndexByte(t, '/'); i >= 0 { // directories that a path lies in
			for k := i + 1; k < len(t); k++ {
				if t[k] == '/' {
					look(t[i:k])
				}
			}
			look(t[i:])
		}
	}
	f.address(trimmed, where, e)
}

// minKey is the least length of a public key's base64; each begins with the length of
// its type's name.
const minKey = 64

// key looks up a public key that stands in a text, by its fingerprints.
func (f *finder) key(t string, look func(string)) {
	blob, err := base64.RawStdEncoding.DecodeString(t)
	if err != nil {
		return
	}
	sum, old := sha256.Sum256(blob), md5.Sum(blob) //nolint:gosec // the form of old fingerprints
	look("SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]))
	pairs := make([]string, len(old))
	for i, b := range old {
		pairs[i] = fmt.Sprintf("%02x", b)
	}
	look("MD5:" + strings.Join(pairs, ":"))
}

func (f *finder) address(t, where string, e *facts.Evidence) {
	if len(t) < 2 || len(t) > 64 || strings.IndexByte("0123456789abcdefABCDEF:", t[0]) < 0 {
		return
	}
	a, err := netip.ParseAddr(t)
	if err != nil {
		ap, perr := netip.ParseAddrPort(t)
		if perr != nil {
			return
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	if x, ok := f.l.words[a.String()]; ok {
		f.add(x, where, e)
	}
	for _, n := range f.l.lengths {
		if p, err := a.Prefix(n); err == nil {
			if x, ok := f.l.prefixes[p]; ok {
				f.add(x, where, e)
			}
		}
	}
}

// InFacts finds a list in the facts of a host.
func (l *IOCs) InFacts(f *facts.Facts) []Hit {
	x := &finder{l: l, seen: map[string]bool{}}
	x.facts(f)
	return x.hits
}

// In finds a list in what was read of a host: its facts, the logs, names and contents of
// files, and of a second round the connections, arguments and digests.
func (l *IOCs) In(snap *snapshot.Snapshot, f *facts.Facts) []Hit {
	x := &finder{l: l, seen: map[string]bool{}}
	x.facts(f)
	x.read(snap)
	return x.hits
}

// InRead is [IOCs.In] without the facts.
func (l *IOCs) InRead(snap *snapshot.Snapshot) []Hit {
	x := &finder{l: l, seen: map[string]bool{}}
	x.read(snap)
	return x.hits
}

func (f *finder) read(snap *snapshot.Snapshot) {
	for _, name := range []string{snapshot.OutSshdLog, snapshot.OutCronLog} {
		f.output(snap, name)
	}
	d, err := snap.Deeper()
	if err == nil && d != nil {
		for _, name := range []string{snapshot.OutProcWords, snapshot.OutProcDigests, snapshot.OutDigests, snapshot.OutSetuidSums, snapshot.OutSumsFound, snapshot.OutAccountsLog, snapshot.OutOwned} {
			f.output(d, name)
		}
		h := &looker{snap: snap, deep: d, out: &Host{}, byPID: map[int]*process{}, names: map[int64]string{}}
		for _, s := range h.sockets() {
			if s.remote.IsValid() && !s.remote.Addr().IsUnspecified() {
				e := &facts.Evidence{Path: "/proc/net/" + s.proto, Text: fmt.Sprintf("%s %s -> %s", s.state, s.local, s.remote)}
				f.address(s.remote.Addr().String(), "connections", e)
			}
		}
		records, _ := h.records(snapshot.OutWtmp)
		for _, r := range records {
			e := &facts.Evidence{Path: "/var/log/wtmp", Text: r.User + " from " + r.Host + " at " + stamp(r.At)}
			if r.Addr.IsValid() {
				f.address(r.Addr.String(), "logins", e)
			}
			f.text(r.User+" "+r.Host, "logins", e)
		}
	}
	// Of these there are the most: the bound on hits is to be hit here.
	f.files(snap)
	if err == nil && d != nil {
		f.files(d)
	}
}

// files looks at the names of files, and at the lines of those that were read. A line
// that a fact told of is not told again.
func (f *finder) files(s *snapshot.Snapshot) {
	told := map[string]bool{}
	for i := range f.hits {
		if e := f.hits[i].Evidence; e != nil {
			told[fmt.Sprint(f.hits[i].IOC.Line, e.Path, e.Line)] = true
		}
	}
	for i := range s.Files {
		file := &s.Files[i]
		n := len(f.hits)
		f.text(file.Path, "files", &facts.Evidence{Path: file.Path})
		if file.Target != "" {
			f.text(file.Target, "files", &facts.Evidence{Path: file.Path, Text: "-> " + file.Target})
		}
		if bytes.IndexByte(clipBytes(file.Content, 512), 0) < 0 {
			at := 0
			for line := range strings.Lines(string(file.Content)) {
				at++
				if line = strings.TrimRight(line, "\r\n"); line != "" {
					f.text(line, "files", &facts.Evidence{Path: file.Path, Line: at, Text: clip(line, 300)})
				}
			}
		}
		f.hits = append(f.hits[:n], slices.DeleteFunc(slices.Clone(f.hits[n:]), func(h Hit) bool {
			return h.Evidence.Line > 0 && told[fmt.Sprint(h.IOC.Line, h.Evidence.Path, h.Evidence.Line)]
		})...)
	}
}

func (f *finder) output(s *snapshot.Snapshot, name string) {
	n := 0
	lines(s.Output(name), func(line string) {
		n++
		f.text(line, name, &facts.Evidence{Path: name, Line: n, Text: clip(line, 300)})
	})
}

// facts looks at every string of every item.
func (f *finder) facts(x *facts.Facts) {
	v := reflect.ValueOf(x).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("cel")
		if name == "" || name == "timeline" { // its files are those of other facts
			continue
		}
		if field := v.Field(i); field.Kind() == reflect.Slice {
			for k := range field.Len() {
				f.value(field.Index(k), name, evidenceIn(field.Index(k)))
			}
		} else {
			f.value(field, name, nil)
		}
	}
}

func evidenceIn(v reflect.Value) *facts.Evidence {
	if v.Kind() != reflect.Struct {
		return nil
	}
	if e := v.FieldByName("Evidence"); e.IsValid() {
		if list, ok := e.Interface().([]facts.Evidence); ok && len(list) > 0 {
			return &list[0]
		}
	}
	return nil
}

func (f *finder) value(v reflect.Value, where string, e *facts.Evidence) {
	switch v.Kind() {
	case reflect.String:
		f.text(v.String(), where, e)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.value(v.Field(i), where, e)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.value(v.Index(i), where, e)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			f.value(it.Value(), where, e)
		}
	}
}

// OldKeys reports whether the list has fingerprints by MD5: facts hold none, and only
// what was read of a host has the keys themselves.
func (l *IOCs) OldKeys() bool {
	for w := range l.words {
		if strings.HasPrefix(w, "MD5:") {
			return true
		}
	}
	return false
}

// Len is how many lines are hunted for.
func (l *IOCs) Len() int { return l.n }
