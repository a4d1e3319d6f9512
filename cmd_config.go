package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/sshd"
)

// Exit codes of postern config beside those of a run: sshd's own.
const (
	exitRefused  = 255 // sshd does not start with this configuration
	exitBadQuery = 1   // sshd does not understand the question, or has no file to read
)

func configCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "config",
		Category:  lookAtHosts,
		Usage:     "print what holds, in the form of sshd -T",
		ArgsUsage: "[HOST]",
		Description: `What sshd makes of its files, before a login or for one, as sshd -T prints
it: same keywords, spelling and order, so that diff compares them.

  postern config web1 -C user=backup,addr=10.0.0.5,lport=22
  postern config --file sshd_config --openssh 9.2p1 --distro debian-12

What sshd refuses ends with its reason and its exit code, 255.
What is not known is a line that begins with "#", and exit code 3. Where the
daemon itself does otherwise than its -T says: postern config --differences.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.StringFlag{Category: "Which hosts", Name: "file", Usage: "read `FILE` as this machine's sshd would with -f; - is standard input"},
			&cli.StringSliceFlag{Category: "Which login", Name: "connection", Aliases: []string{"C"},
				Usage: "what holds for one login, as sshd -C takes it: `KEY=VALUE,...` of user, host, addr, laddr, lport, rdomain, and the word invalid-user; may be repeated"},
			&cli.StringFlag{Category: "By which rules", Name: "openssh", Usage: "the release, such as `9.2p1`, where the source does not tell it"},
			&cli.StringFlag{Category: "By which rules", Name: "distro", Usage: "the distribution, such as `debian-12`, where the source does not tell it"},
			&cli.BoolFlag{Category: "What to show", Name: "origin", Usage: "below each value the line that set it, what it shadows, and why"},
			&cli.BoolFlag{Category: "What to show", Name: "differences", Usage: "list where a daemon does otherwise than its sshd -T says, and nothing else"},
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json"},
		}),
		Action: func(c *cli.Context) error {
			if err := textOrJSON(c); err != nil {
				return err
			}
			if c.Bool("differences") {
				return printDifferences(s)
			}
			if err := checkSource(c); err != nil {
				return err
			}
			q, err := readConfigQuery(c, s)
			if err != nil {
				return err
			}
			return q.answer()
		},
	}
}

// configQuery is what postern config was asked.
type configQuery struct {
	s      streams
	c      *cli.Context
	login  sshd.Context
	asked  bool // -C was given
	rules  rules
	origin bool
	json   bool
}

// rules are --openssh and --distro.
type rules struct {
	version sshd.Version
	distro  string
}

func readConfigQuery(c *cli.Context, s streams) (*configQuery, error) {
	q := &configQuery{s: s, c: c, asked: c.IsSet("connection"), origin: c.Bool("origin"), json: c.String("format") == "json"}
	if c.IsSet("openssh") {
		v, ok := sshd.ParseVersion(c.String("openssh"))
		if !ok {
			return nil, usagef("--openssh %q is no release", c.String("openssh")).hint("such as 9.2p1, or what sshd -V prints")
		}
		q.rules.version = v
	}
	if c.IsSet("distro") {
		id, _, _ := strings.Cut(c.String("distro"), "-")
		q.rules.distro = strings.ToLower(id)
		if !q.rules.version.Known() {
			q.rules.version = releaseOf[strings.ToLower(c.String("distro"))]
		}
	}
	return q, q.readLogin(c.StringSlice("connection"))
}

// releaseOf is what distributions ship, for --distro without --openssh.
var releaseOf = map[string]sshd.Version{
	"debian-11": sshd.V(8, 4), "debian-12": sshd.V(9, 2), "debian-13": sshd.V(10, 0),
	"ubuntu-20.04": sshd.V(8, 2), "ubuntu-22.04": sshd.V(8, 9), "ubuntu-24.04": sshd.V(9, 6),
	"rhel-8": sshd.V(8, 0), "rhel-9": sshd.V(8, 7), "rhel-10": sshd.V(9, 9),
}

// readLogin reads the -C arguments as parse_server_match_testspec (servconf.c)
// does: a later value of a key replaces an earlier one.
func (q *configQuery) readLogin(specs []string) error {
	q.login.Test = true
	for _, spec := range specs {
		for _, part := range strings.Split(spec, ",") {
			key, value, has := strings.Cut(part, "=")
			switch {
			case key == "invalid-user" && !has:
				q.login.Invalid = true
			case !has:
				return q.badQuery("Invalid test mode specification " + part)
			case key == "user":
				q.login.User = value
			case key == "host":
				q.login.Host = value
			case key == "addr":
				q.login.Addr = value
			case key == "laddr":
				q.login.LocalAddr = value
			case key == "rdomain":
				q.login.RDomain = value
			case key == "lport":
				n, err := strconv.Atoi(value)
				if err != nil || n < 0 || n > 65535 {
					return q.badQuery(fmt.Sprintf("Invalid port '%s' in test mode specification %s", value, part))
				}
				q.login.LocalPort = n
			default:
				return q.badQuery("Invalid test mode specification " + part)
			}
		}
	}
	return nil
}

func (q *configQuery) badQuery(text string) error {
	fmt.Fprintln(q.s.err, visible(sshd.LogForm(text)))
	fmt.Fprintln(q.s.err, "postern: -C takes user=, host=, addr=, laddr=, lport=, rdomain= and invalid-user between commas")
	return exitCode(exitBadQuery)
}

// answer reads the source and prints.
func (q *configQuery) answer() error {
	var sc *facts.ServerConfig
	var err error
	name := ""
	if q.c.IsSet("file") {
		if q.c.Args().Present() || q.c.Bool("local") || q.c.IsSet("root") || q.c.IsSet("snapshot") || q.c.IsSet("inventory") {
			return usagef("--file and a host are two sources").hint("give one of them")
		}
		name = q.c.String("file")
		sc, err = q.fromFile(name)
	} else {
		sc, name, err = q.fromHost()
	}
	if err != nil {
		return err
	}
	if sc.Config == nil {
		fmt.Fprintf(q.s.err, "postern: %s\n", report.Inline(name+": what sshd reads is not known: "+sc.Why))
		return exitCode(audit.ExitUnknown)
	}
	fault := sc.Config.Refused()
	if fault == nil {
		fault = sc.Config.Missing(q.login)
	}
	set := sc.Config.Eval(q.login)
	if fault == nil {
		fault = set.Refused()
	}
	if q.json {
		if err := writeConfigJSON(q.s.out, name, sc, set, fault); err != nil {
			return err
		}
	} else if fault == nil {
		if err := q.writeText(set); err != nil {
			return err
		}
	}
	return q.verdict(sc, set, fault)
}

// verdict says on stderr what sshd would say there, and ends as it would.
func (q *configQuery) verdict(sc *facts.ServerConfig, set *sshd.Settings, fault *sshd.Fault) error {
	if fault != nil {
		fmt.Fprintln(q.s.err, visible(sshd.LogForm(fault.LogLine())))
		if fault.Hint != "" {
			fmt.Fprintf(q.s.err, "postern: %s\n", visible(fault.Hint))
		}
		return exitCode(exitRefused)
	}
	unknown := false
	for _, d := range set.Dump() {
		unknown = unknown || d.Unknown != "" && d.Keyword != "ListenAddress"
	}
	for i, g := range sc.Config.Gaps {
		if i == 5 {
			fmt.Fprintf(q.s.err, "postern: and %d more files could not be read\n", len(sc.Config.Gaps)-i)
			break
		}
		fmt.Fprintf(q.s.err, "postern: %s\n", report.Inline(g.Path+" could not be read: "+g.Reason))
	}
	if unknown || len(sc.Config.Gaps) > 0 {
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

// fromHost reads the one host that was chosen.
func (q *configQuery) fromHost() (*facts.ServerConfig, string, error) {
	sel, err := choose(q.c, q.s)
	if err != nil {
		return nil, "", err
	}
	if len(sel.targets) != 1 {
		return nil, "", usagef("%d hosts were chosen; config prints one", len(sel.targets)).hint("name one host, or --local, --root, --snapshot or --file")
	}
	t := sel.targets[0]
	ctx, cancel := context.WithTimeout(q.c.Context, q.c.Duration("timeout"))
	defer cancel()
	snap, err := t.Source.Snapshot(ctx)
	if snap == nil {
		fmt.Fprintf(q.s.err, "postern: %s\n", report.Inline(err.Error()))
		return nil, "", exitCode(audit.ExitUnknown)
	}
	if err != nil {
		fmt.Fprintf(q.s.err, "postern: %s\n", report.Inline(err.Error()))
	}
	var found sshd.Options
	sc := facts.ConfigOf(snap, facts.Options{Now: time.Now(), Name: t.Host.Name}, func(o *sshd.Options) {
		found = *o
		q.rules.apply(o)
	})
	q.sayRules(sc.Options, &found)
	if sc.PID != 0 {
		args := ""
		for _, o := range sc.Options.CommandLine {
			args += " -o " + o
		}
		for _, p := range sc.Options.Ports {
			args += fmt.Sprintf(" -p %d", p)
		}
		fmt.Fprintf(q.s.err, "postern: as process %d reads it: %s\n", sc.PID, report.Inline("sshd -f "+sc.Main+args))
	}
	for i, o := range sc.Others {
		if i < 5 {
			fmt.Fprintf(q.s.err, "postern: not looked at: %s\n", report.Inline(o))
		}
	}
	if u := q.login.User; u != "" {
		account, known := sc.User(u)
		if q.login.Groups = account.Groups; !known {
			fmt.Fprintf(q.s.err, "postern: no account %s in the host's files: it is in no group\n", report.Inline(u))
		}
	}
	return sc, t.Host.Name, nil
}

func (r rules) apply(o *sshd.Options) {
	if r.version.Known() {
		o.Version = r.version
	}
	if r.distro != "" {
		o.Distro = r.distro
	}
}

// sayRules says by which release's rules a configuration is read, and who told.
func (q *configQuery) sayRules(o sshd.Options, found *sshd.Options) {
	who := func(flag, given string, told bool) string {
		switch {
		case given != "" && flag == "--openssh" && !q.c.IsSet("openssh"):
			return "by --distro"
		case given != "":
			return "by " + flag
		case told:
			return "told by the source"
		}
		return "the source does not tell it: " + flag + " does"
	}
	version, distro := "OpenSSH "+o.Version.String(), o.Distro
	if !o.Version.Known() {
		version = "the newest OpenSSH"
	}
	if distro == "" {
		distro = "upstream"
	}
	given := ""
	if q.rules.version.Known() {
		given = q.rules.version.String()
	}
	fmt.Fprintf(q.s.err, "postern: rules of %s (%s), %s (%s)\n", version, who("--openssh", given, found != nil && found.Version.Known()),
		report.Inline(distro), who("--distro", q.rules.distro, found != nil && found.Distro != ""))
}

// fromFile reads a file as this machine's sshd would with -f.
func (q *configQuery) fromFile(name string) (*facts.ServerConfig, error) {
	opt := sshd.Options{}
	q.rules.apply(&opt)
	files := machineFiles{}
	main := name
	if name == "-" {
		data, err := io.ReadAll(io.LimitReader(q.s.in, maxConfigFile+1))
		if err != nil {
			return nil, usagef("standard input: %s", err)
		}
		if len(data) > maxConfigFile {
			return nil, usagef("standard input: more than %d bytes", maxConfigFile)
		}
		main, files.stdin = "standard input", data
	} else if _, err := os.Stat(name); err != nil {
		// As sshd says it.
		fmt.Fprintf(q.s.err, "%s\n", visible(sshd.LogForm(name+": "+capital(reasonOf(err).Error()))))
		return nil, exitCode(exitBadQuery)
	} else if info, err := os.Stat(name); err == nil && info.Size() > maxConfigFile {
		return nil, usagef("--file %s: more than %d bytes", name, maxConfigFile)
	}
	if dir, err := os.Getwd(); err == nil {
		opt.Dir = dir
	}
	if u, err := user.Current(); err == nil { // sshd does not look at $HOME
		opt.Home = u.HomeDir
	}
	if q.login.User != "" {
		q.login.Groups = groupsHere(q.login.User)
	}
	cfg := sshd.Load(main, files, opt)
	q.sayRules(opt, nil)
	return &facts.ServerConfig{Main: main, Options: opt, Config: cfg}, nil
}

// maxConfigFile bounds one file, in bytes.
const maxConfigFile = 2 << 20

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// machineFiles are the files of this machine, for Include.
type machineFiles struct{ stdin []byte }

func (m machineFiles) Glob(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		if _, err := os.Lstat(pattern); err != nil {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(pattern)
	if errors.Is(err, filepath.ErrBadPattern) {
		return nil, nil // glob(3) finds nothing by it
	}
	out := found[:0]
	for _, f := range found {
		if sshd.GlobMatch(pattern, f) {
			out = append(out, f)
		}
	}
	return out, err
}

func (m machineFiles) Read(path string) ([]byte, error) {
	if m.stdin != nil && path == "standard input" {
		return m.stdin, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, errors.New("not a file")
	case info.Size() > maxConfigFile:
		return nil, fmt.Errorf("more than %d bytes", maxConfigFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfigFile))
}

// groupsHere are the groups of an account of this machine; nil: no such account.
func groupsHere(name string) []string {
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	ids, err := u.GroupIds()
	if err != nil {
		return []string{}
	}
	groups := []string{}
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return groups
}
