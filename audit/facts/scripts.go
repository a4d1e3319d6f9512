package facts

import (
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// runParts lists the scripts of a run-parts directory, each a job of its own.
func (b *builder) runParts(dir string) {
	b.gaps("jobs", dir)
	every := strings.TrimPrefix(path.Base(dir), "cron.")
	for _, f := range b.fs.entries(dir) {
		name := path.Base(f.Path)
		if f.Type == 'd' || name == ".placeholder" {
			continue
		}
		j := &cron.Job{
			Scheduler: cron.SchedRunParts, Path: f.Path, User: "root", Command: shellWord(f.Path), Raw: f.Path,
			Schedule: cron.Schedule{Text: "@" + every}, Fate: cron.FateRuns,
		}
		read, why := cron.FileVerdict(cron.FileRunParts, name, b.meta(f, name), b.in.daemon)
		b.job(j, read != cron.No, why, string(cron.SchedRunParts))
	}
}

// shellWord quotes a path so that a shell takes it for one word.
func shellWord(p string) string {
	if strings.IndexFunc(p, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r))
	}) < 0 {
		return p
	}
	return "'" + strings.ReplaceAll(p, "'", `'\''`) + "'"
}
