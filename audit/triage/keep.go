package triage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// NotRead is the page of a host that gave nothing.
func NotRead(host, why string) *Host {
	return &Host{Host: host, Error: why, Worth: worth, Verdict: notLooked, Things: []Thing{}, Timeline: []Event{}, Doors: []Door{},
		Logins: []LoginSum{}, LastRuns: []LastRun{}, Preserve: []string{}, Gaps: []facts.Gap{}}
}

// Mask hides secrets in what quotes a host's command lines.
func (r *Report) Mask(mask func(string) string) {
	for i := range r.Hosts {
		h := &r.Hosts[i]
		h.SinceWhy = mask(h.SinceWhy)
		for k := range h.Things {
			t := &h.Things[k]
			t.Title = mask(t.Title)
			for n := range t.Why {
				t.Why[n] = mask(t.Why[n])
			}
			ev := make([]facts.Evidence, len(t.Evidence)) // facts share theirs
			copy(ev, t.Evidence)
			for n := range ev {
				ev[n].Text = mask(ev[n].Text)
			}
			t.Evidence = ev
			for n := range t.Actions {
				t.Actions[n].Command = mask(t.Actions[n].Command)
			}
		}
		for k := range h.Timeline {
			h.Timeline[k].What = mask(h.Timeline[k].What)
		}
		for k := range h.LastRuns {
			h.LastRuns[k].Command = mask(h.LastRuns[k].Command)
		}
	}
}

// maxWanted bounds the files that are kept of one host.
const maxWanted = 120

