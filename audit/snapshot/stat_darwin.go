package snapshot

import (
	"io/fs"
	"syscall"
	"time"
)

// fill takes what only the system's own structure holds.
func (f *File) fill(fi fs.FileInfo) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	f.Mode = uint32(st.Mode) & 0o7777
	f.UID, f.GID = int64(st.Uid), int64(st.Gid)
	f.Links, f.Inode, f.Dev = int64(st.Nlink), st.Ino, uint64(st.Dev)
	f.CTime = told(time.Unix(st.Ctimespec.Unix()))
}

// nonblock keeps an open from waiting for the other end of a FIFO.
const nonblock = syscall.O_NONBLOCK | syscall.O_NOCTTY
