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
	chdir    byte   // the letter of the option that says where it starts
	user     bool   // -u names the account
	changes  bool   // it changes to an account, root where none is named, whose home HOME names
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
	"sudo":        {short: "ughpCrtTUDR", long: "--user --group --host --prompt --close-from --role --type --chdir --chroot --command-timeout --other-user", assigns: true, optional: true, chdir: 'D', user: true, changes: true},
	"doas":        {short: "uC", user: true, changes: true}, "setpriv": {long: "--reuid --regid --ruid --euid --rgid --egid --groups --securebits --selinux-label --apparmor-profile --pdeathsig --inh-caps --ambient-caps --bounding-set"},
	"chroot": {long: "--userspec --groups", operands: 1, remote: true, optional: true}, "unshare": {short: "RwSG", long: "--root --wd --setuid --setgid --propagation", optional: true},
	"nsenter": {short: "tSGrw", long: "--target --setuid --setgid", optional: true}, "systemd-run": {short: "pHMuEC", long: "--property --host --machine --unit --description --slice --uid --gid --nice --working-directory --setenv --on-active --on-boot --on-startup --on-unit-active --on-unit-inactive --on-calendar --timer-property --service-type", optional: true},
	"xargs":    {short: "IndPsLEa", long: "--max-args --max-procs --replace --delimiter --arg-file --max-chars --max-lines", optional: true},
	"parallel": {short: "jn", long: "--jobs", optional: true}, "watch": {short: "n", long: "--interval"},
	"env":    {short: "uC", long: "--unset --chdir", assigns: true, optional: true, chdir: 'C'},
	"pkexec": {long: "--user", changes: true}, "numactl": {short: "iNCmp", long: "--interleave --cpunodebind --physcpubind --membind --preferred"}, "prlimit": {}, "runcon": {short: "turl", operands: 1}, "aa-exec": {short: "pn", long: "--profile --namespace"},
	"setarch": {operands: 1}, "linux32": {}, "linux64": {}, "logsave": {operands: 1}, "ifne": {}, "annotate-output": {}, "lockrun": {short: "LW", long: "--lockfile"}, "sem": {short: "j", long: "--jobs --id"}, "trickle": {short: "udwtlnL"},
	"daemonize": {short: "acelopuE"}, "nocache": {short: "n"}, "pyenv-exec": {}, "xvfb": {optional: true}, "cpulimit": {short: "lpe", long: "--limit", optional: true},
	"proxychains": {short: "f"}, "proxychains4": {short: "f"}, "torsocks": {}, "torify": {}, "dbus-run-session": {}, "dbus-launch": {optional: true},
	"xvfb-run": {short: "enfsp", long: "--server-num --auth-file --error-file --server-args"}, "run-one": {}, "run-this-one": {}, "withlock": {operands: 1}, "setlock": {operands: 1}, "lckdo": {short: "W", operands: 1},
	"softlimit": {short: "amdsflcroptmn"}, "envdir": {operands: 1}, "chpst": {short: "uUebmdopfcrtC/", user: true, chdir: 'C'}, "s6-setuidgid": {operands: 1}, "setuidgid": {operands: 1}, "gosu": {operands: 1}, "su-exec": {operands: 1},
	"script": {short: "IOBTEom", long: "--log-in --log-out --log-io --log-timing --echo --output-limit --logging-format", code: "c", optional: true},
	"tini":   {short: "e"}, "dumb-init": {short: "r"}, "faketime": {short: "f", operands: 1}, "caffeinate": {short: "tw"}, "cgexec": {short: "g"}, "firejail": {}, "bwrap": {remote: true, optional: true}, "strace": {short: "oepPsE"}, "ts": {optional: true},
	"ssh":             {short: "bcDEeFIiJLlmOopQRSWw", operands: 1, remote: true, optional: true, code: ""},
	"systemd-inhibit": {long: "--what --who --why --mode"}, "solo": {}, "nq": {}, "tsp": {short: "LNDWEi"}, "with-contenv": {}, "shush": {}, "valgrind": {},
	"sg": {operands: 1, code: "c"}, "ssh-agent": {short: "atEOP", optional: true}, "daemon": {short: "nuDFPpoOEtmlsTCXLMIrU", long: "--name --user --chdir --pidfile --output --stdout --stderr --errlog --dbglog --respawn --delay"},
	"lxc-attach": {short: "nPeasgugof", long: "--name --lxcpath --arch --uid --gid", remote: true, optional: true},
	"pdsh":       {short: "wxlgtufRX", remote: true, optional: true}, "clush": {short: "wxgXlftu", remote: true, optional: true}, "dsh": {short: "mgfon", remote: true, optional: true}, "pssh": {short: "hHlpotxO", remote: true, optional: true}, "parallel-ssh": {short: "hHlpotxO", remote: true, optional: true}, "pscp": {short: "hHlpot", remote: true, optional: true}, "srun": {short: "nNpctJAowqC", remote: true, optional: true}, "mpirun": {short: "nH", remote: true, optional: true},
	"rsh": {short: "l", operands: 1, remote: true, optional: true}, "mosh": {operands: 1, remote: true, optional: true}, "sshpass": {short: "pfdP"},
}

