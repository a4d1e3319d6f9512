package apply

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-ssh/postern/fix/lock"
)

// entry is one line of a journal: what was about to happen on a host.
type entry struct {
	Time time.Time `json:"time"` // UTC, this machine's clock: for people
	Host string    `json:"host"`
	Run  string    `json:"run"`
	Step string    `json:"step"`
	Note string    `json:"note,omitempty"`
}

// journal says what this machine began on a host. It is only ever appended to,
// each line on the disk before the step that it announces. It is locked while a
// run goes on, and the lock ends with the process, whatever kills it. The nil
// journal remembers nothing.
type journal struct {
	f    *os.File
	host string
	open string // run that was begun and has no end; "" none
}

func openJournal(dir, host string) (*journal, error) {
	if dir == "" {
		return &journal{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("nothing is begun that cannot be written down here first: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName(host)), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("nothing is begun that cannot be written down here first: %w", err)
	}
	if err := lock.Take(f); err != nil {
		f.Close()
		if errors.Is(err, lock.ErrHeld) {
			return nil, &StepError{Step: "journal", Code: "busy", Why: "another postern on this machine is at work on " + clip(host), Err: ErrBusy}
		}
		return nil, err
	}
	j := &journal{f: f, host: host}
	if err := j.read(); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// journalName is the file of a host.
func journalName(host string) string {
	name := url.PathEscape(host)
	if len(name) > 200 {
		name = name[:150] + "-" + sum([]byte(host))[:16]
	}
	return name + ".jsonl"
}

// read finds the run that has no end. A last line that was cut by a crash was not
// acted upon.
func (j *journal) read() error {
	lines := bufio.NewScanner(j.f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.Step != "end":
			j.open = e.Run
		case e.Run == j.open:
			j.open = ""
		}
	}
	return lines.Err()
}

// add writes a line and returns when it is on the disk.
func (j *journal) add(run, step, note string) error {
	if j.f == nil || run == "" {
		return nil
	}
	const most = 4000
	if len(note) > most {
		note = note[:most]
	}
	line, err := json.Marshal(entry{Time: time.Now().UTC(), Host: j.host, Run: run, Step: step, Note: note})
	if err != nil {
		return err
	}
	// A line before that was cut must not swallow this one.
	if _, err := j.f.Write(append(append([]byte("\n"), line...), '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if step == "end" && run == j.open {
		j.open = ""
	}
	return nil
}

func (j *journal) close() {
	if j.f != nil {
		j.f.Close()
	}
}
