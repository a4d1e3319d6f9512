package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/postern-ssh/postern/audit/cron"
)

// times are schedules of all kinds, since either sort of job may have any.
var times = []string{"* * * * *", "*/2 * * * *", "*/10 * * * *", "7,37 * * * *", "17 * * * *", "5 4 * * *", "@daily", "@reboot", "@hourly", "0 3 * * 0", "1 1 1 * *", "30 2 * * 1-5"}

// variant changes what an intruder, or an honest person, might have chosen
// otherwise: names, paths, hosts, addresses, times, quotes and what wraps the
// command. What makes it the one or the other stays.
func variant(r *rand.Rand, command string) (when, out string) {
	out = paths(r, hosts(r, command))
	if r.IntN(3) == 0 {
		out = quoteWord(r, out)
	}
	return times[r.IntN(len(times))], wrap(r, out)
}

func quoted(s string) string {
	q, err := syntax.Quote(s, syntax.LangBash)
	if err != nil {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return q
}

// wrap starts a command by way of others.
func wrap(r *rand.Rand, c string) string {
	n := func(k int) int { return r.IntN(k) + 1 }
	// What is put behind a command or in a group must not run into a comment or a &.
	loose := strings.Contains(c, "#") || strings.HasSuffix(strings.TrimSpace(c), "&") || strings.Contains(c, "disown")
	switch r.IntN(20) {
	case 0:
		return "sh -c " + quoted(c)
	case 1:
		return fmt.Sprintf("nice -n %d timeout %d bash -c %s", n(19), n(900), quoted(c))
	case 2:
		return "flock -n /run/lock/" + name(r, 5) + " -c " + quoted(c)
	case 3:
		return "sudo -n sh -c " + quoted(c)
	case 4:
		return fmt.Sprintf("sleep %d; %s", n(60), c)
	case 5:
		if !loose {
			return "[ -d / ] && { " + c + "; }"
		}
	case 6:
		return "env -i PATH=/usr/bin:/bin sh -c " + quoted(c)
	case 7:
		return "su - root -c " + quoted(c)
	case 8:
		return "runuser -u root -- /bin/bash -c " + quoted(c)
	case 9:
		return "systemd-cat -t " + name(r, 4) + " bash -c " + quoted(c)
	case 10:
		return "chronic bash -c " + quoted(c)
	case 11:
		return "ionice -c3 nice /bin/sh -c " + quoted(c)
	case 12:
		return "setpriv --reuid=0 --clear-groups bash -c " + quoted(c)
	case 13:
		if !loose {
			return "( " + c + " )"
		}
	case 14:
		return "cd / && " + c
	case 15:
		return "test -x /usr/sbin/" + name(r, 6) + " || " + c
	case 16:
		return "eval " + quoted(c)
	case 17:
		if !loose {
			return "if true; then " + c + "; fi"
		}
	}
	return c
}

func name(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz"[r.IntN(26)]
	}
	return string(b)
}

// sites are places of one kind, so that one may stand for another.
var sites = [][]string{
	{"pastebin.com", "paste.ee", "hastebin.com", "rentry.co", "transfer.sh", "termbin.com", "0x0.st"},
	{"raw.githubusercontent.com", "codeberg.org", "gitlab.com", "bitbucket.org"},
}

var authority = regexp.MustCompile(`(?i)(https?|ftp)://([^/\s:'"|;)<>$]+)`)

// hosts gives URLs other hosts of the same kind, and addresses others.
func hosts(r *rand.Rand, s string) string {
	return authority.ReplaceAllStringFunc(s, func(u string) string {
		i := strings.Index(u, "://") + 3
		scheme, host := u[:i], u[i:]
		if r.IntN(2) == 0 || strings.Contains(host, "@") || strings.HasPrefix(host, "[") {
			return u
		}
		if a, err := netip.ParseAddr(host); err == nil {
			if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || !a.Is4() {
				return u
			}
			return fmt.Sprintf("%s%d.%d.%d.%d", scheme, 45+r.IntN(30), r.IntN(256), r.IntN(256), 1+r.IntN(254))
		}
		for _, kind := range sites {
			for _, site := range kind {
				if site == strings.ToLower(host) {
					return scheme + kind[r.IntN(len(kind))]
				}
			}
		}
		labels := strings.Split(host, ".")
		if len(labels) < 2 || labels[0] == "" || strings.Contains(host, "duckdns") || len(labels) > 2 && labels[0] != "www" {
			return u
		}
		labels[len(labels)-2] = name(r, 4+r.IntN(6))
		return scheme + strings.Join(labels, ".")
	})
}

// kept are names that mean something to a host; the rest of a path may be called
// anything.
var kept = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`usr bin sbin etc tmp var dev shm root home null opt share lib lib64 local run srv www html mnt cron cron.d cron.hourly cron.daily
cron.weekly cron.monthly raw http https tcp udp bash sh python perl php ruby wget curl systemd system log spool cache mozilla init.d scripts script periodic proc sys boot
man locale include uploads upload images postgresql mysql redis data main base lock mail backup self
passwd shadow group sudoers crontab secure audit security pam profile hosts selinux inet zero random urandom modules udev rules skel`) {
		kept[w] = true
	}
	for w := range knownProgram {
		kept[w] = true // under another name it is another program
	}
}

var component = regexp.MustCompile(`/(\.?)([a-z0-9]{3,})($|[/ \t|>;)&])`)

// paths gives components of paths other names, where that makes them no more and no
// less deceptive.
func paths(r *rand.Rand, s string) string {
	var b strings.Builder
	renamed := map[string]string{} // one file is called the same wherever it stands
	for s != "" {
		m := component.FindStringSubmatchIndex(s)
		if m == nil {
			break
		}
		dot, word := s[m[2]:m[3]], s[m[4]:m[5]]
		b.WriteString(s[:m[4]])
		host := m[0] > 0 && s[m[0]-1] == '/'
		other := name(r, 3+r.IntN(6))
		if was, ok := renamed[dot+word]; ok && !host {
			other = was
		} else if host || kept[word] || r.IntN(2) == 0 || !alike(dot+word, dot+other) {
			other = word
		}
		if !host {
			renamed[dot+word] = other
		}
		b.WriteString(other)
		s = s[m[5]:]
	}
	return b.String() + s
}

// alike reports whether two names deceive in the same way, wherever they stand.
func alike(a, b string) bool {
	for _, dir := range [...]string{"/home/u/", "/usr/share/", "/usr/bin/", "/srv/"} {
		x, y := cron.Deceptive(dir+a), cron.Deceptive(dir+b)
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if x[i].Class != y[i].Class {
				return false
			}
		}
	}
	return true
}

var plainWord = regexp.MustCompile(`[A-Za-z0-9/._-]*[A-Za-z0-9][A-Za-z0-9/._-]*`)

// quoteWord puts quotes around a word of a command that has none.
func quoteWord(r *rand.Rand, s string) string {
	if strings.ContainsAny(s, "\"'\\`$#{}[]~") {
		return s
	}
	words := strings.Split(s, " ")
	i := r.IntN(len(words))
	if i == 0 || plainWord.FindString(words[i]) != words[i] || syntax.IsKeyword(words[i]) {
		return s
	}
	words[i] = []string{`"`, `'`}[r.IntN(2)] + words[i] + "\x00"
	words[i] = strings.ReplaceAll(words[i], "\x00", words[i][:1])
	return strings.Join(words, " ")
}
