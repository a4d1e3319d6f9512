// Package snapshot holds what was read from one host, as bytes.
//
// A [Snapshot] has four sources and one form: a host over SSH, this machine, a
// directory tree (an image, a mounted disk) and an archive made earlier. What
// stands behind it cannot tell them apart. Nothing in it is interpreted here:
// the parsers of the audit packages do that. Every byte in it is the host's and
// therefore an attacker's: names may hold any byte but NUL, contents any byte.
package snapshot

import (
	"sort"
	"strings"
	"time"
)

// Format is the version of the archive and of the collector's framing. A reader
// refuses a newer one by name.
const Format = 1

// Source says where a snapshot came from.
type Source string

// The sources. An archive keeps the source of the snapshot that it holds.
const (
	SourceSSH   Source = "ssh"
	SourceLocal Source = "local"
	SourceRoot  Source = "root"
)

// Privilege says with which rights the collector read the host.
type Privilege string

// The privileges. PrivilegeNone means a plain account: what it may not read is a Gap.
const (
	PrivilegeRoot Privilege = "root" // the login account is uid 0
	PrivilegeSudo Privilege = "sudo" // sudo -n gave uid 0
	PrivilegeNone Privilege = "none"
)

// Snapshot is what was read from one host at one time. Files are sorted by Path,
// Outputs by Name, Gaps by Path then Reason, and no path or name occurs twice
// among Files and Outputs.
type Snapshot struct {
	Collector Collector
	Source    Source
	Privilege Privilege
	Name      string    // the host's name in the inventory, or the directory of --root
	Account   string    // the account that the collector was started by; "" where there is none (SourceRoot)
	Start     time.Time // our clock when the collection began, UTC
	End       time.Time // our clock when it ended, UTC
	HostClock time.Time // the host's clock when the collection began; zero: unknown
	Complete  bool      // the collector's end mark was seen

	Files   []File
	Outputs []Output
	Gaps    []Gap
}

// Collector names the script (or the code) that made a snapshot.
type Collector struct {
	Version string // as collector --version prints it
	SHA256  string // hex, of the script's bytes; "" for SourceRoot
}

// File is one name in the host's file system. /proc entries that the collector
// reads (/proc/PID/stat, /proc/PID/cmdline, the link /proc/PID/exe, the links
// /proc/PID/fd/N, /proc/net/tcp ...) are Files like any other.
type File struct {
	Path   string // absolute, raw bytes
	Type   byte   // as find -type: 'f' 'd' 'l' 'p' 's' 'c' 'b'; 0: not known
	Mode   uint32 // permission bits with setuid, setgid, sticky: 07777
	UID    int64  // -1: unknown
	GID    int64  // -1: unknown
	Size   int64
	Links  int64
	Inode  uint64
	Dev    uint64
	MTime  time.Time // UTC; whole seconds where the host's stat gives no more
	CTime  time.Time // UTC; zero: unknown
	Target string    // of a link: its text, raw
	Real   string    // of a link whose target exists: the final path; "" otherwise

	// Content is nil where it was not asked for or could not be read (then a Gap
	// says so). For a link it is the content of the final path.
	Content   []byte
	Truncated bool // Content stops at the cap; a Gap of kind GapCap says so too
	Filtered  bool // secrets in Content were replaced on the host (passwd's second field, shadow)
}

// HasContent reports whether the content was read (an empty file has content).
func (f *File) HasContent() bool { return f.Content != nil }

// Output is what one command on the host printed, or a list that the collector
// made (accounts' shadow states, package versions). Names are listed in doc.go.
type Output struct {
	Name      string
	Args      []string // the words that the collector ran, where it matters (sshd -T)
	RC        int      // exit code; -1: not run to its end
	Data      []byte
	Stderr    []byte // bounded
	Truncated bool

	// Value is what Data says where whoever put it there had it decoded anyhow; nil:
	// nobody did. It is not archived.
	Value any
}

// GapKind classes the reasons for which something was not read.
type GapKind string

// The kinds of gap.
const (
	GapDenied   GapKind = "denied"   // no permission
	GapMissing  GapKind = "missing"  // a tool that the collector would need is not there
	GapCap      GapKind = "cap"      // a bound on size, count or time was hit
	GapNetwork  GapKind = "network"  // network or autofs path, not entered
	GapUnsafe   GapKind = "unsafe"   // FIFO, device, or a path that leaves the user's home
	GapWithheld GapKind = "withheld" // holds a private key or password hash
	GapChanged  GapKind = "changed"  // changed while it was read
	GapError    GapKind = "error"    // anything else, with the host's words
	GapSource   GapKind = "source"   // this kind of source cannot hold it (a directory has no processes)
)

// Gap says what could not be read and why. A path may be a file, a directory
// ("whatever is below it"), or an output's name.
type Gap struct {
	Path   string
	Kind   GapKind
	Reason string // for people; the host's bytes in it are bounded but not escaped
}

// Lookup returns the file with that path, or nil. It does not follow links.
func (s *Snapshot) Lookup(path string) *File {
	// By hand: a host's facts look up hundreds of paths.
	from, to := 0, len(s.Files)
	for from < to {
		i := int(uint(from+to) / 2)
		switch c := strings.Compare(s.Files[i].Path, path); {
		case c < 0:
			from = i + 1
		case c > 0:
			to = i
		default:
			return &s.Files[i]
		}
	}
	return nil
}

// Output returns the output of that name, or nil.
func (s *Snapshot) Output(name string) *Output {
	i := sort.Search(len(s.Outputs), func(i int) bool { return s.Outputs[i].Name >= name })
	if i < len(s.Outputs) && s.Outputs[i].Name == name {
		return &s.Outputs[i]
	}
	return nil
}

// Identity returns one value of the output OutIdentity, or "".
func (s *Snapshot) Identity(key string) string {
	o := s.Output(OutIdentity)
	if o == nil {
		return ""
	}
	for line := range strings.Lines(string(o.Data)) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok && k == key {
			return v
		}
	}
	return ""
}

// Below returns the files whose path lies below dir (not dir itself), at any depth.
func (s *Snapshot) Below(dir string) []File {
	prefix := dir
	if prefix == "" || prefix[len(prefix)-1] != '/' {
		prefix += "/"
	}
	lo := sort.Search(len(s.Files), func(i int) bool { return s.Files[i].Path >= prefix })
	hi := lo
	for hi < len(s.Files) && len(s.Files[hi].Path) >= len(prefix) && s.Files[hi].Path[:len(prefix)] == prefix {
		hi++
	}
	return s.Files[lo:hi]
}

// GapsFor returns the gaps that touch path: those on it, on a directory above
// it, and on anything below it.
func (s *Snapshot) GapsFor(path string) []Gap {
	var out []Gap
	for _, g := range s.Gaps {
		if g.Path == path || within(g.Path, path) || within(path, g.Path) {
			out = append(out, g)
		}
	}
	return out
}

// within reports whether path lies below dir.
func within(path, dir string) bool {
	if dir == "/" {
		return len(path) > 1 && path[0] == '/'
	}
	return len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}
