package sshd

import (
	"fmt"
	"strconv"
	"strings"
)

// list reads the keywords that take any number of words.
func (e *env) list(r *row, words []Word) checked {
	c := checked{used: len(words)}
	bits := [2]bool{}
	var names map[string]bool // of SetEnv
	for i, w := range words {
		switch r.kind {
		case kindUsers:
			at := strings.LastIndexByte(w.Text, '@')
			if w.Text == "" || at >= 0 && matchAddr(Context{}.addr(), "", w.Text[at+1:]) == -2 {
				return checked{fault: fmt.Sprintf("invalid %s pattern: \"%s\"", r.name, w.Text),
					hint: "write a user name or pattern, or user@host with a network that has no bits beyond its mask"}
			}
		case kindGroups:
			if w.Text == "" {
				return bad("empty %s pattern", r.name)
			}
		case kindEnvNames:
			if w.Text == "" || strings.IndexByte(w.Text, '=') >= 0 {
				return bad("Invalid environment name.")
			}
		case kindEnvSet:
			if w.Text == "" || strings.IndexByte(w.Text, '=') < 0 {
				return bad("Invalid environment.")
			}
			name := w.Text[:strings.IndexByte(w.Text, '=')+1]
			if names == nil {
				names = map[string]bool{}
			}
			dup := names[name]
			names[name] = true
			if dup && !e.rel.v.Before(9, 1) {
				continue
			}
		case kindKeyFiles:
			if w.Text == "" {
				return checked{fault: fmt.Sprintf("keyword %s empty argument", r.name), counted: true}
			}
			if strings.EqualFold(w.Text, "none") && len(words) > 1 && !e.rel.v.Before(10, 5) {
				return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
			}
			c.args = append(c.args, e.tilde(w.Text))
			spelling := c.args[i]
			if spelling == "none" {
				spelling = w.Text
			}
			c.printed = append(c.printed, spelling)
			continue
		case kindLogVerbose:
			if w.Text == "" {
				return checked{fault: fmt.Sprintf("keyword %s empty argument", r.name), counted: true}
			}
			if strings.EqualFold(w.Text, "none") && (i > 0 || len(words) > 1) {
				return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
			}
		case kindPubkeyOptions:
			switch strings.ToLower(w.Text) {
			case "none":
			case "touch-required":
				bits[0] = true
			case "verify-required":
				bits[1] = true
			default:
				return checked{fault: fmt.Sprintf("unsupported %s option %s", r.name, w.Text), counted: true}
			}
			continue
		}
		c.args = append(c.args, w.Text)
	}
	if r.kind == kindPubkeyOptions {
		if bits[0] {
			c.args = append(c.args, "touch-required")
		}
		if bits[1] {
			c.args = append(c.args, "verify-required")
		}
		if c.args == nil {
			c.args = []string{"none"}
		}
	}
	return c
}

func (e *env) paths(r *row, words []Word) checked {
	if len(words) == 0 || words[0].Text == "" && e.rel.v.Before(10, 3) {
		return checked{fault: missingValue(r, e.old), hint: "give a value, or remove the line"}
	}
	c := checked{used: len(words)}
	for _, w := range words {
		if e.rel.v.Before(10, 3) {
			c.args = append(c.args, e.absolute(w.Text))
			continue
		}
		if w.Text == "" {
			return checked{fault: fmt.Sprintf("keyword %s empty argument", r.name), counted: true}
		}
		if strings.EqualFold(w.Text, "none") && len(words) > 1 {
			return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
		}
		p := e.tilde(w.Text)
		c.args = append(c.args, p)
		if p == "none" {
			p = w.Text
		}
		c.printed = append(c.printed, p)
	}
	return c
}

func (e *env) algorithms(r *row, list string) checked {
	if n := r.algs.badAlgorithm(list, e.rel); n != "" {
		hint := fmt.Sprintf("%q is no such algorithm of this release; sshd takes names between commas, without blanks", n)
		switch r.algs {
		case algCipher:
			return checked{fault: fmt.Sprintf("Bad SSH2 cipher spec '%s'.", list), hint: hint}
		case algMAC:
			return checked{fault: fmt.Sprintf("Bad SSH2 mac spec '%s'.", list), hint: hint}
		case algKex:
			return checked{fault: fmt.Sprintf("Bad SSH2 KexAlgorithms '%s'.", list), hint: hint}
		}
		return checked{fault: fmt.Sprintf("Bad key types '%s'.", list), hint: hint}
	}
	return one(list)
}

func penalties(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if strings.EqualFold(w.Text, "yes") || strings.EqualFold(w.Text, "no") {
			if i > 0 || len(words) > 1 {
				return bad("keyword %s \"%s\" argument must appear alone.", r.name, strings.ToLower(w.Text))
			}
			c.args = append(c.args, strings.ToLower(w.Text))
			continue
		}
		class, value, _ := strings.Cut(w.Text, ":")
		switch class {
		case "overflow", "overflow6":
			if value != "permissive" && value != "deny-all" {
				return bad("invalid %s value %s", r.name, w.Text)
			}
		case "max-sources4", "max-sources6":
			if n, msg := integer(value); msg != "" || n == 0 {
				return bad("invalid %s value %s", r.name, w.Text)
			}
		case "crash", "authfail", "invaliduser", "noauth", "grace-exceeded", "refuseconnection", "max", "min":
			s, ok := seconds(value)
			if !ok {
				if _, err := strconv.ParseFloat(value, 64); err != nil {
					return bad("invalid %s value %s", r.name, w.Text)
				}
			} else {
				value = strconv.Itoa(s)
			}
		default:
			return bad("unsupported %s keyword %s", r.name, w.Text)
		}
		c.args = mergePenalties(c.args, []string{class + ":" + value}) // the first of a class counts
	}
	return c
}

