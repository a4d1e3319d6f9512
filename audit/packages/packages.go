// Package packages reads lists of installed packages, compares their versions,
// and finds the OpenSSH release in a package's version or in a banner.
package packages

import (
	"bytes"
	"strings"
)

// Package is one installed package.
type Package struct {
	Manager string // dpkg, rpm, apk, pacman
	Name    string
	Version string // as the manager prints it
}

// Bounds of one list: a full desktop has some 5,000 packages.
const (
	maxPackages = 100_000
	maxField    = 512
)

// Parse reads lines of manager, name and version, separated by tabs. Lines of
// another form, and what lies past 100,000 lines, are skipped and counted: a
// list with skipped lines is not whole.
func Parse(data []byte) (list []Package, skipped int) {
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		manager, rest, ok := strings.Cut(string(line[:min(len(line), 3*maxField)]), "\t")
		name, version, ok2 := strings.Cut(rest, "\t")
		if !ok || !ok2 || len(line) > 3*maxField || len(list) >= maxPackages ||
			!knownManager(manager) || !printable(name) || !printable(version) {
			skipped++
			continue
		}
		list = append(list, Package{Manager: manager, Name: name, Version: version})
	}
	return list, skipped
}

func knownManager(s string) bool {
	switch s {
	case "dpkg", "rpm", "apk", "pacman":
		return true
	}
	return false
}

// printable reports whether s is a word of printable ASCII, as every package
// manager's names and versions are.
func printable(s string) bool {
	if s == "" || len(s) > maxField {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
