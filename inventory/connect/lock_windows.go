package connect

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// lockFile takes the file's lock, which ends with the process whatever happens.
// It covers a byte far behind the end: Windows locks are mandatory, and other
// programs may read on.
func lockFile(f *os.File, until time.Time) error {
	for {
		at := windows.Overlapped{OffsetHigh: 1 << 30}
		err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, windows.ERROR_LOCK_VIOLATION):
			return err
		case time.Now().After(until):
			return errLock
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func unlockFile(f *os.File) {
	at := windows.Overlapped{OffsetHigh: 1 << 30}
	windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &at)
}
