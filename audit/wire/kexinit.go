package wire

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds on one KEXINIT. RFC 4251, section 6 allows names of 64 bytes; real
// servers list less than 40 names.
const (
	maxName  = 64
	maxNames = 512
	maxNotes = 32
)

const msgKexinit = 20

// Directions holds a pair of name-lists: what the server takes from the client
// and what it sends.
type Directions struct {
	ClientToServer []string
	ServerToClient []string
}

// Union gives the names of both directions, each once, client to server first.
func (d Directions) Union() []string {
	out := slices.Clone(d.ClientToServer)
	seen := make(map[string]bool, len(out))
	for _, n := range out {
		seen[n] = true
	}
	for _, n := range d.ServerToClient {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// Kexinit is the server's SSH_MSG_KEXINIT (RFC 4253, section 7.1). Names are
// the host's: bytes that are not printable ASCII stand as \xNN, and a name
// longer than 64 bytes is cut and ends in "...".
type Kexinit struct {
	Cookie      [16]byte
	Kex         []string // with markers such as ext-info-s
	HostKeys    []string // server_host_key_algorithms
	Ciphers     Directions
	MACs        Directions
	Compression Directions
	Languages   Directions
	// FirstKexPacketFollows announces a guessed key exchange packet.
	FirstKexPacketFollows bool
	// Anomalies says what breaks the RFC without making the message unreadable,
	// at most 32 sentences.
	Anomalies []string
}

// ParseKexinit reads the payload of an SSH_MSG_KEXINIT, message number
// included. The error says at which field the message broke off.
func ParseKexinit(payload []byte) (*Kexinit, error) {
	c := cursor{b: payload}
	if t := c.byte(); c.err != nil || t != msgKexinit {
		return nil, fmt.Errorf("kexinit: message number %d, not %d", t, msgKexinit)
	}
	k := &Kexinit{}
	copy(k.Cookie[:], c.take(16))
	for _, l := range k.lists() {
		raw := c.str()
		if c.err != nil {
			return nil, fmt.Errorf("kexinit: %s: %w", l.what, c.err)
		}
		*l.names = k.names(l.what, string(raw), l.mayBeEmpty)
	}
	k.FirstKexPacketFollows = c.byte() != 0
	reserved := c.uint32()
	if c.err != nil {
		return nil, fmt.Errorf("kexinit: after the name-lists: %w", c.err)
	}
	if reserved != 0 {
		k.note("the reserved field is %#x, not 0", reserved)
	}
	if len(c.b) > 0 {
		k.note("%d bytes follow the last field", len(c.b))
	}
	return k, nil
}

// Marshal gives the message's payload again, message number included.
func (k *Kexinit) Marshal() []byte {
	b := append([]byte{msgKexinit}, k.Cookie[:]...)
	for _, l := range k.lists() {
		s := strings.Join(*l.names, ",")
		b = appendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	first := byte(0)
	if k.FirstKexPacketFollows {
		first = 1
	}
	return append(b, first, 0, 0, 0, 0)
}

// list is one of the ten name-lists.
type list struct {
	what       string
	names      *[]string
	mayBeEmpty bool
}

func (k *Kexinit) lists() [10]list {
	return [10]list{
		{"key exchange", &k.Kex, false},
		{"host key", &k.HostKeys, false},
		{"cipher client to server", &k.Ciphers.ClientToServer, false},
		{"cipher server to client", &k.Ciphers.ServerToClient, false},
		{"MAC client to server", &k.MACs.ClientToServer, false},
		{"MAC server to client", &k.MACs.ServerToClient, false},
		{"compression client to server", &k.Compression.ClientToServer, false},
		{"compression server to client", &k.Compression.ServerToClient, false},
		{"language client to server", &k.Languages.ClientToServer, true},
		{"language server to client", &k.Languages.ServerToClient, true},
	}
}

// names splits one name-list and notes what is odd about it.
func (k *Kexinit) names(what, raw string, mayBeEmpty bool) []string {
	if raw == "" {
		if !mayBeEmpty {
			k.note("the %s list is empty", what)
		}
		return nil
	}
	n := strings.Count(raw, ",") + 1
	if n > maxNames {
		k.note("the %s list has %d names, kept are %d", what, n, maxNames)
	}
	out := make([]string, 0, min(n, maxNames))
	for len(out) < maxNames {
		name, rest, more := strings.Cut(raw, ",")
		switch clean, odd := cleanName(name); {
		case name == "":
			k.note("the %s list has an empty name", what)
		default:
			if odd != "" {
				k.note("the %s list has a name %s: %s", what, odd, clean)
			}
			out = append(out, clean)
		}
		if !more {
			break
		}
		raw = rest
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// cleanName escapes and cuts a name, and says what was odd. A name that went
// through it comes out of it unchanged.
func cleanName(name string) (clean, odd string) {
	clean = name
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		odd = "that is not printable"
		var b strings.Builder
		// Beyond maxName bytes the result is cut anyway.
		for i := 0; i < len(name) && b.Len() <= maxName; i++ {
			if c := name[i]; c <= ' ' || c >= 0x7f {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		clean = b.String()
	}
	if len(clean) > maxName {
		if odd == "" {
			odd = fmt.Sprintf("of %d bytes", len(name))
		}
		clean = clean[:maxName] + "..."
	}
	return clean, odd
}

func (k *Kexinit) note(format string, args ...any) {
	if len(k.Anomalies) < maxNotes {
		k.Anomalies = append(k.Anomalies, fmt.Sprintf(format, args...))
	}
}
