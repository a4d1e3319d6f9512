package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

// sourceFlags are those of every command that reads hosts.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "inventory", Aliases: []string{"i"}, Usage: "read hosts from `FILE` (default: ./postern.yaml, then postern/postern.yaml in the XDG config folder)"},
		&cli.BoolFlag{Name: "local", Usage: "look at this machine instead of hosts"},
		&cli.StringFlag{Name: "root", Usage: "look at the directory tree `DIR` (an image, a mounted disk)"},
		&cli.StringSliceFlag{Name: "snapshot", Usage: "look at the archive `FILE`; may be repeated"},
		&cli.StringFlag{Name: "user", Usage: "log in as `NAME` where the inventory names nobody"},
		&cli.StringSliceFlag{Name: "key", Usage: "private key `FILE` where the inventory names none; may be repeated (default: ~/.ssh/id_ed25519, id_ecdsa, id_rsa)"},
		&cli.BoolFlag{Name: "no-agent", Usage: "do not ask the SSH agent"},
		&cli.StringSliceFlag{Name: "known-hosts", Usage: "known host keys in `FILE`; may be repeated (default: ~/.ssh/known_hosts and the system's)"},
		&cli.StringFlag{Name: "host-key-policy", Value: "strict", Usage: "unknown host keys: `strict|accept-new`"},
		&cli.BoolFlag{Name: "allow-insecure-algorithms", Usage: "reach hosts that offer only broken algorithms, and say so"},
		&cli.IntFlag{Name: "parallel", Value: audit.DefaultParallel, Usage: "hosts in flight at once"},
		&cli.DurationFlag{Name: "timeout", Value: audit.DefaultTimeout, Usage: "end of patience for one host"},
	}
}

// selection is what a reading command was asked to look at.
type selection struct {
	targets []audit.Target
	scope   audit.Scope
}

// choose turns flags and arguments into targets.
func choose(c *cli.Context, s streams) (*selection, error) {
	if err := oneSource(c); err != nil {
		return nil, err
	}
	sel := &selection{}
	switch {
	case c.Bool("local"):
		name, err := os.Hostname()
		if err != nil {
			name = "localhost"
		}
		sel.add(inventory.Host{Name: name, Address: "this machine"}, audit.Local{Name: name})
	case c.IsSet("root"):
		dir := c.String("root")
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, usagef("--root %s is no directory that can be read", dir)
		}
		name := filepath.Base(filepath.Clean(dir))
		sel.add(inventory.Host{Name: name, Address: dir}, audit.Root{Dir: dir})
	case c.IsSet("snapshot"):
		for _, file := range c.StringSlice("snapshot") {
			if _, err := os.Stat(file); err != nil {
				return nil, usagef("--snapshot: %s", err)
			}
			name := strings.TrimSuffix(filepath.Base(file), ".pst")
			sel.add(inventory.Host{Name: name, Address: file}, audit.Archive{Path: file})
		}
	}
	if len(sel.targets) > 0 {
		return sel, sel.withInventory(c, s)
	}
	return sel, sel.overSSH(c, s)
}

func (sel *selection) add(h inventory.Host, src audit.Source) {
	sel.targets = append(sel.targets, audit.Target{Host: h, Source: src})
	sel.scope.Selected = append(sel.scope.Selected, h.Name)
}

func oneSource(c *cli.Context) error {
	var given []string
	for _, name := range []string{"local", "root", "snapshot"} {
		if c.IsSet(name) {
			given = append(given, "--"+name)
		}
	}
	if c.Args().Present() {
		given = append(given, fmt.Sprintf("the host %q", c.Args().First()))
	}
	if len(given) > 1 {
		return usagef("%s and %s are two sources", given[0], given[1]).hint("run postern once for each")
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
func (sel *selection) overSSH(c *cli.Context, s streams) error {
	inv, err := loadInventory(c, s)
	if err != nil {
		return err
	}
	if !c.Args().Present() && len(inv.Hosts) == 0 {
		return usagef("no host to look at").hint("name one (postern %s user@host), write an inventory (-i FILE), or try postern demo", c.Command.Name)
	}
	hosts, excluded, err := inv.Select(c.Args().Slice())
	if err != nil {
		return &usageError{text: err.Error()}
	}
	dialer, err := newDialer(c, s)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		sel.add(h, audit.SSH{Dialer: dialer, Host: h})
	}
	for _, h := range excluded {
		sel.scope.Excluded = append(sel.scope.Excluded, h.Name)
	}
	sel.scope.Inventory, sel.scope.Hash = inv.Path, inv.Hash
	return nil
}

// loadInventory reads -i, ./postern.yaml or the one in the XDG config folder.
// Without any it is empty.
func loadInventory(c *cli.Context, s streams) (*inventory.Inventory, error) {
	if c.IsSet("inventory") {
		return readInventory(c.String("inventory"))
	}
	places := []string{"postern.yaml", filepath.Join(xdg.ConfigHome, "postern", "postern.yaml")}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return readInventory(p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("inventory: %s", err)
		}
	}
	return &inventory.Inventory{}, nil
}

func readInventory(file string) (*inventory.Inventory, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
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
		User:          c.String("user"),
		KeyFiles:      c.StringSlice("key"),
		KnownHosts:    c.StringSlice("known-hosts"),
		AllowInsecure: c.Bool("allow-insecure-algorithms"),
		Passphrase:    passphrases(s),
	}
	switch p := c.String("host-key-policy"); p {
	case "strict":
		opt.Policy = connect.Strict
	case "accept-new":
		opt.Policy = connect.AcceptNew
	default:
		return nil, usagef("--host-key-policy %q is neither strict nor accept-new", p)
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
		fmt.Fprintf(s.err, "postern: warning: %s\n", w)
	}
	return d, nil
}

// stateDir is where runs are kept: the XDG state folder.
func stateDir() string { return filepath.Join(xdg.StateHome, "postern") }

// passphrases asks on the terminal, once a key a run.
func passphrases(s streams) func(context.Context, string) ([]byte, error) {
	return func(_ context.Context, file string) ([]byte, error) {
		return askSecret(s, fmt.Sprintf("passphrase of %s: ", file))
	}
}

// positive refuses numbers and times that make no sense.
func positive(c *cli.Context) error {
	if n := c.Int("parallel"); n < 1 || n > 4096 {
		return usagef("--parallel %d is not between 1 and 4096", n)
	}
	if t := c.Duration("timeout"); t < time.Second {
		return usagef("--timeout %s is shorter than a second", t)
	}
	return nil
}
