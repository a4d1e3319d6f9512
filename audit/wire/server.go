package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Bounds on what a server may send before and around its KEXINIT. OpenSSH
// accepts 1024 lines of 8 KiB before the version line; no reader needs them.
const (
	maxVersion  = 255 // RFC 4253, section 4.2, with CR LF
	maxPreLines = 64
	maxPreBytes = 1024
	maxPackets  = 64    // plain packets between the version line and NEWKEYS
	maxPacket   = 35000 // RFC 4253, section 6.1
	minPacket   = 12    // 16 bytes with the length field, RFC 4253, section 6
)

// What a parse may end with. In each case the Server holds what came before.
var (
	// ErrNotSSH: the bytes hold no SSH version line.
	ErrNotSSH = errors.New("no SSH version line")
	// ErrIncomplete: the bytes end before a whole KEXINIT.
	ErrIncomplete = errors.New("ends before the server's algorithms")
	// ErrMalformed: the bytes after the version line are not SSH packets.
	ErrMalformed = errors.New("malformed packet")
)

// Server is what a server showed in the clear during one key exchange. All
// strings are the host's own bytes.
type Server struct {
	Version   string   // whole version line without CR LF; "" not seen
	Protocol  string   // "2.0"; "1.99" speaks version 1 too
	Software  string   // OpenSSH_9.2p1
	Comments  string   // Debian-2+deb12u10
	PreLines  []string // lines before the version line, at most 64 and 1 KiB
	Throttled string   // the line by which sshd turned this connection away for its rate; "" it did not
	Kexinit   *Kexinit // nil: not seen
	// Disconnect is the server's SSH_MSG_DISCONNECT before encryption; nil: none.
	Disconnect *Disconnect
	// KexHostKey is the blob K_S of the key exchange reply (RFC 4253, section 8); nil: not seen.
	KexHostKey []byte
	NewKeys    bool // SSH_MSG_NEWKEYS was seen: the clear part is whole
	Clear      int  // bytes of the clear part
	// HostKeys are those of the capture, judged; the negotiated one first.
	HostKeys  []Key
	Anomalies []string // what breaks the RFCs, at most 32 sentences
}

// Disconnect is an SSH_MSG_DISCONNECT (RFC 4253, section 11.1).
type Disconnect struct {
	Reason      uint32
	Description string // at most 1 KiB
}

// Parse reads a capture. The Server is never nil; the error says why nothing
// is known of the server's algorithms: [ErrNotSSH], [ErrIncomplete] or
// [ErrMalformed].
func Parse(c Capture) (*Server, error) {
	s := &Server{}
	err := s.parse(c.Server)
	for _, k := range c.HostKeys {
		key, kerr := ParseKey(k.Blob)
		if kerr != nil {
			key.Status, key.Reason = StatusUnknown, kerr.Error()
		}
		key.Proven = k.Proven
		s.HostKeys = append(s.HostKeys, key)
	}
	if len(c.HostKeys) == 0 && s.KexHostKey != nil {
		if key, kerr := ParseKey(s.KexHostKey); kerr == nil {
			// The signature over the exchange was not checked here.
			s.HostKeys = []Key{key}
		}
	}
	return s, err
}

func (s *Server) parse(b []byte) error {
	rest, err := s.version(b)
	if err != nil {
		s.Clear = len(b)
		return err
	}
	err = s.packets(rest, len(b))
	if s.Kexinit != nil {
		// What follows a whole KEXINIT may be cut or broken: the lists are known.
		if err != nil && !errors.Is(err, ErrIncomplete) {
			s.note("after KEXINIT: %v", err)
		}
		return nil
	}
	return err
}

