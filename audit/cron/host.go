package cron

// FileInfo is what a host tells about one path. The zero value knows nothing.
type FileInfo struct {
	Known   bool   // the path was looked at
	Exists  bool   // it is there, links followed
	Type    byte   // of the final file: 'f' 'd' 'p' 's' 'c' 'b'; 0 unknown
	Mode    uint32 // permission bits, 07777
	UID     int64  // -1 unknown
	GID     int64  // -1 unknown
	Head    []byte // its first bytes; nil not read
	Package string // that owns it; "" none or unknown
	Owned   Tri    // whether a package owns it
}

// Tri is an answer that may be missing.
type Tri uint8

// The answers.
const (
	Unknown Tri = iota
	No
	Yes
)

// HostLookup tells what a host has at an absolute path, as raw bytes. It must not
// read anything by itself that was not collected before.
type HostLookup func(path string) FileInfo
