package triage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reportMax bounds a kept report that is read again, in bytes.
const reportMax = 256 << 20

// ErrNotKept says that there is no such report.
var ErrNotKept = errors.New("no triage of that name is kept")

// Save keeps a report below dir under that id, with the secrets that lines hold:
// the file is its owner's alone (0600). It is there whole or not at all.
func Save(dir, id string, r *Report) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // made 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = json.NewEncoder(f).Encode(r)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, id+".json"))
}

// Load reads a report: "last", the id of one that Save kept in dir, or a file that
// postern triage --format json wrote. It gives the name that it found.
func Load(dir, word string) (*Report, string, error) {
	file := word
	if !strings.ContainsRune(word, filepath.Separator) && !strings.HasSuffix(word, ".json") {
		kept, err := ids(dir)
		if err != nil {
			return nil, "", err
		}
		switch {
		case len(kept) == 0:
			return nil, "", ErrNotKept
		case word == "last":
			word = kept[len(kept)-1]
		case !slices.Contains(kept, word):
			return nil, "", ErrNotKept
		}
		file = filepath.Join(dir, word+".json")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	r := new(Report)
	if err := json.NewDecoder(io.LimitReader(f, reportMax)).Decode(r); err != nil {
		return nil, "", fmt.Errorf("it is no report of a triage: %w", err)
	}
	if r.Schema != Schema {
		return nil, "", fmt.Errorf("it is no report of a triage: its schema is %q, not %q", r.Schema, Schema)
	}
	return r, word, nil
}

// mostSearched bounds the reports that Holding reads.
const mostSearched = 50

// Holding gives the name of the newest kept report with a thing of that id; "" none
// of the newest has it.
func Holding(dir, thing string) string {
	kept, err := ids(dir)
	if err != nil {
		return ""
	}
	for i := len(kept) - 1; i >= max(0, len(kept)-mostSearched); i-- {
		r, _, err := Load(dir, kept[i])
		if err != nil {
			continue
		}
		for k := range r.Hosts {
			if slices.ContainsFunc(r.Hosts[k].Things, func(t Thing) bool { return t.ID == thing }) {
				return kept[i]
			}
		}
	}
	return ""
}

// ids are the kept reports, oldest first: their names sort by time.
func ids(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range list {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && !strings.HasPrefix(id, ".") {
			out = append(out, id)
		}
	}
	return out, err
}