// version reads the lines up to the version line and returns what follows it.
func (s *Server) version(b []byte) (rest []byte, err error) {
	kept := 0
	for lines := 0; ; lines++ {
		line, after, whole := bytes.Cut(b, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if bytes.HasPrefix(line, []byte("SSH-")) {
			if !whole {
				return nil, fmt.Errorf("%w: the version line has no end", ErrIncomplete)
			}
			s.setVersion(line)
			return after, nil
		}
		if len(line) > 0 || whole {
			s.throttle(line)
			if len(s.PreLines) < maxPreLines && kept < maxPreBytes {
				l := line[:min(len(line), maxPreBytes-kept)]
				kept += len(l)
				s.PreLines = append(s.PreLines, string(l))
			} else if lines == maxPreLines {
				s.note("more than %d lines stand before the version line", maxPreLines)
			}
		}
		if !whole {
			return nil, ErrNotSSH
		}
		b = after
	}
}

// throttled are the lines that sshd sends in place of its version line:
// "Exceeded MaxStartups" from 8.2 to 9.7, "Not allowed at this time" from 9.8,
// for MaxStartups, PerSourceMaxStartups and PerSourcePenalties alike (sshd.c).
var throttled = [...]string{"Exceeded MaxStartups", "Not allowed at this time"}

func (s *Server) throttle(line []byte) {
	for _, t := range throttled {
		if strings.EqualFold(strings.TrimSpace(string(line[:min(len(line), 64)])), t) {
			s.Throttled = t
		}
	}
}

func (s *Server) setVersion(line []byte) {
	if len(line) > maxVersion-2 {
		s.note("the version line has %d bytes, %d are allowed", len(line)+2, maxVersion)
		line = line[:maxVersion-2]
	}
	if bytes.IndexByte(line, 0) >= 0 {
		s.note("the version line holds a NUL")
	}
	s.Version = string(line)
	proto, soft, ok := strings.Cut(strings.TrimPrefix(s.Version, "SSH-"), "-")
	if !ok {
		s.note("the version line names no software")
	}
	s.Protocol = proto
	s.Software, s.Comments, _ = strings.Cut(soft, " ")
	if proto != "2.0" && proto != "1.99" {
		s.note("protocol version %q", proto)
	}
}

// packets walks the plain packets up to NEWKEYS. total is the length of the
// whole stream, for Clear.
func (s *Server) packets(b []byte, total int) error {
	for range maxPackets {
		s.Clear = total - len(b)
		payload, rest, err := packet(b)
		if err != nil {
			return err
		}
		b = rest
		s.Clear = total - len(b)
		switch payload[0] {
		case msgKexinit:
			if s.Kexinit != nil {
				s.note("a second KEXINIT in the clear")
				continue
			}
			k, err := ParseKexinit(payload)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrMalformed, err)
			}
			s.Kexinit = k
			for _, a := range k.Anomalies {
				s.note("%s", a)
			}
		case msgKexReply, msgGexReply:
			if k := replyKey(payload); k != nil && s.KexHostKey == nil {
				s.KexHostKey = k
			}
		case msgDisconnect:
			s.disconnect(payload)
			return ErrIncomplete
		case msgNewKeys:
			if s.Kexinit == nil {
				return fmt.Errorf("%w: NEWKEYS before KEXINIT", ErrMalformed)
			}
			s.NewKeys = true
			return nil
		case msgIgnore, msgUnimplemented, msgDebug:
		default:
			if s.Kexinit == nil {
				return fmt.Errorf("%w: message %d before KEXINIT", ErrMalformed, payload[0])
			}
		}
	}
	return fmt.Errorf("%w: more than %d packets before NEWKEYS", ErrMalformed, maxPackets)
}

func (s *Server) disconnect(payload []byte) {
	c := cursor{b: payload[1:]}
	d := &Disconnect{Reason: c.uint32()}
	text := c.str()
	if c.err != nil {
		s.note("a DISCONNECT that breaks off")
	}
	d.Description = string(text[:min(len(text), maxPreBytes)])
	s.Disconnect = d
}

func (s *Server) note(format string, args ...any) {
	if len(s.Anomalies) < maxNotes {
		s.Anomalies = append(s.Anomalies, fmt.Sprintf(format, args...))
	}
}
