package triage

import (
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Process is one process of a host, as it stood when the host was asked.
type Process struct {
	PID     int
	Exe     string   // its program as the kernel names it; "" not seen
	Deleted bool     // that file is gone, or never was one
	Args    []string // its words
	Dir     string   // in which it runs; "" not seen
}

// Processes gives the processes of a snapshot that has a second round. They are not
// whole where there was none, or where not all could be seen.
func Processes(snap *snapshot.Snapshot) (list []Process, whole bool) {
	deep, err := snap.Deeper()
	if err != nil || deep == nil {
		return nil, false
	}
	l := &looker{snap: snap, deep: deep, byPID: map[int]*process{}, names: map[int64]string{}, out: &Host{}}
	l.processes()
	for _, g := range deep.Gaps {
		if g.Path == "/" || g.Path == "/proc" || strings.HasPrefix(g.Path, "proc.words") || g.Path == "processes" {
			l.whole = false // some were not looked at, or not what they run
		}
	}
	for _, name := range []string{snapshot.OutProcStat, snapshot.OutProcWords} {
		if o := deep.Output(name); o != nil && o.Truncated {
			l.whole = false
		}
	}
	for _, p := range l.procs {
		if p.kernel {
			continue
		}
		list = append(list, Process{PID: p.pid, Exe: p.exe, Deleted: p.deleted || p.memory, Args: p.argv, Dir: p.cwd})
	}
	return list, l.whole && len(l.out.Gaps) == 0
}