// Wanted names the files that things of low weight or more are about.
func (h *Host) Wanted() []string {
	var out []string
	seen := map[string]bool{}
	for i := range h.Things {
		if levels[h.Things[i].Severity] < levels["low"] {
			continue
		}
		for _, p := range h.Things[i].Files {
			if !seen[p] && len(out) < maxWanted {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out
}

// Keeping is what is kept of one host.
type Keeping struct {
	Host  *Host
	First *snapshot.Snapshot // with its second round
	Files *snapshot.Snapshot // what [snapshot.Fetch] brought; nil: nothing
}

// Manifest is one line of the file MANIFEST of a folder of evidence.
type Manifest struct {
	Format string `json:"format,omitempty"` // of the first line: postern-evidence-1
	Made   string `json:"made,omitempty"`   // of the first line: our clock
	Name   string `json:"name,omitempty"`   // of the file in the folder; "" only what is known of it is kept
	Size   int64  `json:"size,omitempty"`   // of that file
	SHA256 string `json:"sha256,omitempty"` // of that file

	Host       string   `json:"host,omitempty"`
	Path       string   `json:"path,omitempty"` // on the host; printable ASCII, as [strconv.QuoteToASCII] has it inside its quotes
	Type       string   `json:"type,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	UID        *int64   `json:"uid,omitempty"` // nil: not known; 0 is root
	GID        *int64   `json:"gid,omitempty"`
	HostSize   int64    `json:"host_size,omitempty"`
	Inode      uint64   `json:"inode,omitempty"`
	MTime      string   `json:"mtime,omitempty"` // RFC 3339, UTC
	CTime      string   `json:"ctime,omitempty"`
	Target     string   `json:"target,omitempty"`      // of a link
	HostSHA256 string   `json:"host_sha256,omitempty"` // as the host says
	Cut        bool     `json:"cut,omitempty"`         // only the first bytes are kept
	Why        string   `json:"why,omitempty"`         // why no content is kept
	Things     []string `json:"things,omitempty"`      // ids
}

const (
	manifestName = "MANIFEST"
	evidenceForm = "postern-evidence-1"
	lastLine     = "end "
)

// Keep writes what is kept of hosts into a folder that is empty: their archives, the
// files that things name, and a manifest of it all. It returns how many files of the
// hosts were kept.
func Keep(dir string, now time.Time, hosts []Keeping) (n int, err error) {
	var m bytes.Buffer
	line := func(x Manifest) {
		b, jerr := json.Marshal(x)
		err = errors.Join(err, jerr)
		m.Write(append(b, '\n'))
	}
	line(Manifest{Format: evidenceForm, Made: now.UTC().Format(time.RFC3339)})
	write := func(name string, data []byte) (size int64, sum string) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if werr := os.MkdirAll(filepath.Dir(full), 0o700); werr != nil {
			err = errors.Join(err, werr)
			return 0, ""
		}
		err = errors.Join(err, writeNew(full, data))
		h := sha256.Sum256(data)
		return int64(len(data)), hex.EncodeToString(h[:])
	}
	for i := range hosts {
		k := &hosts[i]
		room := fmt.Sprintf("%02d-%s", i+1, safe(k.Host.Host))
		if k.First != nil {
			var b bytes.Buffer
			if werr := snapshot.Write(&b, k.First); werr != nil {
				return n, werr
			}
			x := Manifest{Name: room + "/snapshot.pst", Host: shown(k.Host.Host), Type: "archive"}
			x.Size, x.SHA256 = write(x.Name, b.Bytes())
			line(x)
		}
		for at, p := range k.Host.Wanted() {
			x, data := k.about(p)
			if data != nil {
				x.Name = fmt.Sprintf("%s/%03d-%s", room, at+1, safe(path.Base(p)))
				x.Size, x.SHA256 = write(x.Name, data)
				n++
			}
			line(x)
		}
		if err != nil {
			return n, err
		}
	}
	sum := sha256.Sum256(m.Bytes())
	fmt.Fprintf(&m, "%s%s\n", lastLine, hex.EncodeToString(sum[:]))
	return n, errors.Join(err, writeNew(filepath.Join(dir, manifestName), m.Bytes()))
}

// writeNew writes a file that is not there yet, and only its owner may read it.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	_, werr := f.Write(data)
	return errors.Join(werr, f.Sync(), f.Close())
}

// about gives what is known of a file of the host, and its content where it may be
// kept: what holds a private key or a password hash never is.
func (k *Keeping) about(p string) (x Manifest, data []byte) {
	x = Manifest{Host: shown(k.Host.Host), Path: shown(p)}
	for i := range k.Host.Things {
		for _, f := range k.Host.Things[i].Files {
			if f == p {
				x.Things = append(x.Things, k.Host.Things[i].ID)
				break
			}
		}
	}
	var rounds []*snapshot.Snapshot
	if k.Files != nil {
		rounds = append(rounds, k.Files)
	}
	if k.First != nil {
		if d, err := k.First.Deeper(); err == nil && d != nil {
			rounds = append(rounds, d)
		}
		rounds = append(rounds, k.First)
	}
	for _, s := range rounds {
		for _, name := range []string{snapshot.OutDigests, snapshot.OutProcDigests} {
			lines(s.Output(name), func(line string) {
				if sum, of, ok := strings.Cut(line, "  "); ok && of == p && x.HostSHA256 == "" {
					x.HostSHA256 = sum
				}
			})
		}
		f := s.Lookup(p)
		if f == nil {
			continue
		}
		if x.Type == "" && f.Type != 0 && f.UID >= 0 {
			x.Type, x.Mode, x.UID, x.GID = kinds[f.Type], fmt.Sprintf("%04o", f.Mode), &f.UID, &f.GID
			x.HostSize, x.Inode, x.Target = f.Size, f.Inode, shown(f.Target)
			x.MTime, x.CTime = nano(f.MTime), nano(f.CTime)
		}
		if f.HasContent() && !f.Filtered && (data == nil || x.Cut && len(f.Content) > len(data)) {
			data, x.Cut = f.Content, f.Truncated
		}
	}
	if data == nil {
		x.Why = "its content was not read"
		for _, s := range rounds {
			for _, g := range s.GapsFor(p) {
				if g.Path == p || x.Why == "its content was not read" {
					x.Why = shown(g.Reason)
				}
			}
		}
	} else {
		x.Why = ""
		if x.HostSHA256 != "" && !x.Cut {
			if h := sha256.Sum256(data); hex.EncodeToString(h[:]) != x.HostSHA256 {
				x.Why = "it changed on the host between reading it and its digest"
			}
		}
	}
	return x, data
}

func nano(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
