//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// serveSyslog writes what the daemons of a tiny host log to the files where
// Debian's rsyslog puts it, in its traditional format: /var/log/auth.log for
// the facilities auth and authpriv, /var/log/syslog for all else.
func serveSyslog() error {
	const path = "/dev/log"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("listen for log messages: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	auth, err := openLog("/var/log/auth.log")
	if err != nil {
		return err
	}
	rest, err := openLog("/var/log/syslog")
	if err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				fmt.Fprintf(os.Stderr, "init: read log messages: %v\n", err)
				return
			}
			facility, line := logLine(buf[:n], hostname, time.Now())
			const facilityAuth, facilityAuthpriv = 4, 10
			if facility == facilityAuth || facility == facilityAuthpriv {
				auth.Write(line)
			} else {
				rest.Write(line)
			}
		}
	}()
	return nil
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	const admGroup = 4 // base-passwd, in every Debian release
	return f, f.Chown(0, admGroup)
}

// logLine turns a message as glibc's syslog(3) sends it, "<38>Jan  2 15:04:05
// sshd[9]: text", into a line of a log file.
func logLine(msg []byte, hostname string, now time.Time) (facility int, line []byte) {
	facility = 1 // user, syslog(3)'s default
	if rest, ok := bytes.CutPrefix(msg, []byte("<")); ok {
		if number, rest, ok := bytes.Cut(rest, []byte(">")); ok {
			if p, err := strconv.Atoi(string(number)); err == nil {
				facility, msg = p>>3, rest
			}
		}
	}
	stamp := now.Format(time.Stamp)
	if len(msg) > len(time.Stamp) {
		if _, err := time.Parse(time.Stamp, string(msg[:len(time.Stamp)])); err == nil {
			stamp, msg = string(msg[:len(time.Stamp)]), msg[len(time.Stamp)+1:]
		}
	}
	msg = bytes.TrimRight(msg, "\n\x00")
	return facility, fmt.Appendf(nil, "%s %s %s\n", stamp, hostname, msg)
}

// rebootOnTerm ends the host as a shutdown would: processes are asked, then
// killed, and the kernel is told to reboot, which the test process sees as
// death by SIGHUP.
func rebootOnTerm() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	<-term
	unix.Kill(-1, unix.SIGTERM)
	for range 100 {
		if unix.Kill(-1, 0) != nil { // ESRCH: nobody but us
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	unix.Kill(-1, unix.SIGKILL)
	// No sync: the kernel lives on, and so does what it has not written yet.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Fprintf(os.Stderr, "init: reboot: %v\n", err)
		os.Exit(1)
	}
}
