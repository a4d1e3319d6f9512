package cron

import (
	"strings"
	"testing"
)

// What the daemons read, as observed; each line is one file as it lay there.
func TestFileVerdict(t *testing.T) {
	root := FileMeta{Type: 'f', Mode: 0o644, UID: 0, Links: 1, Account: Yes}
	spool := FileMeta{Type: 'f', Mode: 0o600, UID: 1000, Links: 1, OwnerIsUser: true, Account: Yes}
	with := func(m FileMeta, f func(*FileMeta)) FileMeta { f(&m); return m }
	mode := func(m FileMeta, x uint32) FileMeta { m.Mode = x; return m }
	for _, c := range []struct {
		name string
		kind FileKind
		file string
		meta FileMeta
		want [5]Tri // Debian, cronie, busybox, dcron, systemd-cron
	}{
		{"cron.d plain", FileCronD, "job", root, [5]Tri{Yes, Yes, No, Yes, Yes}},
		{"cron.d x.bak", FileCronD, "x.bak", root, [5]Tri{No, Yes, No, No, Yes}},
		{"cron.d x.dpkg-old", FileCronD, "x.dpkg-old", root, [5]Tri{No, Yes, No, No, No}},
		{"cron.d foo.rpmsave", FileCronD, "foo.rpmsave", root, [5]Tri{No, No, No, No, No}},
		{"cron.d hidden", FileCronD, ".placeholder", root, [5]Tri{No, No, No, No, No}},
		{"cron.d tilde", FileCronD, "x~", root, [5]Tri{No, No, No, Yes, No}},
		{"cron.d leading dash", FileCronD, "-x", root, [5]Tri{Yes, Yes, No, Yes, Yes}},
		{"cron.d 0755", FileCronD, "x", mode(root, 0o755), [5]Tri{Yes, No, No, Yes, Yes}},
		{"cron.d 4644", FileCronD, "x", mode(root, 0o4644), [5]Tri{Yes, No, No, Yes, Yes}},
		{"cron.d 0000", FileCronD, "x", mode(root, 0), [5]Tri{Yes, No, No, Yes, Yes}},
		{"cron.d 0664", FileCronD, "x", mode(root, 0o664), [5]Tri{No, No, No, Yes, Yes}},
		{"cron.d 0400", FileCronD, "x", mode(root, 0o400), [5]Tri{Yes, Yes, No, Yes, Yes}},
		{"cron.d not root's", FileCronD, "x", with(root, func(m *FileMeta) { m.UID = 65534 }), [5]Tri{No, No, No, No, Yes}},
		{"cron.d owner not seen", FileCronD, "x", with(root, func(m *FileMeta) { m.UID = -1 }), [5]Tri{Unknown, Unknown, No, Unknown, Yes}},
		{"cron.d two links", FileCronD, "x", with(root, func(m *FileMeta) { m.Links = 2 }), [5]Tri{No, Yes, No, Yes, Yes}},
		{"cron.d link of root", FileCronD, "x", with(root, func(m *FileMeta) { m.Type, m.TargetType = 'l', 'f' }), [5]Tri{Yes, Yes, No, Yes, Yes}},
		{"cron.d link of nobody", FileCronD, "x", with(root, func(m *FileMeta) { m.Type, m.TargetType, m.LinkUID = 'l', 'f', 65534 }), [5]Tri{No, Yes, No, Yes, Yes}},
		{"cron.d dangling link", FileCronD, "x", with(root, func(m *FileMeta) { m.Type = 'l' }), [5]Tri{No, No, No, No, No}},
		{"cron.d directory", FileCronD, "x", with(root, func(m *FileMeta) { m.Type = 'd' }), [5]Tri{No, No, No, No, No}},
		{"cron.d not seen", FileCronD, "x", FileMeta{}, [5]Tri{Unknown, Unknown, No, Unknown, Unknown}},
		{"crontab", FileEtcCrontab, "crontab", root, [5]Tri{Yes, Yes, No, No, Yes}},
		{"spool 0600", FileSpool, "u", spool, [5]Tri{Yes, Yes, No, No, Yes}},
		{"spool of root's", FileSpool, "u", with(spool, func(m *FileMeta) { m.UID, m.OwnerIsUser = 0, false }), [5]Tri{Yes, Yes, Yes, Yes, Yes}},
		{"spool 0644", FileSpool, "u", mode(spool, 0o644), [5]Tri{No, Yes, No, No, Yes}},
		{"spool 0400", FileSpool, "u", mode(spool, 0o400), [5]Tri{No, Yes, No, No, Yes}},
		{"spool 0660", FileSpool, "u", mode(spool, 0o660), [5]Tri{No, No, No, No, Yes}},
		{"spool 0700", FileSpool, "u", mode(spool, 0o700), [5]Tri{No, No, No, No, Yes}},
		{"spool of a third", FileSpool, "u", with(spool, func(m *FileMeta) { m.OwnerIsUser = false }), [5]Tri{No, No, No, No, Yes}},
		{"spool two links", FileSpool, "u", with(spool, func(m *FileMeta) { m.Links = 2 }), [5]Tri{No, No, No, No, Yes}},
		{"spool link", FileSpool, "u", with(spool, func(m *FileMeta) { m.Type, m.TargetType = 'l', 'f' }), [5]Tri{No, Yes, No, No, Yes}},
		{"spool orphan", FileSpool, "u", with(spool, func(m *FileMeta) { m.Account = No }), [5]Tri{No, No, No, No, No}},
		{"spool account not known", FileSpool, "u", with(spool, func(m *FileMeta) { m.Account = Unknown }), [5]Tri{Unknown, Unknown, No, No, Yes}},
		{"spool tmp", FileSpool, "tmp.x", spool, [5]Tri{No, No, No, No, Yes}},
		{"run-parts", FileRunParts, "backup", mode(root, 0o755), [5]Tri{Yes, Yes, Yes, Yes, Yes}},
		{"run-parts .sh", FileRunParts, "gcc.sh", mode(root, 0o755), [5]Tri{No, Yes, Yes, Yes, Yes}},
		{"run-parts hidden", FileRunParts, ".x", mode(root, 0o755), [5]Tri{No, No, No, No, No}},
		{"run-parts not executable", FileRunParts, "backup", root, [5]Tri{No, No, No, No, No}},
		{"run-parts swp", FileRunParts, "x.swp", mode(root, 0o755), [5]Tri{No, No, Yes, Yes, Yes}},
		{"at", FileAt, "a0000101bf8c2e", mode(root, 0o700), [5]Tri{Yes, Yes, Yes, Yes, Yes}},
		{"at not executable", FileAt, "a0000101bf8c2e", mode(root, 0o600), [5]Tri{No, No, No, No, No}},
		{"at name", FileAt, "job", mode(root, 0o700), [5]Tri{No, No, No, No, No}},
	} {
		for d := Debian; d <= SystemdCron; d++ {
			t.Run(c.name+"/"+d.String(), func(t *testing.T) {
				got, why := FileVerdict(c.kind, c.file, c.meta, d)
				if got != c.want[d] {
					t.Errorf("%v (%s), want %v", got, why, c.want[d])
				}
				if (got == Yes) != (why == "") {
					t.Errorf("verdict %v with reason %q", got, why)
				}
			})
		}
	}
}

