package cron

import "strings"

// ruins judges jobs that take away both what is kept and the copies of it: each alone
// is what people do to make room.
func (s *signer) ruins() {
	kinds, first := 0, ""
	seen := func(what string, c *Command) {
		if kinds++; first == "" {
			first = what + ": " + q(joinWords(c.Args))
		}
	}
	base, copies, pool, restored, stopped := false, false, false, false, false
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if c.Remote == "ssh" {
			continue
		}
		switch c.Name {
		case "mysql", "mariadb", "psql", "mongo", "mongosh", "redis-cli", "sqlcmd", "dropdb", "mysqladmin":
			text := strings.ToLower(joinWords(c.Args[1:]) + " " + c.Here)
			s.upstream(i, false, func(u *Command) {
				if u.Name == "echo" || u.Name == "printf" {
					text += " " + strings.ToLower(joinWords(u.Args))
				} else {
					restored = true
				}
			})
			for k := range c.Redirects {
				restored = restored || c.Redirects[k].Op == "<"
			}
			restored = restored || strings.Contains(text, "create database") || strings.Contains(text, "source ")
			if !base && (c.Name == "dropdb" || anyOf(text, []string{"drop database", "dropdatabase", "drop schema", "flushall", "mysqladmin drop"})) {
				base = true
				seen("it drops a database", c)
			}
		case "systemctl", "service", "vim-cmd", "esxcli", "virsh", "crontab", "qm":
			text := strings.ToLower(joinWords(c.Args))
			if !stopped && (anyOf(text, []string{"vmsvc/power.off", "vm process kill", "virsh destroy"}) || anyOf(text, []string{" stop", "disable", "mask"}) && anyOf(text, []string{"veeam", "bacula", "bareos", "backup", "snapper", "timeshift", "restic", "borg", "amanda", "commvault", "rubrik"}) && !s.restarts(c.Args[len(c.Args)-1].Text)) {
				stopped = true
				kinds++ // says nothing alone
			}
		case "createdb", "pg_restore", "mongorestore", "mysqlimport", "tar", "rsync", "cp", "mysqldump", "pg_dump", "mkdir":
			restored = true
		case "rm", "shred", "srm":
			if !copies && anyArg(c, wholeBackup) && (c.Name != "rm" || hasFlag(c, 'r') || hasFlag(c, 'R')) {
				copies = true
				seen("it deletes all backups", c)
			}
		case "zpool", "vgremove", "lvremove", "zfs", "btrfs", "restic", "borg", "velero", "vssadmin":
			if pool {
				continue
			}
			switch {
			case c.Name == "zpool" && hasArg(c, "destroy"), c.Name == "vgremove":
				pool = true
				s.addAs("destroys", "T1485", High, "it takes a whole store away: %s", q(joinWords(c.Args)))
			case c.Name == "lvremove" && hasFlag(c, 'f'), c.Name == "zfs" && hasArg(c, "destroy") && hasFlag(c, 'r') && !anyArg(c, func(t string) bool { return strings.Contains(t, "@") }), c.Name == "borg" && hasArg(c, "delete") && !anyArg(c, func(t string) bool { return strings.Contains(t, "::") }), c.Name == "vssadmin":
				pool = true
				seen("it takes snapshots or backups away", c)
			}
		}
	}
	if kinds == 0 || restored || first == "" {
		return
	}
	sev := Low
	if kinds > 1 {
		sev = High
	}
	s.addAs("destroys", "T1490", sev, "%s", first)
}

// wholeBackup reports a directory of backups as a whole.
func wholeBackup(t string) bool {
	t = strings.TrimSuffix(strings.TrimRight(t, "*"), "/")
	base := strings.ToLower(baseName(t))
	return strings.HasPrefix(t, "/") && hasWord("backup backups bak dumps snapshots .snapshots .zfs restic borg timeshift", base)
}

// demandsMoney reports text that tells somebody to pay for what was taken from him.
func demandsMoney(t string) bool {
	low := strings.ToLower(t)
	flat := strings.NewReplacer("_", "", "-", "", " ", "", "!", "", ".", "").Replace(low)
	if anyOf(flat, []string{"readmetorecover", "readmetodecrypt", "readmeforrestore", "howtodecrypt", "howtorestore", "howtorecover", "recoveryourdata", "recoveryourfiles", "restoreyourfiles", "decryptyourfiles", "yourfilesareencrypted", "yourfileshavebeen", "alldataisbackedup", "yourdatabaseis", "yourdatahasbeen", "yourdatabasehasbeen", "pleasereadmevvv", "ransomnote"}) {
		return true
	}
	coin := anyOf(" "+low+" ", []string{"btc", "bitcoin", "monero", " xmr", "bc1q", "usdt", "ethereum"})
	return coin && anyOf(" "+low, []string{" pay ", "pay:", " send ", "'send ", "\"send ", "\"pay ", "'pay ", "transfer ", "read_", "readme", "decrypt", "restore", "warning"}) && (strings.ContainsAny(low, "0123456789") || strings.Contains(low, "read"))
}

// ransom judges a note that is left behind.
func (s *signer) ransom() {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		leaves := hasWord("mysql mariadb psql mongo mongosh redis-cli mysqladmin curl wall", c.Name) || stores(c) || hasOutputs(c) || c.Piped
		for k := 1; k < len(c.Args) && leaves; k++ {
			if demandsMoney(c.Args[k].Text) {
				s.add("destroys", High, "it leaves a demand for money: %s", q(c.Args[k].Text))
			}
		}
		if leaves && demandsMoney(c.Here) {
			s.add("destroys", High, "it leaves a demand for money: %s", q(c.Here))
		}
	}
}

