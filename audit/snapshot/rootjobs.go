package snapshot

import (
	"path"
	"regexp"
	"strings"
)

// jobWords finds the paths that the words of job lines may mean. It is the
// collector's awk program (JOBWORDS) again, step for step, so that both sources
// bring the same: a guess that is too wide costs a stat, one that is too narrow
// a finding.
type jobWords struct {
	homes map[string]string
	said  map[string]bool
	out   []jobWord

	mode, user    string
	tabhome, path string
	home          string
	cwd           []string
	own           string // what a command itself sets PATH to; "" it does not
	left          bool   // there was more to say than the bound
}

// jobWord is one guess. kind: '+' named, '?' only where it exists, '=' what may be a
// command and the PATH to look for it in, '&' the same where the command sets that
// PATH, 'h' the home of a user with jobs.
type jobWord struct {
	kind byte
	text string
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (j *jobWords) say(kind byte, p string) {
	k := string(kind) + p
	if len(p) > 1024 || j.said[k] || strings.Contains(p, "\n") {
		return
	}
	if len(j.out) >= 2000 {
		j.left = true
		return
	}
	j.said[k] = true
	j.out = append(j.out, jobWord{kind, p})
}

func (j *jobWords) pathWord(p string) {
	j.say('+', p)
	if strings.Contains(p, "/.") {
		j.say('+', path.Clean("/"+p))
	}
}

func (j *jobWords) against(w string, kind byte) {
	for strings.HasPrefix(w, "./") {
		w = strings.TrimLeft(w[1:], "/")
	}
	if w == "" {
		return
	}
	for _, d := range j.cwd {
		if kind == '+' {
			j.pathWord(d + "/" + w)
		} else {
			j.say(kind, d+"/"+w)
		}
	}
}

var (
	optionValue = regexp.MustCompile(`^[A-Za-z0-9_-]+=/`)
	assignment  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	commandWord = regexp.MustCompile(`^[A-Za-z0-9_.+-]+$`)
	quietDevice = regexp.MustCompile(`^/dev/(null|zero|tcp|udp|std|fd)`)
	quotedCD    = regexp.MustCompile(`(^|[;&|])[ \t]*cd[ \t]`)
	upToCD      = regexp.MustCompile(`^.*cd[ \t]+`)
	afterWord   = regexp.MustCompile(`[ \t;&|].*$`)
	innerParts  = regexp.MustCompile("[ \t;&|()<>'\"`]+")
	envLine     = regexp.MustCompile(`^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*`)
	execLine    = regexp.MustCompile(`^Exec[A-Za-z]*[ \t]*=[ \t]*[@:+!|-]*`)
	oneField    = regexp.MustCompile(`^[^ \t]+[ \t]+`)
)

func (j *jobWords) cand(w string) {
	if optionValue.MatchString(w) {
		_, w, _ = strings.Cut(w, "=")
	}
	switch {
	case strings.HasPrefix(w, "~/"):
		w = j.home + w[1:]
	case strings.HasPrefix(w, "$HOME/"):
		w = j.home + w[5:]
	case strings.HasPrefix(w, "${HOME}/"):
		w = j.home + w[7:]
	}
	switch {
	case w == "" || w[0] == '-' || strings.ContainsAny(w, "*?$`[") || strings.Contains(w, "://") || strings.Trim(w, ".") == "":
	case w[0] == '/':
		if !quietDevice.MatchString(w) {
			j.pathWord(w)
		}
	case strings.Contains(w, "/"):
		j.against(w, '+')
	case !strings.ContainsAny(w, "=,:"):
		j.against(w, '?')
	}
}

// Words that the shell itself knows, those of them that a command follows, and
// programs whose arguments hold one.
var (
	shellWords = wordSet("if then else elif fi do done while until for case esac in cd exit return exec eval export set unset read wait trap shift umask ulimit local function break continue builtin")
	leadWords  = wordSet("if then else elif do while until ! { time exec command builtin eval")
	wrappers   = wordSet("nice ionice chrt taskset timeout flock lockrun solo nohup setsid env sudo doas su runuser setpriv chronic cronic time stdbuf unbuffer systemd-run systemd-cat start-stop-daemon choom prlimit numactl trickle xargs parallel find watch strace ltrace unshare nsenter chroot bash sh dash ash ksh zsh busybox run-one exec command eval")
	amount     = regexp.MustCompile(`^[0-9.]+[smhd]?$`)
	pathItself = regexp.MustCompile(`\$(PATH|\{PATH\})`)
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// bare guesses at a word that may be a command's name.
func (j *jobWords) bare(w string) {
	if !commandWord.MatchString(w) || w[0] == '-' || amount.MatchString(w) || shellWords[w] {
		return
	}
	j.say('=', w+":"+j.path)
	if j.own != "" {
		j.say('&', w+":"+j.own)
	}
}

// ownPath takes over what a command sets PATH to, with the $PATH in it.
func (j *jobWords) ownPath(p string) {
	j.own = ""
	for range 4 {
		at := pathItself.FindStringIndex(p)
		if at == nil {
			break
		}
		j.own += p[:at[0]] + j.path
		p = p[at[1]:]
	}
	if j.own += p; len(j.own) > 900 {
		j.own = ""
	}
	j.searched(j.own)
}

// searched looks at the directories of a PATH: who may write one decides what runs.
func (j *jobWords) searched(dirs string) {
	for d := range strings.SplitSeq(dirs, ":") {
		if strings.HasPrefix(d, "/") {
			j.say('?', d)
		}
	}
}

// command splits a command into words as a shell does, roughly, and guesses.
func (j *jobWords) command(t string) {
	j.cwd, j.own = []string{j.home}, ""
	type word struct {
		text  string
		first bool // stands where a command stands
	}
	var words []word
	var w []byte
	inWord, first := false, true
	var quote byte
	n := len(t)
	for i := 0; i <= n; i++ {
		c := byte(';')
		if i < n {
			c = t[i]
		}
		switch {
		case quote == '\'':
			if c == '\'' && i < n {
				quote = 0
			} else {
				w = append(w, c)
			}
			continue
		case quote == '"':
			switch {
			case c == '"' && i < n:
				quote = 0
			case c == '\\' && i < n-1:
				i++
				if !strings.ContainsRune("\"\\$`", rune(t[i])) {
					w = append(w, '\\')
				}
				w = append(w, t[i])
			default:
				w = append(w, c)
			}
			continue
		case c == '\\' && i < n-1:
			i++
			w = append(w, t[i])
			inWord = true
			continue
		case c == '\'' || c == '"':
			quote, inWord = c, true
			continue
		case !strings.ContainsRune(" \t;&|()<>`%", rune(c)):
			w = append(w, c)
			inWord = true
			continue
		}
		if inWord {
			if p, ok := strings.CutPrefix(string(w), "PATH="); ok {
				j.ownPath(p)
			}
			if first && assignment.Match(w) {
				j.cand(string(w))
			} else {
				words = append(words, word{string(w), first})
				first = false
			}
		}
		w, inWord = w[:0], false
		if strings.ContainsRune(";&|(`%", rune(c)) {
			first = true
			if k := len(words); k > 0 && words[k-1].text != "" {
				words = append(words, word{})
			}
		}
	}
	if len(w) > 0 {
		words = append(words, word{text: string(w)})
	}
	wraps := false
	for i := 0; i < len(words) && i < 400; i++ {
		w := words[i].text
		if w == "" {
			continue
		}
		next := ""
		if i+1 < len(words) {
			next = words[i+1].text
		}
		if strings.Trim(w, ".") == "" && next != "" && next[0] != '-' {
			for _, d := range j.cwd {
				j.say('+', d+"/"+w+" "+next)
			}
		}
		if words[i].first && w == "cd" && next != "" && len(j.cwd) < 4 {
			p := next
			if strings.HasPrefix(p, "~") {
				p = j.home + p[1:]
			} else if strings.HasPrefix(p, "$HOME") {
				p = j.home + p[5:]
			}
			if !strings.HasPrefix(p, "/") {
				p = j.home + "/" + p
			}
			j.cwd = append(j.cwd, p)
		}
		if words[i].first {
			wraps = false
			if leadWords[w] && i+1 < len(words) {
				words[i+1].first = true
			}
		}
		if words[i].first || wraps {
			j.bare(w)
			wraps = wraps || wrappers[w[strings.LastIndexByte(w, '/')+1:]]
		}
		j.cand(w)
		if !strings.ContainsAny(w, " \t;&|") {
			continue
		}
		parts := innerParts.Split(w, -1)
		for k, s := range parts {
			if k < 100 {
				j.cand(s)
				if wraps {
					j.bare(s)
				}
			}
		}
		if quotedCD.MatchString(w) && len(j.cwd) < 4 {
			p := afterWord.ReplaceAllString(upToCD.ReplaceAllString(w, ""), "")
			if strings.HasPrefix(p, "/") {
				j.cwd = append(j.cwd, p)
				for _, s := range parts {
					if !strings.HasPrefix(s, "/") {
						j.cand(s)
					}
				}
			}
		}
	}
}

// file reads the lines of one table or unit.
func (j *jobWords) file(name string, content []byte) {
	j.mode, j.user = "user", path.Base(name)
	switch {
	case name == "/etc/crontab" || strings.HasPrefix(name, "/etc/cron.d/"):
		j.mode, j.user = "system", "root"
	case name == "/etc/anacrontab":
		j.mode, j.user = "anacron", "root"
	case strings.HasSuffix(name, ".service"):
		j.mode, j.user = "unit", "root"
	}
	j.tabhome, j.path = "", defaultPath
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		j.line(line[:min(len(line), 8192)])
	}
}

func (j *jobWords) line(line string) {
	if j.mode == "unit" {
		if m := execLine.FindString(line); m != "" {
			j.home = "/"
			j.command(line[len(m):])
		}
		return
	}
	t := strings.TrimLeft(line, " \t")
	if t == "" || t[0] == '#' {
		return
	}
	if m := envLine.FindStringSubmatch(line); m != nil {
		v := strings.TrimRight(line[len(m[0]):], " \t\r")
		if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			v = v[1 : len(v)-1]
		}
		switch {
		case m[1] == "PATH" && len(v) < 500:
			j.path = v
			j.searched(v)
		case m[1] == "HOME":
			j.tabhome = v
		case m[1] == "SHELL" || strings.HasPrefix(m[1], "LD_") || m[1] == "BASH_ENV":
			if strings.HasPrefix(v, "/") {
				j.pathWord(v)
			}
		}
		return
	}
	t = strings.TrimPrefix(t, "-")
	fields := 5
	if strings.HasPrefix(t, "@") {
		fields = 1
	}
	if j.mode == "anacron" {
		fields = 3
	}
	for range fields {
		m := oneField.FindString(t)
		if m == "" {
			return
		}
		t = t[len(m):]
	}
	who := j.user
	if j.mode == "system" {
		m := oneField.FindString(t)
		if m == "" {
			return
		}
		who, t = strings.TrimRight(m, " \t"), t[len(m):]
	}
	j.home = "/"
	if h, ok := j.homes[who]; ok && strings.HasPrefix(h, "/") {
		j.home = h
	}
	j.say('h', j.home)
	if strings.HasPrefix(j.tabhome, "/") {
		j.home = j.tabhome
	}
	if j.home == "/" {
		j.home = ""
	}
	j.command(strings.ReplaceAll(t, `\%`, "%"))
}

