package apply

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/fix"
)

// check is a login that has to work, as sshd -T -C is asked for it.
type check struct {
	login fix.Login
	spec  string
	place sshd.Context
}

// connection is SSH_CONNECTION (ssh(1)): client address and port, server address
// and port.
type connection struct {
	from, to netip.Addr
	port     int
}

func parseConnection(s string) (c connection) {
	w := strings.Fields(s)
	if len(w) != 4 {
		return c
	}
	c.from, _ = netip.ParseAddr(w[0])
	c.to, _ = netip.ParseAddr(w[2])
	c.port, _ = strconv.Atoi(w[3])
	// the daemon matches ::ffff:a.b.c.d as a.b.c.d, and -T -C does not
	c.from, c.to = c.from.Unmap(), c.to.Unmap()
	return c
}

// newChecks makes the questions. What a login leaves open is answered by the
// connection that postern has.
func newChecks(logins []fix.Login, conn connection) ([]check, error) {
	all := make([]check, 0, len(logins))
	for _, l := range logins {
		// -C splits at commas and at the first "=", and knows no quoting.
		if l.User == "" || strings.ContainsAny(l.User, ", =\t\n\x00") {
			return nil, fmt.Errorf("sshd cannot be asked about the account %q", l.User)
		}
		from, port := conn.from, conn.port
		if l.From != "" {
			p, err := netip.ParsePrefix(l.From)
			if err == nil {
				from = p.Addr()
			} else if from, err = netip.ParseAddr(l.From); err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a network", l.From)
			}
			from = from.Unmap()
		}
		if l.Port != 0 {
			port = l.Port
		}
		if !from.IsValid() || port == 0 {
			return nil, errors.New("the server does not say where this login comes from (SSH_CONNECTION)")
		}
		c := check{login: l, spec: fmt.Sprintf("user=%s,host=%s,addr=%s,lport=%d", l.User, from, from, port)}
		c.place = sshd.Context{User: l.User, Addr: from.String(), LocalPort: port}
		if conn.to.IsValid() {
			c.spec += ",laddr=" + conn.to.String()
			c.place.LocalAddr = conn.to.String()
		}
		all = append(all, c)
	}
	return all, nil
}

// judge says why a login would not work with what sshd makes of its files; "" it
// would, as far as these tell. Whoever made the plan looked at keys, accounts and
// PAM; here sshd itself has the word.
func (c *check) judge(eff sshd.Effective, groups []string) string {
	one := func(k string) string {
		if v := eff[k]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	for k, want := range c.login.Expect {
		if got := strings.Join(eff[strings.ToLower(k)], " "); !strings.EqualFold(got, want) {
			return fmt.Sprintf("sshd says %s %q, the plan foresaw %q", k, got, want)
		}
	}
	if len(eff) == 0 {
		return "sshd said nothing"
	}
	l := &c.login
	switch root := one("permitrootlogin"); {
	case l.User != "root" || root == "yes":
	case root == "no" || root == "forced-commands-only":
		return "PermitRootLogin " + root
	case l.Method != "publickey":
		return "PermitRootLogin " + root + ", and the login is by " + l.Method
	}
	open := true
	switch l.Method {
	case "publickey", "":
		open = one("pubkeyauthentication") != "no"
		if files := eff["authorizedkeysfile"]; open && len(files) > 0 && files[0] == "none" && one("trustedusercakeys") == "none" && one("authorizedkeyscommand") == "none" {
			return "AuthorizedKeysFile none"
		}
	case "password":
		open = one("passwordauthentication") != "no"
	case "keyboard-interactive":
		open = one("kbdinteractiveauthentication") != "no" || one("challengeresponseauthentication") == "yes"
	}
	if !open {
		return "the method " + l.Method + " is shut"
	}
	if chains := words(eff["authenticationmethods"]); len(chains) > 0 && chains[0] != "any" && !slices.ContainsFunc(chains, func(chain string) bool {
		method, _, _ := strings.Cut(chain, ":")
		return method == l.Method || l.Method == "" && method == "publickey"
	}) {
		return "AuthenticationMethods " + strings.Join(chains, " ")
	}
	if w := c.barred(eff, groups); w != "" {
		return w
	}
	for _, k := range []string{"maxauthtries", "maxsessions"} {
		if v := one(k); v != "" && strings.TrimLeft(v, "0") == "" {
			return k + " 0"
		}
	}
	if one("refuseconnection") == "yes" {
		return "RefuseConnection yes"
	}
	return ""
}

// barred goes through the four lists as sshd does (auth.c, allowed_user).
func (c *check) barred(eff sshd.Effective, groups []string) string {
	user := func(p string) bool {
		name, places, has := sshd.SplitUser(p)
		return sshd.MatchName(name, c.login.User) && (!has || sshd.MatchPlace(places, &c.place))
	}
	group := func(p string) bool { return sshd.MatchGroup(p, groups) }
	for _, list := range []struct {
		name  string
		match func(string) bool
		allow bool
	}{
		{"DenyUsers", user, false}, {"AllowUsers", user, true},
		{"DenyGroups", group, false}, {"AllowGroups", group, true},
	} {
		all := words(eff[strings.ToLower(list.name)])
		if len(all) == 0 {
			continue
		}
		if slices.ContainsFunc(all, list.match) != list.allow {
			return list.name + " " + strings.Join(all, " ")
		}
	}
	return ""
}

// words splits values: releases differ in whether a list is one line or several.
func words(values []string) (all []string) {
	for _, v := range values {
		all = append(all, strings.Fields(v)...)
	}
	return all
}
