package facts

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/packages"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// server finds the running server that answers, and by which rules it reads
// which file.
func (b *builder) server() (primary *sshDaemon) {
	running := b.daemons()
	for i := range running {
		if running[i].Primary {
			primary = &running[i]
		}
	}
	b.in.main, b.in.rules = b.sshdOptions(primary)
	b.in.other = b.otherServer(primary)
	b.in.foreign = b.otherBuild(primary)
	b.in.dropbear = asDropbear(primary)
	if b.in.primary = primary != nil; b.in.primary {
		b.in.reason = primary.Reason
	}
	return primary
}

// sshd reads the configuration of the daemon that answers logins, and what
// holds under it.
func (b *builder) sshd() {
	main := b.in.main
	_, exists := b.fs.read(main)
	b.f.Sshd.Present = exists || b.in.primary || b.f.Wire.Seen
	switch why := b.why(main); {
	case b.in.dropbear != nil:
		b.dropbear(b.in.dropbear)
		return
	case b.in.other != "":
		b.blind(main, b.in.other)
		return
	case exists || main == "none":
	case why != "":
		b.blind(main, main+": "+why)
		return
	case !b.f.Sshd.Present && (b.hidden == "" || b.snap.Source == snapshot.SourceRoot):
		b.absentServer(main)
		return
	case !b.f.Sshd.Present:
		b.blind(main, "whether a server runs here is not known: "+b.hidden)
		return
	default:
		reason := main + " was not seen"
		if b.in.reason != "" {
			reason += ": " + b.in.reason
		}
		b.blind(main, reason)
		return
	}
	b.f.Sshd.Config = main
	b.f.Sshd.Version = b.in.rules.Version.String()
	if !b.in.rules.Version.Known() {
		b.unknown("sshd.version", "no package, banner or binary names the release")
	}
	cfg := sshd.Load(main, sshdFiles{b}, b.in.rules)
	b.cfg = cfg
	for _, f := range cfg.Files {
		b.sshdFiles = append(b.sshdFiles, f.Name)
	}
	if r := cfg.Refused(); r != nil {
		message := r.Message
		if r.Keyword != "" && !strings.Contains(strings.ToLower(message), strings.ToLower(r.Keyword)) {
			message = r.Keyword + ": " + message
		}
		b.f.Sshd.Refused = message
		b.f.Origin["sshd.refused"] = []Evidence{{Path: r.File, Line: r.Pos.Line, Text: message, Witness: r.Hint}}
	}
	for _, g := range cfg.Gaps {
		b.mayLack(g.Path, g.Reason, "files", "disagreements")
		if b.f.Sshd.Refused == "" {
			b.unknown("sshd.refused", g.Path+": "+g.Reason)
		}
	}
	b.hostKeyFiles = append(b.hostKeyFiles, hostKeyPaths(cfg.Globals())...)
	b.settings(cfg)
	b.moduli()
	b.access(cfg)
}

// otherServer says why the files of sshd may not be what decides at the server
// that answers; "" they are.
func (b *builder) otherServer(d *sshDaemon) string {
	switch {
	case asDropbear(d) != nil:
		return "the server is dropbear"
	case d != nil && d.Kind == "dropbear":
		return "the server is dropbear: " + cmp.Or(d.doubt, d.lost, "its command line is not known")
	case d != nil && d.Kind != "sshd":
		return "the server is " + d.Kind + ", which this release does not judge"
	case d != nil && d.doubt != "":
		return d.doubt
	case d != nil && d.lost != "":
		return d.lost
	case d == nil && b.hidden != "" && b.snap.Source != snapshot.SourceRoot:
		return "no running sshd was seen, so with which arguments it runs is not known: " + b.hidden
	}
	// A process that was seen to listen where we came in is proof enough.
	if s := b.f.Wire.Software; s != "" && !strings.HasPrefix(s, "OpenSSH") && (d == nil || !d.answered) {
		return "the server calls itself " + s + ", and which process it is was not seen"
	}
	return ""
}

