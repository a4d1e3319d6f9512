package apply

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Begun is a run as the local journal has it.
type Begun struct {
	Run   string
	Step  string // the last that was announced
	Ended bool   // then Note begins with its outcome
	Note  string
}

// Runs are the runs that this machine began on a host, in their order, by its
// local journal. Reading takes no lock.
func Runs(dir, host string) ([]Begun, error) {
	f, err := os.Open(filepath.Join(dir, journalName(host)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Begun
	at := map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Run == "" {
			continue
		}
		i, known := at[e.Run]
		if !known {
			i = len(out)
			at[e.Run] = i
			out = append(out, Begun{Run: e.Run})
		}
		out[i] = Begun{Run: e.Run, Step: e.Step, Ended: e.Step == "end", Note: e.Note}
	}
	return out, lines.Err()
}
