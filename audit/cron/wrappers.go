package cron

import "strings"

// wrapper says how to find the command that a program starts in its own place.
// Options are read as getopt(3) would with POSIX's rule: the first word that is
// none begins the command.
type wrapper struct {
	short    string // one-letter options that take a value
	long     string // long options that take a value in the next word, blank separated
	operands int    // words before the command
	assigns  bool   // NAME=VALUE words before the command
	remote   bool   // the command runs on another machine or in a container
	code     string // letters of options whose value is shell text: -c
	optional bool   // the command may be missing
}

// wrappers by name (man pages of coreutils, util-linux, procps, sudo, moreutils,
// systemd, docker).
var wrappers = map[string]wrapper{
	"nice": {short: "n", long: "--adjustment"}, "ionice": {short: "cnpPu", long: "--class --classdata --pid"},
	"chrt": {short: "TPD", long: "--sched-runtime --sched-period --sched-deadline", operands: 1}, "taskset": {operands: 1},
	"timeout": {short: "ks", long: "--kill-after --signal", operands: 1},
	"flock":   {short: "wE", long: "--timeout --wait --conflict-exit-code", operands: 1, code: "c"},
	"chronic": {}, "cronic": {}, "nohup": {}, "setsid": {}, "time": {short: "of", long: "--output --format"}, "command": {}, "builtin": {}, "unbuffer": {}, "exec": {short: "a"},
	"eatmydata": {}, "catchsegv": {}, "fakeroot": {short: "sibl"}, "stdbuf": {short: "ioe", long: "--input --output --error"},
	"systemd-cat": {short: "tpn", long: "--identifier --priority --stderr-priority --namespace", optional: true},
	"sudo":        {short: "ughpCrtTUDR", long: "--user --group --host --prompt --close-from --role --type --chdir --chroot --command-timeout --other-user", assigns: true, optional: true},
	"doas":        {short: "uC"}, "setpriv": {long: "--reuid --regid --ruid --euid --rgid --egid --groups --securebits --selinux-label --apparmor-profile --pdeathsig --inh-caps --ambient-caps --bounding-set"},
	"chroot": {long: "--userspec --groups", operands: 1, remote: true, optional: true}, "unshare": {short: "RwSG", long: "--root --wd --setuid --setgid --propagation", optional: true},
	"nsenter": {short: "tSGrw", long: "--target --setuid --setgid", optional: true}, "systemd-run": {short: "pHMuEC", long: "--property --host --machine --unit --description --slice --uid --gid --nice --working-directory --setenv --on-active --on-boot --on-startup --on-unit-active --on-unit-inactive --on-calendar --timer-property --service-type", optional: true},
	"xargs":    {short: "IndPsLEa", long: "--max-args --max-procs --replace --delimiter --arg-file --max-chars --max-lines", optional: true},
	"parallel": {short: "jn", long: "--jobs", optional: true}, "watch": {short: "n", long: "--interval"},
	"env": {short: "uC", long: "--unset --chdir", assigns: true, optional: true}, "cpulimit": {short: "lpe", long: "--limit", optional: true},
	"proxychains": {short: "f"}, "proxychains4": {short: "f"}, "torsocks": {}, "torify": {}, "dbus-run-session": {}, "dbus-launch": {optional: true},
	"xvfb-run": {short: "enfsp", long: "--server-num --auth-file --error-file --server-args"}, "run-one": {}, "run-this-one": {}, "withlock": {operands: 1}, "setlock": {operands: 1}, "lckdo": {short: "W", operands: 1},
	"softlimit": {short: "amdsflcroptmn"}, "envdir": {operands: 1}, "chpst": {short: "uUebmdopfcrtC/"}, "s6-setuidgid": {operands: 1}, "setuidgid": {operands: 1}, "gosu": {operands: 1}, "su-exec": {operands: 1},
	"script": {short: "IOBTEom", long: "--log-in --log-out --log-io --log-timing --echo --output-limit --logging-format", code: "c", optional: true},
	"tini":   {short: "e"}, "dumb-init": {short: "r"}, "faketime": {short: "f", operands: 1}, "caffeinate": {short: "tw"}, "cgexec": {short: "g"}, "firejail": {}, "bwrap": {remote: true, optional: true}, "strace": {short: "oepPsE"}, "ts": {optional: true},
	"ssh": {short: "bcDEeFIiJLlmOopQRSWw", operands: 1, remote: true, optional: true, code: ""},
	"rsh": {short: "l", operands: 1, remote: true, optional: true}, "mosh": {operands: 1, remote: true, optional: true}, "sshpass": {short: "pfdP"}, "start-stop-daemon": {short: "xpnucgkNPIdR", long: "--exec --pidfile --name --user --chuid --group --chdir --nicelevel --startas", optional: true},
}