// blind notes that what holds at the server is not known.
func (b *builder) blind(main, why string) {
	b.unknown("sshd", why)
	b.mayLack(main, why, "access", "disagreements", "authorized_keys", "files")
	b.plainFiles(main)
}

// absentServer notes that there is no SSH server: nobody logs in, and what lies
// there for one is still looked at.
func (b *builder) absentServer(main string) {
	b.mayLack(main, "there is no sshd configuration", "access", "disagreements")
	for _, fact := range []string{"version", "password_login", "root_login", "root_password_login", "empty_passwords"} {
		b.unknown("sshd."+fact, "no sshd was found")
	}
	b.plainFiles(main)
}

// plainFiles are the files that a server reads where nothing says otherwise.
func (b *builder) plainFiles(main string) {
	b.sshdFiles = []string{main}
	b.hostKeyFiles = append(b.hostKeyFiles, defaultHostKeys...)
	b.authorizedKeys(func(string) []string { return defaultKeyFiles })
}

// sshdOptions says which file is the main one and by which rules it is read.
func (b *builder) sshdOptions(d *sshDaemon) (string, sshd.Options) {
	opt := sshd.Options{Distro: b.f.Host.OS}
	main := "/etc/ssh/sshd_config"
	if _, ok := b.fs.read(main); !ok && b.why(main) == "" {
		if _, ok := b.fs.read("/usr/etc/ssh/sshd_config"); ok {
			main = "/usr/etc/ssh/sshd_config" // SUSE's vendor file
		}
	}
	if d != nil && d.Kind == "sshd" {
		if d.Config != "" {
			main = d.Config
		}
		opt.CommandLine, opt.Ports = d.options, d.ports
	}
	opt.Version = b.opensshRelease(d)
	return main, opt
}

// release finds the OpenSSH release: the daemon's own binary knows best, then
// its banner, then the package.
func (b *builder) opensshRelease(d *sshDaemon) sshd.Version {
	var tries []string
	if d != nil {
		if data, missing := b.output(snapshot.OutSshdVersion + strconv.FormatInt(d.PID, 10)); missing == "" {
			tries = append(tries, string(data))
		}
	}
	for i := range b.snap.Outputs {
		if o := &b.snap.Outputs[i]; strings.HasPrefix(o.Name, snapshot.OutSshdVersion) && d == nil {
			tries = append(tries, string(o.Data))
		}
	}
	tries = append(tries, b.f.Wire.Software)
	for _, t := range tries {
		if v, ok := sshd.ParseVersion(t); ok {
			return v
		}
	}
	if _, v := b.installed("openssh-server", "openssh", "openssh-*"); v != "" {
		if r, ok := packages.ReleaseOf(v); ok {
			return sshd.V(r.Major, r.Minor)
		}
	}
	return sshd.Version{}
}

// sshdFiles gives the parser what the snapshot holds.
type sshdFiles struct{ b *builder }

// Glob gives the existing paths that fit an Include pattern.
func (f sshdFiles) Glob(pattern string) ([]string, error) {
	found := f.b.fs.glob(pattern)
	if len(found) == 0 {
		dir := pattern
		if i := strings.IndexAny(dir, "*?["); i >= 0 {
			dir = path.Dir(dir[:i] + "x")
		}
		if why := f.b.why(dir); why != "" {
			return nil, errors.New(why)
		}
	}
	return found, nil
}

