// Package vulns judges installed SSH packages by the vulnerabilities that are
// known of them. What decides is the version of the package: distributions mend
// faults without changing the release that a server's banner names. Whether a
// fault matters depends on the configuration too, which the caller answers for
// by name; see [Need].
package vulns

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// State is what is known of one vulnerability on one host.
type State string

// The states. Possible is what cannot be said: it is never a pass.
const (
	Vulnerable  State = "vulnerable"   // the package lacks the fix and the configuration needs it
	Fixed       State = "fixed"        // the package has the fix
	NotAffected State = "not-affected" // the package never had the fault, or the configuration keeps it shut
	Possible    State = "possible"
)

// Answer is yes, no or, the zero value, unknown.
type Answer int8

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// Need names what a configuration must hold for a vulnerability to matter.
type Need string

// The needs. Each speaks of any login context: one in which it holds is enough.
const (
	NeedGrace           Need = "login-grace-time"          // LoginGraceTime is not 0
	NeedTerrapin        Need = "terrapin"                  // ChaCha20-Poly1305, or CBC with encrypt-then-MAC, is offered
	NeedNoForwarding    Need = "disable-forwarding"        // DisableForwarding yes where X11 or agent forwarding is not forbidden too
	NeedNoForwardTunnel Need = "disable-forwarding-tunnel" // DisableForwarding yes where PermitTunnel is not no
	NeedRestrictTunnel  Need = "restrict-tunnel"           // a key with restrict, where PermitTunnel is not no
	NeedGSSKex          Need = "gssapi-key-exchange"       // GSSAPIKeyExchange yes
	NeedGSS             Need = "gssapi-authentication"     // GSSAPIAuthentication yes
	NeedGSSOrKbd        Need = "gssapi-or-kbd"             // GSSAPIAuthentication or KbdInteractiveAuthentication yes
	NeedKerberos        Need = "kerberos"                  // GSSAPIAuthentication or KerberosAuthentication yes
	NeedSomeECDSA       Need = "some-ecdsa"                // accepted algorithms hold some of ECDSA's curves, not all
	NeedPrincipals      Need = "principals-list"           // a cert-authority in authorized_keys with a list in principals=
	NeedLongSFTP        Need = "long-internal-sftp"        // internal-sftp with more than nine arguments
	NeedCompression     Need = "compression"               // Compression is not no
	NeedSharedChannels  Need = "compression-shared"        // ... and channels of those who do not trust each other share a connection
	NeedNone            Need = "none-options"              // an option is set to none
	NeedKeysCommand     Need = "keys-command-user"         // AuthorizedKeysCommand or AuthorizedPrincipalsCommand is set
	NeedNoPrivSep       Need = "no-privsep"                // UsePrivilegeSeparation no
	NeedPassword        Need = "password-authentication"   // PasswordAuthentication yes
	NeedX11             Need = "x11-forwarding"            // X11Forwarding yes
	NeedClient          Need = "client-use"                // the host's ssh, scp, sftp or agent is used against others
)

// Entry is one vulnerability.
type Entry struct {
	ID       string `json:"id"`
	Name     string `json:"name"` // as the press calls it; "" no name
	Title    string `json:"title"`
	Severity string `json:"severity"` // critical, high, medium, low
	Part     string `json:"part"`     // server, client
	Product  string `json:"product"`  // openssh, dropbear, xz
	From     string `json:"from"`     // first release of the project with the fault; "" the first of all
	Fixed    string `json:"fixed"`    // first release of the project without it; "" none, or the fault is not the project's
	// Patch names the package managers, parted by blanks, whose distributions
	// carry the fault in a patch of their own, outside From and Fixed.
	Patch string `json:"patch"`
	Need  Need   `json:"need"` // "" none
	// Setting is a setting of sshd_config or an option of authorized_keys that
	// does not do what its manual says; Effect says what happens instead.
	Setting string `json:"setting"`
	Effect  string `json:"effect"`
	// Exactly lists the only releases with the fault; From and Fixed are "" then.
	Exactly []string `json:"exactly"`
	// Distributions maps a stream to the first package version with the fix, or
	// to base, not-affected or unknown.
	Distributions map[string]string `json:"distributions"`
	Sources       []string          `json:"sources"` // addresses, or advisory ids
}

// Stream is one release of a distribution (or of a family that builds alike)
// as far as it was read.
type Stream struct {
	OS      []string          `json:"os"`      // ID of os-release(5)
	Version string            `json:"version"` // VERSION_ID, or its part before the dot; "" any
	Manager string            `json:"manager"`
	Newest  map[string]string `json:"newest"` // by product: the newest package version whose changes were read
	Read    string            `json:"read"`   // until when: "2026-05"
	Source  string            `json:"source"`
}

type data struct {
	About   []string           `json:"about"`
	Date    string             `json:"date"`
	Streams map[string]*Stream `json:"streams"`
	Entries []*Entry           `json:"vulnerabilities"`
}

//go:embed data.json
var raw []byte

// load reads the data at first use: a run that asks nothing pays nothing.
var load = sync.OnceValue(func() *data {
	d := new(data)
	if err := json.Unmarshal(raw, d); err != nil {
		panic(fmt.Sprintf("audit/vulns/data.json: %v", err)) // embedded: a test reads it
	}
	return d
})

// Date is the month of the newest source: "2026-10".
func Date() string { return load().Date }

// Entries lists what is known, in the order of the data.
func Entries() []*Entry { return load().Entries }

// stream finds the release of a distribution by os-release(5).
func (d *data) stream(os, version, manager string) (name string, s *Stream) {
	major, _, _ := strings.Cut(version, ".")
	for name, s := range d.Streams {
		for _, id := range s.OS {
			if id == os && s.Manager == manager && (s.Version == "" || s.Version == version || s.Version == major) {
				return name, s
			}
		}
	}
	return "", nil
}