// containers run a command elsewhere: docker exec [options] NAME CMD.
var containers = map[string]bool{"docker": true, "podman": true, "nerdctl": true, "kubectl": true, "oc": true, "docker-compose": true, "lxc": true, "lxc-attach": true, "machinectl": true, "vagrant": true, "crictl": true, "ctr": true}

// containerValued are options of docker exec and run that take a value.
const containerValued = " -u --user -w --workdir -e --env --env-file --name -v --volume -p --publish --network --net --entrypoint --rm= -h --hostname --mount -l --label --memory -m --cpus -n --namespace -c --container -f --file "

// unwrap takes one wrapper off args. ok is false where the program is no wrapper
// or wraps nothing here. code is shell text where the wrapper was given some.
func unwrap(name string, args []Word) (rest []Word, w wrapped, ok bool) {
	if containers[name] {
		return unwrapContainer(args)
	}
	switch name {
	case "su", "runuser":
		return unwrapSu(name, args)
	case "find":
		return unwrapFind(args)
	case "screen", "tmux":
		return unwrapTerminal(name, args)
	}
	spec, found := wrappers[name]
	if !found {
		return nil, w, false
	}
	i, operands := 1, spec.operands
	for i < len(args) {
		t := args[i].Text
		switch {
		case t == "--":
			i++
			for ; operands > 0 && i < len(args); operands-- {
				i++
			}
			return finish(args[i:], w, spec)
		case len(t) > 1 && t[0] == '-' && (operands > 0 || spec.operands == 0 || spec.code != ""):
			j := i
			i = skipOption(spec, args, i, &w)
			if name == "taskset" && (t == "-c" || t == "--cpu-list") {
				i = j + 1
			}
			if w.code != "" {
				return nil, w, true
			}
			if name == "env" && (t == "-S" || strings.HasPrefix(t, "-S") || t == "--split-string" || strings.HasPrefix(t, "--split-string=")) {
				return envSplit(args, j, w)
			}
			continue
		case spec.assigns && strings.IndexByte(t, '=') > 0:
			n, v, _ := strings.Cut(t, "=")
			w.assigns = append(w.assigns, Assign{n, Word{Text: v, Literal: args[i].Literal}})
			i++
			continue
		case operands > 0:
			operands--
			i++
			continue
		}
		break
	}
	if i > len(args) {
		i = len(args)
	}
	return finish(args[i:], w, spec)
}

// wrapped is what a wrapper said beside its command.
type wrapped struct {
	code    string // shell text to be run
	assigns []Assign
	user    string
	remote  bool
	cwd     string // env -C
}

func finish(rest []Word, w wrapped, spec wrapper) ([]Word, wrapped, bool) {
	w.remote = spec.remote
	return rest, w, len(rest) > 0
}

// skipOption returns the index behind an option and its value.
func skipOption(spec wrapper, args []Word, i int, w *wrapped) int {
	t := args[i].Text
	next := func() string {
		if i+1 < len(args) {
			return args[i+1].Text
		}
		return ""
	}
	if strings.HasPrefix(t, "--") {
		name, value, has := strings.Cut(t, "=")
		if name == "--user" || name == "--reuid" {
			if w.user = value; !has {
				w.user = next()
			}
		}
		if name == "--chdir" {
			if w.cwd = value; !has {
				w.cwd = next()
			}
		}
		if !has && hasWord(spec.long, name) {
			return i + 2
		}
		return i + 1
	}
	for k := 1; k < len(t); k++ {
		c := t[k]
		if spec.code != "" && strings.IndexByte(spec.code, c) >= 0 {
			if k+1 < len(t) {
				w.code = t[k+1:]
			} else {
				w.code = next()
			}
			return i + 2
		}
		if strings.IndexByte(spec.short, c) < 0 {
			continue
		}
		value, step := t[k+1:], 1
		if value == "" {
			value, step = next(), 2
		}
		if c == 'u' && spec.assigns {
			w.user = value
		}
		if c == 'C' && spec.assigns {
			w.cwd = value
		}
		return i + step
	}
	return i + 1
}

func hasWord(list, w string) bool {
	for list != "" {
		var f string
		f, list, _ = strings.Cut(list, " ")
		if f == w {
			return true
		}
	}
	return false
}

// envSplit reads env -S "CMD ARGS".
func envSplit(args []Word, i int, w wrapped) ([]Word, wrapped, bool) {
	t := args[i].Text
	rest := args[i+1:]
	text := ""
	switch {
	case strings.HasPrefix(t, "--split-string="):
		text = t[len("--split-string="):]
	case strings.HasPrefix(t, "-S") && len(t) > 2:
		text = t[2:]
	case len(rest) > 0:
		text, rest = rest[0].Text, rest[1:]
	}
	var out []Word
	for _, f := range strings.Fields(text) {
		out = append(out, Word{Text: f, Literal: true})
	}
	out = append(out, rest...)
	return out, w, len(out) > 0
}

