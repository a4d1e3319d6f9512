package fix

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
)

// term is one line that would end a login, or all of them, though sshd -t takes it.
type term struct {
	why      string
	wayOut   string
	origin   sshd.Origin
	keywords []string
}

// sessionTerms are those that strike one login after it was let in.
func sessionTerms(j *loginJudge, l *Login, s *sshd.Settings, ctx *sshd.Context) []term {
	var out []term
	add := func(keyword, why, wayOut string) {
		out = append(out, term{why, wayOut, s.Get(keyword).Origin, []string{keyword}})
	}
	if s.Get("MaxSessions").First() == "0" {
		add("MaxSessions", "get in and have no session: MaxSessions 0", "MaxSessions 10")
	}
	if s.Get("MaxAuthTries").First() == "0" {
		add("MaxAuthTries", "be cut off before its first try: MaxAuthTries 0", "MaxAuthTries 6")
	}
	if s.Get("RefuseConnection").Is("yes") {
		add("RefuseConnection", "be cut off, and its address punished: RefuseConnection yes", "take that line out of the block that holds for "+l.User)
	}
	if v := s.Get("ForceCommand"); v.First() != "" && !strings.EqualFold(v.First(), "none") {
		add("ForceCommand", "be bound to one command, and postern would have no shell there: ForceCommand "+strings.Join(v.Args, " "), "except "+l.User+" from that line (Match User)")
	}
	if v := s.Get("ChrootDirectory"); v.First() != "" && !strings.EqualFold(v.First(), "none") {
		dir := v.First()
		if a := j.p.account(l.User); a != nil {
			dir = strings.NewReplacer("%%", "%", "%h", a.Home, "%u", a.Name, "%U", strconv.FormatInt(a.UID, 10)).Replace(dir)
		}
		why := "be shut into " + dir
		if f, _ := seen(j.p.in.Snapshot, dir); f == nil {
			why += ", which was not seen on this host"
		} else if f.UID != 0 || f.Mode&0o022 != 0 {
			why = "be cut off after it got in: " + dir + " is not root's alone, and ChrootDirectory has to be"
		}
		add("ChrootDirectory", why, "except "+l.User+" from that line (Match User)")
	}
	if f := s.Refused(); f != nil {
		out = append(out, term{why: "be cut off: sshd says " + f.Message, wayOut: either(f.Hint, "mend that line"),
			origin: sshd.Origin{Kind: sshd.FromFile, File: f.File, Pos: f.Pos}, keywords: []string{f.Keyword}})
	}
	// sshd 9.5 to 10.2 copies the list of subsystems into room that the globals never made.
	if v := j.newCfg.Version(); v.Known() && !v.Before(9, 5) && v.Before(10, 3) {
		if sub := s.Get("Subsystem"); len(sub.Args) > 0 && sub.Origin.Match != "" && len(j.newCfg.Globals().Get("Subsystem").Args) == 0 {
			out = append(out, term{"crash its sshd, and its address would be punished for 90 s: Subsystem in a Match block without one for all", "add the Subsystem above the first Match", sub.Origin, []string{"Subsystem"}})
		}
	}
	if l.Method == "keyboard-interactive" && s.Get("PermitEmptyPasswords").Is("yes") && s.Get("UsePAM").Is("yes") {
		add("PermitEmptyPasswords", "be cut off in pam_setcred: PermitEmptyPasswords yes with UsePAM", "PermitEmptyPasswords no")
	}
	return out
}

