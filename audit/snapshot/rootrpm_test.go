package snapshot

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // writes the databases that are read here
)

// headerOf writes a header as rpm keeps it.
func headerOf(name, version string, epoch int, files map[string]string, pad int) []byte {
	var index, data []byte
	n := uint32(0)
	entry := func(tag, kind uint32, count int, value []byte) {
		for _, v := range []uint32{tag, kind, uint32(len(data)), uint32(count)} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, value...)
		n++
	}
	numbers := func(list ...uint32) (b []byte) {
		for _, v := range list {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return b
	}
	entry(rpmName, rpmTypeString, 1, []byte(name+"\x00"))
	entry(rpmVersion, rpmTypeString, 1, []byte(version+"\x00"))
	entry(rpmRelease, rpmTypeString, 1, []byte("1.el9\x00"))
	entry(4242, 7, pad, make([]byte, pad)) // what we know nothing of
	if epoch >= 0 {
		entry(rpmEpoch, rpmTypeInt32, 1, numbers(uint32(epoch)))
	}
	entry(rpmFileDigestAlgorithm, rpmTypeInt32, 1, numbers(8))
	var base, dirs, digests, modes []byte
	var dir, flags []uint32
	for p, text := range files {
		d, b := filepath.Split(p)
		base, dirs = append(base, b+"\x00"...), append(dirs, d+"\x00"...)
		dir = append(dir, uint32(len(dir)))
		digests = append(digests, fmt.Sprintf("%x\x00", sha256.Sum256([]byte(text)))...)
		modes = binary.BigEndian.AppendUint16(modes, 0o100755)
		flags = append(flags, 0)
	}
	entry(rpmBaseNames, rpmTypeStrings, len(files), base)
	entry(rpmDirNames, rpmTypeStrings, len(files), dirs)
	entry(rpmDirIndexes, rpmTypeInt32, len(files), numbers(dir...))
	entry(rpmFileDigests, rpmTypeStrings, len(files), digests)
	entry(rpmFileModes, rpmTypeInt16, len(files), modes)
	entry(rpmFileFlags, rpmTypeInt32, len(files), numbers(flags...))
	out := numbers(n, uint32(len(data)))
	return append(append(out, index...), data...)
}

