package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// BenchmarkPast times whole commands, from their start to their end, over the kept
// runs that BenchmarkScale of audit/history made:
//
//	export POSTERN_SCALE_DIR=$(mktemp -d) POSTERN_SCALE=2000x52
//	go test ./audit/history -run - -bench Scale -benchtime 1x
//	go test . -run - -bench Past -benchtime 3x -v
//
// What --since adds is the difference of two audits of as many archives as there are
// hosts, in processor time: the clock of a busy machine says little. It is written to
// the log with all others.
func BenchmarkPast(b *testing.B) {
	dir := os.Getenv("POSTERN_SCALE_DIR")
	if dir == "" {
		b.Skip("POSTERN_SCALE_DIR names no folder of kept runs; its comment says how they are made")
	}
	stores, err := filepath.Glob(filepath.Join(dir, "*x*", "postern"))
	if err != nil || len(stores) == 0 {
		b.Fatalf("no kept runs below %s (%v)", dir, err)
	}
	list := filepath.Join(b.TempDir(), "list")
	if err := os.WriteFile(list, []byte("198.51.100.0/24\n/usr/local/bin/job-7--7\nnosuchname\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, store := range stores {
		var hosts, runs int
		if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(store)), "%dx%d", &hosts, &runs); err != nil {
			b.Fatal(err)
		}
		size := func(b *testing.B) {
			if info, err := os.Stat(filepath.Join(store, history.IndexFile)); err == nil {
				b.ReportMetric(float64(info.Size())/1e6, "MB")
			}
		}
		whole := func(name string, want int, args ...string) {
			b.Run(fmt.Sprintf("%dx%d/%s", hosts, runs, name), func(b *testing.B) {
				for b.Loop() {
					timed(b, store, want, args...)
				}
				size(b)
			})
		}
		whole("hunt", 1, "hunt", `jobs.exists(j, j.command == "/usr/local/bin/job-7--7")`, "--past")
		whole("hunt-host", 1, "hunt", `host.os == "debian"`, "--past")
		whole("hunt-named", 1, "hunt", "password-logins", "--past")
		whole("hunt-ioc", 1, "hunt", "--ioc", list, "--past")
		whole("access", 0, "access", "--past", "--user", "user7")
		whole("key", 0, "history", "key", "SHA256:"+strings.Repeat("A", 43))
		whole("overdue", 0, "overdue")
		whole("history", 0, "history")
		b.Run(fmt.Sprintf("%dx%d/since", hosts, runs), func(b *testing.B) {
			archives := archivesOf(b, hosts)
			var without, with, one, oneSince time.Duration
			for b.Loop() {
				without += timed(b, store, 1, append([]string{"audit", "--no-history", "-o", os.DevNull, "--snapshot"}, archives...)...)
				with += timed(b, store, 1, append([]string{"audit", "--no-history", "--since", "last", "-o", os.DevNull, "--snapshot"}, archives...)...)
				one += timed(b, store, 1, "audit", "--no-history", "--snapshot", archives[0])
				oneSince += timed(b, store, 1, "audit", "--no-history", "--since", "last", "--snapshot", archives[0])
			}
			n := float64(b.N)
			b.ReportMetric(without.Seconds()/n, "s-without")
			b.ReportMetric(with.Seconds()/n, "s-with")
			b.ReportMetric((with-without).Seconds()/n, "s-since-adds")
			b.ReportMetric((oneSince-one).Seconds()/n, "s-since-adds-to-one-host")
			size(b)
		})
	}
}

// timed runs a command over a store and gives its processor time.
func timed(b *testing.B, store string, want int, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "postern", args...)
	cmd.Env = []string{"HOME=" + b.TempDir(), "XDG_STATE_HOME=" + filepath.Dir(store), "PATH=" + os.Getenv("PATH")}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want || errs.Len() > 0 {
		b.Fatalf("%.200q: exit code %d, want %d\n%s%.2000s", args, code, want, errs.String(), out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// archivesOf makes archives of host0, host1 ...
func archivesOf(b *testing.B, hosts int) []string {
	b.Helper()
	files, err := filepath.Glob("e2e/demo/hosts/*.pst")
	if err != nil || len(files) == 0 {
		b.Fatalf("no recordings (%v)", err)
	}
	dir := b.TempDir()
	out := make([]string, hosts)
	for i := range out {
		from, err := os.Open(files[i%len(files)])
		if err != nil {
			b.Fatal(err)
		}
		snap, err := snapshot.Read(from, snapshot.Limits{})
		from.Close()
		if err != nil {
			b.Fatal(err)
		}
		snap.Name = fmt.Sprint("host", i)
		out[i] = filepath.Join(dir, snap.Name+".pst")
		to, err := os.Create(out[i])
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(snapshot.Write(to, snap), to.Close()); err != nil {
			b.Fatal(err)
		}
	}
	return out
}
