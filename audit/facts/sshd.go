package facts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/packages"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// sshd reads the configuration of the daemon that answers logins, and what
// holds under it.
func (b *builder) sshd() {
	running := b.daemons()
	var primary *sshDaemon
	for i := range running {
		if running[i].Primary {
			primary = &running[i]
		}
	}
	main, opt := b.sshdOptions(primary)
	_, exists := b.fs.read(main)
	b.f.Sshd.Present = exists || primary != nil || b.f.Wire.Seen
	if !exists && main != "none" {
		why := b.why(main)
		switch {
		case why != "":
			b.unknown("sshd", main+": "+why)
		case !b.f.Sshd.Present:
			for _, list := range []string{"access", "disagreements"} {
				b.gap(list, main, "there is no sshd configuration")
			}
			b.unknown("sshd.version", "no sshd was found")
			return
		case primary != nil && primary.Kind != "sshd":
			b.unknown("sshd", "the server is "+primary.Kind+", which this release does not judge")
		default:
			b.unknown("sshd", main+" was not seen")
		}
		delete(b.f.Unknown, "sshd.present")
		for _, list := range []string{"access", "disagreements"} {
			b.gap(list, main, b.f.Unknown["sshd"])
		}
		return
	}
	if primary != nil && primary.lost != "" {
		b.unknown("sshd", primary.lost)
	}
	b.f.Sshd.Config = main
	b.f.Sshd.Version = opt.Version.String()
	if !opt.Version.Known() {
		b.unknown("sshd.version", "no package, banner or binary names the release")
	}
	cfg := sshd.Load(main, sshdFiles{b}, opt)
	b.config = cfg
	for _, f := range cfg.Files {
		b.sshdFiles = append(b.sshdFiles, f.Name)
	}
	if r := cfg.Refused(); r != nil {
		b.f.Sshd.Refused = r.Message
		b.f.Origin["sshd.refused"] = []Evidence{{Path: r.File, Line: r.Pos.Line, Text: r.Message, Witness: r.Hint}}
	}
	for _, g := range cfg.Gaps {
		b.unknown("sshd.refused", g.Path+": "+g.Reason)
	}
	b.hostKeyFiles = append(b.hostKeyFiles, hostKeyPaths(cfg.Globals())...)
	b.settings(cfg)
	b.effective(cfg, primary)
	b.stale(cfg, primary)
	b.moduli(cfg.Globals())
	b.access(cfg)
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
	data, ok := f.b.fs.read(p)
	if ok {
		if e := f.b.fs.resolve(p); e != nil && e.Truncated {
			return nil, errors.New("only its first part was read")
		}
		return data, nil
	}
	if e := f.b.fs.resolve(p); e != nil && e.Type == 'd' {
		return nil, nil
	}
	if why := f.b.why(p); why != "" {
		return nil, errors.New(why)
	}
	if f.b.snap.Lookup(p) != nil {
		return nil, errors.New("its content was not read")
	}
	return nil, fs.ErrNotExist
}

func hostKeyPaths(s *sshd.Settings) []string {
	if keys := s.Get("HostKey").Args; len(keys) > 0 {
		return keys
	}
	var out []string
	for _, t := range []string{"rsa", "ecdsa", "ed25519"} {
		out = append(out, "/etc/ssh/ssh_host_"+t+"_key")
	}
	return out
}

// moduli reads the histogram of the group exchange's moduli (moduli(5)).
func (b *builder) moduli(s *sshd.Settings) {
	data, missing := b.output(snapshot.OutModuli)
	if missing != "" {
		if b.why("/etc/ssh/moduli") == "" && b.why(snapshot.OutModuli) == "" && b.snap.Lookup("/etc/ssh/moduli") == nil {
			return // there is no such file: 0
		}
		b.unknown("sshd.moduli_bits", missing)
		return
	}
	least := int64(0)
	lines(data, func(line string) {
		f := strings.Fields(line)
		if len(f) != 2 || f[0] == "sha256" {
			return
		}
		if bits, err := strconv.ParseInt(f[1], 10, 64); err == nil && (least == 0 || bits < least) {
			least = bits
		}
	})
	b.f.Sshd.ModuliBits = least
	b.f.Origin["sshd.moduli_bits"] = []Evidence{{Path: "/etc/ssh/moduli", Text: fmt.Sprintf("smallest group: %d bits", least)}}
}