// runners start a command behind a verb and so many words more: direnv exec DIR CMD.
// A -- ends these, whatever stands before it.
var runners = map[string]struct {
	verbs string // "" none
	words int
}{
	"ip": {"exec", 1}, "direnv": {"exec", 1}, "nvm": {"exec run", 1}, "cronitor": {"exec", 1}, "aws-vault": {"exec", 1}, "chamber": {"exec", 1}, "sentry-cli": {"run", 1},
	"op": {"run", 0}, "doppler": {"run", 0}, "infisical": {"run", 0}, "dotenvx": {"run", 0}, "teller": {"run", 0}, "runitor": {},
}

// unwrapRunner reads the programs of runners.
func unwrapRunner(name string, args []Word) ([]Word, wrapped, bool) {
	spec, i := runners[name], 1
	for spec.verbs != "" && i < len(args) && !hasWord(spec.verbs, args[i].Text) {
		if args[i].Text == "--" {
			return nil, wrapped{}, false // of a verb that is not known
		}
		i++
	}
	if spec.verbs != "" {
		i++
	}
	for k := i; k < len(args); k++ {
		if args[k].Text == "--" {
			return args[k+1:], wrapped{}, k+1 < len(args)
		}
	}
	if i += spec.words; spec.words == 0 || i >= len(args) || strings.HasPrefix(args[i].Text, "-") {
		return nil, wrapped{}, false
	}
	return args[i:], wrapped{}, true
}

// isLoader reports the program loader, which starts the program that it is given.
func isLoader(name string) bool {
	return name == "ld.so" || strings.HasPrefix(name, "ld") && strings.Contains(name, ".so") &&
		(strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || strings.HasPrefix(name, "ld64.so") || strings.HasPrefix(name, "ld-2."))
}

