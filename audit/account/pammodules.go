package account

import (
	"slices"
	"strings"
)

// outcome is what one module may return for the question. Sources: the manual
// pages of Linux-PAM 1.3 to 1.7 and what the modules do in their releases.
func (s *Stack) outcome(e *Entry, q *Question) said {
	if e.unread != "" {
		return said{out: anything, why: "PAM: " + e.unread}
	}
	x := s.module(e, q)
	if e.Tolerant && x.out != anything {
		x.out |= ignore
	}
	return x
}

func (s *Stack) module(e *Entry, q *Question) said {
	a := q.Account
	switch e.Module {
	case "pam_permit", "pam_rootok":
		return said{out: success} // sshd asks as root, so pam_rootok lets anybody in
	case "pam_deny":
		return said{out: failure}
	case "pam_faildelay", "pam_motd", "pam_echo", "pam_warn":
		return said{out: ignore}
	case "pam_env", "pam_group", "pam_keyinit", "pam_limits", "pam_loginuid", "pam_mail", "pam_umask":
		return said{out: success}
	case "pam_localuser":
		if !e.has("file=") { // every account here is of /etc/passwd
			return said{out: success}
		}
	case "pam_cap":
		return said{out: success | ignore}
	case "pam_faillock", "pam_tally2":
		// A count of wrong passwords shuts an account for a while; whoever knows
		// the right one gets in before and after. With authfail it only counts
		// (pam_faillock.c, pam_sm_authenticate).
		if e.has("authfail") {
			return said{out: ignore}
		}
		return said{out: success}
	case "pam_nologin":
		return s.noLogin(e, q)
	case "pam_access":
		if q.OpenAccess == Yes && !e.has("accessfile=") {
			return said{out: success}
		}
		return said{out: success | failure, why: "PAM: pam_access: the rules of access.conf are not evaluated", settle: "read access.conf(5)"}
	case "pam_usertype":
		system := a.UID < 1000 || a.UID == 65534
		switch {
		case e.has("issystem"):
			return said{out: when(system)}
		case e.has("isregular"):
			return said{out: when(!system)}
		}
	case "pam_succeed_if":
		switch v, what := s.condition(e, q); v {
		case Yes:
			return said{out: success}
		case No:
			return said{out: failure, no: strings.Join(e.Args, " ")}
		default:
			return said{out: success | failure, why: "PAM: pam_succeed_if " + what}
		}
	case "pam_shells":
		return s.shells(e, a)
	case "pam_sepermit":
		return s.sepermit(e, q)
	case "pam_listfile":
		return s.listfile(e, q)
	case "pam_time":
		if e.Type == "account" { // the module has no other part
			return s.times(e, q)
		}
	case "pam_sss":
		return e.sssd(q)
	case "pam_systemd_home":
		// systemd-homed(8) takes no name that /etc/passwd has, and says that it
		// does not know the account (pam_systemd_home.c, acquire_user_record).
		return said{out: nouser}
	case "pam_unix":
		if e.Type == "account" {
			return a.unixAccount(q.Today)
		}
		return a.unixAuth(q.Empty, e.has("nullok") || e.has("nullok_secure"))
	}
	return said{out: anything, why: "PAM: " + e.Module + " is not evaluated"}
}

// sssd is pam_sss(8): it asks sssd(8), which may know an account of the same name.
// Where that is not configured nobody answers.
func (e *Entry) sssd(q *Question) said {
	switch q.SSSD {
	case No:
		if e.has("ignore_authinfo_unavail") {
			return said{out: ignore}
		}
		return said{out: unavail, no: "sssd is not configured"}
	case Yes:
		return said{out: anything, why: "PAM: pam_sss: whether SSSD has an account " + q.Account.Name + " too is not known",
			settle: "on the host run sssctl user-checks -s sshd " + q.Account.Name}
	}
	return said{out: anything, why: "PAM: pam_sss: whether sssd is configured is not known", settle: "see whether /etc/sssd/sssd.conf is there"}
}

