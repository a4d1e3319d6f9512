package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// fleetOver keeps hosts x runs of a fleet in the index, as weeks go by: each host
// has names, keys, an account and a job of its own; at every run the clocks differ
// a little, in a hundredth of the hosts a job or a key is changed, and a quarter of
// them was started anew. There are no archives: the folders hold a results file
// each, of which the index believes that it has read it. With POSTERN_SCALE_DIR the
// store is kept below that folder, and one that is there already is taken.
func fleetOver(tb testing.TB, hosts, runs int) Store {
	tb.Helper()
	s := storeAt(tb.TempDir())
	if dir := os.Getenv("POSTERN_SCALE_DIR"); dir != "" {
		s = storeAt(filepath.Join(dir, fmt.Sprintf("%dx%d", hosts, runs), "postern"))
		if d, err := openDatabase(context.Background(), s.indexPath(), readOnly); err == nil {
			known, err := d.stamps(context.Background())
			if err = errors.Join(err, d.close()); err == nil && len(known) == runs {
				return s
			}
		}
		if err := os.RemoveAll(filepath.Dir(s.Dir)); err != nil {
			tb.Fatal(err)
		}
	}
	cat, err := policies.Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	type model struct {
		f        *facts.Facts
		outcomes []policies.Outcome
	}
	var models []model
	files, _ := filepath.Glob(filepath.Join(recordings, "*.pst"))
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		snap, err := snapshot.Read(f, snapshot.Limits{})
		f.Close()
		if err != nil {
			tb.Fatal(err)
		}
		x := facts.From(snap, facts.Options{Now: snap.Start, Name: "h", Setups: facts.NewSetups()})
		outcomes, _ := cat.Judge(x, policies.JudgeOptions{Host: "h", Now: snap.Start})
		models = append(models, model{x, outcomes})
	}
	if len(models) < 3 {
		tb.Fatal("no recordings")
	}
	d, err := openDatabase(context.Background(), func() string { os.MkdirAll(s.Dir, 0o700); return s.indexPath() }(), create)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.close()
	for week := range runs {
		at := start.Add(time.Duration(week) * 7 * 24 * time.Hour)
		run := &audit.Run{ID: NewID(at), Start: at, End: at.Add(time.Minute)}
		dir := filepath.Join(s.Dir, "runs", run.ID)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, Results), []byte(run.ID), 0o600)); err != nil {
			tb.Fatal(err)
		}
		g, err := newGather(run.ID, dir)
		if err != nil {
			tb.Fatal(err)
		}
		g.begin(run)
		for n := range hosts {
			m := models[n%len(models)]
			f := *m.f
			f.Shared, f.SharedSshd = nil, nil // every host is set up in its own way
			own := strconv.Itoa(n)
			changed := week - (week+n)%100 // once in a hundred runs
			f.Host.Name, f.Host.Hostname = "host"+own, "host"+own
			f.Host.BootID = fmt.Sprint(n, (week+n)/4)
			f.Host.ClockSkew = int64((n*7 + week*3) % 3)
			f.Jobs = append([]facts.Job{{Path: "/etc/cron.d/own", User: "root", Command: fmt.Sprint("/usr/local/bin/job-", n, "-", changed)}}, f.Jobs...)
			f.AuthorizedKeys = append([]facts.AuthorizedKey{{User: "root", Fingerprint: fmt.Sprint("SHA256:", n, "-", changed)}}, f.AuthorizedKeys...)
			f.Accounts = append([]facts.Account{{Name: "user" + own, UID: int64(10000 + n)}}, f.Accounts...)
			f.Access = append([]facts.Access{{User: "user" + own, Password: map[bool]string{true: "yes", false: "no"}[week > runs/2 && n%100 == 7]}}, f.Access...)
			f.Wire.HostKeys = append([]facts.HostKey{{Type: "ssh-ed25519", Fingerprint: "SHA256:host-" + own}}, f.Wire.HostKeys...)
			f.Daemons = append([]facts.Daemon{{PID: int64((week + n) / 4), Kind: "sshd"}}, f.Daemons...)
			outcomes := make([]policies.Outcome, len(m.outcomes))
			for i, o := range m.outcomes {
				o.Fingerprint += own
				outcomes[i] = o
			}
			if changed == week {
				outcomes = append(outcomes, policies.Outcome{Rule: "new", Severity: policies.High, Verdict: policies.Fail, Message: fmt.Sprint("new on ", n), Fingerprint: fmt.Sprint("1:", n, week)})
			}
			h := &audit.Host{Name: f.Host.Name, Address: "10.0.0." + own, State: audit.Audited, Start: at, End: at, Outcomes: outcomes, Score: audit.ScoreOf(outcomes)}
			if err := g.host(h, &f); err != nil {
				tb.Fatal(err)
			}
		}
		err = errors.Join(g.end(run, fleet()), g.stamp(filepath.Join(dir, Results)), d.commit(context.Background(), nil, g))
		g.close()
		if err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// BenchmarkScale asks a fleet's past: go test ./audit/history -run - -bench Scale -benchtime 3x