// containers run a command elsewhere: docker exec [options] NAME CMD.
var containers = map[string]bool{"docker": true, "podman": true, "nerdctl": true, "kubectl": true, "oc": true, "docker-compose": true, "lxc": true, "machinectl": true, "vagrant": true, "crictl": true, "ctr": true, "incus": true, "pct": true, "adb": true}

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
	case "capsh": // what stands behind -- or == goes to bash
		for i := 1; i+1 < len(args); i++ {
			if args[i].Text == "--" || args[i].Text == "==" {
				return append([]Word{{Text: "bash", Literal: true}}, args[i+1:]...), w, true
			}
		}
		return nil, w, false
	case "find":
		return unwrapFind(args)
	case "start-stop-daemon":
		return unwrapDaemonTool(args)
	case "bundle", "poetry", "pipenv", "uv", "conda", "mamba", "micromamba", "rbenv", "pyenv", "hatch", "pdm", "dotenv", "npx", "pnpx", "rvm":
		return unwrapToolchain(name, args)
	case "screen", "tmux":
		return unwrapTerminal(name, args)
	}
	if _, is := runners[name]; is {
		return unwrapRunner(name, args)
	}
	spec, found := wrappers[name]
	if isLoader(name) {
		spec, found = wrapper{long: "--library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-prepend --glibc-hwcaps-mask"}, true
	}
	if !found {
		return nil, w, false
	}
	i, operands := 1, spec.operands
	switch name {
	case "systemd-run":
		w.cwd = "/" // as a service; --scope and --same-dir keep what is
		for _, a := range args {
			if t := a.Text; t == "--scope" || t == "--same-dir" || t == "-d" {
				w.cwd = ""
			}
			if strings.HasPrefix(a.Text, "--uid") {
				w.changes = true
			}
		}
	case "gosu", "su-exec", "setuidgid", "s6-setuidgid":
		if len(args) > 2 && args[1].Literal {
			w.user, _, _ = strings.Cut(args[1].Text, ":")
			w.changes = name == "gosu" || name == "su-exec"
		}
	}
	for i < len(args) {
		t := args[i].Text
		switch {
		case t == "--":
			i++
			for ; operands > 0 && i < len(args); operands-- {
				i++
			}
			return finish(args[i:], w, spec)
		case t == "-" && name == "env":
			i++
			continue
		case len(t) > 1 && t[0] == '-' && (operands > 0 || spec.operands == 0 || spec.code != ""):
			j := i
			i = skipOption(spec, args, i, &w)
			if name == "taskset" && (t == "-c" || t == "--cpu-list") {
				i = j + 1
			}
			if w.code != "" {
				return nil, w, true
			}
			if name == "runcon" {
				operands = 0 // the context is given by parts
			}
			if name == "command" && (t == "-v" || t == "-V") {
				return nil, wrapped{}, false // it only asks
			}
			if name == "sudo" && (t == "--login" || t[1] != '-' && strings.HasPrefix(strings.TrimLeft(t[1:], "AbBEHKknPSs"), "i")) {
				w.login = true
			}
			if name == "env" && splits(t) {
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
	changes bool   // to another account, whose home HOME names
	login   bool   // and starts there
	more    [][]Word
}

func finish(rest []Word, w wrapped, spec wrapper) ([]Word, wrapped, bool) {
	w.remote = spec.remote
	w.changes = w.changes || spec.changes
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
		if name == "--user" || name == "--reuid" || name == "--uid" {
			if w.user = value; !has {
				w.user = next()
			}
		}
		if name == "--command" && spec.code != "" {
			if w.code = value; !has {
				w.code = next()
			}
			return i + 2
		}
		if name == "--chdir" || name == "--working-directory" {
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
		if c == 'u' && spec.user {
			w.user = value
		}
		if c == spec.chdir && c != 0 {
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

// splits reports env's option -S, alone or behind others: -iS.
func splits(t string) bool {
	return strings.HasPrefix(t, "--split-string") || t[1] != '-' && strings.HasPrefix(strings.TrimLeft(t[1:], "i0v"), "S")
}

// envSplit reads env -S "A=b CMD ARGS": the words take the option's place.
func envSplit(args []Word, i int, w wrapped) ([]Word, wrapped, bool) {
	t := args[i].Text
	rest := args[i+1:]
	text, has := "", false
	if strings.HasPrefix(t, "--") {
		_, text, has = strings.Cut(t, "=")
	} else {
		_, text, _ = strings.Cut(t, "S")
		has = text != ""
	}
	if !has && len(rest) > 0 {
		text, rest = rest[0].Text, rest[1:]
	}
	out := []Word{args[0]}
	for _, f := range strings.Fields(text) {
		out = append(out, Word{Text: f, Literal: true})
	}
	inner, more, ok := unwrap("env", append(out, rest...))
	more.assigns = append(w.assigns, more.assigns...)
	if more.cwd == "" {
		more.cwd = w.cwd
	}
	return inner, more, ok
}

// unwrapSu reads su and runuser: [-] [-s SHELL] [USER] -c STRING, runuser -u USER CMD.
func unwrapSu(name string, args []Word) ([]Word, wrapped, bool) {
	w := wrapped{changes: true}
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
		case t == "-s" || t == "--shell" || t == "-g" || t == "--group" || t == "-G" || t == "-w" || t == "-T":
			i++
		case t == "-" || t == "-l" || t == "--login":
			w.login = true
		case t == "--" || t == "-p" || t == "-m" || t == "--preserve-environment":
		case t == "-u" && name == "runuser":
			w.user = next
			rest := args[min(i+2, len(args)):]
			if len(rest) > 0 && rest[0].Text == "--" {
				rest = rest[1:]
			}
			return rest, w, len(rest) > 0
		case t != "" && t[0] == '-':
			w.login = w.login || len(t) > 2 && t[1] != '-' && strings.IndexByte(t, 'l') > 0 && strings.IndexByte(t, 's') < 0
		case w.user == "" && args[i].Literal:
			w.user = t
		case w.user == "":
			w.user = "?" // known when it runs
		case w.code == "":
			// What follows the account goes to its shell: su app /srv/x.
			rest := append([]Word{{Text: "sh", Literal: true}}, args[i:]...)
			for k := i; k < len(args); k++ {
				if args[k].Text == "-c" || strings.HasPrefix(args[k].Text, "--command") {
					rest = nil // it is read below
				}
			}
			if rest != nil {
				return rest, w, true
			}
		}
	}
	return nil, w, w.code != ""
}

// unwrapToolchain reads bundle exec CMD, poetry run CMD, conda run -n ENV CMD, npx CMD.
func unwrapToolchain(name string, args []Word) ([]Word, wrapped, bool) {
	i := 1
	if name != "npx" && name != "pnpx" {
		for i < len(args) && !hasWord("exec run do", args[i].Text) {
			if t := args[i].Text; t != "" && t[0] != '-' && (i == 1 || !strings.HasPrefix(args[i-1].Text, "-")) && name != "rvm" {
				return nil, wrapped{}, false // another verb
			}
			i++
		}
		i++
	}
	for i < len(args) && strings.HasPrefix(args[i].Text, "-") {
		t := args[i].Text
		i++
		if t == "--" {
			break
		}
		if hasWord("-n --name -p --prefix --package --cwd --with --python --env-file -f --project --directory --extra --group", t) {
			i++
		}
	}
	if i >= len(args) {
		return nil, wrapped{}, false
	}
	return args[i:], wrapped{}, true
}

// unwrapDaemonTool reads start-stop-daemon --start --exec FILE -- ARGS.
func unwrapDaemonTool(args []Word) ([]Word, wrapped, bool) {
	var w wrapped
	var program, rest []Word
	start := false
	for i := 1; i < len(args); i++ {
		t := args[i].Text
		name, value, has := strings.Cut(t, "=")
		word := args[i]
		if word.Text = value; !has && i+1 < len(args) {
			word = args[i+1]
		}
		switch {
		case t == "--":
			rest, i = args[i+1:], len(args)
		case t == "-S" || t == "--start":
			start = true
		case name == "-x" || name == "--exec" || name == "-a" || name == "--startas":
			if program == nil || name == "-a" || name == "--startas" {
				program = []Word{word}
			}
			i += one(!has)
		case name == "-c" || name == "--chuid":
			w.user, _, _ = strings.Cut(word.Text, ":")
			i += one(!has)
		case name == "-d" || name == "--chdir":
			w.cwd = word.Text
			i += one(!has)
		}
	}
	return append(program, rest...), w, start && len(program) > 0
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
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

// unwrapFind reads find's -exec and its like. {} becomes
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
	var first []Word
	var w wrapped
	for i := 1; i < len(args); i++ {
		switch args[i].Text {
		case "-exec", "-execdir", "-ok", "-okdir":
			j := i + 1
			for j < len(args) && args[j].Text != ";" && args[j].Text != "+" {
				j++
			}
			command := args[min(i+1, len(args)):j]
			if found != "" {
				command = append([]Word(nil), command...)
				for k := range command {
					command[k].Glob = command[k].Glob || strings.Contains(command[k].Text, "{}") && strings.ContainsAny(found, "*?[")
					command[k].Text = strings.ReplaceAll(command[k].Text, "{}", found)
				}
			}
			switch i = j; {
			case len(command) == 0:
			case first == nil:
				first = command
			case len(w.more) < 8:
				w.more = append(w.more, command)
			}
		}
	}
	return first, w, first != nil
}

// unwrapContainer reads docker exec and docker run and their like.
func unwrapContainer(args []Word) ([]Word, wrapped, bool) {
	i := 1
	for i < len(args) && !hasWord("exec run attach shell ssh", args[i].Text) {
		i++
	}
	if i >= len(args) {
		return nil, wrapped{}, false
	}
	verb := i
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
	if i >= len(args) { // the image's own command, or vagrant ssh -c CMD
		i = verb + 1
	}
	return args[min(i, len(args)):], wrapped{remote: true}, i < len(args)
}
