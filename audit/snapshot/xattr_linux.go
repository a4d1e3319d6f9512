package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilityNames are those of linux/capability.h by their numbers.
var capabilityNames = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
	net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource
	sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`)

// capabilities gives those of an open file, as getcap(8) of libcap 2.41 and later writes
// them; "": it has none. errors.ErrUnsupported: its file system keeps none.
func capabilities(f *os.File) (string, error) {
	var buf [64]byte
	n, err := unix.Fgetxattr(int(f.Fd()), "security.capability", buf[:])
	switch {
	case errors.Is(err, unix.ENODATA):
		return "", nil
	case errors.Is(err, unix.ERANGE):
		return "", errors.New("its capabilities have an unknown form")
	case err != nil:
		return "", err
	}
	return capabilityText(buf[:n])
}

// capabilityText reads struct vfs_cap_data (linux/capability.h): a word of version and
// of the bit that makes them effective, then pairs of permitted and inheritable ones.
func capabilityText(data []byte) (string, error) {
	if len(data) < 12 {
		return "", errors.New("its capabilities have an unknown form")
	}
	head := binary.LittleEndian.Uint32(data)
	pairs := 2
	if version := head >> 24; version == 1 {
		pairs = 1
	} else if version != 2 && version != 3 || len(data) < 20 {
		return "", fmt.Errorf("its capabilities have an unknown form: version %d", version)
	}
	var may, pass uint64
	for i := range pairs {
		may |= uint64(binary.LittleEndian.Uint32(data[4+8*i:])) << (32 * i)
		pass |= uint64(binary.LittleEndian.Uint32(data[8+8*i:])) << (32 * i)
	}
	effective := ""
	if head&1 != 0 {
		effective = "e"
	}
	var out []string
	for _, g := range []struct {
		set   uint64
		flags string
	}{{may & pass, "ip"}, {may &^ pass, "p"}, {pass &^ may, "i"}} {
		var names []string
		for i := range 64 {
			if g.set>>i&1 == 0 {
				continue
			}
			if i < len(capabilityNames) {
				names = append(names, "cap_"+capabilityNames[i])
			} else {
				names = append(names, fmt.Sprintf("cap_%d", i))
			}
		}
		if len(names) >= len(capabilityNames) {
			names = nil // all of them: "=ep"
		} else if len(names) == 0 {
			continue
		}
		out = append(out, strings.Join(names, ",")+"="+effective+g.flags)
	}
	return strings.Join(out, " "), nil
}

// The flags of FS_IOC_GETFLAGS that keep a file from change (ioctl_iflags(2)).
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
)

// kept tells whether nobody can change an open file, or can only add to it.
func kept(f *os.File) (fixed, appends bool, err error) {
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return false, false, fmt.Errorf("no attributes: %s", err)
	}
	return flags&flagImmutable != 0, flags&flagAppend != 0, nil
}