// With POSTERN_FULL=1 it is 2,000 hosts x 52 runs, and half and twice as many hosts;
// with POSTERN_SCALE=2000x4 that alone. POSTERN_SCALE_DIR=DIR keeps the stores in
// DIR/2000x52/postern for the whole commands (BenchmarkPast of the program).
func BenchmarkScale(b *testing.B) {
	sizes := [][2]int{{50, 12}, {100, 12}, {200, 12}}
	if os.Getenv("POSTERN_FULL") == "1" {
		sizes = [][2]int{{1000, 52}, {2000, 52}, {4000, 52}}
	}
	if s := os.Getenv("POSTERN_SCALE"); s != "" {
		sizes = make([][2]int, 1)
		if _, err := fmt.Sscanf(s, "%dx%d", &sizes[0][0], &sizes[0][1]); err != nil {
			b.Fatal(err)
		}
	}
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%d,%d", size[0], size[1]), func(b *testing.B) {
			began := time.Now()
			s := fleetOver(b, size[0], size[1])
			made := time.Since(began)
			info, err := os.Stat(s.indexPath())
			if err != nil {
				b.Fatal(err)
			}
			ask := func(name string, question func(*Index) error) {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if err := s.Ask(b.Context(), func(text string) { b.Error(text) }, question); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(info.Size())/1e6, "MB")
					b.ReportMetric(float64(made.Microseconds())/float64(size[0]*size[1]), "us/reading-made")
				})
			}
			ask("open", func(ix *Index) error { return nil })
			ask("readings", func(ix *Index) error {
				return ix.Readings(b.Context(), Filter{}, func(*Reading) error { return nil })
			})
			ask("plain-question", func(ix *Index) error {
				known := map[string]bool{}
				hits := 0
				err := ix.Readings(b.Context(), Filter{}, func(r *Reading) error {
					key, err := r.Key("jobs")
					if err != nil {
						return err
					}
					yes, ok := known[key]
					if !ok {
						f, err := r.Facts(b.Context(), "jobs")
						if err != nil {
							return err
						}
						for i := range f.Jobs {
							yes = yes || f.Jobs[i].Command == "/usr/local/bin/job-7--7"
						}
						known[key] = yes
					}
					if yes {
						hits++
					}
					return nil
				})
				if hits == 0 {
					b.Error("nothing found")
				}
				return err
			})
			ask("since-last", func(ix *Index) error {
				last, err := ix.Run("last")
				if err != nil {
					return err
				}
				before, err := ix.Before(b.Context(), last)
				if err == nil && len(before.Hosts) != size[0]+1 {
					b.Errorf("%d hosts", len(before.Hosts))
				}
				return err
			})
		})
	}
}
