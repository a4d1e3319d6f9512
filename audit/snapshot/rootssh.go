package snapshot

import (
	"path"
	"slices"
	"strings"
)

// sshd reads the configuration files and what they name, as sshfiles in the
// collector does: more than sshd would, never less.
func (r *rooted) sshd() {
	r.keyFiles = []string{".ssh/authorized_keys", ".ssh/authorized_keys2"}
	level := []string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"}
	confs := slices.Clone(level)
	var refs, metas []string
	asked := map[string]bool{} // patterns of Include
	for depth := 0; len(level) > 0 && depth <= 16; depth++ {
		var next []string
		for _, p := range level {
			c, err := r.t.read(p, r.limit.File)
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(c)) {
				words := confWords(line)
				if len(words) < 2 {
					continue
				}
				key := strings.ToLower(words[0])
				for i, w := range words[1:] {
					abs := strings.HasPrefix(w, "/")
					kernel := strings.HasPrefix(w, "/proc/") || strings.HasPrefix(w, "/dev/") || strings.HasPrefix(w, "/sys/")
					switch key {
					case "include":
						if kernel {
							continue
						}
						if !abs {
							w = "/etc/ssh/" + w
						}
						if asked[w] {
							continue
						}
						asked[w] = true
						if r.ctx.Err() != nil {
							return
						}
						for _, f := range r.expand([]string{w}) {
							if !r.t.isFile(f) || slices.Contains(confs, f) {
								continue
							}
							if len(confs) > 1000 {
								r.b.gap(f, GapCap, "more than 1000 included files")
								break
							}
							confs, next = append(confs, f), append(next, f)
						}
					case "authorizedkeysfile":
						if w != "none" {
							r.keyFiles = append(r.keyFiles, w)
						}
					case "authorizedkeyscommand", "authorizedprincipalscommand":
						if abs && i == 0 {
							metas = append(metas, w)
							r.above(w)
						}
					case "hostkey":
						if abs {
							metas, refs = append(metas, w), append(refs, w+".pub")
							r.above(w)
						}
					case "modulifile":
						if abs && r.moduliFile == "" {
							r.moduliFile = w
						}
					case "authorizedprincipalsfile":
						switch {
						case w == "none" || kernel:
						case strings.Contains(w, "%") || !abs: // of each account
							r.keyFiles = append(r.keyFiles, w)
						default:
							refs = append(refs, w)
							r.above(w)
						}
					case "hostcertificate", "trustedusercakeys", "revokedkeys", "banner":
						if abs && !kernel && !strings.Contains(w, "%") {
							refs = append(refs, w)
							r.above(w)
						}
					}
				}
			}
		}
		level = next
	}
	r.above(confs...)
	r.look(read, confs...)
	r.look(read, refs...)
	r.look(meta, metas...)
}

// confWords splits a line crudely: blanks and "=" part words, double quotes hold
// blanks. audit/sshd does it well; here it only has to find names.
func confWords(line string) []string {
	var out []string
	rest := strings.TrimRight(line, "\r\n")
	for {
		rest = strings.TrimLeft(rest, " \t=")
		if rest == "" || rest[0] == '#' {
			return out
		}
		var w string
		if rest[0] == '"' {
			w, rest, _ = strings.Cut(rest[1:], `"`)
		} else if i := strings.IndexAny(rest, " \t"); i >= 0 {
			w, rest = rest[:i], rest[i:]
		} else {
			w, rest = rest, ""
		}
		if len(out) == 0 { // the keyword may be glued to its argument by "="
			if k, v, ok := strings.Cut(w, "="); ok {
				w, rest = k, v+rest
			}
		}
		out = append(out, w)
	}
}

// keys reads what may open each account, and the directories above.
func (r *rooted) keys() {
	seen, ran := map[string]bool{}, map[string]bool{}
	for _, a := range r.order {
		if strings.HasPrefix(a.shell, "/") && !seen["shell "+a.shell] {
			seen["shell "+a.shell] = true
			r.look(meta, a.shell)
		}
		if !strings.HasPrefix(a.home, "/") || !r.t.isDir(a.home) || r.ctx.Err() != nil {
			continue
		}
		if a.home != "/" && !seen[a.home] {
			seen[a.home] = true
			r.look(meta, a.home)
			r.above(a.home)
		}
		home := strings.TrimSuffix(a.home, "/")
		mine := false
		for _, p := range r.keyFiles {
			p = strings.NewReplacer("%%", "%", "%h", a.home, "%u", a.name, "%U", a.uid).Replace(p)
			if !strings.HasPrefix(p, "/") {
				p = home + "/" + p
			}
			if _, err := r.t.lstat(p); err != nil {
				r.fault(p, err)
				continue
			}
			mine = true
			r.above(p)
			r.look(read, p)
		}
		if !mine && r.t.isDir(home+"/.ssh") {
			r.look(meta, home+"/.ssh")
		}
		r.userUnits(home, shList("HOMEUNITS"))
		if !ran[a.uid] {
			ran[a.uid] = true
			r.userUnits("/run/user/"+a.uid, shList("RUNUNITS"))
		}
	}
	r.lookAbove()
}

// maxUserUnits bounds the files of an account's own units, as the collector does.
const maxUserUnits = 200

// userUnits reads the files of an account's own timers in these folders below root.
func (r *rooted) userUnits(root string, folders []string) {
	n := 0
	for _, dir := range folders {
		if dir = root + "/" + dir; !r.t.isDir(dir) {
			continue
		}
		r.look(meta, dir)
		for _, pattern := range shList("USERUNITS") {
			for _, p := range r.expand([]string{dir + "/" + pattern}) {
				if _, err := r.t.lstat(p); err != nil {
					continue
				}
				if n++; n > maxUserUnits {
					r.b.gap(dir, GapCap, "more than 200 files of units")
					return
				}
				r.look(read, p)
			}
		}
	}
}

// near lists the shared temporary directories and the homes of users who have jobs.
func (r *rooted) near(homes []string) {
	r.lookAbove()
	for _, d := range append([]string{"/tmp", "/var/tmp", "/dev/shm"}, homes...) {
		switch d {
		case "/", "/dev", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/etc", "/nonexistent":
			continue
		}
		if !r.t.isDir(d) {
			continue
		}
		names, more, err := r.t.list(d, 500)
		if err != nil {
			r.fault(d, err)
		}
		if more {
			r.b.gap(d, GapCap, "more than 500 names in one batch")
		}
		r.look(meta, d)
		for _, n := range names {
			r.look(meta, path.Join(d, "/")+"/"+n)
		}
	}
}
