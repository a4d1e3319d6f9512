package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// HeldFile is the name of a file in a run's folder that keeps it from being
// pruned: its first line says why.
const HeldFile = "held"

// ParseAge reads how long runs are kept: a number and d (days), w (weeks) or
// y (years of 365 days), such as 26w.
func ParseAge(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'d': day, 'w': 7 * day, 'y': 365 * day}
	if s != "" {
		if unit, ok := units[s[len(s)-1]]; ok {
			n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
			if err == nil && n > 0 && s[0] != '+' && n <= uint64(100*365*day/unit) {
				return time.Duration(n) * unit, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no age: a number and d, w or y, such as 26w", s)
}

// Hold keeps a run from being pruned, and says why: evidence hangs on it.
func (s Store) Hold(id, why string) error {
	if _, err := s.Path(id); err != nil {
		return err
	}
	file := filepath.Join(s.Dir, "runs", id, HeldFile)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(why, "\n", " ")+"\n"), 0o600); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// Held says of runs why they are never pruned: a host of it is blessed, or it was
// held. Runs that may be pruned are not in it.
func (s Store) Held() (map[string]string, error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, id := range ids {
		dir := filepath.Join(s.Dir, "runs", id)
		data, err := readFile(filepath.Join(dir, HeldFile))
		switch {
		case err == nil:
			why, _, _ := strings.Cut(string(data), "\n")
			if out[id] = cut(why); why == "" {
				out[id] = "held"
			}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		default:
			if _, err := os.Lstat(filepath.Join(dir, "evidence")); err == nil {
				out[id] = "it holds evidence"
			}
		}
	}
	blessed, err := s.Blessed()
	if err != nil {
		return nil, err
	}
	hosts := map[string]int{}
	for _, b := range blessed {
		hosts[b.Run]++
	}
	for id, n := range hosts {
		if out[id] == "" {
			out[id] = "blessed for " + count(n, "host")
		}
	}
	return out, nil
}

// Pruned says what pruning did, or would do.
type Pruned struct {
	Removed []string
	Held    map[string]string // older runs that stay, with the reason
}

// ErrClock says that by the clock all runs but the newest are too old at once,
// which a clock that is wrong makes more likely than a year without audits.
var ErrClock = errors.New("the clock has jumped, or nothing was audited for longer than runs are kept")

// Prune removes the runs that began more than age before now, but for the newest
// whole one and those that are held or blessed. With dry it only says which. Unless
// sure, it refuses where the newest run that began before this one is too old
// itself: see ErrClock. Runs that others are writing stay, being young.
func (s Store) Prune(ctx context.Context, now time.Time, age time.Duration, sure, dry bool) (*Pruned, error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, err
	}
	held, err := s.Held()
	if err != nil {
		return nil, err
	}
	out := &Pruned{Held: map[string]string{}}
	least := now.Add(-age)
	var old []string
	young := 0
	for i, id := range ids {
		began, ok := beganAt(id)
		switch {
		case !ok || !began.Before(least):
			young++
		case held[id] != "":
			out.Held[id] = held[id]
		case i == len(ids)-1:
			out.Held[id] = "it is the newest"
		default:
			old = append(old, id)
		}
	}
	if len(old) > 0 && young < 2 && !sure {
		return nil, ErrClock
	}
	for _, id := range old {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if !dry {
			if err := s.remove(id); err != nil {
				return out, err
			}
		}
		out.Removed = append(out.Removed, id)
	}
	if dry || len(out.Removed) == 0 {
		return out, nil
	}
	return out, s.forget(ctx, out.Removed)
}

// remove takes a run's folder away: it goes by its name at once, and in its parts
// after that, so that no half of a run is ever taken for one.
func (s Store) remove(id string) error {
	dir := filepath.Join(s.Dir, "runs", id)
	gone := filepath.Join(s.Dir, "runs", ".gone-"+id)
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	at("renamed")
	return os.RemoveAll(gone)
}

// tidy removes what a process that was ended in the middle left behind: runs that
// it was removing, and spools older than a day.
func (s Store) tidy(now time.Time) {
	gone, _ := filepath.Glob(filepath.Join(s.Dir, "runs", ".gone-*"))
	for _, dir := range gone {
		os.RemoveAll(dir)
	}
	for _, pattern := range []string{"runs/*/.spool-*", "runs/*/hosts/.half-*", ".writable-*"} {
		left, _ := filepath.Glob(filepath.Join(s.Dir, filepath.FromSlash(pattern)))
		for _, file := range left {
			if info, err := os.Lstat(file); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
				os.Remove(file)
			}
		}
	}
}

// forget takes runs out of the index, where there is one that can be used.
func (s Store) forget(ctx context.Context, ids []string) error {
	d, err := openDatabase(ctx, s.indexPath(), readWrite)
	switch {
	case errors.Is(err, ErrIndexMissing), errors.Is(err, ErrIndexOlder), errors.Is(err, ErrIndexDamaged), errors.Is(err, ErrIndexNewer):
		return nil // it is made anew, or brought up, by who asks it
	case err != nil:
		return err
	}
	defer d.close()
	if err := d.commit(ctx, ids); err != nil {
		return err
	}
	return d.sweep(ctx)
}

// beganAt is when a run began, by its name.
func beganAt(id string) (time.Time, bool) {
	if len(id) < 16 {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102T150405Z", id[:16])
	return t, err == nil
}

// Ahead gives the newest kept run that began after now: this machine's clock was
// set back since, or was wrong then. "" there is none.
func (s Store) Ahead(now time.Time) string {
	ids, err := s.Runs()
	if err != nil {
		return ""
	}
	last := ids[len(ids)-1]
	if t, ok := beganAt(last); ok && t.After(now.Add(time.Minute)) {
		return last
	}
	return ""
}
