package history

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotFile marks what stands in the place of a file and is none: a pipe would be
// waited for without end, and a link lead the index out of its folder.
var ErrNotFile = errors.New("not a regular file")

// maxFile bounds a file that is read whole, in bytes: an archive is a small part of it.
const maxFile = 1 << 30

// Open opens a file of a store, which others may have written.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotFile}
	}
	return os.Open(path)
}

func readFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: more than %d bytes", path, maxFile)
	}
	return data, err
}

// ownFile refuses what is there and is no file, links too: it is about to be written.
func ownFile(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: path, Err: ErrNotFile}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
