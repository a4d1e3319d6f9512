package snapshot

import (
	"regexp"
	"strings"
)

// pamStacks are the files of PAM that a login over SSH may go through.
var pamStacks = strings.Fields(`/etc/pam.d/sshd /etc/pam.d/other /etc/pam.d/common-* /etc/pam.d/system-* /etc/pam.d/password-*
	/etc/pam.d/postlogin* /etc/pam.d/remote /etc/pam.d/login /etc/pam.d/base-*
	/usr/lib/pam.d/sshd /usr/lib/pam.d/common-* /usr/lib/pam.d/system-* /usr/lib/pam.d/password-*`)

// pamLists finds the lines of modules that go by a list in a file.
var pamLists = regexp.MustCompile(`(?m)^[^#\n]*pam_(listfile|sepermit|time|access|nologin).*`)

// maxPAMLists bounds the files that such lines name.
const maxPAMLists = 32

// pamFiles reads them, as pamfiles in the collector does.
func (r *rooted) pamFiles() {
	var lists []string
	for _, p := range r.expand(pamStacks) {
		c, err := r.t.read(p, r.limit.File)
		if err != nil {
			continue // it was named when it was read
		}
		for _, line := range pamLists.FindAllString(string(c), -1) {
			for w := range strings.FieldsSeq(line) {
				k, v, _ := strings.Cut(w, "=")
				switch k {
				case "file", "conffile", "conf", "accessfile":
				default:
					continue
				}
				if !strings.HasPrefix(v, "/") || strings.HasPrefix(v, "/dev/") || strings.HasPrefix(v, "/proc/") || strings.HasPrefix(v, "/sys/") || len(lists) >= maxPAMLists {
					continue
				}
				lists = append(lists, v)
			}
		}
	}
	r.look(read, lists...)
}
