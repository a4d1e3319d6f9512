package snapshot

import (
	"regexp"
	"slices"
	"strings"
)

var libTwin = regexp.MustCompile(`^/(s?bin|lib[0-9a-z]*)/`)

// twin is the other name of a file where /bin and /lib lie in /usr; "" where none is.
func twin(p string) string {
	if rest, ok := strings.CutPrefix(p, "/usr"); ok && libTwin.MatchString(rest) {
		return rest
	}
	if libTwin.MatchString(p) {
		return "/usr" + p
	}
	return ""
}

// records are what a package manager keeps of its packages in a tree.
type records struct {
	manager string
	few     bool                                          // only what a host's answers are asked for too: there each one costs
	each    func(own func(pkg, file string)) (whole bool) // tells of all files of all packages
	sums    func()                                        // puts what is not as a package brought it
}

// records finds the one package manager of a tree; nil: none that is read here.
func (r *deepRooted) records() *records {
	switch {
	case r.t.isFile("/var/lib/dpkg/status"):
		return &records{"dpkg", false, r.dpkgFiles, r.dpkgSums}
	case r.t.isFile(apkInstalled):
		return &records{"apk", false, r.apkFiles, r.apkSums}
	case r.rpmDatabase() != "":
		return &records{"rpm", true, r.rpmFiles, r.rpmSums}
	}
	const why = "no package manager whose records are read in a directory"
	r.b.gap(OutOwned, GapSource, why)
	r.b.gap("sums", GapSource, why)
	return nil
}

// owners says which package files are of, and has their checksums compared.
func (r *deepRooted) owners() {
	of := r.records()
	if of == nil {
		return
	}
	patterns := deepList("MODULES")
	if !of.few {
		shared := deepList("SHARED")
		patterns = append(append(append(patterns, deepList("PLACES")...), shared...), "/etc/cron.*/*")
		if fi, err := r.t.lstat("/lib"); err == nil && fi.IsDir() {
			for _, p := range shared {
				patterns = append(patterns, strings.TrimPrefix(p, "/usr"))
			}
		}
	}
	// What was asked for by name is answered even where no such file is: a setting may
	// name a program that is gone.
	want := map[string]string{}
	for _, p := range slices.Concat(r.expand(patterns), r.setuid, r.able, r.shadow, r.started(), r.q.Paths, r.q.Owned) {
		if !strings.ContainsAny(p, "\n\t") {
			want[p] = ""
		}
	}
	n := 0
	whole := of.each(func(pkg, file string) {
		n++
		for _, n := range []string{file, twin(file)} {
			if have, ok := want[n]; ok && have == "" {
				want[n] = pkg
			}
		}
	})
	if n == 0 {
		whole = false
		r.b.gap(OutOwned, GapMissing, "the records of "+of.manager+" name no file")
	}
	var out strings.Builder
	out.WriteString("manager\t" + of.manager + "\n")
	var loose []string
	names := make([]string, 0, len(want))
	for p := range want {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		if want[p] == "" && !whole {
			continue // its package may stand in what was not read
		}
		if want[p] == "" {
			out.WriteString("-\t" + p + "\n")
			if !of.few && looseRead.MatchString(p) {
				loose = append(loose, p)
			}
			continue
		}
		out.WriteString(want[p] + "\t" + p + "\n")
	}
	r.put(OutOwned, []byte(out.String()))
	if len(loose) > 200 {
		r.b.gap("/usr/lib/systemd", GapCap, "more than 200 files of no package")
		loose = loose[:200]
	}
	r.look(read, loose...)
	of.sums()
}

var looseRead = deepPattern("LOOSE")
