package snapshot

import (
	"crypto/md5"  //nolint:gosec // rpm's own sums of old packages are MD5
	"crypto/sha1" //nolint:gosec // and some are SHA-1
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// rpmPackage is what rpm keeps of a package that it installed.
type rpmPackage struct {
	name, version string // version with the epoch and the release, as rpm -q prints them
	algorithm     uint32 // of the digests, by its number in OpenPGP; 0: MD5
	files         []rpmFile
}

type rpmFile struct {
	path, digest string
	mode         uint16
	config       bool // people edit it
	installed    bool
}

// Tags of headers (rpm's rpmtag.h), and their types.
const (
	rpmName, rpmVersion, rpmRelease, rpmEpoch                        = 1000, 1001, 1002, 1003
	rpmFileStates, rpmFileModes, rpmFileDigests, rpmFileFlags        = 1029, 1030, 1035, 1037
	rpmDirIndexes, rpmBaseNames, rpmDirNames, rpmFileDigestAlgorithm = 1116, 1117, 1118, 5011

	rpmTypeChar, rpmTypeInt16, rpmTypeInt32, rpmTypeString, rpmTypeStrings = 1, 3, 4, 6, 8

	rpmFlagConfig = 1
	rpmFlagGhost  = 64
	rpmFilesMost  = 1 << 20 // of one package
)

var errRPMHeader = errors.New("a header of rpm's database is broken")

// rpmHeader reads a header as rpm's database keeps it: how many entries and how many
// bytes of data, the entries (tag, type, offset, count), the data; all in big endian.
func rpmHeader(blob []byte) (*rpmPackage, error) {
	if len(blob) < 8 {
		return nil, errRPMHeader
	}
	entries, size := uint64(binary.BigEndian.Uint32(blob)), uint64(binary.BigEndian.Uint32(blob[4:]))
	if 8+16*entries+size > uint64(len(blob)) {
		return nil, errRPMHeader
	}
	h := rpmEntries{data: blob[8+16*entries:][:size], at: map[uint32][3]uint32{}}
	for i := range entries {
		e := blob[8+16*i:]
		h.at[binary.BigEndian.Uint32(e)] = [3]uint32{binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])}
	}
	p := &rpmPackage{name: h.text(rpmName), version: h.text(rpmVersion)}
	if r := h.text(rpmRelease); r != "" {
		p.version += "-" + r
	}
	if e := h.numbers(rpmEpoch); len(e) == 1 {
		p.version = fmt.Sprintf("%d:%s", e[0], p.version)
	}
	if a := h.numbers(rpmFileDigestAlgorithm); len(a) == 1 {
		p.algorithm = a[0]
	}
	if p.name == "" {
		return nil, errRPMHeader
	}
	base, dirs, index := h.texts(rpmBaseNames), h.texts(rpmDirNames), h.numbers(rpmDirIndexes)
	digests, modes, flags, states := h.texts(rpmFileDigests), h.numbers(rpmFileModes), h.numbers(rpmFileFlags), h.numbers(rpmFileStates)
	for i, b := range base {
		if i >= len(index) || int64(index[i]) >= int64(len(dirs)) {
			return nil, errRPMHeader
		}
		f := rpmFile{path: dirs[index[i]] + b, installed: true}
		if i < len(digests) {
			f.digest = digests[i]
		}
		if i < len(modes) {
			f.mode = uint16(modes[i])
		}
		if i < len(flags) {
			f.config = flags[i]&rpmFlagConfig != 0
			f.installed = flags[i]&rpmFlagGhost == 0
		}
		if i < len(states) && states[i] != 0 {
			f.installed = false // replaced, not installed, of another architecture
		}
		p.files = append(p.files, f)
	}
	return p, nil
}

// rpmEntries are the entries of a header by their tags: type, offset, count.
type rpmEntries struct {
	data []byte
	at   map[uint32][3]uint32
}

func (h *rpmEntries) text(tag uint32) string {
	e, ok := h.at[tag]
	if !ok || e[0] != rpmTypeString || uint64(e[1]) >= uint64(len(h.data)) {
		return ""
	}
	s, _, _ := strings.Cut(string(h.data[e[1]:min(uint64(e[1])+1024, uint64(len(h.data)))]), "\x00")
	return s
}

func (h *rpmEntries) texts(tag uint32) []string {
	e, ok := h.at[tag]
	if !ok || e[0] != rpmTypeStrings || uint64(e[1]) > uint64(len(h.data)) || e[2] > rpmFilesMost {
		return nil
	}
	var out []string
	rest := h.data[e[1]:]
	for range e[2] {
		i := slices.Index(rest, 0)
		if i < 0 {
			return nil
		}
		out, rest = append(out, string(rest[:i])), rest[i+1:]
	}
	return out
}