// noLogin is pam_nologin(8).
func (s *Stack) noLogin(e *Entry, q *Question) said {
	there := q.NoLogin
	if path := e.value("file", ""); path != "" {
		l := s.list(path)
		there = when3(!l.missing)
		if l.why != "" {
			there = Unsure
		}
	}
	quiet := ignore
	if e.has("successok") {
		quiet = success
	}
	switch {
	case there == No:
		return said{out: quiet}
	case q.Account.UID == 0 && there == Yes:
		return said{out: success}
	case q.Account.UID == 0:
		return said{out: success | quiet}
	case there == Yes:
		return said{out: failure}
	}
	return said{out: failure | quiet, why: "PAM: pam_nologin: /etc/nologin not known"}
}

// evaluated are the modules that module knows in every form, beside those that it
// knows by their arguments. None of them asks a person for anything but a password.
var evaluated = map[string]bool{
	"pam_permit": true, "pam_rootok": true, "pam_deny": true, "pam_env": true, "pam_faildelay": true, "pam_group": true,
	"pam_keyinit": true, "pam_limits": true, "pam_loginuid": true, "pam_mail": true, "pam_motd": true, "pam_umask": true,
	"pam_echo": true, "pam_localuser": true, "pam_warn": true, "pam_cap": true, "pam_nologin": true, "pam_access": true,
	"pam_usertype": true, "pam_succeed_if": true, "pam_unix": true, "pam_faillock": true, "pam_tally2": true,
	"pam_shells": true, "pam_sepermit": true, "pam_listfile": true, "pam_time": true, "pam_systemd_home": true,
}

// Unevaluated names the modules of a type whose part in a conversation this
// package does not know, each once, in their order: one of them may ask for a
// second factor, or let somebody in without any. What could not be read stands
// with its reason. sssd says whether sssd(8) is configured: where it is not,
// pam_sss asks nobody.
func (s *Stack) Unevaluated(typ string, sssd Verdict) []string {
	var out []string
	for i := range s.Entries {
		e := &s.Entries[i]
		name := e.Module
		if e.unread != "" {
			name = e.unread
		}
		if e.Type == typ && !evaluated[e.Module] && !(e.Module == "pam_sss" && sssd == No) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return append(out, s.Missing...)
}

func when(ok bool) outcome {
	if ok {
		return success
	}
	return failure
}

// has reports whether an argument is there; a name that ends in "=" is a prefix.
func (e *Entry) has(arg string) bool {
	for _, a := range e.Args {
		if a == arg || strings.HasSuffix(arg, "=") && strings.HasPrefix(a, arg) {
			return true
		}
	}
	return false
}

// unixAuth is pam_unix for the right password, or for the empty one.
func (a *Account) unixAuth(empty, nullok bool) said {
	switch a.State {
	case Unknown:
		return said{out: success | failure, why: "the password of " + a.Name + " is not known (shadow could not be read)"}
	case Empty:
		return said{out: when(empty && nullok)}
	case Hash:
		return said{out: when(!empty)}
	}
	return said{out: failure}
}

// unixAccount is pam_unix's account check (check_shadow_expiry).
func (a *Account) unixAccount(today int64) said {
	if a.State == Unknown {
		return said{out: success | failure, why: "whether " + a.Name + " has expired is not known (shadow could not be read)"}
	}
	switch {
	case a.Expire != Never && today >= a.Expire:
		return said{out: failure}
	case a.LastChange == 0:
		return said{out: renew}
	case a.LastChange == Never || a.LastChange > today:
		return said{out: success}
	}
	age := today - a.LastChange
	if a.Max != Never && a.Inactive != Never && age > a.Max && age > a.Inactive && age > a.Max+a.Inactive {
		return said{out: failure}
	}
	if a.Max != Never && age > a.Max {
		return said{out: renew}
	}
	return said{out: success}
}

// OpenAccess reports whether access.conf(5) holds no rule.
func OpenAccess(data []byte) Verdict {
	v := Yes
	lines(data, func(_ int, line string) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			v = No
		}
	})
	return v
}