// inSQLite puts headers into a database as rpm does.
func inSQLite(t testing.TB, p string, headers [][]byte) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", p)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"PRAGMA journal_mode=WAL", "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)", "CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range headers {
		if _, err := db.Exec("INSERT INTO Packages (blob) VALUES (?)", h); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inNDB writes the same in rpm's own form.
func inNDB(headers [][]byte) []byte {
	out := make([]byte, 4096)
	copy(out, "RpmP")
	binary.LittleEndian.PutUint32(out[12:], 1)
	for i := 2; i < 256; i++ {
		copy(out[16*i:], "Slot")
	}
	for i, h := range headers {
		blob := make([]byte, 16, 16+len(h))
		copy(blob, "BlbS")
		binary.LittleEndian.PutUint32(blob[4:], uint32(i+1))
		binary.LittleEndian.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		blob = append(blob, make([]byte, 12+(16-(len(blob)+12)%16)%16)...)
		slot := out[16*(2+i):]
		binary.LittleEndian.PutUint32(slot[4:], uint32(i+1))
		binary.LittleEndian.PutUint32(slot[8:], uint32(len(out)/16))
		binary.LittleEndian.PutUint32(slot[12:], uint32(len(blob)/16))
		out = append(out, blob...)
	}
	return out
}

// inBDB writes the same as a hash of Berkeley DB: long values on pages of their own.
func inBDB(order binary.AppendByteOrder, headers [][]byte) []byte {
	const size = 4096
	put := order.(binary.ByteOrder)
	page := func(kind byte) []byte {
		p := make([]byte, size)
		p[25] = kind
		return p
	}
	meta := page(8)
	put.PutUint32(meta[12:], bdbHashMagic)
	put.PutUint32(meta[20:], size)
	pages := [][]byte{meta}
	for i, h := range headers {
		p := page(bdbHash)
		key := order.AppendUint32([]byte{bdbItemData}, uint32(i+1))
		var item []byte
		var beyond [][]byte
		if len(h) < 1000 {
			item = append([]byte{bdbItemData}, h...)
		} else {
			item = append([]byte{bdbItemBeyond, 0, 0, 0}, order.AppendUint32(order.AppendUint32(nil, uint32(len(pages)+1)), uint32(len(h)))...)
			for rest := h; len(rest) > 0; {
				o := page(bdbOverflow)
				n := copy(o[bdbPageHead:], rest)
				put.PutUint16(o[22:], uint16(n))
				if rest = rest[n:]; len(rest) > 0 {
					put.PutUint32(o[16:], uint32(len(pages)+2+len(beyond)))
				}
				beyond = append(beyond, o)
			}
		}
		at := size
		for k, x := range [][]byte{key, item, {bdbItemData, 0, 0, 0, 0}, {bdbItemData, 9, 0, 0, 0}} {
			at -= len(x)
			copy(p[at:], x)
			put.PutUint16(p[bdbPageHead+2*k:], uint16(at))
		}
		put.PutUint16(p[20:], 4)
		pages = append(append(pages, p), beyond...)
	}
	return bytes.Join(pages, nil)
}

// TestRootOfRPM: a tree tells its packages, whose a file is, and what was changed, from
// all forms of rpm's database, in pages and rows of any size.
func TestRootOfRPM(t *testing.T) {
	headers := [][]byte{headerOf("openssh-server", "8.7p1", 2, map[string]string{"/usr/sbin/sshd": "sshd", "/usr/lib64/security/x.so": "x"}, 3)}
	for i := range 300 {
		headers = append(headers, headerOf(fmt.Sprintf("other%d", i), "1", -1, map[string]string{fmt.Sprintf("/opt/%d", i): "y"}, i*i))
	}
	headers = append(headers, headerOf("sudo", "1.9.5p2", -1, map[string]string{"/usr/bin/sudo": "sudo"}, 200000))
	few := append(headers[:200:200], headers[len(headers)-1])
	for name, data := range map[string][]byte{"/var/lib/rpm/rpmdb.sqlite": inSQLite(t, filepath.Join(t.TempDir(), "db"), headers), "/usr/lib/sysimage/rpm/Packages.db": inNDB(few),
		"/var/lib/rpm/Packages": inBDB(binary.LittleEndian, headers), "/usr/lib/sysimage/rpm/Packages": inBDB(binary.BigEndian, few)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for p, text := range map[string]string{name: string(data), "/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/usr/sbin/sshd": "changed", "/usr/bin/sudo": "sudo", "/usr/bin/loose": "z"} {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(p)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, p), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			first, err := FromRoot(t.Context(), dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if o := first.Output(OutPackages); o == nil || string(o.Data) != "rpm\topenssh-server\t2:8.7p1-1.el9\nrpm\tsudo\t1.9.5p2-1.el9\n" {
				t.Errorf("packages: %+v %+v", o, first.GapsFor(OutPackages))
			}
			s, err := DeepenRoot(t.Context(), dir, Options{}, Questions{Owned: []string{"/usr/sbin/sshd", "/usr/bin/loose", "/opt/77"}})
			if err != nil {
				t.Fatal(err)
			}
			for out, words := range map[string][]string{OutOwned: {"manager\trpm\n", "openssh-server\t/usr/sbin/sshd\n", "-\t/usr/bin/loose\n", "other77\t/opt/77\n"}, OutSumsRPM: {"..5......    /usr/sbin/sshd\n"}} {
				o := s.Output(out)
				for _, w := range words {
					if o == nil || !strings.Contains(string(o.Data), w) {
						t.Errorf("no %q in %s: %+v", w, out, o)
					}
				}
			}
			if o := s.Output(OutSumsRPM); o != nil && strings.Contains(string(o.Data), "sudo") {
				t.Errorf("what is as it was is told of: %s", o.Data)
			}
		})
	}
}

// TestBrokenRPM: of a database that cannot be read to its end no file is said to be of
// no package.
func TestBrokenRPM(t *testing.T) {
	whole := inNDB([][]byte{headerOf("sudo", "1", -1, map[string]string{"/usr/bin/sudo": "x"}, 3), headerOf("bash", "1", -1, map[string]string{"/usr/bin/bash": "x"}, 3)})
	copy(whole[16*3:], "Slut")
	for name, data := range map[string][]byte{"cut": whole, "empty": nil} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "var/lib/rpm"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "var/lib/rpm/Packages.db"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := DeepenRoot(t.Context(), dir, Options{}, Questions{Owned: []string{"/usr/bin/sudo", "/usr/bin/bash"}})
		if err != nil || len(s.GapsFor(OutOwned)) == 0 {
			t.Errorf("%s: %v %+v", name, err, s.Gaps)
		}
		if o := s.Output(OutOwned); o != nil && strings.Contains(string(o.Data), "-\t") {
			t.Errorf("%s: %s", name, o.Data)
		}
	}
}

// FuzzRPM: no bytes bring a reader down, send it round in circles or make it give more
// than was there.
func FuzzRPM(f *testing.F) {
	h := [][]byte{headerOf("a", "1", 1, map[string]string{"/x": "x"}, 5000), headerOf("b", "1", -1, nil, 0)}
	f.Add(inNDB(h))
	f.Add(inSQLite(f, filepath.Join(f.TempDir(), "db"), h))
	f.Add(inBDB(binary.LittleEndian, h))
	f.Add(h[0])
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		each := func(blob []byte) error {
			n += len(blob)
			if p, err := rpmHeader(blob); err == nil && p.name == "" {
				t.Error("a package without a name")
			}
			return nil
		}
		_ = sqlitePackages(data, each)
		_ = ndbPackages(data, each)
		_ = bdbPackages(data, each)
		_, _ = rpmHeader(data)
	})
}
