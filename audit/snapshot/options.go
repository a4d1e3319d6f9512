package snapshot

import "time"

// Limits bound what one collection may bring. A bound that was hit is a Gap of
// kind GapCap. Zero fields stand for the defaults.
type Limits struct {
	Total   int64 // bytes of the whole stream, or of an archive's content
	File    int64 // bytes of one file's content
	Output  int64 // bytes of one output
	Stderr  int64 // bytes of one output's stderr, and of the session's
	Files   int   // names
	Gaps    int
	Outputs int
	Name    int           // bytes of one path, link text or reason
	Noise   int64         // bytes before the start mark that are kept
	Time    time.Duration // after which the collector begins no new section
}

// defaults is the one place that says how much is enough.
func (l Limits) defaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	seti := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.Total, 64<<20)   // a stock host brings 0.3 MiB, one with 300 accounts 1 MiB
	set(&l.File, 1<<20)     // the longest sshd_config and crontab seen are below 100 KiB
	set(&l.Output, 4<<20)   // systemctl show of 100 timers and their services is 0.5 MiB
	set(&l.Stderr, 8<<10)   // sshd -T names one bad line in about 100 bytes
	seti(&l.Files, 200_000) // 10,000 accounts with four names each are 40,000
	seti(&l.Gaps, 10_000)   //
	seti(&l.Outputs, 256)   // a host with more than 100 sshd daemons is hostile
	seti(&l.Name, 4096)     // PATH_MAX of Linux
	set(&l.Noise, 8<<10)    // a long motd
	if l.Time <= 0 {
		l.Time = 2 * time.Minute // a loaded host with 300 accounts needs 3 s
	}
	return l
}

// Request says which rights to ask for.
type Request string

// The requests. Their values are those of an inventory's sudo field.
const (
	RequestAuto Request = ""     // nothing for root; else sudo -n, and none where it is refused
	RequestSudo Request = "sudo" // the same; that it was refused is for the caller to judge by Snapshot.Privilege
	RequestNone Request = "none" // never
)

// Options say how to collect. The zero value works.
type Options struct {
	Name      string  // the host's name in the inventory
	Account   string  // the login account, where the caller knows it; else the one that the collector names
	Source    Source  // "" : SourceLocal with [Local], else SourceSSH
	Privilege Request // which rights to ask for
	Limits    Limits
	Now       func() time.Time // our clock; nil: time.Now
}

func (o Options) now() time.Time {
	if o.Now != nil {
		return o.Now().UTC()
	}
	return time.Now().UTC()
}
