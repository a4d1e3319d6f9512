package snapshot

import (
	"bytes"
	"crypto/md5" //nolint:gosec // dpkg's own sums are MD5
	"path"
	"slices"
	"strings"
)

// dpkgFiles tells of the files in dpkg's lists.
func (r *deepRooted) dpkgFiles(own func(pkg, file string)) (whole bool) {
	whole = true
	for _, l := range r.expand([]string{"/var/lib/dpkg/info/*.list"}) {
		c, err := r.t.read(l, listMost)
		if err != nil || r.ctx.Err() != nil {
			r.fault(OutOwned, err)
			whole = false
			continue
		}
		if len(c) >= listMost {
			r.b.gap(OutOwned, GapCap, "the list of a package is more than 8 MiB")
			whole = false
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(path.Base(l), ".list"), ":")
		for line := range bytes.Lines(c) {
			own(pkg, strings.TrimSuffix(string(line), "\n"))
		}
	}
	return whole
}

var (
	sumLine  = deepPattern("SUMLINES")
	sumUnit  = deepPattern("SUMUNITS")
	conffile = deepPattern("CONFFILES")
)

// dpkgSums compares what dpkg says that files are with what they are.
func (r *deepRooted) dpkgSums() {
	verify := deepList("VERIFY")
	var expected, found strings.Builder
	done, cut := map[string]bool{}, false
	for _, f := range r.expand([]string{"/var/lib/dpkg/info/*.md5sums"}) {
		c, err := r.t.read(f, listMost)
		if err != nil || r.ctx.Err() != nil {
			r.fault(f, err)
			continue
		}
		if len(c) >= listMost {
			r.b.gap(f, GapCap, "more than 8 MiB")
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".md5sums"), ":")
		all := slices.Contains(verify, pkg)
		for line := range strings.Lines(string(c)) {
			line = strings.TrimSuffix(line, "\n")
			if !sumUnit.MatchString(line) && !(all && sumLine.MatchString(line)) {
				continue
			}
			if expected.Len() > 1<<20 {
				if !cut {
					r.b.gap("sums", GapCap, "more checksums than are compared")
				}
				cut = true
				break
			}
			expected.WriteString(f + ":" + line + "\n")
			p := line[34:]
			if done[p] {
				continue
			}
			done[p] = true
			if _, err := r.t.lstat("/" + p); err != nil {
				found.WriteString("md5sum: " + p + ": No such file or directory\n")
			} else if s := r.sum("/"+p, md5.New()); s != "" { //nolint:gosec // as above
				found.WriteString(s + "  " + p + "\n")
			}
		}
	}
	if expected.Len() == 0 {
		r.b.gap("sums", GapMissing, "no checksums of packages")
	} else {
		r.put(OutSums, []byte(expected.String()))
		r.put(OutSumsFound, []byte(found.String()))
	}
	if c, err := r.t.read("/var/lib/dpkg/status", statusMost); err != nil {
		r.fault("/var/lib/dpkg/status", err)
	} else {
		if len(c) >= statusMost {
			r.b.gap("/var/lib/dpkg/status", GapCap, "more than 64 MiB")
		}
		var out strings.Builder
		inside := false // the field, whose other lines begin with a blank
		for line := range bytes.Lines(c) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if !bytes.HasPrefix(line, []byte(" ")) {
				inside = bytes.HasPrefix(line, []byte("Conffiles:"))
			} else if m := conffile.FindSubmatch(line); inside && m != nil {
				out.Write(m[1])
				out.WriteByte('\n')
			}
		}
		r.put(OutConffiles, []byte(out.String()))
	}
	r.look(read, "/var/lib/dpkg/diversions")
}
