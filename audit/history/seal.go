package history

import (
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// SQLite keeps no checksums of its pages. What the index holds is sealed: a byte
// that tells the form, the bytes (small ones as they are, others by zstd, RFC
// 8878), and a CRC-32C of the bytes before they were packed. A bit that fell over
// on the disk is then a damaged index, never another answer.

const (
	plain  = 0
	packed = 1

	smallest = 96      // what is shorter does not get smaller
	largest  = 1 << 28 // of one content; a snapshot is bounded far below
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var packer = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<17), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var unpacker = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(largest))
	if err != nil {
		panic(err)
	}
	return d
})

func seal(raw []byte) []byte {
	out := make([]byte, 1, len(raw)+5)
	if len(raw) < smallest {
		out = append(out, raw...)
	} else {
		out[0] = packed
		out = packer().EncodeAll(raw, out)
	}
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(raw, castagnoli))
}

func unseal(b []byte) ([]byte, error) {
	if len(b) < 5 {
		return nil, errCoded
	}
	form, body, sum := b[0], b[1:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	switch form {
	case plain:
	case packed:
		raw, err := unpacker().DecodeAll(body, nil)
		if err != nil {
			return nil, errCoded
		}
		body = raw
	default:
		return nil, errCoded
	}
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errCoded
	}
	return body, nil
}
