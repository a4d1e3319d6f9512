package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/adrg/xdg"
	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

// inventoryFlag is that of every command that knows hosts by name.
func inventoryFlag() cli.Flag {
	return &cli.StringFlag{Category: "Which hosts", Name: "inventory", Aliases: []string{"i"},
		Usage: "read hosts from `FILE` (default: ./postern.yaml, then postern/postern.yaml in the XDG config folder)"}
}

// sourceFlags are those of every command that reads hosts.
func sourceFlags() []cli.Flag {
	const which, login, pace = "Which hosts", "Logging in", "Pace"
	return []cli.Flag{
		inventoryFlag(),
		&cli.BoolFlag{Category: which, Name: "local", Usage: "look at this machine"},
		&cli.StringFlag{Category: which, Name: "root", Usage: "look at the tree `DIR`: an image, a mounted disk"},
		&cli.StringSliceFlag{Category: which, Name: "snapshot", Usage: "look at the archive `FILE`; may be repeated"},
		&cli.StringFlag{Category: login, Name: "login", Aliases: []string{"user"}, Usage: "log in as `NAME` where the inventory names nobody"},
		&cli.StringSliceFlag{Category: login, Name: "key", Usage: "private key where the inventory names none; may be repeated (default: ~/.ssh/id_ed25519, id_ecdsa, id_rsa)"},
		&cli.BoolFlag{Category: login, Name: "no-agent", Usage: "do not ask the SSH agent"},
		&cli.StringSliceFlag{Category: login, Name: "known-hosts", Usage: "known host keys; may be repeated (default: ~/.ssh/known_hosts and the system's)"},
		&cli.StringFlag{Category: login, Name: "host-key-policy", Value: "strict", Usage: "`POLICY` for unknown host keys: strict refuses them, accept-new writes them down"},
		&cli.BoolFlag{Category: login, Name: "allow-insecure-algorithms", Usage: "reach hosts that offer nothing better, and say so"},
		&cli.IntFlag{Category: pace, Name: "parallel", Value: audit.DefaultParallel, Usage: "hosts in flight at once"},
		&cli.DurationFlag{Category: pace, Name: "timeout", Value: audit.DefaultTimeout, Usage: "end of patience for one host"},
	}
}

// selection is what a reading command was asked to look at.
type selection struct {
	targets []audit.Target
	scope   audit.Scope
}

// choose turns flags and arguments into targets.
func choose(c *cli.Context, s streams) (*selection, error) {
	return chooseOf(c, s, c.Args().Slice())
}

// chooseOf is choose where the command's words are others than its arguments.
func chooseOf(c *cli.Context, s streams, words []string) (*selection, error) {
	if err := oneSource(c); err != nil {
		return nil, err
	}
	sel := &selection{}
	var err error
	switch {
	case c.Bool("local"):
		name, herr := os.Hostname()
		if herr != nil {
			name = "localhost"
		}
		sel.add(inventory.Host{Name: name, Address: "this machine"}, audit.Local{Name: name})
	case c.IsSet("root"):
		err = sel.addRoot(c.String("root"))
	case c.IsSet("snapshot"):
		// --snapshot *.pst: the shell makes arguments of all but the first.
		err = sel.addArchives(append(c.StringSlice("snapshot"), words...))
	default:
		return sel, sel.overSSH(c, s, words)
	}
	if err != nil {
		return nil, err
	}
	return sel, sel.withInventory(c, s)
}

func (sel *selection) addRoot(dir string) error {
	if info, err := os.Stat(dir); err != nil {
		return usagef("--root %s: %s", dir, reasonOf(err)).hint("name the folder that holds the tree's etc")
	} else if !info.IsDir() {
		return usagef("--root %s: not a directory", dir).hint("an image file has to be mounted or unpacked first; for an archive of postern: --snapshot %s", dir)
	}
	name := filepath.Base(dir)
	if abs, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(abs)
	}
	sel.add(inventory.Host{Name: name, Address: dir}, audit.Root{Dir: dir})
	return nil
}

// addArchives names each archive by its file, as the run that kept it named the
// host; two of one name are told apart by their paths.
func (sel *selection) addArchives(files []string) error {
	names := map[string]int{}
	for _, file := range files {
		names[hostOf(file)]++
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return usagef("--snapshot %s: %s", file, reasonOf(err)).hint("a kept run has its archives below %s", filepath.Join(stateDir(), "runs"))
		}
		if !info.Mode().IsRegular() {
			return usagef("--snapshot %s: not a file", file).hint("name the archives in it: --snapshot %s", filepath.Join(file, "*.pst"))
		}
		if err := checkArchive(file); err != nil {
			return err
		}
		name := hostOf(file)
		if names[name] > 1 {
			name = file
		}
		sel.add(inventory.Host{Name: name, Address: file}, audit.Archive{Path: file})
	}
	return nil
}

