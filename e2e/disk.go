//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// DiskState is everything that has been written on a host since its root was
// built, by absolute path: on its disk, and in the memory file systems /run,
// /tmp and /dev/shm while it runs. Two of them, taken before and after, tell
// what happened between.
type DiskState map[string]FileState

// FileState is what cannot stay the same when a file is changed. Every write,
// chmod, chown and rename moves a file's change time, and creating and deleting
// a temporary file moves its directory's modification time. Reading changes
// none of it.
type FileState struct {
	Mode    uint32
	UID     uint32
	GID     uint32
	Inode   uint64
	Size    int64
	Changed unix.Timespec // ctime; of directories mtime, since overlay moves their ctime when it copies up a file in them
	Deleted bool          // a whiteout: the root has the file, the host no longer
	Old     bool          // the root has a file of that name
}

// DiskState takes the host's state. It reads beside the host, so that looking
// leaves no trace either.
func (h *Host) DiskState() DiskState {
	h.t.Helper()
	s := DiskState{}
	if err := s.add(h.UpperDir(), "/", h.image.lower); err != nil {
		h.t.Fatalf("e2e: %s: read the disk's state: %v", h.name, err)
	}
	r := h.current()
	if r.ended() {
		return s
	}
	root := fmt.Sprintf("/proc/%d/root", r.pid)
	var base, st unix.Stat_t
	if err := unix.Stat(root, &base); err != nil {
		h.t.Fatalf("e2e: %s: %v", h.name, err)
	}
	for _, dir := range []string{"/run", "/tmp", "/dev/shm"} {
		if err := unix.Stat(root+dir, &st); err != nil {
			h.t.Fatalf("e2e: %s: %s: %v", h.name, dir, err)
		}
		if st.Dev == base.Dev {
			continue // on the disk
		}
		if err := s.add(root+dir, dir, nil); err != nil {
			h.t.Fatalf("e2e: %s: read the state of %s: %v", h.name, dir, err)
		}
	}
	return s
}

// add walks a directory of the test machine that the host sees as prefix.
func (s DiskState) add(dir, prefix string, lower []string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOENT) {
			return nil // gone while we looked: its directory tells
		}
		if err != nil {
			return err
		}
		name := filepath.Join(prefix, strings.TrimPrefix(path, dir))
		f := FileState{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Inode: st.Ino, Size: st.Size, Changed: st.Ctim}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			// The size of a directory is the test machine's file system's affair.
			f.Changed, f.Size = st.Mtim, 0
		}
		f.Deleted = st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
		for _, l := range lower {
			var old unix.Stat_t
			if unix.Lstat(filepath.Join(l, name), &old) != nil {
				continue
			}
			// A directory that overlay copied up for the sake of a
			// file in it has not changed itself.
			if st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode == old.Mode && st.Uid == old.Uid && st.Gid == old.Gid && st.Mtim == old.Mtim {
				return nil
			}
			f.Old = true
			break
		}
		s[name] = f
		return nil
	})
}

// Since lists what is different from an earlier state, one line a file, sorted
// by path: "new PATH", "changed PATH" or "deleted PATH".
func (s DiskState) Since(before DiskState) []string {
	var lines []string
	for path, now := range s {
		then, known := before[path]
		switch {
		case known && then == now:
		case now.Deleted:
			lines = append(lines, "deleted "+path)
		case known && !then.Deleted, now.Old && !known:
			lines = append(lines, "changed "+path)
		default:
			lines = append(lines, "new "+path)
		}
	}
	for path, then := range before {
		if _, still := s[path]; !still && !then.Deleted {
			lines = append(lines, "deleted "+path)
		}
	}
	slices.SortFunc(lines, func(a, b string) int {
		_, pa, _ := strings.Cut(a, " ")
		_, pb, _ := strings.Cut(b, " ")
		return strings.Compare(pa, pb)
	})
	return lines
}
