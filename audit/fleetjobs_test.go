//go:build unix

package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// jobsOfAHost are what a host of the fleet has beside what its distribution
// brings; %s is its name.
var jobsOfAHost = []string{
	"17 3 * * * /usr/local/sbin/backup-%d --to store:/%s > /var/log/backup.log 2>&1",
	"*/5 * * * * /usr/local/sbin/monitor-%d --host %s",
	"0 4 * * 0 nice -n 19 ionice -c3 sudo -u app /opt/app/bin/clean-%d %s",
	"@hourly cd /srv/app-%d && php artisan schedule:run --host=%s >> /dev/null 2>&1",
	"*/15 * * * * flock -n /run/lock/%d -c \"TZ=UTC sanoid --take %s\"",
	"10 4 * * * mysqldump db%d | gzip > /backup/%s.gz",
	"30 2 * * * find /var/log/app-%d -name '*.%s.log' -mtime +14 -delete",
}

const jobsPerHost = 50

// fleetArchives makes archives of n hosts in groups of a hundred, from the
// recording of a real one. One in twenty has a job of its own, one in thirty lacks
// one, one in fifty has an altered one and files of one minute.
func fleetArchives(tb testing.TB, n int) [][]byte {
	tb.Helper()
	base := stockHost(tb)
	brought := len(facts.From(base, facts.Options{Now: base.Start, Name: "h"}).Jobs)
	out := make([][]byte, n)
	for i := range out {
		name := fmt.Sprintf("web%04d", i)
		var table strings.Builder
		for k := range jobsPerHost - brought {
			line := fmt.Sprintf(jobsOfAHost[k%len(jobsOfAHost)], k, name)
			switch {
			case i%20 == 7 && k == 1:
				line = fmt.Sprintf("@reboot /opt/own-%d", i)
			case i%30 == 11 && k == 2:
				continue
			case i%50 == 13 && k == 3:
				line = "*/10 * * * * sh '. ../update'"
			}
			table.WriteString(line + "\n")
		}
		s := *base
		s.Name = name
		s.Files = append([]snapshot.File(nil), base.Files...)
		at := base.Start.Add(-time.Duration(i%500) * time.Hour).Add(123456789)
		add := func(p, content string, mode uint32) {
			s.Files = slices.DeleteFunc(s.Files, func(f snapshot.File) bool { return f.Path == p })
			s.Files = append(s.Files, snapshot.File{Path: p, Type: 'f', Mode: mode, Links: 1, Size: int64(len(content)), MTime: at, CTime: at, Content: []byte(content)})
			at = at.Add(time.Duration(i%7) * time.Minute)
		}
		add("/var/spool/cron/crontabs/root", table.String(), 0o600)
		if i%50 == 13 {
			add("/root/. ../update", "#!/bin/sh\n", 0o755)
			add("/root/.ssh/authorized_keys", "", 0o600)
		}
		slices.SortFunc(s.Files, func(a, b snapshot.File) int { return strings.Compare(a.Path, b.Path) })
		var b bytes.Buffer
		if err := snapshot.Write(&b, &s); err != nil {
			tb.Fatal(err)
		}
		out[i] = b.Bytes()
	}
	return out
}