// methods that AuthenticationMethods may name.
var methodNames = []string{"none", "publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "gssapi-keyex"}

func (e *env) authMethods(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if w.Text == "" {
			return bad("empty authentication method list")
		}
		if w.Text == "any" {
			if i > 0 || len(words) > 1 {
				return checked{fault: fmt.Sprintf("\"any\" must appear alone in %s", r.name)}
			}
			c.args = append(c.args, w.Text)
			continue
		}
		for m := range strings.SplitSeq(w.Text, ",") {
			name, _, _ := strings.Cut(m, ":")
			if !contains(methodNames, name) || strings.HasPrefix(name, "gssapi") && !rowByName("GSSAPIAuthentication").builtIn(e.rel) {
				fault := fmt.Sprintf("invalid %s method list.", r.name)
				if e.old {
					fault = "invalid authentication method list."
				}
				return checked{fault: fault,
					hint: fmt.Sprintf("%q is no method; known are %s", name, strings.Join(methodNames, ", "))}
			}
		}
		c.args = append(c.args, w.Text)
	}
	if len(words) == 0 {
		return bad("no %s specified", r.name)
	}
	return c
}

func (e *env) permit(r *row, words []Word) checked {
	if len(words) == 0 || words[0].Text == "" {
		if len(words) > 0 && !e.rel.v.Before(9, 5) {
			return checked{fault: r.name + " bad port number", hint: "write host:port, or any, or none"}
		}
		return checked{fault: missingValue(r, e.old), hint: "give a value, or remove the line"}
	}
	if (words[0].Text == "any" || words[0].Text == "none") && e.rel.v.Before(9, 5) {
		return one(words[0].Text)
	}
	c := checked{used: len(words)}
	for i, w := range words {
		arg := w.Text
		if arg == "" {
			break
		}
		if arg == "any" || arg == "none" { // since 9.5 only as a later word it is refused
			if i > 0 {
				return checked{fault: fmt.Sprintf("%s must appear alone on a %s line.", arg, r.name), hint: "let " + arg + " stand alone"}
			}
			c.args = append(c.args, arg)
			continue
		}
		port := arg
		if r.name == "PermitListen" && strings.IndexByte(arg, ':') < 0 {
			arg = "*:" + arg
		} else {
			var ok bool
			var host string
			if host, port, ok = hostPort(arg); !ok || len(host) < len(arg) && arg[len(host)] == '/' {
				if e.old {
					return bad("missing host in %s", strings.ToLower(r.name))
				}
				return bad("%s missing host", r.name)
			}
		}
		if n, ok := e.port(port); port != "*" && (!ok || n == 0) {
			if e.old {
				return checked{fault: "bad port number in " + strings.ToLower(r.name), hint: "write host:port, or any, or none"}
			}
			return checked{fault: r.name + " bad port number", hint: "write host:port, or any, or none"}
		}
		c.args = append(c.args, arg)
	}
	return c
}

// hostPort is hpdelim (misc.c).
func hostPort(s string) (host, port string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "[") {
		if i = strings.IndexByte(s, ']'); i < 0 {
			return "", "", false
		}
		i++
	} else if i = strings.IndexAny(s, ":/"); i < 0 {
		i = len(s)
	}
	switch {
	case i == len(s):
		return s, "", true
	case s[i] == ':' || s[i] == '/':
		return s[:i], s[i+1:], true
	}
	return "", "", false
}

func (e *env) listen(words []Word) checked {
	arg := words[0].Text
	host, port := arg, ""
	if strings.IndexByte(arg, '[') >= 0 || strings.Count(arg, ":") < 2 {
		var ok bool
		if host, port, ok = hostPort(arg); !ok {
			return bad("bad address:port usage")
		}
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		if len(host) < len(arg) && (strings.HasSuffix(arg, ":") || port != "") {
			if n, ok := e.port(port); !ok || n == 0 {
				return bad("bad port number")
			} else {
				port = strconv.Itoa(n)
			}
		}
	}
	if _, ok := parseAddr(host); !ok && strings.Trim(host, "0123456789.") == "" {
		return bad("bad addr or host: %s", host)
	}
	c := checked{used: 1}
	out := host
	if port != "" {
		out = "[" + host + "]:" + port
		if a, ok := parseAddr(host); !ok || a.Is4() {
			out = host + ":" + port
		}
	}
	c.args = []string{out}
	if len(words) > 1 {
		if words[1].Text != "rdomain" || len(words) < 3 {
			return bad("bad ListenAddress syntax")
		}
		c.used = 3
		c.args[0] += " rdomain " + words[2].Text
	}
	return c
}

func (e *env) channels(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if strings.EqualFold(w.Text, "none") {
			if i > 0 || len(words) > 1 {
				return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
			}
			c.args, c.printed = []string{"none"}, []string{w.Text}
			continue
		}
		eq := strings.IndexByte(w.Text, '=')
		if eq <= 0 {
			return bad("invalid channel timeout %s", w.Text)
		}
		if _, ok := seconds(w.Text[eq+1:]); !ok {
			return bad("invalid channel timeout %s", w.Text)
		}
		c.args = append(c.args, w.Text)
	}
	return c
}
