package connect

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/postern-ssh/postern/audit/wire"
)

// knownLine is one key of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE
// FORMAT).
type knownLine struct {
	file   string
	line   int
	typ    string // key type
	blob   string // the key's bytes
	ca     bool   // @cert-authority
	usable bool   // this client can check such a key
}

func (l knownLine) pos() string { return l.file + ":" + strconv.Itoa(l.line) }

func (l knownLine) fingerprint() string {
	k, _ := wire.ParseKey([]byte(l.blob))
	return l.typ + " " + k.Fingerprint
}

// knownHosts is what known_hosts files say. x/crypto's own reader fails as a
// whole on one line that it does not know (such as a newer key type), takes a
// certificate authority's key for a host's, and compares names with their case;
// hence this one, which follows OpenSSH's hostfile.c (9.2p1).
type knownHosts struct {
	files    []string
	warnings []string

	mu       sync.RWMutex
	lines    []knownLine
	exact    map[string][]int // by name, for lines without wildcards
	patterns []patternLine
	hashed   []hashedLine
	revoked  map[string]knownLine // by blob, whatever the host
}

type patternLine struct {
	patterns []string
	index    int
}

type hashedLine struct {
	ipad, opad [sha1.BlockSize]byte
	sum        [sha1.Size]byte
	index      int
}

// maxWarnings bounds what is said about one set of files.
const maxWarnings = 100

func readKnownHosts(files []string) *knownHosts {
	k := &knownHosts{files: files, exact: map[string][]int{}, revoked: map[string]knownLine{}}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			k.warn(f, 0, err.Error())
			continue
		}
		k.add(f, data)
	}
	return k
}

func (k *knownHosts) warn(file string, line int, text string) {
	if len(k.warnings) == maxWarnings {
		k.warnings = append(k.warnings, "further lines of known_hosts files were skipped")
	}
	if len(k.warnings) > maxWarnings {
		return
	}
	if line > 0 {
		file += ":" + strconv.Itoa(line)
	}
	k.warnings = append(k.warnings, file+": "+text)
}

// add reads one file's lines; what it does not understand is a warning.
func (k *knownHosts) add(file string, data []byte) {
	n := 0
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte{'\n'})
		n++
		if why := k.addLine(file, n, string(line)); why != "" {
			k.warn(file, n, why)
		}
	}
}

func (k *knownHosts) addLine(file string, n int, text string) (why string) {
	f := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
	if len(f) == 0 || f[0][0] == '#' {
		return ""
	}
	marker := ""
	if f[0][0] == '@' {
		marker, f = f[0], f[1:]
		if marker != "@cert-authority" && marker != "@revoked" {
			return "unknown marker " + quote(marker)
		}
	}
	if len(f) < 3 {
		return "fewer fields than names, key type and key"
	}
	if _, err := strconv.Atoi(f[1]); err == nil {
		return "a key of SSH protocol version 1"
	}
	blob, err := base64.StdEncoding.DecodeString(f[2])
	if err != nil {
		return "the key is not base64"
	}
	// Only the type is looked at: a key is compared as bytes, and a file may
	// hold ten thousand.
	typ := blobType(blob)
	if typ == "" {
		return "the key cannot be read"
	}
	if typ != f[1] {
		return "the line says " + quote(f[1]) + ", its key is a " + quote(typ)
	}
	l := knownLine{file: file, line: n, typ: typ, blob: string(blob), ca: marker == "@cert-authority"}
	if l.usable = len(algorithmsFor(l.typ, true)) > 0; !l.usable && !l.ca {
		why = "key type " + quote(l.typ) + " cannot be checked by this client"
	}
	if marker == "@revoked" {
		if _, ok := k.revoked[l.blob]; !ok {
			k.revoked[l.blob] = l
		}
		return why
	}
	index := len(k.lines)
	if strings.HasPrefix(f[0], "|") {
		h, ok := parseHash(f[0])
		if !ok {
			return "the hashed name cannot be read"
		}
		h.index = index
		k.hashed = append(k.hashed, h)
	} else {
		names := strings.Split(strings.ToLower(f[0]), ",")
		if strings.ContainsAny(f[0], "*?!") {
			k.patterns = append(k.patterns, patternLine{names, index})
		} else {
			for _, name := range names {
				k.exact[name] = append(k.exact[name], index)
			}
		}
	}
	k.lines = append(k.lines, l)
	return why
}