// checkArchive reads an archive for nothing but its faults: a file that is none is
// a mistake on the command line, and no host that could not be looked at. It costs
// about a tenth of judging it.
func checkArchive(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return usagef("--snapshot %s: %s", file, reasonOf(err)).hint("archives are readable by who made them alone")
	}
	defer f.Close()
	_, err = snapshot.Read(f, snapshot.Limits{})
	switch {
	case errors.Is(err, snapshot.ErrNewer):
		return usagef("--snapshot %s: %s", file, err).hint("this is postern %s: update it", toolVersion())
	case err != nil:
		return usagef("--snapshot %s: %s", file, err).hint("it is damaged, or no archive of postern (hosts/NAME.pst of a kept run)")
	}
	return nil
}

// hostOf undoes history.FileName.
func hostOf(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), ".pst")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

func (sel *selection) add(h inventory.Host, src audit.Source) {
	sel.targets = append(sel.targets, audit.Target{Host: h, Source: src})
	sel.scope.Selected = append(sel.scope.Selected, h.Name)
}

// oneSource refuses two sources, and flags that the one source would ignore.
func oneSource(c *cli.Context) error {
	var given []string
	for _, name := range []string{"local", "root", "snapshot"} {
		if c.IsSet(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) == 0 {
		return nil
	}
	if c.Args().Present() && !c.IsSet("snapshot") && !c.IsSet("from-triage") {
		given = append(given, fmt.Sprintf("the host %q", c.Args().First()))
	}
	if len(given) > 1 {
		return usagef("%s and %s are two sources", given[0], given[1]).hint("run postern once for each")
	}
	for _, name := range []string{"login", "key", "no-agent", "known-hosts", "host-key-policy", "allow-insecure-algorithms"} {
		if c.IsSet(name) {
			return usagef("--%s is about logging in, and %s does not log in", name, given[0]).hint("leave one of them out")
		}
	}
	return nil
}

// withInventory gives an archive, a tree or this machine what an inventory that
// was named says of a host of that name: waivers and expectations.
func (sel *selection) withInventory(c *cli.Context, s streams) error {
	if !c.IsSet("inventory") {
		return nil
	}
	inv, err := loadInventory(c, s)
	if err != nil {
		return err
	}
	sel.scope.Inventory, sel.scope.Hash = inv.Path, inv.Hash
	for i := range sel.targets {
		h := &sel.targets[i].Host
		if known, ok := inv.Lookup(h.Name); ok {
			known.Address = h.Address
			*h = known
		}
	}
	return nil
}

// overSSH selects hosts by arguments and inventory.
func (sel *selection) overSSH(c *cli.Context, s streams, words []string) error {
	inv, err := loadInventory(c, s)
	if err != nil {
		return err
	}
	if len(words) == 0 && (inv == nil || len(inv.Hosts) == 0) {
		if inv != nil {
			return usagef("%s names no host", inv.Path).hint("add one below hosts:, or name one: postern %s user@host", c.Command.Name)
		}
		return usagef("no host to look at").hint("name one (postern %s user@host), write ./postern.yaml, give -i FILE, or try postern demo", c.Command.Name)
	}
	hosts, excluded, err := inv.Select(words)
	if err != nil {
		return &usageError{text: err.Error()}
	}
	dialer, err := newDialer(c, s)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		sel.add(h, audit.SSH{Dialer: dialer, Host: h, Learnt: s.learnt})
	}
	for _, h := range excluded {
		sel.scope.Excluded = append(sel.scope.Excluded, h.Name)
	}
	if inv != nil {
		sel.scope.Inventory, sel.scope.Hash = inv.Path, inv.Hash
	}
	return nil
}

// loadInventory reads -i, ./postern.yaml or the one in the XDG config folder.
// Without any it is nil, and every argument is a host.
func loadInventory(c *cli.Context, _ streams) (*inventory.Inventory, error) {
	return inventoryIn(c.String("inventory"))
}

// inventoryIn reads that file, or with "" one of the places where it is looked for.
func inventoryIn(file string) (*inventory.Inventory, error) {
	if file != "" {
		return readInventory(file)
	}
	places := []string{"postern.yaml", filepath.Join(xdg.ConfigHome, "postern", "postern.yaml")}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return readInventory(p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("inventory %s: %s", p, reasonOf(err)).hint("-i FILE names another")
		}
	}
	return nil, nil
}

