package main

import (
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// plant makes the host that holds what a line runs. Behind a planted line lies what
// intruders leave: a program of the job's account that no package brought, or a
// script where the name says so. Behind an honest one lies what honest people have:
// packaged programs in the system's places, scripts of root or of the account in
// theirs. Directories are the system's usual ones.
func plant(l *Line, j *cron.Job, a *cron.Analysis) cron.HostLookup {
	run, read := map[string]bool{}, map[string]bool{}
	for i := range a.Targets {
		t := &a.Targets[i]
		if t.Dir || t.How == cron.HowRunParts {
			continue
		}
		for _, p := range a.Candidates(t) {
			if t.Search && !strings.HasPrefix(p, "/usr/bin/") {
				continue
			}
			run[p] = true
			read[p] = read[p] || t.How == cron.HowScript || t.How == cron.HowSourced
		}
	}
	uid := int64(1000)
	if j.User == "root" {
		uid = 0
	}
	return func(p string) cron.FileInfo {
		f := cron.FileInfo{Known: true, Exists: true, Type: 'f', Mode: 0o755, Owned: cron.No}
		switch {
		case run[p]:
			system := path.Dir(p) == "/usr/bin" || path.Dir(p) == "/bin" || path.Dir(p) == "/usr/sbin" || path.Dir(p) == "/sbin" || strings.HasPrefix(p, "/usr/lib")
			known := system && knownProgram[path.Base(p)]
			f.Head = []byte("\x7fELF\x02\x01\x01")
			if script(p) || read[p] {
				f.Head = []byte("#!/bin/sh\n")
			}
			switch {
			case known:
				f.Owned, f.Package = cron.Yes, "packaged"
			case l.Label == "malicious", l.Label == "undecidable":
				f.UID = uid
			case strings.HasPrefix(p, "/usr/") && !strings.HasPrefix(p, "/usr/local/") || system || strings.HasPrefix(p, "/etc/"):
				f.Owned, f.Package = cron.Yes, "packaged"
			default:
				f.Head = []byte("#!/bin/sh\n")
				if strings.HasPrefix(p, "/home/") || strings.HasPrefix(p, "/var/www/") || strings.HasPrefix(p, "/srv/") {
					f.UID = uid
				}
			}
		case p == "/tmp" || p == "/var/tmp" || p == "/dev/shm":
			f.Type, f.Mode = 'd', 0o1777
		default:
			for r := range run {
				if strings.HasPrefix(r, p+"/") {
					f.Type = 'd'
					if strings.HasPrefix(p, "/home/") {
						f.UID = uid
					}
					return f
				}
			}
			f.Exists = false
		}
		return f
	}
}

func script(p string) bool {
	switch path.Ext(p) {
	case ".sh", ".py", ".pl", ".rb", ".php", ".js", ".lua":
		return true
	}
	return false
}

// knownProgram are programs of packages that either kind of line uses.
var knownProgram = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`sh bash dash env perl python python2 python3 python3.11 php ruby node awk curl wget nc ncat netcat socat ssh scp sudo su screen tmux
cat echo printf grep sed tar gzip gunzip zcat base64 xxd openssl chmod chown cp mv rm ln mkdir mkfifo touch find xargs crontab iptables systemctl service chattr docker
useradd usermod chpasswd passwd setcap insmod nohup setsid nice ionice timeout flock test true sleep pkill killall pgrep kill ps id hostname dig tftp GET rev tee at socat tclsh
setenforce ufw history lsattr date mktemp run-parts logger mail psql mysql mysqldump rsync git`) {
		m[w] = true
	}
	return m
}()
