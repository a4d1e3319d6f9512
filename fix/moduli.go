package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

const (
	moduliFile = "/etc/ssh/moduli"
	// strongGroup is the size column of a group of 3072 bits (moduli(5): one less).
	strongGroup = 3071
	// fewestGroups: a file with fewer makes everybody use the same.
	fewestGroups = 10
)

// groupExchange mends the groups that the server hands out: the small ones go out of
// the file, or else group exchange goes.
func (p *planner) groupExchange() {
	why := p.dropGroups()
	if why == "" {
		return
	}
	p.warn("%s, so group exchange is taken off KexAlgorithms", why)
	p.without("KexAlgorithms", wire.GroupExchange)
}

// dropGroups takes small groups out of the file; why says that it cannot.
func (p *planner) dropGroups() (why string) {
	out := p.in.Snapshot.Output(snapshot.OutModuli)
	meta := p.in.Snapshot.Lookup(moduliFile)
	switch {
	case out == nil || meta == nil:
		return moduliFile + " was not seen"
	case p.cfg != nil && p.cfg.Globals().Get("ModuliFile").First() != "" && p.cfg.Globals().Get("ModuliFile").First() != moduliFile:
		return "ModuliFile names another file"
	}
	if f := p.pending[stateOf(p.in.Snapshot, moduliFile).Real]; f != nil {
		p.keep(f, p.rule, "") // for the other rule
		return ""
	}
	if p.in.Fetch == nil {
		return "the content of " + moduliFile + " is not part of what was read"
	}
	data, err := p.in.Fetch(moduliFile)
	if err != nil {
		return moduliFile + " could not be read: " + err.Error()
	}
	first, _, _ := strings.Cut(string(out.Data), "\n")
	if first != "sha256 "+sumOf(data) {
		return moduliFile + " has changed while it was read"
	}
	kept, left := strongGroups(data)
	if left < fewestGroups {
		return fmt.Sprintf("only %d groups of 3072 bits and more stand in %s", left, moduliFile)
	}
	if meta.Type != 'f' {
		return moduliFile + " is a link"
	}
	// From here on the plan knows its content.
	snap := *p.in.Snapshot
	snap.Files = slices.Clone(snap.Files)
	for i := range snap.Files {
		if snap.Files[i].Path == moduliFile {
			snap.Files[i].Content = data
		}
	}
	p.in.Snapshot = &snap
	if err := p.write(moduliFile, KindSshd, kept, p.rule, "groups below 3072 bits are no longer handed out: "+groupWords(data, kept)); err != nil {
		return err.Error()
	}
	return ""
}

// groupSize is the size column of a line of moduli(5); 0: it is none.
func groupSize(line string) int {
	w := strings.Fields(line)
	if len(w) != 7 || strings.HasPrefix(w[0], "#") {
		return 0
	}
	n, err := strconv.Atoi(w[4])
	if err != nil {
		return 0
	}
	return n
}

// strongGroups keeps all lines but those of small groups, and counts the groups left.
func strongGroups(data []byte) (kept []byte, left int) {
	kept = make([]byte, 0, len(data))
	for line := range strings.Lines(string(data)) {
		n := groupSize(line)
		if n > 0 && n < strongGroup {
			continue
		}
		if n > 0 {
			left++
		}
		kept = append(kept, line...)
	}
	return kept, left
}

// groupWords says what goes and what stays.
func groupWords(old, new []byte) string {
	count := func(data []byte) (sizes []int, n map[int]int) {
		n = map[int]int{}
		for line := range strings.Lines(string(data)) {
			if s := groupSize(line); s > 0 {
				if n[s]++; n[s] == 1 {
					sizes = append(sizes, s)
				}
			}
		}
		slices.Sort(sizes)
		return sizes, n
	}
	sizes, was := count(old)
	_, is := count(new)
	var out, stay []string
	for _, s := range sizes {
		if gone := was[s] - is[s]; gone > 0 {
			out = append(out, fmt.Sprintf("%d of %d bits", gone, s+1))
		}
		if is[s] > 0 {
			stay = append(stay, fmt.Sprintf("%d of %d", is[s], s+1))
		}
	}
	return strings.Join(out, ", ") + " go; " + strings.Join(stay, ", ") + " stay"
}

// histogram is what the collector would say of a file of groups.
func histogram(data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "sha256 %s\n", sumOf(data))
	n, sizes := map[int]int{}, []int{}
	for line := range strings.Lines(string(data)) {
		if s := groupSize(line); s > 0 {
			if n[s]++; n[s] == 1 {
				sizes = append(sizes, s)
			}
		}
	}
	for _, s := range sizes {
		fmt.Fprintf(&b, "%d %d\n", n[s], s+1)
	}
	return b.Bytes()
}
