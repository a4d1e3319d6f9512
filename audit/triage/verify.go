package triage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoEvidence marks a folder that holds no manifest.
var ErrNoEvidence = errors.New("not a folder of evidence: it has no MANIFEST")

// Checked is what verifying a folder of evidence found.
type Checked struct {
	Made     string   `json:"made"`
	Files    int      `json:"files"`    // that the manifest names
	Known    int      `json:"known"`    // of which only metadata and digests are kept
	Manifest string   `json:"manifest"` // SHA-256 of the whole manifest: compare it with what was written down
	Faults   []string `json:"faults"`   // what is changed, missing or added; none: all is as it was kept
}

// Bounds of a manifest: a line is mostly below 8 KiB, and hosts are few.
const (
	maxManifest = 64 << 20
	maxEntries  = 200_000
	maxKept     = 1 << 30 // bytes of one file: many times those of an archive
)

// Verify compares a folder of evidence with its manifest: every changed bit, every
// missing and every added file is a fault.
func Verify(dir string) (*Checked, error) {
	data, err := readAll(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoEvidence)
	} else if err != nil {
		return nil, err
	}
	c := &Checked{Faults: []string{}}
	sum := sha256.Sum256(data)
	c.Manifest = hex.EncodeToString(sum[:])
	entries := c.manifest(data)
	want := map[string]Manifest{}
	for _, m := range entries {
		switch {
		case m.Format != "":
			c.Made = m.Made
		case m.Name == "":
			c.Known++
		default:
			if _, twice := want[m.Name]; twice {
				c.fault("%s: the manifest names it twice", m.Name)
			}
			want[m.Name] = m
			c.Files++
		}
	}
	rooms := map[string]bool{} // folders that the manifest's files lie in
	for _, m := range entries {
		for d := path.Dir(m.Name); m.Name != "" && d != "." && !rooms[d]; d = path.Dir(d) {
			rooms[d] = true
		}
	}
	seen := map[string]bool{}
	root, err := filepath.EvalSymlinks(dir) // a link to the folder is the folder
	if err != nil {
		return nil, err
	}
	walk := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		rel, rerr := filepath.Rel(root, p)
		if rerr != nil {
			return rerr
		}
		name := filepath.ToSlash(rel)
		switch {
		case err != nil:
			c.fault("%s: %s", name, err)
			return nil
		case name == "." || name == manifestName:
			return nil
		case d.IsDir():
			if !rooms[name] {
				c.fault("%s: a folder that was added", name)
				return fs.SkipDir
			}
			return nil
		}
		m, ok := want[name]
		switch {
		case !ok:
			c.fault("%s: it was added", name)
		case !d.Type().IsRegular():
			seen[name] = true
			c.fault("%s: it is no longer a file", name)
		default:
			seen[name] = true
			c.file(p, name, m)
		}
		return nil
	})
	for _, m := range entries {
		if m.Name != "" && !seen[m.Name] {
			c.fault("%s: it is missing", m.Name)
		}
	}
	return c, walk
}

func (c *Checked) fault(format string, args ...any) {
	if len(c.Faults) < 10000 {
		c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
	}
}

// manifest reads the lines, and checks the digest that ends them.
func (c *Checked) manifest(data []byte) []Manifest {
	at := bytes.LastIndex(data, []byte("\n"+lastLine))
	if at < 0 {
		c.fault("%s: it is cut: its last line is not there", manifestName)
		return nil
	}
	body, end := data[:at+1], string(data[at+1:])
	sum := sha256.Sum256(body)
	if end != lastLine+hex.EncodeToString(sum[:])+"\n" {
		c.fault("%s: it was changed: its own digest is another", manifestName)
	}
	var out []Manifest
	n := 0
	for line := range bytes.Lines(body) {
		if n++; n > maxEntries {
			c.fault("%s: more than %d lines: the rest was not read", manifestName, maxEntries)
			break
		}
		var m Manifest
		if err := json.Unmarshal(line, &m); err != nil {
			c.fault("%s:%d: not a line of a manifest", manifestName, n)
			continue
		}
		if n == 1 && m.Format != evidenceForm {
			c.fault("%s: its form is %q, and this program knows %s", manifestName, m.Format, evidenceForm)
		}
		if m.Name != "" && !filepath.IsLocal(filepath.FromSlash(m.Name)) {
			c.fault("%s:%d: it names a file outside of the folder", manifestName, n)
			continue
		}
		out = append(out, m)
	}
	return out
}

// file compares one file.
func (c *Checked) file(p, name string, m Manifest) {
	if m.Size > maxKept {
		c.fault("%s: the manifest says %d bytes, more than is ever kept of a file", name, m.Size)
		return
	}
	f, err := os.Open(p)
	if err != nil {
		c.fault("%s: %s", name, err)
		return
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, m.Size+1))
	switch {
	case err != nil:
		c.fault("%s: %s", name, err)
	case n != m.Size:
		c.fault("%s: its length is another: %d bytes were kept", name, m.Size)
	case hex.EncodeToString(h.Sum(nil)) != m.SHA256:
		c.fault("%s: it was changed", name)
	}
}

func readAll(file string) ([]byte, error) {
	// A pipe in its place would never be opened, and a link is none that was kept.
	if info, err := os.Lstat(file); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file, as postern writes it", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("%s: more than %d bytes", file, maxManifest)
	}
	return data, err
}

// safe makes a file name of a host's words: letters, digits and a few marks.
func safe(name string) string {
	var b strings.Builder
	for i := 0; i < len(name) && b.Len() < 60; i++ {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && b.Len() > 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// shown is a host's text in printable ASCII.
func shown(s string) string {
	q := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