// maxMissed bounds the places where commands of job lines were looked for in vain, as
// the collector does.
const maxMissed = 600

// jobs finds what job lines point to and looks at it.
func (r *rooted) jobs() {
	j := &jobWords{homes: r.homes, said: map[string]bool{}}
	names := r.expand([]string{
		"/etc/crontab", "/etc/anacrontab", "/etc/cron.d/*", "/etc/cron.d/.[!.]*", "/etc/cron.d/..?*",
		"/var/spool/cron/crontabs/root", "/var/spool/cron/tabs/root", "/var/spool/cron/root", "/etc/crontabs/root",
	})
	for _, d := range r.unitDirs() {
		for _, p := range r.expand([]string{d + "/*.timer"}) {
			if u := strings.TrimSuffix(path.Base(p), ".timer") + ".service"; r.t.isFile(p) && r.t.isFile(d+"/"+u) {
				names = append(names, d+"/"+u)
			}
		}
	}
	// What users wrote comes last: the bounds are to be hit there.
	names = append(names, r.expand([]string{"/var/spool/cron/crontabs/*", "/var/spool/cron/tabs/*", "/var/spool/cron/*", "/etc/crontabs/*"})...)
	tables := 0
	for _, p := range names {
		c, err := r.t.read(p, r.limit.File)
		if err != nil {
			continue
		}
		if tables++; tables > 1000 {
			r.b.gap(OutTargets, GapCap, "more than 1000 tables")
			break
		}
		j.file(p, c)
	}
	if j.left {
		r.b.gap(OutTargets, GapCap, "more words in job lines than were looked at")
	}
	var found, homes []string
	seen := map[string]bool{}
	named, missed := 0, 0
	for _, w := range j.out {
		p := w.text
		switch w.kind {
		case 'h':
			homes = append(homes, p)
			continue
		case '?':
			if _, err := r.t.lstat(p); err != nil {
				continue
			}
		case '=', '&':
			word, dirs, _ := strings.Cut(p, ":")
			p = ""
			var missing []string
			for d := range strings.SplitSeq(dirs, ":") {
				if !strings.HasPrefix(d, "/") {
					continue
				}
				if r.t.isFile(d + "/" + word) {
					p = d + "/" + word
					break
				}
				missing = append(missing, d+"/"+word)
			}
			if p == "" || w.kind == '&' {
				// That it is not there is an answer too.
				for _, m := range missing {
					if seen[m] {
						continue
					}
					if missed++; missed > maxMissed {
						break
					}
					seen[m] = true
					found = append(found, m)
					r.above(m)
				}
			}
		}
		if p == "" || seen[p] || strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") || strings.HasPrefix(p, "/dev/") {
			continue
		}
		if named++; named > 400 {
			r.b.gap(OutTargets, GapCap, "more than 400 paths in job lines")
			break
		}
		seen[p] = true
		found = append(found, p)
		r.above(p)
	}
	var list []byte
	for _, p := range found {
		list = append(append(list, p...), 0)
	}
	r.put(OutTargets, list)
	r.look(part, found...)
	r.near(homes)
}
