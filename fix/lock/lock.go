// Package lock keeps two processes of this machine from writing one journal: a
// file's lock ends with its process, whatever happens, so nobody has to clear away
// what a killed one left.
package lock

import "errors"

// ErrHeld: another process has the file's lock.
var ErrHeld = errors.New("locked by another process")
