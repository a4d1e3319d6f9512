package apply

import (
	"fmt"
	"slices"
)

// points are the fail points in the order in which a run meets them.
var points = []string{
	"begun", "connected", "prepared", "staged", "armed", "installed", "reloaded",
	"fresh", "verified", "confirmed", "cleaned",
}

// FailPoints are the names with which Options.FailPoint is called.
func FailPoints() []string { return slices.Clone(points) }

// HostPoints are the values of Options.HostFail, for a plan of n changes.
func HostPoints(n int) []string {
	all := []string{"locked", "copied", "deadline", "hooked", "guarded", "written"}
	for i := range n {
		all = append(all, fmt.Sprintf("changed%d", i+1))
	}
	return append(all, "loaded", "hup", "confirmed", "unhooked")
}

// RollPoints are further values of Options.HostFail, inside the taking back of a
// plan of n changes.
func RollPoints(n int) []string {
	all := []string{"rolling"}
	for i := n; i > 0; i-- {
		all = append(all, fmt.Sprintf("restored%d", i))
	}
	return append(all, "read")
}
