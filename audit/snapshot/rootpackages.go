package snapshot

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// packages reads the package managers' own records.
func (r *rooted) packages() {
	patterns := shList("PKGS")
	wanted := func(name string) bool {
		for _, p := range patterns {
			if ok, err := path.Match(p, name); ok && err == nil {
				return true
			}
		}
		return false
	}
	var out strings.Builder
	known := false
	const most = 64 << 20 // a desktop's dpkg status is 6 MiB
	if c, err := r.t.read("/var/lib/dpkg/status", most); err == nil {
		known = true
		for para := range bytes.SplitSeq(c, []byte("\n\n")) {
			name, version, state := control(para)
			if strings.HasSuffix(state, " installed") && wanted(name) {
				out.WriteString("dpkg\t" + name + "\t" + version + "\n")
			}
		}
	} else {
		r.fault("/var/lib/dpkg/status", err)
	}
	if c, err := r.t.read("/lib/apk/db/installed", most); err == nil {
		known = true
		name := ""
		for line := range strings.Lines(string(c)) {
			line = strings.TrimSuffix(line, "\n")
			if n, ok := strings.CutPrefix(line, "P:"); ok {
				name = n
			} else if v, ok := strings.CutPrefix(line, "V:"); ok && wanted(name) {
				out.WriteString("apk\t" + name + "\t" + v + "\n")
			}
		}
	} else {
		r.fault("/lib/apk/db/installed", err)
	}
	if names, _, err := r.t.list("/var/lib/pacman/local", 20000); err == nil {
		known = true
		for _, n := range names {
			i := strings.LastIndexByte(n, '-')
			if i <= 0 {
				continue
			}
			k := strings.LastIndexByte(n[:i], '-')
			if k > 0 && wanted(n[:k]) {
				out.WriteString("pacman\t" + n[:k] + "\t" + n[k+1:] + "\n")
			}
		}
	}
	if r.rpmDatabase() != "" {
		n := 0
		whole := r.rpmEach(OutPackages, func(p *rpmPackage) {
			n++
			if wanted(p.name) {
				out.WriteString("rpm\t" + p.name + "\t" + p.version + "\n")
			}
		})
		if known = known || n > 0; !known && !whole {
			return // a gap says why
		}
		known = true
	} else if !known && (r.t.isDir("/var/lib/rpm") || r.t.isDir("/usr/lib/sysimage/rpm")) {
		r.b.gap(OutPackages, GapSource, "rpm's database is not there, or in no form that is read in a directory")
		return
	}
	if !known {
		r.b.gap(OutPackages, GapMissing, "no package manager that this collector knows")
		return
	}
	r.put(OutPackages, []byte(out.String()))
}

// control takes three fields of a paragraph of dpkg's status file (deb-control(5)).
func control(para []byte) (name, version, state string) {
	for line := range bytes.Lines(para) {
		k, v, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), ": ")
		if !ok {
			continue
		}
		switch k {
		case "Package":
			name = v
		case "Version":
			version = v
		case "Status":
			state = v
		}
	}
	return name, version, state
}

// logs says that the journal is not read here. Log files are.
func (r *rooted) logs() {
	r.logFile(OutSshdLog, regexp.MustCompile(` sshd(-session)?(\[|:)`), regexp.MustCompile(shText("SSHDSAYS")),
		"/var/log/auth.log", "/var/log/secure", "/var/log/messages", "/var/log/syslog")
	r.logFile(OutCronLog, regexp.MustCompile(` (CRON|cron|CROND|crond|anacron|crontab|atd)(\[|:)`), regexp.MustCompile(`.`),
		"/var/log/cron", "/var/log/cron.log", "/var/log/syslog", "/var/log/messages")
}

// logTail is how much of a log file's end is looked at.
const logTail = 2 << 20

func (r *rooted) logFile(name string, who, says *regexp.Regexp, files ...string) {
	for _, p := range files {
		if !r.t.isFile(p) {
			continue
		}
		c, err := r.t.tail(p, logTail)
		if err != nil {
			r.fault(name, err)
			return
		}
		var lines [][]byte
		size := 0
		all := bytes.SplitAfter(c, []byte("\n"))
		for i := len(all) - 1; i >= 0 && len(lines) < 400 && size < 256<<10; i-- {
			if l := all[i]; len(l) > 0 && who.Match(l) && says.Match(l) {
				lines = append(lines, l)
				size += len(l)
			}
		}
		var out []byte
		for i := len(lines) - 1; i >= 0; i-- {
			out = append(out, lines[i]...)
		}
		r.put(name, out)
		return
	}
	r.b.gap(name, GapSource, "no log file; the journal is read on a running host only")
}
