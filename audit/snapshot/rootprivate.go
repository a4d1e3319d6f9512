package snapshot

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// privateKey is what is kept of a private key's file: never more than that. A
// line of OutPrivateKeys holds these words, "-" for none, with blanks in the kind
// as "_", and the path behind them.
type privateKey struct {
	kind      string // the words of its BEGIN line: "RSA PRIVATE KEY", or PuTTY
	encrypted string // "encrypted" where the line behind begins with Proc-Type: (RFC 1421); else "-"
	beginning string // of OpenSSH's own form the first 32 letters of base64: 24 bytes, its name and that of the cipher (OpenSSH, PROTOCOL.key)
}

// Bounds of the search, as in the collector.
const (
	privateHead    = 1024 // bytes of a file that are looked at
	privatePerHome = 64   // files
	privateFiles   = 4000
	beginningMax   = 32
)

var (
	beginLine   = regexp.MustCompile(`^-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----`)
	puttyLine   = regexp.MustCompile(`^PuTTY-User-Key-File-[0-9]+: `)
	base64Line  = regexp.MustCompile(`^[A-Za-z0-9+/=]+[^A-Za-z0-9+/=]?$`)
	notPrivates = []string{"*.pub", "authorized_keys*", "known_hosts*", "config", "environment", "rc"}
)

// privateKeyOf looks at the beginning of a file; ok is false for what is no
// private key.
func privateKeyOf(head []byte) (k privateKey, ok bool) {
	k = privateKey{encrypted: "-", beginning: "-"}
	for line := range bytes.Lines(head) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if k.kind != "" {
			switch {
			case bytes.HasPrefix(line, []byte("Proc-Type:")):
				k.encrypted = "encrypted"
			case k.kind == "OPENSSH PRIVATE KEY" && len(line) >= beginningMax && base64Line.Match(line):
				k.beginning = string(line[:beginningMax])
			}
			return k, true
		}
		if puttyLine.Match(line) {
			k.kind = "PuTTY"
			return k, true
		}
		if m := beginLine.FindSubmatch(line); m != nil {
			k.kind = string(m[1][:min(len(m[1]), 40)])
		}
	}
	return k, k.kind != ""
}

// privates finds the private keys in ~/.ssh, as privates in the collector does.
func (r *rooted) privates() {
	var out strings.Builder
	var found []string
	dirs := map[string]bool{}
	total := 0
	for _, a := range r.order {
		dir := strings.TrimSuffix(a.home, "/") + "/.ssh"
		if !strings.HasPrefix(a.home, "/") || dirs[dir] || r.ctx.Err() != nil {
			continue
		}
		dirs[dir] = true
		if !r.t.isDir(dir) {
			continue
		}
		names, more, err := r.t.list(dir, rootNames)
		if err != nil {
			r.fault(dir+"/*", err) // about names that are not known, and no other
			continue
		}
		// In the order of the shell: * before .*
		slices.SortStableFunc(names, func(a, b string) int { return hidden(a) - hidden(b) })
		n := 0
		for _, name := range names {
			p := dir + "/" + name
			fi, err := r.t.lstat(p)
			switch {
			case strings.HasPrefix(name, "..") || isAny(notPrivates, name) || !r.t.isFile(p):
				continue
			case strings.Contains(p, "\n"):
				r.b.gap(p, GapError, "its name holds a newline: not looked at")
				continue
			case err == nil && !fi.Mode().IsRegular():
				r.b.gap(p, GapUnsafe, "a link: not looked at for a private key")
				continue
			}
			n, total = n+1, total+1
			if n > privatePerHome || total > privateFiles {
				more = true
				break
			}
			head, err := r.t.read(p, privateHead-1)
			if err != nil {
				r.fault(p, err)
				continue
			}
			if k, ok := privateKeyOf(head); ok {
				out.WriteString(strings.ReplaceAll(k.kind, " ", "_") + " " + k.encrypted + " " + k.beginning + " " + p + "\n")
				found = append(found, p)
			}
		}
		if more {
			r.b.gap(dir+"/*", GapCap, "more files than are looked at for private keys")
		}
	}
	for _, p := range found {
		r.look(meta, p)
		if fi, err := r.t.lstat(p + ".pub"); err == nil && fi.Mode().IsRegular() {
			r.look(read, p+".pub")
		}
	}
	r.put(OutPrivateKeys, []byte(out.String()))
}

func hidden(name string) int {
	if strings.HasPrefix(name, ".") {
		return 1
	}
	return 0
}

func isAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if shMatch(p, name) {
			return true
		}
	}
	return false
}
