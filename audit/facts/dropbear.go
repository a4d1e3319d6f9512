package facts

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/dropbear"
	"github.com/postern-ssh/postern/audit/sshd"
)

// dropbearServer is what a setup knows of a dropbear that answers logins: its
// command line is all the configuration that it has.
type dropbearServer struct {
	args []string
	uid  int64
	exe  string
}

// asDropbear gives it of a process; nil where that is another server, or its
// command line is not known.
func asDropbear(d *sshDaemon) *dropbearServer {
	if d == nil || d.Kind != "dropbear" || d.lost != "" || d.doubt != "" || len(d.Args) == 0 || d.UID < 0 {
		return nil
	}
	return &dropbearServer{args: d.Args, uid: d.UID, exe: d.Exe}
}

// parse reads the command line. A server that runs did not refuse it.
func (d *dropbearServer) parse() (s *dropbear.Server, lost string) {
	s = dropbear.Parse(d.args)
	if s.Refused != "" {
		return nil, "dropbear runs with arguments that postern does not read: " + s.Refused
	}
	if s.Master {
		return nil, "this dropbear is a patched build that takes a master password (-Y)"
	}
	return s, ""
}

// ofDropbear are the facts about sshd that dropbear has too.
var ofDropbear = map[string]bool{"present": true, "password_login": true, "root_login": true, "root_password_login": true, "empty_passwords": true}

// dropbear answers who can log in at a dropbear server. It has none of sshd's
// settings: facts about these are not known, and so no rule passes on them.
func (b *builder) dropbear(d *dropbearServer) {
	server, lost := d.parse()
	if lost != "" {
		b.blind(b.in.main, lost)
		return
	}
	t := reflect.TypeFor[Sshd]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("cel"); !ofDropbear[name] {
			b.unknown("sshd."+name, "the server is dropbear, which has no such setting")
		}
	}
	b.mayLack(d.exe, "dropbear has no files to compare with", "disagreements")
	b.hostKeyFiles = append(b.hostKeyFiles, server.HostKeys...)
	if word := dropbearKeys(server); word != defaultKeyFiles[0] {
		// The collector goes by sshd's files.
		b.lacks.late = "-D of dropbear's command line names other files of keys"
		b.mayLack("", b.lacks.late, "authorized_keys", "files")
	}
	b.authorizedKeys(func(string) []string { return []string{dropbearKeys(server)} })
	b.otherKeys(server)
	answers := b.dropbearLogins(server, d, false)
	for i := range answers {
		b.f.Access = append(b.f.Access, b.accessFact(&answers[i]))
	}
	if !b.passwdWhole {
		b.gap("access", "/etc/passwd", "the accounts are not all known")
	}
	b.sum = access.Summarise(answers)
	b.whoGetsIn()
}

// otherKeys names keys that open accounts and stand in no file that was read.
func (b *builder) otherKeys(s *dropbear.Server) {
	if s.Plugin != "" {
		b.gap("authorized_keys", s.Plugin, "which keys the plugin of dropbear takes is not known")
	}
	if b.elsewhereKeys() {
		b.gap("authorized_keys", openwrtKeys, "OpenWrt's dropbear reads root's keys here too, and the collector does not")
	}
}

const openwrtKeys = "/etc/dropbear/authorized_keys"

// elsewhereKeys reports whether root's keys may lie where OpenWrt has them.
func (b *builder) elsewhereKeys() bool {
	return b.f.Host.OS == "openwrt" || b.fs.lookup(openwrtKeys) != nil
}

// dropbearKeys is the file of keys as a word of AuthorizedKeysFile.
func dropbearKeys(s *dropbear.Server) string {
	return strings.TrimPrefix(strings.ReplaceAll(s.KeyFile("\x00"), "%", "%%"), "\x00/")
}

// dropbearLogins judges the accounts.
func (b *builder) dropbearLogins(s *dropbear.Server, d *dropbearServer, detail bool) []access.Answer {
	in := b.loginInput(sshd.Load("none", sshdFiles{b}, sshd.Options{}))
	in.Detail = detail
	if detail {
		in.Apart = append(in.Apart, b.opt.Apart...)
	}
	host := dropbear.Host{UID: d.uid}
	if data, ok, lacks := b.content("/etc/shells"); ok && lacks == "" {
		host.Shells = []string{}
		lines(data, func(line string) { host.Shells = append(host.Shells, strings.TrimSpace(line)) })
	} else if lacks == "" && (b.absent("/etc/shells") || b.lookedFor("/etc/shells")) {
		host.Shells = []string{"/bin/sh", "/bin/csh"} // getusershell(3)
	}
	answers := access.Dropbear(s, strings.Join(d.args, " "), host, in)
	for i := range answers {
		if a := &answers[i]; a.UID == 0 && a.PublicKey == access.No && b.elsewhereKeys() && !s.NoRoot {
			a.PublicKey = access.Unsure
			why := "OpenWrt's dropbear reads " + openwrtKeys + " too, which was not read"
			a.Ways = append(a.Ways, access.Way{Methods: []string{"publickey"}, Verdict: access.Unsure, Why: why, Factors: 1})
			if a.Open() == access.Unsure {
				a.Why = why
			}
		}
	}
	return answers
}

// dropbearServerLogins is loginServer for dropbear.
func (b *builder) dropbearServerLogins(d *sshDaemon, weak map[string]string) (s LoginServer, lost string) {
	this := asDropbear(d)
	if this == nil {
		lost = d.lost
		if lost == "" {
			lost = "its command line is not known"
		}
		return s, lost
	}
	server, lost := this.parse()
	if lost != "" {
		return s, lost
	}
	s = LoginServer{Kind: "dropbear", Config: strings.Join(d.Args, " "), Version: b.dropbearRelease(d), PID: d.PID, Primary: d.Primary,
		Listens: append([]string{}, d.Listens...), Logins: []Login{}}
	answers := b.dropbearLogins(server, this, true)
	for i := range answers {
		s.Logins = append(s.Logins, b.login(&answers[i], weak))
	}
	return s, ""
}

// dropbearRelease is the release that its binary names.
func (b *builder) dropbearRelease(d *sshDaemon) string {
	if o := b.snap.Output(fmt.Sprint("sshd-V.", d.PID)); o != nil {
		if _, v, ok := strings.Cut(string(o.Data), "ropbear v"); ok {
			v, _, _ = strings.Cut(v, "\n")
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
