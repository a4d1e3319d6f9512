package snapshot

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// deeperSections is what the second round does in place of the collector's run.
//
//go:embed deeper.sh
var deeperSections string

// deeperScript is the collector with the sections of the second round: the same
// frames, the same bounds, the same care for what users can write.
var deeperScript = sync.OnceValue(func() string {
	head, rest, ok := strings.Cut(script, "# ---- in this order\n")
	at := strings.Index(rest, "\ncollect() {")
	if !ok || at < 0 {
		panic("snapshot: the collector has lost the marks between which its sections stand")
	}
	return head + deeperSections + rest[at+1:]
})

// Questions are what a first round raised. Names are the host's, and reach the
// script as data alone.
type Questions struct {
	Paths []string // files whose first 64 KiB, SHA-256 and attributes are wanted
	Rooms []string // directories whose names are wanted, and the pid and lock files in them
	Owned []string // files of which it is asked what package has them, as of all Paths
}

// Bounds on questions: a host chooses the names.
const (
	maxAsked     = 150
	maxRooms     = 30
	maxOwned     = 600
	maxAskedName = 1024
)

// Deepen runs the second, deeper round on a host and returns what it brought: a
// snapshot of its own, since it holds other things under names of /proc than the
// first. Bounds, gaps and errors are those of [Collect].
func Deepen(ctx context.Context, r Runner, o Options, q Questions) (*Snapshot, error) {
	return gather(ctx, r, o, "FETCH=no\n"+questions("ASKED", q.Paths, maxAsked)+questions("ASKEDROOMS", q.Rooms, maxRooms)+questions("ASKEDOWNERS", q.Owned, maxOwned), deeperScript())
}

// Fetch reads files whole, for evidence: up to 4 MiB each and 32 MiB together. Names
// below /proc are read as they are, all else with the rights that its path asks for.
// What holds a private key or a password hash is never brought: its SHA-256 is.
func Fetch(ctx context.Context, r Runner, o Options, paths []string) (*Snapshot, error) {
	o.Limits.File, o.Limits.Total = 4<<20, 32<<20
	return gather(ctx, r, o, "FETCH=yes\nASKEDROOMS=\nASKEDOWNERS=\n"+questions("ASKED", paths, maxAsked), deeperScript())
}

// questions is an assignment of words made of letters, digits and a few marks, and
// of backslashes with octal numbers for all else.
func questions(name string, paths []string, most int) string {
	var b strings.Builder
	b.WriteString(name + "='")
	n := 0
	for _, p := range paths {
		if !okPath(p) || len(p) > maxAskedName || strings.IndexByte(p, 0) >= 0 {
			continue
		}
		if n++; n > most {
			break
		}
		plain := true
		for i := range len(p) {
			plain = plain && isPlain(p[i])
		}
		for i := range len(p) {
			if plain {
				b.WriteByte(p[i])
			} else {
				fmt.Fprintf(&b, `\0%03o`, p[i])
			}
		}
		b.WriteByte(' ')
	}
	b.WriteString("'\n")
	return b.String()
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._-+@", c) >= 0
}

// Names of the outputs of a second round.
const (
	OutProcStat     = "proc.stat"     // /proc/PID/stat, each line behind its file's name and a colon
	OutProcStatus   = "proc.status"   // Uid, CapEff and TracerPid of /proc/PID/status, likewise
	OutProcExes     = "proc.exes"     // metadata of running programs: mode(hex) uid gid size links inode dev mtime ctime /proc/PID/exe
	OutProcWords    = "proc.words"    // words of /proc/PID/cmdline and LD_PRELOAD, LD_AUDIT of environ, each behind its file's name; newlines as \001
	OutProcDigests  = "proc.digests"  // SHA-256  /proc/PID/exe, of programs without a name and from odd places
	OutProcMounts   = "proc.mounts"   // mounts over /proc/PID
	OutOwned        = "owned"         // manager\tNAME, then PACKAGE\tPATH; PACKAGE is - where none has it
	OutSums         = "sums.expected" // lines of dpkg's md5sums files, each behind its file's name and a colon
	OutSumsFound    = "sums.found"    // md5sum's answer
	OutSumsRPM      = "sums.rpm"      // rpm -V
	OutSumsAPK      = "sums.apk"      // apk verify and apk audit
	OutConffiles    = "conffiles"     // PATH MD5 as packages brought them
	OutDigests      = "digests"       // SHA-256  PATH of what was asked for
	OutSetuidSums   = "setuid.sums"   // SHA-256  PATH of shells and of setuid programs in odd places
	OutCapabilities = "capabilities"  // getcap: PATH CAPABILITIES
	OutAttributes   = "attributes"    // lsattr -d of what was asked for
	OutAccountsLog  = "log.accounts"  // log lines of useradd, usermod, passwd and the like, newest last
	OutWtmp         = "log.wtmp"      // the last records of /var/log/wtmp, in hex
	OutBtmp         = "log.btmp"      // the same of btmp
	OutDeeper       = "deeper"        // in the first round's snapshot: an archive of the second's
	maxDeeperNested = 4 << 20
)

// ErrDeeper marks a second round that cannot be kept beside its first.
var ErrDeeper = errors.New("the second round cannot be kept")

// Keep puts a second round into s, as an archive in an output, so that both are
// one file. Where it is more than an output may hold, contents of files are left out and
// named, the largest first, and those where others than root write before root's: whoever
// fills a place with them takes nothing else away.
func (s *Snapshot) Keep(deeper *Snapshot) error {
	var b bytes.Buffer
	if err := Write(&b, deeper); err != nil {
		return err
	}
fits:
	for _, roots := range []bool{false, true} {
		for _, most := range []int{48 << 10, 24 << 10, 8 << 10, 2 << 10, 0} {
			if b.Len() <= maxDeeperNested {
				break fits
			}
			deeper = lighter(deeper, most, roots)
			b.Reset()
			if err := Write(&b, deeper); err != nil {
				return err
			}
		}
	}
	if b.Len() > maxDeeperNested {
		s.Gaps = append(s.Gaps, Gap{Path: OutDeeper, Kind: GapCap, Reason: "the second round is more than 4 MiB"})
		s.sort()
		return fmt.Errorf("%w: %d bytes", ErrDeeper, b.Len())
	}
	s.Put(Output{Name: OutDeeper, Data: b.Bytes(), Value: deeper})
	return nil
}

var rootPlace = regexp.MustCompile(`^/(etc|usr|lib[0-9a-z]*|s?bin|root|boot|run)/|^/var/(lib/dpkg|spool/cron)/`)

// lighter is a copy of s that lacks contents of more than so many bytes, of files where
// root alone writes or of the others.
func lighter(s *Snapshot, most int, roots bool) *Snapshot {
	c := *s
	c.Files, c.Gaps = slices.Clone(s.Files), slices.Clone(s.Gaps)
	for i := range c.Files {
		f := &c.Files[i]
		if len(f.Content) > most && (roots || !rootPlace.MatchString(f.Path)) {
			f.Content, f.Truncated, f.Filtered = nil, false, false
			c.Gaps = append(c.Gaps, Gap{Path: f.Path, Kind: GapCap, Reason: "its content was left out: the second round is more than 4 MiB"})
		}
	}
	c.sort()
	return &c
}

// Deeper returns the second round that s holds; nil: there is none.
func (s *Snapshot) Deeper() (*Snapshot, error) {
	o := s.Output(OutDeeper)
	if o == nil {
		return nil, nil
	}
	if d, ok := o.Value.(*Snapshot); ok {
		return d, nil
	}
	return Read(bytes.NewReader(o.Data), Limits{})
}