// What a daemon was started with decides which files it reads.
func TestFileVerdictByFlags(t *testing.T) {
	root := FileMeta{Type: 'f', Mode: 0o644, Links: 1, Account: Yes}
	for _, c := range []struct {
		d    Daemon
		args string
		kind FileKind
		file string
		mode uint32
		uid  int64
		want Tri
	}{
		{Debian, "-f", FileCronD, "org.foo-bar", 0o644, 0, No},
		{Debian, "-f -l", FileCronD, "org.foo-bar", 0o644, 0, Yes},
		{Debian, "-L 5 -fl", FileCronD, "org.foo-bar", 0o644, 0, Yes},
		{Debian, "-L l", FileCronD, "org.foo-bar", 0o644, 0, No},
		{Debian, "-Ll", FileCronD, "org.foo-bar", 0o644, 0, No},
		{Debian, "-l", FileCronD, "plain", 0o644, 0, Yes},
		{Debian, "-l", FileCronD, "Upper", 0o644, 0, No},
		{Debian, "-l", FileCronD, "under_score", 0o644, 0, No},
		{Debian, "-l", FileCronD, "x.bak", 0o644, 0, No},
		{Debian, "-l", FileCronD, "a-b.dpkg-old", 0o644, 0, No},
		{Debian, "-l", FileRunParts, "org.foo-bar", 0o755, 0, No},
		{Cronie, "-n", FileCronD, "x", 0o777, 1000, No},
		{Cronie, "-n -p", FileCronD, "x", 0o777, 1000, Yes},
		{Cronie, "-p", FileCronD, "x~", 0o644, 0, No},
		{Cronie, "-m p", FileCronD, "x", 0o777, 0, No},
		{Cronie, "-p", FileSpool, "u", 0o666, 1000, Yes},
		{Cronie, "-c", FileSpool, "u", 0o600, 0, Unknown},
		{Cronie, "-c", FileCronD, "x", 0o644, 0, Yes},
		{Busybox, "-l 8 -p", FileSpool, "u", 0o644, 1000, No},
	} {
		m := root
		m.Mode, m.UID, m.Flags = c.mode, c.uid, ParseFlags(c.d, strings.Fields(c.args))
		if got, why := FileVerdict(c.kind, c.file, m, c.d); got != c.want || (got == Yes) != (why == "") {
			t.Errorf("%v %s: %s is %v (%s), want %v", c.d, c.args, c.file, got, why, c.want)
		}
	}
}