func (h *rpmEntries) numbers(tag uint32) []uint32 {
	e, ok := h.at[tag]
	if !ok || e[2] > rpmFilesMost {
		return nil
	}
	wide := map[uint32]uint64{rpmTypeChar: 1, rpmTypeInt16: 2, rpmTypeInt32: 4}[e[0]]
	if wide == 0 || uint64(e[1])+wide*uint64(e[2]) > uint64(len(h.data)) {
		return nil
	}
	out := make([]uint32, 0, e[2])
	for i := range uint64(e[2]) {
		b := h.data[uint64(e[1])+wide*i:]
		switch wide {
		case 1:
			out = append(out, uint32(b[0]))
		case 2:
			out = append(out, uint32(binary.BigEndian.Uint16(b)))
		default:
			out = append(out, binary.BigEndian.Uint32(b))
		}
	}
	return out
}

// rpmDatabases are where rpm keeps its headers, by the form, and what reads them.
var rpmDatabases = []struct {
	path string
	read func(data []byte, each func(blob []byte) error) error
}{
	{"/usr/lib/sysimage/rpm/rpmdb.sqlite", sqlitePackages}, {"/var/lib/rpm/rpmdb.sqlite", sqlitePackages},
	{"/usr/lib/sysimage/rpm/Packages.db", ndbPackages}, {"/var/lib/rpm/Packages.db", ndbPackages},
	{"/usr/lib/sysimage/rpm/Packages", bdbPackages}, {"/var/lib/rpm/Packages", bdbPackages},
}

// rpmMost bounds a database: a desktop's of Fedora has 150 MiB.
const rpmMost = 512 << 20

// rpmDatabase finds the database of a tree; "": there is none in a form that is read here.
func (r *rooted) rpmDatabase() string {
	for _, d := range rpmDatabases {
		if r.t.isFile(d.path) {
			return d.path
		}
	}
	return ""
}

// rpmEach tells of each package in it. What could not be read is a gap of name, and then
// it is not whole.
func (r *rooted) rpmEach(name string, each func(*rpmPackage)) (whole bool) {
	p := r.rpmDatabase()
	for _, d := range rpmDatabases {
		if d.path != p {
			continue
		}
		data, err := r.t.read(p, rpmMost)
		if err != nil {
			r.fault(name, err)
			return false
		}
		if len(data) > rpmMost {
			r.b.gap(name, GapCap, fmt.Sprintf("%s has more than %d MiB", p, rpmMost>>20))
			return false
		}
		whole = true
		if fi, err := r.t.lstat(p + "-wal"); err == nil && fi.Size() > 0 {
			whole = false
			r.b.gap(name, GapSource, "the last changes of "+p+" are in its journal, which is not read: start rpm once, or copy the tree while it rests")
		}
		broken := 0
		err = d.read(data, func(blob []byte) error {
			if h, herr := rpmHeader(blob); herr != nil {
				broken++
			} else {
				each(h)
			}
			return r.ctx.Err()
		})
		if err != nil {
			r.b.gap(name, GapError, p+": "+err.Error())
			whole = false
		}
		if broken > 0 {
			r.b.gap(name, GapError, fmt.Sprintf("%s: %d headers are broken", p, broken))
			whole = false
		}
	}
	return whole
}

func (r *deepRooted) rpmFiles(own func(pkg, file string)) (whole bool) {
	return r.rpmEach(OutOwned, func(p *rpmPackage) {
		for i := range p.files {
			own(p.name, p.files[i].path)
		}
	})
}

// rpmSums compares files of the packages by which one logs in, and says what differs in
// the form of rpm -V.
func (r *deepRooted) rpmSums() {
	wanted := deepList("RPMVERIFY")
	var out strings.Builder
	r.rpmEach(OutSumsRPM, func(p *rpmPackage) {
		if !slices.Contains(wanted, p.name) {
			return
		}
		for _, f := range p.files {
			h := rpmHash(p.algorithm)
			if !f.installed || f.digest == "" || h == nil || strings.Contains(f.path, "\n") {
				continue
			}
			if fi, err := r.t.lstat(f.path); err != nil || !fi.Mode().IsRegular() {
				continue
			}
			if is := r.sum(f.path, h); is != "" && is != strings.ToLower(f.digest) {
				kind := " "
				if f.config {
					kind = "c"
				}
				out.WriteString("..5......  " + kind + " " + f.path + "\n")
			}
		}
	})
	r.put(OutSumsRPM, []byte(out.String()))
}

// rpmHash gives a digest by its number in OpenPGP (RFC 4880, 9.4).
func rpmHash(algorithm uint32) hash.Hash {
	switch algorithm {
	case 0, 1:
		return md5.New() //nolint:gosec // as above
	case 2:
		return sha1.New() //nolint:gosec // as above
	case 8:
		return sha256.New()
	case 9:
		return sha512.New384()
	case 10:
		return sha512.New()
	}
	return nil
}
