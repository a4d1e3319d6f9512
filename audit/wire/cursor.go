package wire

import "errors"

// errShort is a field that reaches beyond the bytes that are there.
var errShort = errors.New("ends in the middle of a field")

// cursor takes SSH data types off a byte slice (RFC 4251, section 5). Once a
// read failed, all later ones fail too, so a caller may look at err at the end.
type cursor struct {
	b   []byte
	err error
	// numbers are the multiple precision integers that were read, without leading
	// zeros; padded says that one had more of these than it may.
	numbers [][]byte
	padded  bool
}

func (c *cursor) take(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.b)) {
		c.err = errShort
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) byte() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if p := c.take(4); p != nil {
		return uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	hi := c.uint32()
	return uint64(hi)<<32 | uint64(c.uint32())
}

// str reads a string field: uint32 length and that many bytes.
func (c *cursor) str() []byte {
	return c.take(uint64(c.uint32()))
}

func appendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