// encryptsAway judges a job that encrypts what people keep and deletes it in the same
// round. Backups that are encrypted and whose plain form is deleted are none.
func (s *signer) encryptsAway() {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if c.Remote == "ssh" || !encrypts(c) {
			continue
		}
		what := ""
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; everybodysFiles(t) || removesSource(c) && everybodysFiles(strings.TrimRight(t, "/")+"/*") {
				what = t
			}
		}
		s.upstream(i, false, func(u *Command) {
			if u.Name == "find" && len(u.Args) > 1 && everybodysFiles(strings.TrimRight(u.Args[1].Text, "/")+"/*") {
				what = u.Args[1].Text
			}
		})
		if what == "" {
			continue
		}
		if removesSource(c) {
			s.addAs("destroys", "T1486", High, "it encrypts %s and deletes it: %s", q(what), q(joinWords(c.Args)))
			return
		}
		for k := range s.a.Commands {
			if u := &s.a.Commands[k]; (hasWord("rm shred srm wipe unlink", u.Name) || u.Name == "mv") && k != i {
				s.addAs("destroys", "T1486", High, "it encrypts %s and deletes it: %s", q(what), q(joinWords(c.Args)))
				return
			}
		}
	}
}

// encrypts reports a program that is told to encrypt.
func encrypts(c *Command) bool {
	switch c.Name {
	case "gpg", "gpg2":
		return hasFlag(c, 'c') || hasFlag(c, 'e') || hasArg(c, "--symmetric", "--encrypt")
	case "openssl":
		return len(c.Args) > 1 && (c.Args[1].Text == "enc" || c.Args[1].Text == "smime" || c.Args[1].Text == "rsautl" || c.Args[1].Text == "pkeyutl" || strings.HasPrefix(c.Args[1].Text, "aes-")) && !hasFlag(c, 'd') && !hasArg(c, "-decrypt")
	case "zip":
		return hasFlag(c, 'P') || hasFlag(c, 'e') || hasArg(c, "--password", "--encrypt")
	case "7z", "7za", "7zr", "rar":
		return anyArg(c, func(t string) bool { return strings.HasPrefix(t, "-p") && len(t) > 2 || strings.HasPrefix(t, "-hp") })
	case "ccrypt", "ccencrypt", "mcrypt", "age", "aescrypt", "scrypt":
		return !hasFlag(c, 'd') && !hasArg(c, "--decrypt", "dec")
	}
	return false
}

// removesSource reports a packer that is told to delete what it packed.
func removesSource(c *Command) bool {
	return hasArg(c, "-sdel", "--remove-files", "-df", "-dw") || c.Name == "zip" && hasFlag(c, 'm')
}

// everybodysFiles reports a pattern of all files below a directory where people, web
// sites or machines keep what is theirs.
func everybodysFiles(t string) bool {
	low := strings.ToLower(t)
	if !strings.Contains(t, "*") || strings.Contains(low, "backup") || strings.Contains(low, "dump") || strings.Contains(low, "/log") || strings.Contains(low, "archive") {
		return false
	}
	for _, d := range [...]string{"/home/", "/srv/", "/var/www/", "/root/", "/mnt/", "/media/", "/data/", "/opt/", "/vmfs/", "/var/lib/", "/export/", "/"} {
		if rest, ok := strings.CutPrefix(t, d); ok && rest != "" && rest[0] == '*' {
			return true
		} else if first, more, _ := strings.Cut(rest, "/"); ok && d != "/" && first != "" && (more == "*" || more == "*/*") {
			return true
		}
	}
	return false
}

// waitsForAbsence judges a job that deletes something of weight when an account is
// gone, or is there: what an insider leaves behind for the day he is shown out.
func (s *signer) waitsForAbsence() {
	name := ""
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if who := asksForOne(c); who != "" {
			name = who
		}
		if name == "" || c.Name != "rm" || !hasFlag(c, 'r') && !hasFlag(c, 'R') || c.Remote != "" {
			continue
		}
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			if strings.HasPrefix(t, "/") && !strings.Contains(t, name) && !isTemp(t) && !strings.HasPrefix(t, "/var/cache") && strings.Count(strings.TrimRight(t, "/*"), "/") <= 3 {
				s.addAs("destroys", "T1485", Medium, "whether the account %s is there decides that %s is deleted: %s", q(name), q(t), q(joinWords(c.Args)))
			}
		}
	}
}

// asksForOne returns the account that a command asks for by name, or "".
func asksForOne(c *Command) string {
	last := func() string {
		if n := len(c.Args); n > 1 && c.Args[n-1].Literal && accountShape(c.Args[n-1].Text) && c.Args[n-1].Text[0] != '-' {
			return c.Args[n-1].Text
		}
		return ""
	}
	switch {
	case c.Name == "id" || c.Name == "finger" || c.Name == "last" || c.Name == "lslogins":
		return last()
	case c.Name == "getent" && len(c.Args) > 2 && (c.Args[1].Text == "passwd" || c.Args[1].Text == "shadow"):
		return last()
	case grep(c.Name) && hasArg(c, "/etc/passwd", "/etc/shadow", "/etc/group"):
		for k := 1; k < len(c.Args); k++ {
			if t := strings.Trim(c.Args[k].Text, "^:$"); t != "" && t[0] != '-' && t[0] != '/' && c.Args[k].Literal && accountShape(t) {
				return t
			}
		}
	}
	return ""
}