// daemon refuses lines with which nobody gets in, or with which sshd dies when it is
// reloaded. What is so today, and works, is no reason.
func (j *loginJudge) daemon(from string) {
	g := j.newCfg.Globals()
	p := j.p
	var old *sshd.Settings
	if j.sure && j.oldCfg != nil {
		old = j.oldCfg.Globals()
	}
	refuse := func(keyword, why, wayOut string) {
		if old != nil && sameValues(old, g, []string{keyword}) {
			return
		}
		o := g.Get(keyword).Origin
		p.refuse(Refusal{Risk: "lock-out", Why: why, Path: o.File, Line: o.Pos.Line, Text: strings.TrimSpace(o.Text), WayOut: wayOut})
	}
	for _, list := range []struct {
		keyword string
		ours    func(string) bool
	}{
		{"Ciphers", clientCipher}, {"MACs", clientMAC}, {"KexAlgorithms", clientKex}, {"HostKeyAlgorithms", clientHostKey},
	} {
		names := g.Algorithms(list.keyword)
		if v := g.Get(list.keyword); v.Unknown != "" || len(names) == 0 && v.Origin.Kind == sshd.FromDefault {
			continue
		}
		switch {
		case len(names) == 0:
			refuse(list.keyword, "nobody could connect: "+list.keyword+" is left empty, though sshd -T prints the default list", "take the line out")
		case list.keyword == "MACs" && slices.ContainsFunc(g.Algorithms("Ciphers"), func(n string) bool { return wire.AEAD(n) && clientCipher(n) }):
		case !slices.ContainsFunc(names, list.ours):
			refuse(list.keyword, "your client could not connect: nothing of "+list.keyword+" is known to it", "leave one of the usual names in the list")
		}
	}
	j.hostKeys(refuse, g)
	if v := g.Get("PerSourceMaxStartups"); v.First() == "0" {
		refuse("PerSourceMaxStartups", "every connection would be dropped: PerSourceMaxStartups 0", "PerSourceMaxStartups none")
	}
	if w := g.Get("MaxStartups").First(); w != "" {
		parts := strings.Split(w, ":")
		if full, err := strconv.Atoi(parts[len(parts)-1]); err == nil && full < 3 {
			refuse("MaxStartups", "a server that is scanned would drop your login: MaxStartups "+w, "MaxStartups 10:30:60")
		}
	}
	if n := number(g.Get("LoginGraceTime").Args); n > 0 && n < 10 {
		refuse("LoginGraceTime", fmt.Sprintf("a slow name server or PAM module would cut your login off: LoginGraceTime %d", n), "LoginGraceTime 60")
	}
	for _, k := range []string{"SshdSessionPath", "SshdAuthPath"} {
		v := g.Get(k)
		if v.Origin.Kind == sshd.FromDefault || v.First() == "" {
			continue
		}
		if f, _ := seen(p.in.Snapshot, v.First()); f == nil {
			refuse(k, "sshd would not start again when it is reloaded: "+k+" "+v.First()+" was not seen on this host", "take the line out")
		}
	}
	if a, err := netip.ParseAddr(from); err == nil {
		switch v := g.Get("AddressFamily").First(); {
		case v == "inet6" && a.Is4():
			refuse("AddressFamily", "you come by IPv4 ("+from+"), and AddressFamily is inet6", "AddressFamily any")
		case v == "inet" && a.Is6():
			refuse("AddressFamily", "you come by IPv6 ("+from+"), and AddressFamily is inet", "AddressFamily any")
		}
	}
	j.listener(refuse, g)
}

// listener: the address and port that we come to have to stay.
func (j *loginJudge) listener(refuse func(keyword, why, wayOut string), g *sshd.Settings) {
	if j.p.host.Reload.Socket || j.port == 0 {
		return // whoever holds the socket goes on listening
	}
	ports := g.Get("Port").Args
	listens := g.Get("ListenAddress").Args
	if len(listens) == 0 || g.Get("ListenAddress").Origin.Kind == sshd.FromDefault {
		if len(ports) > 0 && !slices.Contains(ports, strconv.Itoa(j.port)) {
			refuse("Port", fmt.Sprintf("sshd would no longer listen on port %d, by which you come, but on %s", j.port, strings.Join(ports, ", ")), fmt.Sprintf("keep Port %d until the new one was seen to work from where you are (firewall, SELinux, ssh.socket)", j.port))
		}
		return
	}
	here := j.listening()
	for _, l := range listens {
		host, port := splitListen(l)
		if port != 0 && port != j.port || port == 0 && len(ports) > 0 && !slices.Contains(ports, strconv.Itoa(j.port)) {
			continue
		}
		a, err := netip.ParseAddr(host)
		if err != nil || a.IsUnspecified() || a.Unmap().String() == j.to || here[a.Unmap().String()] {
			return
		}
	}
	refuse("ListenAddress", fmt.Sprintf("sshd would no longer listen on %s port %d, by which you come (%s); with an address that is not this host's it dies when it is reloaded", j.to, j.port, strings.Join(listens, ", ")),
		"keep ListenAddress "+either(j.to, "0.0.0.0"))
}

