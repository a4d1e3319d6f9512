//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// store is the folder that holds the host's upper and work directories.
func (m *machine) store() string {
	if m.spec.DiskMB > 0 {
		return filepath.Join(m.dir, "disk")
	}
	return m.dir
}

func (m *machine) diskImage() string { return filepath.Join(m.dir, "disk.img") }

// makeDisk makes the host's own file system in a file, and mounts it.
func (m *machine) makeDisk() error {
	f, err := os.OpenFile(m.diskImage(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(int64(m.spec.DiskMB)<<20), f.Close()); err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", m.diskImage()).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	if err := os.Mkdir(m.store(), 0o755); err != nil {
		return err
	}
	return m.mountDisk()
}

func (m *machine) mountDisk() error {
	// commit=300: what nobody synced does not reach the disk by the journal's own
	// clock while a test looks elsewhere.
	if out, err := exec.Command("mount", "-o", "loop,commit=300", m.diskImage(), m.store()).CombinedOutput(); err != nil {
		return fmt.Errorf("mount the host's disk: %w: %s", err, out)
	}
	return nil
}

func (m *machine) unmountDisk() error {
	deadline := time.Now().Add(dieTimeout)
	for {
		// busy until the last namespace that saw it is gone
		err := unix.Unmount(m.store(), 0)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			err = nil
		}
		if err == nil {
			// A host that starts just now has a copy of our mounts for a moment, and
			// mounting again would give back the very file system that was shut down.
			out, lerr := exec.Command("losetup", "-j", m.diskImage()).Output()
			if lerr != nil {
				return fmt.Errorf("losetup: %w", lerr)
			}
			if len(out) == 0 {
				return nil
			}
			err = unix.EBUSY
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("unmount the host's disk: %w", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// PowerCut takes the host's power: nothing that was not synced is on its disk
// afterwards. Boot starts it again, over the replayed journal. The host must have
// Spec.DiskMB.
func (h *Host) PowerCut() {
	h.t.Helper()
	if h.spec.DiskMB == 0 {
		h.t.Fatalf("e2e: %s: PowerCut needs Spec.DiskMB", h.name)
	}
	if err := h.powerCut(); err != nil {
		h.t.Fatalf("e2e: %s: power cut: %v", h.name, err)
	}
}

func (m *machine) powerCut() error {
	fd, err := unix.Open(m.store(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: fs/ext4/ext4.h.
	const shutdown, noLogFlush = 0x8004587d, 2
	flags := uint32(noLogFlush)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), shutdown, uintptr(unsafe.Pointer(&flags)))
	unix.Close(fd)
	if errno != 0 {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN: %w", errno)
	}
	if err := m.stop(); err != nil {
		return err
	}
	if err := unix.Unmount(m.merged(), 0); err != nil {
		if err := unix.Unmount(m.merged(), unix.MNT_DETACH); err != nil {
			return err
		}
	}
	if err := m.unmountDisk(); err != nil {
		return err
	}
	if err := m.mountDisk(); err != nil {
		return err
	}
	return m.mountRoot()
}

func (m *machine) syncDisk() error {
	fd, err := unix.Open(m.store(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Syncfs(fd)
}

// mountRoot mounts the overlay that the host has as its root.
func (m *machine) mountRoot() error {
	return mountOverlay(m.image.lower, filepath.Join(m.store(), "upper"), filepath.Join(m.store(), "work"), m.merged())
}
