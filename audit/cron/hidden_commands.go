package cron

import "strings"

// hiddenCommands follows shell text in places where nobody looks for a command: the
// value of an option or of a variable by which a program is told what to start.
func (r *resolver) hiddenCommands(c Command) {
	for _, a := range c.Assigns {
		if startVariables[a.Name] {
			r.startedBy(a.Value.Text)
		}
	}
	if len(c.Args) < 2 {
		return
	}
	if name := programName(c.Args[0]); name == "make" || name == "gmake" {
		for k := 1; k < len(c.Args); k++ {
			if _, text, ok := strings.Cut(c.Args[k].Text, "$(shell "); ok {
				r.startedBy(strings.TrimSuffix(text, ")"))
			}
		}
	}
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		switch programName(c.Args[0]) {
		case "sqlite3":
			if _, text, ok := strings.Cut(t, ".shell "); ok {
				r.startedBy(text)
			} else if _, text, ok := strings.Cut(t, ".system "); ok {
				r.startedBy(text)
			}
		case "psql":
			// COPY t FROM PROGRAM 'command'
			if i := strings.Index(strings.ToLower(t), "program '"); i >= 0 {
				text, _, _ := strings.Cut(t[i+len("program '"):], "'")
				r.startedBy(text)
			}
		}
	}
	opt := startOptions[strings.TrimRight(programName(c.Args[0]), "0123456789.")]
	for k := 1; k < len(c.Args) && (opt != ""); k++ {
		t, prev := c.Args[k].Text, c.Args[k-1].Text
		for _, o := range strings.Fields(opt) {
			switch {
			case strings.HasSuffix(o, ":"): // -c ':!cmd': a mark within the value
				if i := strings.IndexByte(t, '!'); i >= 0 && i < 3 && strings.IndexByte(":+!\\", t[0]) >= 0 {
					r.startedBy(strings.TrimLeft(t, ":+!\\ "))
				}
			case strings.HasSuffix(o, "="): // NAME=value, anywhere in a word
				if i := strings.Index(strings.ToLower(t), strings.ToLower(o)); i >= 0 {
					r.startedBy(strings.TrimPrefix(t[i+len(o):], "!"))
				}
			case o == prev:
				r.startedBy(t)
			}
		}
	}
}

// startVariables hold a command that programs start.
var startVariables = set("PROMPT_COMMAND PAGER MANPAGER GIT_PAGER GIT_SSH_COMMAND GIT_EDITOR GIT_EXTERNAL_DIFF EDITOR VISUAL BROWSER LESSOPEN RSYNC_RSH BORG_RSH SUDO_ASKPASS SSH_ASKPASS")

// startOptions are the options of programs whose value is a command (GTFOBins lists
// most): a word whose next one is it, NAME= for it behind a sign of equality, and :
// for a value that begins with a mark.
var startOptions = map[string]string{
	"vim": ":", "vi": ":", "view": ":", "ex": ":", "nvim": ":", "rvim": ":", "vimdiff": ":", "gdb": ":", "psql": ":", "mysql": ":", "sqlite": ":", "ftp": ":", "less": ":",
	"rsync": "-e --rsh --rsh=", "ssh": "ProxyCommand= LocalCommand=", "scp": "-S ProxyCommand=", "sftp": "-S ProxyCommand=", "autossh": "ProxyCommand=",
	"git": "core.pager= core.sshcommand= core.fsmonitor= core.editor= core.hookspath= diff.external=", "tar": "--checkpoint-action=exec= --to-command --to-command= -I --use-compress-program= --rsh-command=",
	"zip": "-TT --unzip-command", "tcpdump": "-z", "man": "-P", "apt-get": "Invoke::= Invoke=", "apt": "Invoke::= Invoke=", "wget": "--use-askpass=", "cpio": "--rsh-command=", "logrotate": "--mail=",
	"ansible": "-a", "salt": "cmd.run", "salt-call": "cmd.run", "salt-ssh": "cmd.run", "sbatch": "--wrap --wrap=", "qsub": "--wrap=", "watchexec": "-s", "entr": "-s", "split": "--filter --filter=", "sort": "--compress-program --compress-program=",
}

// startedBy reads what an option's value has started. What is plainly ssh or a
// packer with its options is what such options are for.
func (r *resolver) startedBy(text string) {
	text = strings.TrimSpace(text)
	first, _, _ := strings.Cut(text, " ")
	if text == "" || len(text) > maxShell || r.depth >= maxDepth || hasWord("ssh rsh pigz gzip bzip2 xz zstd lz4 pbzip2 pxz", baseName(first)) && !strings.ContainsAny(text, "|;&$`") {
		return
	}
	if _, _, why := parseShell(text); why != "" {
		return
	}
	saved, cwd := r.frame, r.cwd
	r.depth++
	r.frame.input = nil
	r.text(text)
	r.frame, r.cwd = saved, cwd
	r.depth--
}

// unknownWrapper follows a shell that stands with its text among the words of a
// program that is not known: cronwrap job1 bash -c '...'.
func (r *resolver) unknownWrapper(c Command, at []int) []int {
	if prose[c.Name] || len(at) == 0 || r.depth >= maxDepth {
		return at
	}
	for k := 1; k+2 < len(c.Args); k++ {
		if t := c.Args[k+1].Text; shells[baseName(c.Args[k].Text)] && len(t) > 1 && len(t) < 5 && t[0] == '-' && t[len(t)-1] == 'c' {
			return append(at, r.nested(c.Args[k+2].Text, at, c.Input)...)
		}
	}
	// A shell by another name: X -c 'a | b'.
	for k := 1; k+1 < len(c.Args) && k < 3; k++ {
		if t := c.Args[k+1].Text; c.Args[k].Text == "-c" && (strings.Contains(t, "/dev/tcp/") || pipesToShell(t)) {
			if _, _, why := parseShell(t); why == "" {
				return append(at, r.nested(t, at, c.Input)...)
			}
		}
	}
	return at
}

// pipesToShell reports text in which something is handed to a shell.
func pipesToShell(text string) bool {
	for i, part := range strings.Split(text, "|") {
		if f := strings.Fields(part); i > 0 && len(f) > 0 && shells[baseName(f[0])] {
			return true
		}
	}
	return false
}