// listening are the addresses on which the daemon listens now.
func (j *loginJudge) listening() map[string]bool {
	out := map[string]bool{}
	for i := range j.p.before.Daemons {
		for _, l := range j.p.before.Daemons[i].Listens {
			if h, _ := splitListen(l); h == j.to {
				out[h] = true
			}
		}
	}
	return out
}

// splitListen takes address:port, [address]:port or a bare address apart.
func splitListen(s string) (host string, port int) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().String(), int(ap.Port())
	}
	if h, p, ok := strings.Cut(s, ":"); ok && !strings.Contains(p, ":") {
		if n, err := strconv.Atoi(p); err == nil {
			return h, n
		}
	}
	return strings.Trim(s, "[]"), 0
}

// hostKeys: the key by which we know the host has to stay.
func (j *loginJudge) hostKeys(refuse func(keyword, why, wayOut string), g *sshd.Settings) {
	v := g.Get("HostKey")
	algs := g.Algorithms("HostKeyAlgorithms")
	usable, missing := 0, []string{}
	names := v.Args
	if len(names) == 0 || v.Origin.Kind == sshd.FromDefault {
		names = []string{"/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"}
	}
	snap := j.p.now()
	any := false
	for _, name := range names {
		f, _ := seen(snap, name)
		if f == nil {
			missing = append(missing, name)
			continue
		}
		any = true
		kind := keyKind(name)
		if kind == "" || slices.ContainsFunc(algs, func(a string) bool { return strings.Contains(a, kind) }) {
			usable++
		}
	}
	if !any {
		if len(v.Args) > 0 && v.Origin.Kind == sshd.FromFile && snap.Lookup("/etc/ssh") != nil {
			refuse("HostKey", "sshd would not start again: none of its host keys was seen ("+strings.Join(missing, ", ")+")", "ssh-keygen -A")
		}
		return // of a tree without any key nothing is known
	}
	if usable == 0 {
		refuse("HostKeyAlgorithms", "nobody could connect: HostKeyAlgorithms "+strings.Join(algs, ",")+" fits none of the host keys that are there", "take the line out")
	}
	if len(missing) > 0 && v.Origin.Kind == sshd.FromFile {
		known := j.p.hostKeyInUse()
		for _, m := range missing {
			if k := keyKind(m); k != "" && strings.Contains(known, k) {
				refuse("HostKey", m+" is missing, and the "+k+" key is the one by which your client knows this host", "put the key back, or learn the other one first")
				continue
			}
			j.p.warn("HostKey names %s, which is missing: clients that know this host by that key will refuse it", m)
		}
	}
	if g.Get("HostKeyAlgorithms").Origin.Kind != sshd.FromDefault {
		if used := j.p.hostKeyInUse(); used != "" && !slices.Contains(algs, used) {
			refuse("HostKeyAlgorithms", "your client knows this host by "+used+", which would no longer be offered", "learn another host key first (ssh-keyscan), or leave "+used+" in the list")
		}
	}
}

// hostKeyInUse is the algorithm of the host key with which this login was made.
func (p *planner) hostKeyInUse() string {
	return capturedHostKey(p.in.Snapshot)
}

func keyKind(file string) string {
	base := strings.TrimSuffix(path.Base(file), ".pub")
	for _, k := range []string{"ed25519", "ecdsa", "rsa", "dss"} {
		if strings.Contains(base, k) {
			return k
		}
	}
	if strings.Contains(base, "dsa") {
		return "dss"
	}
	return ""
}
