package account

import (
	"strings"
)

// Principal is one line of an AuthorizedPrincipalsFile (sshd_config(5)): a name
// that a certificate must hold, with options before it.
type Principal struct {
	Line    int
	Name    string
	Options []Option
	Bad     string // why sshd skips the line
}

// Option returns the value of an option, and whether it is there.
func (p *Principal) Option(name string) (string, bool) {
	for _, o := range p.Options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// maxPrincipals bounds the lines that are kept of one file.
const maxPrincipals = 4096

// ParsePrincipals reads an AuthorizedPrincipalsFile: the word behind the last
// blank is the name, what stands before it are options (auth2-pubkeyfile.c,
// auth_check_principals_line). Blank lines and comments are left out.
func ParsePrincipals(data []byte) []Principal {
	var out []Principal
	lines(data, func(n int, line string) {
		s, _, _ := strings.Cut(line, "#") // everywhere: auth_process_principals cuts at the first
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
		s = strings.Trim(s, " \t\r")
		if s == "" || len(out) >= maxPrincipals {
			return
		}
		p := Principal{Line: n, Name: s}
		if i := strings.LastIndexAny(s, " \t"); i >= 0 {
			p.Name = s[i+1:]
			p.Options, p.Bad = parseOptions(strings.TrimRight(s[:i], " \t"))
		}
		out = append(out, p)
	})
	return out
}
