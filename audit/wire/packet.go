package wire

import "fmt"

// Message numbers that may pass before encryption (RFC 4253, section 12;
// RFC 4419, section 5). 31 is the reply of all exchanges with a fixed group,
// and the group of a group exchange, whose reply is 33.
const (
	msgDisconnect    = 1
	msgIgnore        = 2
	msgUnimplemented = 3
	msgDebug         = 4
	msgNewKeys       = 21
	msgKexReply      = 31
	msgGexReply      = 33
)

// packet takes one plain packet off b (RFC 4253, section 6): its payload, which
// is never empty, and what follows.
func packet(b []byte) (payload, rest []byte, err error) {
	c := cursor{b: b}
	length := c.uint32()
	if c.err != nil {
		return nil, nil, ErrIncomplete
	}
	if length < minPacket || length > maxPacket {
		return nil, nil, fmt.Errorf("%w: length %d", ErrMalformed, length)
	}
	body := c.take(uint64(length))
	if c.err != nil {
		return nil, nil, ErrIncomplete
	}
	// At least one byte of payload has to be left.
	padding := uint32(body[0])
	if padding >= length-1 {
		return nil, nil, fmt.Errorf("%w: padding %d of %d", ErrMalformed, padding, length)
	}
	return body[1 : length-padding], c.b, nil
}

// ClearPart returns the length of the part of a server's stream that is in the
// clear: all up to and with SSH_MSG_NEWKEYS, or everything where that is not
// there. What follows is ciphertext, of no use to anyone.
func ClearPart(server []byte) int {
	s := &Server{}
	if err := s.parse(server); err != nil || !s.NewKeys {
		return len(server)
	}
	return s.Clear
}

// replyKey returns the host key of a key exchange reply, or nil: message 31
// may be a group (two numbers), which does not begin with a key's type.
func replyKey(payload []byte) []byte {
	c := cursor{b: payload[1:]}
	blob := c.str()
	if c.err != nil {
		return nil
	}
	if keyType(blob) == "" {
		return nil
	}
	return append([]byte(nil), blob...)
}

// keyType returns the type that a key blob begins with, or "" where that is no name.
func keyType(blob []byte) string {
	c := cursor{b: blob}
	t := c.str()
	if c.err != nil || len(t) == 0 || len(t) > maxName {
		return ""
	}
	for _, ch := range t {
		if ch <= ' ' || ch >= 0x7f {
			return ""
		}
	}
	return string(t)
}
