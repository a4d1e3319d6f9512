package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// rpm keeps its headers in a table of SQLite (RHEL 9, Fedora), in a form of its own, ndb
// (SUSE), or in a hash of Berkeley DB (RHEL 8 and before). A database of a tree is whatever somebody wrote: it is read here by as much
// of its form as holds a table's rows, and no SQL of its own is run.

var (
	errSQLite = errors.New("not a database of SQLite that holds packages, or a broken one")
	errBDB    = errors.New("not a hash of Berkeley DB, or a broken one")
	errNDB    = errors.New("not a database of rpm (ndb), or a broken one")
)

const headerMost = 64 << 20 // bytes of one header

// sqliteFile reads tables of a database file (sqlite.org/fileformat.html).
type sqliteFile struct {
	data   []byte
	page   int // bytes of a page
	usable int
	left   int // pages that may still be visited: a broken file may go in circles
}

// sqlitePackages tells of the second column of each row of the table Packages.
func sqlitePackages(data []byte, each func(blob []byte) error) error {
	if len(data) < 512 || !bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
		return errSQLite
	}
	s := &sqliteFile{data: data, page: int(binary.BigEndian.Uint16(data[16:]))}
	if s.page == 1 {
		s.page = 65536
	}
	if s.page < 512 || s.page&(s.page-1) != 0 {
		return errSQLite
	}
	s.usable = s.page - int(data[20])
	s.left = 2*len(data)/s.page + 16
	root := 0
	err := s.rows(1, 0, func(row [][]byte) error {
		// sqlite_schema: type, name, tbl_name, rootpage, sql
		if len(row) >= 4 && string(row[0]) == "table" && string(row[1]) == "Packages" {
			root = 0
			for _, b := range row[3] {
				root = root<<8 | int(b)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if root < 2 || root > len(data)/s.page {
		return errSQLite
	}
	return s.rows(root, 0, func(row [][]byte) error {
		if len(row) < 2 {
			return errSQLite
		}
		return each(row[1])
	})
}

// rows tells of the rows of the table whose page that is.
func (s *sqliteFile) rows(page, depth int, each func([][]byte) error) error {
	if s.left--; s.left < 0 || depth > 20 {
		return errSQLite
	}
	p, err := s.at(page)
	if err != nil {
		return err
	}
	head := 0
	if page == 1 {
		head = 100
	}
	kind, cells := p[head], int(binary.BigEndian.Uint16(p[head+3:]))
	from := head + 8
	if kind == 5 {
		from += 4
	}
	if kind != 5 && kind != 13 || from+2*cells > len(p) {
		return errSQLite
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(p[from+2*i:]))
		if at+4 > len(p) {
			return errSQLite
		}
		if kind == 5 {
			if err := s.rows(int(binary.BigEndian.Uint32(p[at:])), depth+1, each); err != nil {
				return err
			}
			continue
		}
		payload, err := s.payload(p[at:])
		if err != nil {
			return err
		}
		row, err := sqliteRow(payload)
		if err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
	if kind == 5 {
		return s.rows(int(binary.BigEndian.Uint32(p[head+8:])), depth+1, each)
	}
	return nil
}

func (s *sqliteFile) at(page int) ([]byte, error) {
	if page < 1 || page > len(s.data)/s.page {
		return nil, errSQLite
	}
	return s.data[(page-1)*s.page:][:s.page], nil
}

// payload puts together what a leaf's cell holds, and the pages that go on with it.
func (s *sqliteFile) payload(cell []byte) ([]byte, error) {
	size, n := sqliteNumber(cell)
	if n == 0 || size > headerMost {
		return nil, errSQLite
	}
	_, m := sqliteNumber(cell[n:]) // its row's number
	if m == 0 {
		return nil, errSQLite
	}
	cell = cell[n+m:]
	most := uint64(s.usable - 35)
	if size <= most {
		if uint64(len(cell)) < size {
			return nil, errSQLite
		}
		return cell[:size], nil
	}
	least := uint64((s.usable-12)*32/255 - 23)
	here := least + (size-least)%uint64(s.usable-4)
	if here > most {
		here = least
	}
	if uint64(len(cell)) < here+4 {
		return nil, errSQLite
	}
	out := append(make([]byte, 0, min(size, uint64(len(s.data)))), cell[:here]...)
	next := int(binary.BigEndian.Uint32(cell[here:]))
	for uint64(len(out)) < size {
		if s.left--; s.left < 0 {
			return nil, errSQLite
		}
		p, err := s.at(next)
		if err != nil {
			return nil, err
		}
		next = int(binary.BigEndian.Uint32(p))
		out = append(out, p[4:4+min(size-uint64(len(out)), uint64(s.usable-4))]...)
	}
	return out, nil
}

// sqliteRow takes a record apart: the bytes of each column, numbers in big endian.
func sqliteRow(record []byte) ([][]byte, error) {
	head, n := sqliteNumber(record)
	if n == 0 || head > uint64(len(record)) || head < uint64(n) {
		return nil, errSQLite
	}
	types, body := record[n:head], record[head:]
	var out [][]byte
	for len(types) > 0 && len(out) < 64 {
		t, n := sqliteNumber(types)
		if n == 0 {
			return nil, errSQLite
		}
		types = types[n:]
		size := uint64(0)
		switch {
		case t >= 12:
			size = (t - 12) / 2
		case t == 5:
			size = 6
		case t == 6 || t == 7:
			size = 8
		case t <= 4:
			size = t
		}
		if size > uint64(len(body)) {
			return nil, errSQLite
		}
		column := body[:size]
		if t == 9 {
			column = []byte{1}
		}
		out, body = append(out, column), body[size:]
	}
	return out, nil
}

// sqliteNumber reads a number of one to nine bytes; n is how many, 0: it is cut off.
func sqliteNumber(b []byte) (v uint64, n int) {
	for i := 0; i < len(b) && i < 9; i++ {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// ndbPackages tells of each header of a database of rpm's own form (rpm's
// lib/backend/ndb/rpmpkg.c), in little endian: a page whose start says how many pages of
// slots there are; slots of magic, package, offset and length in blocks of 16 bytes;
// blobs, each behind magic, package, generation and length.
func ndbPackages(data []byte, each func(blob []byte) error) error {
	const pageSize, slotSize, blockSize = 4096, 16, 16
	word := func(at uint64) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	if len(data) < pageSize || string(data[:4]) != "RpmP" {
		return errNDB
	}
	pages := uint64(word(12))
	if pages == 0 || pages > uint64(len(data))/pageSize {
		return errNDB
	}
	for at := uint64(2 * slotSize); at < pages*pageSize; at += slotSize {
		if string(data[at:at+4]) != "Slot" {
			return errNDB
		}
		number, block, blocks := word(at+4), uint64(word(at+8)), uint64(word(at+12))
		if block == 0 {
			continue // free
		}
		from := block * blockSize
		if from+blockSize > uint64(len(data)) || blocks*blockSize > headerMost || string(data[from:from+4]) != "BlbS" || word(from+4) != number {
			return errNDB
		}
		size := uint64(word(from + 12))
		if from+blockSize+size > uint64(len(data)) || size > blocks*blockSize {
			return errNDB
		}
		if err := each(data[from+blockSize:][:size]); err != nil {
			return err
		}
	}
	return nil
}

// Pages of Berkeley DB (its dbinc/db_page.h).
const (
	bdbHashMagic  = 0x061561
	bdbUnsorted   = 2 // a page of a hash, of older versions
	bdbHash       = 13
	bdbOverflow   = 7
	bdbPageHead   = 26
	bdbItemData   = 1
	bdbItemBeyond = 3 // the value stands on pages of its own
)

// bdbPackages tells of each value of a hash of Berkeley DB, in which rpm kept its headers
// up to RHEL 8: pages of pairs of items, and long values on chains of pages.
func bdbPackages(data []byte, each func(blob []byte) error) error {
	if len(data) < 512 {
		return errBDB
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(data[12:]) != bdbHashMagic {
		if order = binary.BigEndian; order.Uint32(data[12:]) != bdbHashMagic {
			return errBDB
		}
	}
	size := int(order.Uint32(data[20:]))
	if size < 512 || size > 65536 || size&(size-1) != 0 {
		return errBDB
	}
	pages := len(data) / size
	left := 2*pages + 16 // a broken chain may go in circles
	for n := 1; n < pages; n++ {
		p := data[n*size:][:size]
		if p[25] != bdbHash && p[25] != bdbUnsorted {
			continue
		}
		items := int(order.Uint16(p[20:]))
		if bdbPageHead+2*items > size {
			return errBDB
		}
		at := func(i int) int { return int(order.Uint16(p[bdbPageHead+2*i:])) }
		for i := 1; i < items; i += 2 {
			from, to := at(i), at(i-1)
			if from < bdbPageHead || from >= to || to > size {
				return errBDB
			}
			item := p[from:to]
			var value []byte
			switch {
			case item[0] == bdbItemData:
				value = item[1:]
			case item[0] == bdbItemBeyond && len(item) >= 12:
				next, long := int(order.Uint32(item[4:])), int(order.Uint32(item[8:]))
				if long > headerMost {
					return errBDB
				}
				for len(value) < long {
					if left--; left < 0 || next < 1 || next >= pages || data[next*size+25] != bdbOverflow {
						return errBDB
					}
					o := data[next*size:][:size]
					here := min(size-bdbPageHead, int(order.Uint16(o[22:])), long-len(value))
					if here == 0 {
						return errBDB
					}
					value = append(value, o[bdbPageHead:][:here]...)
					next = int(order.Uint32(o[16:]))
				}
			}
			if len(value) <= 4 {
				continue // the highest number that was given out
			}
			if err := each(value); err != nil {
				return err
			}
		}
	}
	return nil
}
