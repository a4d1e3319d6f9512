package snapshot

// Beside what a host's file system holds, these names among a snapshot's files
// are the kernel's: /proc/PID/{cmdline,stat,status}, the links /proc/PID/exe and
// /proc/PID/fd/N (only those of listening sockets) of each daemon in OutDaemons;
// /proc/net/tcp and tcp6 with their heading and listening sockets alone;
// /proc/stat with the btime line alone. Their owner is -1, unknown. A job's target
// has the first 4 KiB as content where it is at most 64 KiB long, else 64 bytes;
// being Truncated is no gap there.

// Names of outputs that a snapshot may hold. An output that was not made has a
// Gap under its name, with the reason.
const (
	OutIdentity    = "identity" // lines KEY=VALUE: uid, user, kernel, hostname, machine-id, boot-id, clk_tck, btime, shell (which sh ran the collector)
	OutShadow      = "shadow"   // a line an account: name:state:algorithm:lastchg:min:max:warn:inactive:expire; state: empty, locked, star, hash, locked-hash, invalid
	OutGroupShadow = "gshadow"  // reserved, never collected
	OutPackages    = "packages" // a line a package: manager\tname\tversion (manager: dpkg, rpm, apk, pacman)
	OutModuli      = "moduli"   // first line: sha256 HEX; then COUNT BITS lines
	OutSshdLog     = "log.sshd" // bounded journal or auth log lines about sshd, newest last, ISO times where the source has them
	// OutPasswordLog is who logged in with a password, by the journal and the log files
	// with those that were put away: of each account the last line, and from when on was
	// looked. Lines: j< LINE, the oldest of the journal; j= LINE, a login; the same with
	// f for the files, and f> LINE, their newest; f< again, after what could not be read.
	// The last line is a dot. Only of a running host: no fix is planned for a directory.
	OutPasswordLog = "log.passwords"
	OutCronLog     = "log.cron"     // the same about cron daemons
	OutTimers      = "timers"       // systemctl show of all timers and the units that they start
	OutMounts      = "mounts"       // network and autofs mount points that were not entered
	OutWire        = "wire"         // JSON of wire.Capture, put there by the one who held the connection
	OutSshdT       = "sshd-T."      // prefix; sshd-T.PID: sshd -T of that daemon; sshd-T.default: no daemon seen
	OutSshdVersion = "sshd-V."      // prefix; sshd-V.PID: version line of that daemon's binary
	OutNSS         = "nsswitch"     // the passwd, group and shadow lines of /etc/nsswitch.conf
	OutTargets     = "cron.targets" // NUL-separated paths that the collector found in job lines and looked at
	OutUnits       = "units"        // systemctl show of the ssh and cron units; only with systemd
	OutNoise       = "noise"        // what the login shell printed before the collector began, and the session's stderr; bounded
	OutPrivateKeys = "private-keys" // a line a private key in ~/.ssh: KIND ENCRYPTED BEGINNING PATH; see privateKey
	OutDaemons     = "daemons"      // a line a daemon: PID\tKIND (sshd, cron, crond, dropbear, atd ...)
)

// GivenBack is the file in which postern's fix says on a host what it has touched and
// given back as it was: see fix/apply/host.sh.
const GivenBack = "/var/lib/postern-fix/records/.given-back"