// unwrapSu reads su and runuser: [-] [-s SHELL] [USER] -c STRING, runuser -u USER CMD.
func unwrapSu(name string, args []Word) ([]Word, wrapped, bool) {
	var w wrapped
	for i := 1; i < len(args); i++ {
		t := args[i].Text
		next := ""
		if i+1 < len(args) {
			next = args[i+1].Text
		}
		switch {
		case t == "-c" || t == "--command" || t == "--session-command" || t == "-lc":
			w.code = next
			i++
		case strings.HasPrefix(t, "--command="):
			w.code = t[len("--command="):]
		case t == "-s" || t == "--shell" || t == "-g" || t == "--group" || t == "-G":
			i++
		case t == "-u" && name == "runuser":
			w.user = next
			rest := args[min(i+2, len(args)):]
			if len(rest) > 0 && rest[0].Text == "--" {
				rest = rest[1:]
			}
			return rest, w, len(rest) > 0
		case t != "" && t[0] == '-':
		case w.user == "":
			w.user = t
		}
	}
	return nil, w, w.code != ""
}

// unwrapTerminal reads screen -dmS NAME CMD and tmux new-session -d -s NAME 'CMD'.
func unwrapTerminal(name string, args []Word) ([]Word, wrapped, bool) {
	valued, i := "SschepTtX", 1
	if name == "tmux" {
		valued = "fLScsnxyteF"
		for i < len(args) && !hasWord("new-session new new-window neww split-window splitw run-shell run respawn-pane", args[i].Text) {
			i++
		}
		i++
	}
	for i < len(args) && len(args[i].Text) > 1 && args[i].Text[0] == '-' {
		t := args[i].Text
		if strings.IndexByte(t, 'X') > 0 {
			return nil, wrapped{}, false // a command of screen's own
		}
		i++
		if t == "--" {
			break
		}
		if strings.IndexByte(valued, t[len(t)-1]) >= 0 {
			i++
		}
	}
	if i >= len(args) {
		return nil, wrapped{}, false
	}
	if name == "tmux" && len(args)-i == 1 {
		return nil, wrapped{code: args[i].Text}, true // it goes to a shell
	}
	return args[i:], wrapped{}, true
}

// unwrapFind reads find's -exec and its like; the first one is taken. {} becomes
// the name that is looked for, where -name gives one.
func unwrapFind(args []Word) ([]Word, wrapped, bool) {
	found := ""
	for i := 1; i+1 < len(args); i++ {
		if hasWord("-mtime -ctime -atime -mmin -cmin -amin -newer", args[i].Text) {
			found = "" // what is old enough to go is another matter
			break
		}
		if args[i].Text == "-name" && args[i+1].Literal {
			found = "/" + args[i+1].Text
			if t := args[1].Text; strings.HasPrefix(t, "/") && len(t) > 1 {
				found = strings.TrimRight(t, "/") + found
			}
		}
	}
	for i := 1; i < len(args); i++ {
		switch args[i].Text {
		case "-exec", "-execdir", "-ok", "-okdir":
			j := i + 1
			for j < len(args) && args[j].Text != ";" && args[j].Text != "+" {
				j++
			}
			command := args[i+1 : j]
			if found != "" {
				command = append([]Word(nil), command...)
				for k := range command {
					command[k].Glob = command[k].Glob || strings.Contains(command[k].Text, "{}") && strings.ContainsAny(found, "*?[")
					command[k].Text = strings.ReplaceAll(command[k].Text, "{}", found)
				}
			}
			return command, wrapped{}, j > i+1
		}
	}
	return nil, wrapped{}, false
}

// unwrapContainer reads docker exec and docker run and their like.
func unwrapContainer(args []Word) ([]Word, wrapped, bool) {
	i := 1
	for i < len(args) && !hasWord("exec run attach shell", args[i].Text) {
		i++
	}
	if i >= len(args) {
		return nil, wrapped{}, false
	}
	for i++; i < len(args) && strings.HasPrefix(args[i].Text, "-"); i++ {
		if args[i].Text == "--" {
			break
		}
		if strings.Contains(containerValued, " "+args[i].Text+" ") {
			i++
		}
	}
	i++ // the container or image
	// kubectl run NAME --image=X -- CMD has options behind the name, too.
	for k := i; k < len(args) && strings.HasPrefix(args[k].Text, "-"); k++ {
		if args[k].Text == "--" {
			i = k + 1
			break
		}
	}
	if i >= len(args) {
		return nil, wrapped{}, false
	}
	return args[i:], wrapped{remote: true}, true
}
