//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Prerequisite is a program that the real hosts need on the test machine.
type Prerequisite struct {
	Program string // as looked up in PATH
	Package string // the Debian package that brings it
	For     string // what it is used for
}

// Prerequisites are all programs that this package calls on the test machine,
// besides the Go toolchain.
var Prerequisites = []Prerequisite{
	{"mmdebstrap", "mmdebstrap", "builds the root file systems"},
	{"apt-get", "apt", "tells the machine's own mirror"},
	{"ip", "iproute2", "connects the hosts"},
	{"nsenter", "util-linux", "runs commands in the hosts"},
	{"chroot", "coreutils", "installs the packages of a layer"},
	{"mkfs.ext4", "e2fsprogs", "makes the disks of hosts whose power is cut"},
	{"mount", "mount", "mounts them"},
	{"losetup", "mount", "tells when they are free again"},
}

// Packages lists the Debian packages that bring all Prerequisites, sorted.
func Packages() []string {
	var names []string
	for _, p := range Prerequisites {
		names = append(names, p.Package)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missing says in words what keeps real hosts from starting here, one entry a
// fault; none means that it is worth trying.
func missing() []string {
	var faults []string
	if os.Geteuid() != 0 {
		faults = append(faults, "not root: namespaces with several accounts need uid 0 (run as root or under sudo)")
	}
	var packages []string
	for _, p := range Prerequisites {
		if _, err := exec.LookPath(p.Program); err != nil {
			faults = append(faults, fmt.Sprintf("no %s in PATH: it %s; Debian package %s", p.Program, p.For, p.Package))
			packages = append(packages, p.Package)
		}
	}
	if len(packages) > 0 {
		faults = append(faults, "to install: apt-get install -y --no-install-recommends "+strings.Join(packages, " "))
	}
	return faults
}