// stale compares the files with the daemon's last start or reload.
func (b *builder) stale(cfg *sshd.Config, d *sshDaemon) {
	if d == nil {
		why := "no running sshd was seen"
		if b.snap.Source == snapshot.SourceRoot {
			why = "a directory holds no running daemon"
		}
		b.unknown("sshd.stale", why)
		return
	}
	loaded, logged := b.lastLoad(d)
	if loaded.IsZero() {
		b.unknown("sshd.stale", "when the daemon read its files is not known")
		return
	}
	var newer []Evidence
	newest := time.Time{}
	for _, name := range b.sshdFiles {
		f := b.fs.resolve(name)
		if f == nil {
			continue
		}
		at := f.MTime
		if f.CTime.After(at) {
			at = f.CTime
		}
		if at.After(newest) {
			newest = at
		}
		if at.After(loaded) {
			newer = append(newer, Evidence{Path: name, Text: "changed " + at.Format(time.RFC3339),
				Witness: "the daemon read its files at " + loaded.Format(time.RFC3339)})
		}
	}
	switch {
	case len(newer) == 0:
		if !newest.IsZero() {
			b.f.Origin["sshd.stale"] = []Evidence{{Text: "files last changed " + newest.Format(time.RFC3339),
				Witness: "the daemon read its files at " + loaded.Format(time.RFC3339)}}
		}
	case logged:
		b.f.Sshd.Stale = true
		b.f.Origin["sshd.stale"] = newer
	default:
		// A reload by signal leaves the start time as it is, and without a log it is invisible.
		b.unknown("sshd.stale", newer[0].Path+" is newer than the daemon's start, and no log tells of later reloads")
		b.f.Origin["sshd.stale"] = newer
	}
}

// lastLoad is when the daemon last read its files. logged says that the log
// reaches back so far that a later reload would show.
func (b *builder) lastLoad(d *sshDaemon) (at time.Time, logged bool) {
	at = d.start
	data, missing := b.output(snapshot.OutSshdLog)
	if missing != "" {
		return at, false
	}
	first := time.Time{}
	lines(data, func(line string) {
		when, ok := logTime(line)
		if !ok {
			return
		}
		if first.IsZero() {
			first = when
		}
		if (strings.Contains(line, "Server listening on") || strings.Contains(line, "Received SIGHUP")) && when.After(at) {
			at = when
		}
	})
	// The log tells of reloads when it begins before the daemon did, or shows its start.
	return at, !first.IsZero() && (!first.After(d.start) || at.After(d.start) || first.Sub(d.start) < 5*time.Second)
}

// logTime reads the ISO time that journalctl -o short-iso and rsyslog's newer
// format begin a line with.
func logTime(line string) (time.Time, bool) {
	word, _, _ := strings.Cut(line, " ")
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, word); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

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
		reason := strings.TrimSpace(string(out.Stderr))
		if i := strings.IndexByte(reason, '\n'); i >= 0 {
			reason = reason[:i]
		}
		b.gap("disagreements", name, "sshd -T failed: "+reason)
		if out.RC == 255 && b.f.Sshd.Refused == "" {
			b.f.Sshd.Refused = reason
			b.f.Origin["sshd.refused"] = []Evidence{{Path: b.f.Sshd.Config, Text: reason, Witness: "sshd -T on the host"}}
		}
	default:
		ctx := b.askedContext(out)
		settings := cfg.Eval(ctx)
		for _, diff := range sshd.Compare(settings, sshd.ParseEffective(out.Data)) {
			e := Evidence{Path: diff.Origin.File, Line: diff.Origin.Pos.Line, Text: diff.Origin.Text,
				Witness: "sshd -T as " + ctx.User + " says " + strings.Join(diff.Effective, " ")}
			b.f.Disagreements = append(b.f.Disagreements, Disagreement{
				Setting: diff.Keyword, File: strings.Join(diff.File, " "), Effective: strings.Join(diff.Effective, " "),
				Cause: "a default or a patch of this build that postern does not know, or a fault of postern's parser", Evidence: []Evidence{e},
			})
		}
		b.wireAgainst(settings)
		return
	}
	b.wireAgainst(cfg.Eval(b.thisLogin()))
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