// blobType returns the type that a key's bytes begin with.
func blobType(blob []byte) string {
	if len(blob) < 4 {
		return ""
	}
	n := binary.BigEndian.Uint32(blob)
	if n == 0 || n > 64 || int(n) > len(blob)-4 {
		return ""
	}
	return string(blob[4 : 4+n])
}

// parseHash reads |1|salt|hash|, the hash being HMAC-SHA1 of the name.
func parseHash(s string) (hashedLine, bool) {
	var h hashedLine
	p := strings.Split(s, "|")
	if len(p) != 4 || p[0] != "" || p[1] != "1" {
		return h, false
	}
	salt, err := base64.StdEncoding.DecodeString(p[2])
	if err != nil || len(salt) != sha1.Size {
		return h, false
	}
	sum, err := base64.StdEncoding.DecodeString(p[3])
	if err != nil || len(sum) != sha1.Size {
		return h, false
	}
	h = newHash(salt)
	copy(h.sum[:], sum)
	return h, true
}

func newHash(salt []byte) hashedLine {
	var h hashedLine
	copy(h.ipad[:], salt)
	copy(h.opad[:], salt)
	for i := range h.ipad {
		h.ipad[i] ^= 0x36
		h.opad[i] ^= 0x5c
	}
	return h
}

// hash is HMAC-SHA1 written out: each lookup asks every hashed line, and
// crypto/hmac allocates for each. A name has at most 300 bytes (validHost).
func (h *hashedLine) hash(name string) [sha1.Size]byte {
	var in [sha1.BlockSize + 300]byte
	copy(in[:], h.ipad[:])
	inner := sha1.Sum(in[:sha1.BlockSize+copy(in[sha1.BlockSize:], name)])
	var out [sha1.BlockSize + sha1.Size]byte
	copy(out[:], h.opad[:])
	copy(out[sha1.BlockSize:], inner[:])
	return sha1.Sum(out[:])
}

func (h *hashedLine) match(name string) bool {
	return h.hash(name) == h.sum
}

// known is what known_hosts says about one host.
type known struct {
	keys []knownLine // plain keys
	cas  []knownLine // certificate authorities for it
	// loose: the lines name the host without the port that was dialled. OpenSSH
	// accepts their keys, but another key is then new, not changed.
	loose bool
}

func (k known) empty() bool { return len(k.keys) == 0 && len(k.cas) == 0 }

// lookup returns the lines that name a host.
func (k *knownHosts) lookup(host string, port int) known {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := k.find(hostNames(host, port))
	if out.empty() && port != 22 {
		// sshconnect.c, check_host_key: "checking without port identifier".
		out = k.find(hostNames(host, 22))
		out.loose = true
	}
	return out
}

func (k *knownHosts) find(names []string) known {
	var hits []int
	for _, name := range names {
		hits = append(hits, k.exact[name]...)
		for _, p := range k.patterns {
			if matchPatterns(p.patterns, name) {
				hits = append(hits, p.index)
			}
		}
		for i := range k.hashed {
			if k.hashed[i].match(name) {
				hits = append(hits, k.hashed[i].index)
			}
		}
	}
	slices.Sort(hits)
	var out known
	for _, i := range slices.Compact(hits) {
		if l := k.lines[i]; l.ca {
			out.cas = append(out.cas, l)
		} else {
			out.keys = append(out.keys, l)
		}
	}
	return out
}

// hostNames gives the names under which known_hosts may hold a host: as
// written, and an address in its usual form. OpenSSH lower-cases names.
func hostNames(host string, port int) []string {
	host = strings.ToLower(host)
	names := []string{hostPort(host, port)}
	if a, err := netip.ParseAddr(host); err == nil {
		if n := hostPort(strings.ToLower(a.String()), port); n != names[0] {
			names = append(names, n)
		}
	}
	return names
}

// hostPort writes a host as known_hosts does: with the port where it is not 22.
func hostPort(host string, port int) string {
	if port == 22 {
		return host
	}
	return fmt.Sprintf("[%s]:%d", host, port)
}

// matchPatterns is OpenSSH's match_hostname: a negated pattern that matches
// rejects the line.
func matchPatterns(patterns []string, name string) bool {
	found := false
	for _, p := range patterns {
		negated := strings.HasPrefix(p, "!")
		if p = strings.TrimPrefix(p, "!"); p == "" || !glob(p, name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// glob matches * and ? without backtracking further than the last star.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