// fleetJobs reads the archives and gives what peers are told apart by.
func fleetJobs(tb testing.TB, archives [][]byte, s *sums) (jobs, bursts, odd int) {
	setups := facts.NewSetups()
	for i, a := range archives {
		snap, err := snapshot.Read(bytes.NewReader(a), snapshot.Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		f := facts.From(snap, facts.Options{Now: snap.Start, Name: snap.Name, Setups: setups})
		jobs += len(f.Jobs)
		bursts += len(f.Bursts)
		for k := range f.Jobs {
			if l, ok := JobLevel(f.Jobs[k].Severity); ok && l >= int(cron.Medium) {
				odd++
			}
		}
		s.addPeer(&Host{Name: snap.Name, Groups: []string{"all", fmt.Sprintf("rack%02d", i/100)}, State: Audited, Facts: f})
	}
	return jobs, bursts, odd
}

// heldHost is what of one host the three questions are asked of.
type heldHost struct {
	host   *Host
	tables []heldTable
	files  []compare.File
}

type heldTable struct {
	data []byte
	form cron.Form
}

func hold(tb testing.TB, archives [][]byte) []heldHost {
	tb.Helper()
	out := make([]heldHost, len(archives))
	for i, a := range archives {
		snap, err := snapshot.Read(bytes.NewReader(a), snapshot.Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		f := facts.From(snap, facts.Options{Now: snap.Start, Name: snap.Name})
		h := &out[i]
		h.host = &Host{Name: snap.Name, Groups: []string{"all", fmt.Sprintf("rack%02d", i/100)}, State: Audited, Facts: &facts.Facts{Host: facts.Host{OS: f.Host.OS, Version: f.Host.Version}}}
		roles := map[string]compare.Role{}
		for k := range f.Jobs {
			j := &f.Jobs[k]
			h.host.Facts.Jobs = append(h.host.Facts.Jobs, facts.Job{Path: strings.Clone(j.Path), Line: j.Line, Form: cloned(j.Form)})
			roles[j.Path] = compare.RoleTable
			for _, t := range j.Targets {
				if roles[t.Path] == compare.NoRole {
					roles[t.Path] = compare.RoleTarget
				}
			}
		}
		for k := range f.Files {
			if f.Files[k].Role == "authorized-keys" {
				roles[f.Files[k].Path] = compare.RoleKeys
			}
		}
		for k := range snap.Files {
			s := &snap.Files[k]
			h.files = append(h.files, compare.File{Path: strings.Clone(s.Path), Role: roles[s.Path], Dir: s.Type == 'd', Inode: s.Inode, MTime: s.MTime, CTime: s.CTime})
		}
		for _, t := range f.Tables {
			if s := snap.Lookup(t.Path); s != nil && s.HasContent() {
				form := cron.System
				if t.Kind == "spool" {
					form = cron.User
				}
				h.tables = append(h.tables, heldTable{bytes.Clone(s.Content), form})
			}
		}
	}
	return out
}

func cloned(f *compare.Form) *compare.Form {
	if f == nil {
		return nil
	}
	return &compare.Form{User: strings.Clone(f.User), Times: strings.Clone(f.Times), Shape: strings.Clone(f.Shape), PerDay: f.PerDay, Command: strings.Clone(f.Command), Env: strings.Clone(f.Env)}
}

// cpu reports the processor time that do takes, whatever else the machine does.
func cpu(b *testing.B, do func()) {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	from, n := spent(), 0
	for b.Loop() {
		do()
		n++
	}
	b.ReportMetric(float64((spent()-from).Milliseconds())/float64(n), "cpu-ms/op")
}

// BenchmarkFleetJobs is what 500, 1,000 and 2,000 hosts of fifty jobs cost: signs
// (reading the tables, resolving, judging), times (bursts, odd times, timeline),
// peers, and all of it from the archives to all facts.
//
//	go test ./audit -run '^$' -bench FleetJobs -benchtime 1x -cpu 1
//
// Read cpu-ms/op: it counts this process alone.
func BenchmarkFleetJobs(b *testing.B) {
	archives := fleetArchives(b, 2000)
	held := hold(b, archives)
	for _, n := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprintf("signs/hosts=%d", n), func(b *testing.B) {
			cpu(b, func() {
				jobs, odd := 0, 0
				for i := range held[:n] {
					for _, t := range held[i].tables {
						tab := cron.ParseTable(t.data, t.form, cron.Debian, cron.Options{User: "root"})
						all := tab.Jobs()
						analyses := make([]*cron.Analysis, len(all))
						for k, j := range all {
							analyses[k] = j.Resolve("/root", cron.Debian)
						}
						near := cron.NewNeighbours(all, analyses)
						for k, j := range all {
							jobs++
							if cron.Severity(cron.Signs(j, analyses[k], cron.SignContext{UID: 0, Near: near})) >= cron.Medium {
								odd++
							}
						}
					}
				}
				if odd == 0 {
					b.Fatalf("%d odd jobs of %d", odd, jobs)
				}
				b.ReportMetric(float64(jobs), "jobs")
			})
		})
	}
	for _, n := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprintf("times/hosts=%d", n), func(b *testing.B) {
			cpu(b, func() {
				bursts, files := 0, 0
				for i := range held[:n] {
					bursts += len(compare.Bursts(held[i].files))
					compare.OddTimes(held[i].files, time.Time{})
					compare.Timeline(held[i].files)
					files += len(held[i].files)
				}
				if bursts == 0 {
					b.Fatal("no burst")
				}
				b.ReportMetric(float64(files), "files")
			})
		})
	}
	for _, n := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprintf("peers/hosts=%d", n), func(b *testing.B) {
			cpu(b, func() {
				s := newSums(policies.Medium)
				jobs := 0
				for i := range held[:n] {
					s.addPeer(held[i].host)
					jobs += len(held[i].host.Facts.Jobs)
				}
				if len(s.peerOutcomes()) == 0 {
					b.Fatal("no host stands apart")
				}
				b.ReportMetric(float64(jobs), "jobs")
			})
		})
	}
	for _, n := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprintf("all/hosts=%d", n), func(b *testing.B) {
			cpu(b, func() {
				s := newSums(policies.Medium)
				jobs, bursts, odd := fleetJobs(b, archives[:n], s)
				if found := len(s.peerOutcomes()); jobs < n*(jobsPerHost-2) || bursts == 0 || odd == 0 || found == 0 {
					b.Fatalf("%d jobs, %d bursts, %d odd jobs, %d findings", jobs, bursts, odd, found)
				}
				b.ReportMetric(float64(jobs), "jobs")
			})
		})
	}
}
