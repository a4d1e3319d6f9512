package facts

import (
	"fmt"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// ServerConfig is what a host's sshd makes of its files.
type ServerConfig struct {
	Main    string       // the main file
	Options sshd.Options // by what it was read
	Config  *sshd.Config // nil: not known
	Why     string       // why Config is nil
	PID     int64        // the daemon whose arguments hold; 0: none was seen
	Others  []string     // further servers that run there, in words
	Files   sshd.Files   // what Config was loaded from

	accounts map[string]*account.Account
}

// User is an account as Match sees it; known is false where the host's files do
// not hold it.
func (c *ServerConfig) User(name string) (u sshd.User, known bool) {
	if a := c.accounts[name]; a != nil {
		return user(a), true
	}
	return sshd.User{Name: name}, false
}

// ConfigOf reads the configuration that the sshd of a snapshot's host would read:
// its own -f, -o and -p where it runs. change may alter by what rules it is read.
// It never fails: what the snapshot does not hold is in Why or in the gaps of Config.
func ConfigOf(snap *snapshot.Snapshot, opt Options, change func(*sshd.Options)) *ServerConfig {
	opt.Setups = nil // the files themselves are needed
	b := newBuilder(snap, opt)
	b.work()
	c := &ServerConfig{accounts: b.byName, Files: sshdFiles{b}}
	var primary *sshDaemon
	running := newBuilder(snap, opt).daemons()
	for i := range running {
		d := &running[i]
		if d.Kind == "sshd" && d.Primary && primary == nil {
			primary = d
			continue
		}
		c.Others = append(c.Others, fmt.Sprintf("%s (process %d)", d.Kind, d.PID))
	}
	c.Main, c.Options = b.sshdOptions(primary)
	if primary != nil {
		c.PID = primary.PID
	}
	c.Options.Homes = map[string]string{}
	for name, a := range b.byName {
		c.Options.Homes[name] = a.Home
	}
	change(&c.Options)
	switch _, exists := b.fs.read(c.Main); {
	case primary != nil && primary.lost != "":
		c.Why = primary.lost
		return c
	case !exists && c.Main != "none":
		c.Why = c.Main + " was not seen"
		if why := b.why(c.Main); why != "" {
			c.Why = c.Main + ": " + why
		}
		return c
	}
	c.Config = sshd.Load(c.Main, sshdFiles{b}, c.Options)
	return c
}
