package inventory

import (
	"path/filepath"
	"strconv"
	"strings"
)

// setting reads one key that defaults, groups and hosts share; false: it is none.
func (l *loader) setting(s *settings, p pair, what string) bool {
	switch p.key {
	case "user":
		if v, ok := l.text(p, what); ok {
			if f := checkUser(v); f.Text != "" {
				l.add(l.pos(p.value), "\"user\" of "+what+": "+f.Text, f.Hint)
			}
			s.user, s.userPos = v, p.pos
		}
	case "port":
		if v, ok := l.text(p, what); ok {
			n, f := parsePort(v)
			if f.Text != "" {
				l.add(l.pos(p.value), "\"port\" of "+what+": "+f.Text, f.Hint)
			}
			s.port, s.portPos = n, p.pos
		}
	case "key", "keys":
		if s.keysPos != (Pos{}) {
			l.add(p.pos, "both \"key\" and \"keys\" in "+what+", first at "+s.keysPos.String(), "keep one of them; each takes one file or a list")
			return true
		}
		s.keysPos = p.pos
		for _, it := range l.texts(p, what) {
			if k, ok := l.keyFile(it, p.key, what); ok {
				s.keys = append(s.keys, k)
			}
		}
	case "sudo":
		l.sudo(s, p, what)
	case "labels":
		for _, q := range l.mapping(p.value, "labels of "+what, nil) {
			l.label(s, q, what)
		}
	default:
		return false
	}
	return true
}

func (l *loader) sudo(s *settings, p pair, what string) {
	v, ok := l.text(p, what)
	if !ok {
		return
	}
	s.sudoPos = p.pos
	switch v {
	case "auto":
		s.sudo = SudoAuto
	case "sudo":
		s.sudo = SudoYes
	case "none":
		s.sudo = SudoNone
	default:
		hint := "write auto (nothing for root, else sudo -n), sudo or none"
		switch v {
		case "true", "yes", "on":
			hint = "write \"sudo: sudo\""
		case "false", "no", "off":
			hint = "write \"sudo: none\""
		}
		l.add(l.pos(p.value), "\"sudo\" of "+what+" cannot be "+quote(v), hint)
	}
}

func (l *loader) label(s *settings, p pair, what string) {
	v, ok := l.text(p, "labels of "+what)
	if !ok {
		return
	}
	if strings.Trim(p.key, alphanumeric+"._-/") != "" || p.key == "" || len(p.key) > 63 {
		l.add(p.pos, quote(p.key)+" cannot be the key of a label", "a key has up to 63 letters, digits and . _ - /")
		return
	}
	if bad, at := control(v); bad {
		l.add(l.pos(p.value), "the label "+quote(p.key)+" holds "+at, "take it out")
		return
	}
	s.labels = append(s.labels, label{key: p.key, value: v, pos: p.pos})
}

// keyFile checks the path of a key file. Beside the inventory means: an
// inventory and its keys can be moved together, and the current directory does
// not decide which key a host is shown.
func (l *loader) keyFile(it item, key, what string) (string, bool) {
	s := it.text
	switch bad, at := control(s); {
	case bad:
		l.add(it.pos, quote(key)+" of "+what+" holds "+at, "take it out")
	case strings.HasPrefix(s, "$"):
		l.add(it.pos, quote(key)+" of "+what+": variables are not expanded in "+quote(s), "write the path, or ~/ for your home")
	case strings.HasPrefix(s, "-----BEGIN"):
		l.add(it.pos, quote(key)+" of "+what+" is a private key, not the file that holds one", "keep the key in a file of mode 0600 and name that file")
	case strings.HasSuffix(s, ".pub"):
		l.add(it.pos, quote(key)+" of "+what+" is a public key file", "name the private key: "+clip(strings.TrimSuffix(s, ".pub")))
	case s[0] == '~' && !strings.HasPrefix(s, "~/"):
		l.add(it.pos, quote(key)+" of "+what+": only your own home is known, not "+quote(s), "write the whole path")
	case s[0] == '~' || filepath.IsAbs(s):
		return s, true
	default:
		return filepath.Join(filepath.Dir(l.file), s), true
	}
	return "", false
}

// control finds a character that has no place in a value of one line.
func control(s string) (bool, string) {
	for _, r := range s {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			if r == '\n' {
				return true, "a line break"
			}
			return true, "the control character " + strconv.QuoteRuneToASCII(r)
		}
	}
	return false, ""
}