// isHost reports whether the inventory, that in file or the usual one, has a host of
// that name. What is wrong with it is told by the command that needs it.
func isHost(file, name string) bool {
	inv, err := inventoryIn(file)
	if err != nil || inv == nil {
		return false
	}
	_, known := inv.Lookup(name)
	return known
}

func readInventory(file string) (*inventory.Inventory, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	if err := readable(file); err != nil {
		return nil, usagef("inventory %s: %s", file, reasonOf(err)).hint("-i FILE names another; a first one is: hosts: [web01, admin@web02:2222]")
	}
	inv, err := inventory.LoadFile(file, home)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	cat, err := policies.Embedded()
	if err != nil {
		return nil, err
	}
	if faults := inv.CheckRules(ruleNames(cat)); faults != nil {
		return nil, &usageError{text: faults.Error()}
	}
	return inv, nil
}

func newDialer(c *cli.Context, s streams) (*connect.Dialer, error) {
	opt := connect.Options{
		User:          c.String("login"),
		KeyFiles:      c.StringSlice("key"),
		KnownHosts:    c.StringSlice("known-hosts"),
		AllowInsecure: c.Bool("allow-insecure-algorithms"),
		Passphrase:    passphrases(s),
	}
	if c.String("host-key-policy") == "accept-new" {
		opt.Policy = connect.AcceptNew
	}
	for _, name := range []string{"key", "known-hosts"} {
		for _, file := range c.StringSlice(name) {
			if err := readable(file); err != nil && !(name == "known-hosts" && opt.Policy == connect.AcceptNew && errors.Is(err, fs.ErrNotExist)) {
				return nil, usagef("--%s %s: %s", name, file, reasonOf(err)).hint("%s", map[string]string{
					"key":         "name the private key's file; without --key those of ~/.ssh and the agent are used",
					"known-hosts": "name a known_hosts file; ssh-keyscan writes one, and --host-key-policy accept-new begins one",
				}[name])
			}
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	if opt.User == "" {
		if u, err := user.Current(); err == nil {
			opt.User = u.Username
			if runtime.GOOS == "windows" { // DOMAIN\name
				opt.User = opt.User[strings.LastIndexByte(opt.User, '\\')+1:]
			}
		}
	}
	if len(opt.KeyFiles) == 0 && home != "" {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			f := filepath.Join(home, ".ssh", name)
			if _, err := os.Stat(f); err == nil {
				opt.KeyFiles = append(opt.KeyFiles, f)
			}
		}
	}
	if len(opt.KnownHosts) == 0 && home != "" {
		opt.KnownHosts = []string{
			filepath.Join(home, ".ssh", "known_hosts"), filepath.Join(home, ".ssh", "known_hosts2"),
			"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2",
		}
	}
	if !c.Bool("no-agent") {
		opt.AgentSocket = s.env("SSH_AUTH_SOCK")
	}
	if t := c.Duration("timeout"); t > 0 {
		opt.Deadlines.Collect = t
	}
	d, err := connect.New(opt)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	for i, w := range d.Warnings() {
		if i == 3 {
			fmt.Fprintf(s.err, "postern: warning: and %d more lines of known_hosts files were not understood\n", len(d.Warnings())-i)
			break
		}
		fmt.Fprintf(s.err, "postern: warning: %s\n", visible(w))
	}
	return d, nil
}

// readable says why a file that was named cannot be read.
func readable(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return errors.New("that is a directory")
	}
	return nil
}

// stateDir is where runs are kept: the XDG state folder.
func stateDir() string { return filepath.Join(xdg.StateHome, "postern") }

// passphrases asks on the terminal, once a key a run.
func passphrases(s streams) func(context.Context, string) ([]byte, error) {
	var mu sync.Mutex
	asked := map[string]bool{}
	return func(ctx context.Context, file string) ([]byte, error) {
		mu.Lock()
		again := asked[file]
		asked[file] = true
		mu.Unlock()
		prompt := "passphrase of " + visible(file) + ": "
		if again {
			prompt = "that was not it; " + prompt
		}
		return askSecret(ctx, s, prompt)
	}
}

// checkSource refuses values that make no sense, before anything is read.
func checkSource(c *cli.Context) error {
	if n := c.Int("parallel"); n < 1 || n > 4096 {
		return usagef("--parallel %d is not between 1 and 4096", n).hint("the default is %d", audit.DefaultParallel)
	}
	switch p := c.String("host-key-policy"); p {
	case "strict", "accept-new":
	default:
		return usagef("--host-key-policy %q is not known", p).hint("strict refuses hosts of unknown key, accept-new writes their keys down")
	}
	if t := c.Duration("timeout"); t < time.Second {
		return usagef("--timeout %s is shorter than a second", t).hint("the default is %s", audit.DefaultTimeout)
	}
	return nil
}