// Read gives a file's bytes.
func (f sshdFiles) Read(p string) ([]byte, error) {
	if e := f.b.fs.resolve(p); e != nil && e.Type == 'd' {
		return nil, nil
	}
	data, ok, lacks := f.b.content(p)
	switch {
	case lacks != "":
		return nil, errors.New(lacks)
	case ok:
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func hostKeyPaths(s *sshd.Settings) []string {
	if keys := s.Get("HostKey").Args; len(keys) > 0 {
		return keys
	}
	return defaultHostKeys
}

// defaultHostKeys is HostKey where nothing sets it (sshd_config(5)).
var defaultHostKeys = []string{"/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"}

// effective compares what the files say with what sshd -T printed, and both
// with the wire.
func (b *builder) effective(cfg *sshd.Config, d *sshDaemon) {
	name := snapshot.OutSshdT + "default"
	if d != nil {
		name = snapshot.OutSshdT + strconv.FormatInt(d.PID, 10)
	}
	out := b.snap.Output(name)
	switch {
	case out == nil:
		why := b.why(name)
		if why == "" {
			why = "sshd -T was not asked"
		}
		b.gap("disagreements", name, why)
	case out.RC != 0:
		reason, _, _ := strings.Cut(strings.TrimSpace(string(out.Stderr)), "\n")
		b.gap("disagreements", name, "sshd -T failed: "+reason)
		if out.RC == 255 && b.f.Sshd.Refused == "" && namesLine(string(out.Stderr)) {
			if b.snap.Privilege != snapshot.PrivilegeNone {
				delete(b.f.Unknown, "sshd.refused") // sshd itself said so, with root's rights
			}
			b.f.Sshd.Refused = reason
			b.f.Origin["sshd.refused"] = []Evidence{{Path: b.f.Sshd.Config, Text: reason, Witness: "sshd -T on the host"}}
			b.sshdMoved = true
		}
	default:
		if _, lacks := b.whole(name); lacks != "" {
			b.gap("disagreements", name, lacks)
			break
		}
		ctx := b.askedContext(out)
		settings := cfg.Eval(ctx)
		for _, diff := range b.compare(settings, out.Data) {
			e := Evidence{Path: diff.Origin.File, Line: diff.Origin.Pos.Line, Text: diff.Origin.Text,
				Witness: "sshd -T as " + ctx.User + " says " + strings.Join(diff.Effective, " ")}
			b.f.Disagreements = append(b.f.Disagreements, Disagreement{
				Setting: diff.Keyword, File: strings.Join(diff.File, " "), Effective: strings.Join(diff.Effective, " "),
				Cause: "a default or a patch of this build that postern does not know, or a fault of postern's parser", Evidence: []Evidence{e},
			})
			for _, st := range scalars {
				// What the files say holds all the same where sshd -T is stricter.
				if strings.EqualFold(st.keyword, diff.Keyword) && st.weight(diff.Effective) > st.weight(diff.File) {
					b.unknown("sshd."+st.fact, "the files and sshd -T do not agree on "+st.keyword)
				}
			}
		}
		b.wireAgainst(settings)
		return
	}
	b.wireAgainst(cfg.Eval(b.thisLogin()))
}

// compare compares the settings with what sshd -T printed. The answers of hosts
// that are set up alike are the same as a rule.
func (b *builder) compare(s *sshd.Settings, printed []byte) []sshd.Difference {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := &b.compared; c.settings != s || !bytes.Equal(c.printed, printed) {
		*c = compared{settings: s, printed: bytes.Clone(printed), diffs: sshd.Compare(s, sshd.ParseEffective(printed))}
	}
	return b.compared.diffs
}

// badLine finds how sshd names a line of its configuration that it refuses
// ("/etc/ssh/sshd_config line 3: ...", "... terminating, 1 bad configuration
// options"). It exits with 255 for other reasons too, such as a missing /run/sshd.
var badLine = regexp.MustCompile(`(?i)\bline [0-9]+\b|bad configuration option|directive .* not allowed|unsupported option`)

func namesLine(stderr string) bool {
	return badLine.MatchString(stderr) && !strings.Contains(stderr, "Permission denied")
}

// askedContext reads the -C that the collector gave to sshd -T.
func (b *builder) askedContext(o *snapshot.Output) sshd.Context {
	ctx := sshd.Context{}
	for i, w := range o.Args {
		if w != "-C" || i+1 >= len(o.Args) {
			continue
		}
		for _, kv := range strings.Split(o.Args[i+1], ",") {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "user":
				ctx.User = v
			case "addr":
				ctx.Addr = v
			case "host":
				ctx.Host = v
			case "laddr":
				ctx.LocalAddr = v
			case "lport":
				ctx.LocalPort, _ = strconv.Atoi(v)
			}
		}
	}
	if a, ok := b.byName[ctx.User]; ok {
		ctx.Groups = a.Groups
	}
	return ctx
}

// thisLogin is the context of the login that the collector ran in.
func (b *builder) thisLogin() sshd.Context {
	id, _ := b.identity()
	ctx := sshd.Context{User: b.snap.Account}
	if f := strings.Fields(id["connection"]); len(f) == 4 {
		ctx.Addr, ctx.LocalAddr = f[0], f[2]
		ctx.LocalPort, _ = strconv.Atoi(f[3])
	}
	if a, ok := b.byName[ctx.User]; ok {
		ctx.Groups = a.Groups
	}
	return ctx
}

// wireAgainst names what the server offered on the wire although its files
// forbid it: edited and never reloaded, or another server than the one whose
// files were read. What the files allow and the wire lacks is no opening.
func (b *builder) wireAgainst(s *sshd.Settings) {
	if !b.f.Wire.Seen {
		b.gap("disagreements", "wire", b.f.Unknown["wire"])
		return
	}
	cause := "edited and not reloaded, or another server answers on this port"
	if b.f.Sshd.Stale {
		cause = "edited and not reloaded"
	}
	for _, m := range b.f.Wire.Methods {
		keyword := map[string]string{"password": "PasswordAuthentication", "keyboard-interactive": "KbdInteractiveAuthentication",
			"publickey": "PubkeyAuthentication", "hostbased": "HostbasedAuthentication", "gssapi-with-mic": "GSSAPIAuthentication"}[m]
		if keyword == "" || s.MethodEnabled(m) {
			continue
		}
		v := s.Get(keyword)
		b.f.Disagreements = append(b.f.Disagreements, Disagreement{
			Setting: keyword, File: strings.Join(v.Args, " "), Wire: m + " is offered", Cause: cause,
			Evidence: []Evidence{evidence(v.Origin, "the server offers "+m)},
		})
	}
	for _, list := range []struct {
		keyword string
		offered []Algorithm
	}{{"Ciphers", b.f.Wire.Ciphers}, {"MACs", b.f.Wire.MACs}, {"KexAlgorithms", b.f.Wire.Kex}} {
		allowed := map[string]bool{}
		for _, a := range s.Algorithms(list.keyword) {
			allowed[oneName(a)] = true
		}
		v := s.Get(list.keyword)
		if len(allowed) == 0 || v.Unknown != "" || v.Origin.Kind == sshd.FromDefault {
			continue // a default of this build is not in the files
		}
		var extra []string
		for _, a := range list.offered {
			if !allowed[oneName(a.Name)] {
				extra = append(extra, a.Name)
			}
		}
		if len(extra) > 0 {
			sort.Strings(extra)
			b.f.Disagreements = append(b.f.Disagreements, Disagreement{
				Setting: list.keyword, File: strings.Join(v.Args, ","), Wire: strings.Join(extra, ",") + " offered", Cause: cause,
				Evidence: []Evidence{evidence(v.Origin, "the server also offers "+strings.Join(extra, ", "))},
			})
		}
	}
}

// oneName gives algorithms that have two names one: the vendor's name and the
// standard's mean the same bytes on the wire.
func oneName(algorithm string) string {
	switch algorithm {
	case "curve25519-sha256@libssh.org":
		return "curve25519-sha256"
	case "sntrup761x25519-sha512@openssh.com":
		return "sntrup761x25519-sha512"
	}
	return algorithm
}

// evidence is a line of the configuration with a witness.
func evidence(o sshd.Origin, witness string) Evidence {
	switch o.Kind {
	case sshd.FromFile:
		e := Evidence{Path: o.File, Line: o.Pos.Line, Text: strings.TrimSpace(o.Text), Witness: witness}
		if o.Match != "" {
			e.Text += "   (below Match " + o.Match + ")"
		}
		return e
	case sshd.FromCommandLine:
		return Evidence{Text: strings.TrimSpace(o.Text) + " on the daemon's command line", Witness: witness}
	}
	return Evidence{Text: "default of this release", Witness: witness}
}
