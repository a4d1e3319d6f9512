package cron

import (
	"slices"
	"strings"
)

// shells read shell text.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "zsh": true, "ksh": true, "ksh93": true, "mksh": true, "rbash": true, "hush": true, "yash": true, "static-sh": true}

// interpreters by name without version; the value lists their one-letter options
// that take a value, a colon, and those whose value is program text.
var interpreters = map[string]string{
	"python": "WXm:c", "pypy": "WXm:c", "perl": "IMmF:eE", "ruby": "IrCEKTxF:e", "php": "dcz:rBRE", "php-cli": "dcz:rBRE", "node": "r:ep", "nodejs": "r:ep",
	"lua": "l:e", "luajit": "l:e", "tclsh": ":", "wish": ":", "expect": "f:c", "rscript": ":e", "awk": "Fv:", "gawk": "Fv:", "mawk": "Fv:", "osascript": "l:e", "elixir": "rS:e", "jjs": ":e", "jrunscript": "lf:e", "jshell": ":", "raku": "IM:e", "gjs": "I:c", "qjs": "I:e", "irb": "rI:e", "ipython": ":c", "racket": "l:e", "clojure": ":e", "cpan": "MI:e", "dart": ":", "crystal": ":", "deno": ":", "bun": ":", "groovy": ":e", "guile": "L:c", "scala": ":e", "julia": "LC:eE", "ts-node": "P:e", "pwsh": ":c",
}

// interpreter returns the language of a program: "sh" for shells, its own name
// without a version for others, "" for none.
func interpreter(name string) (lang, options string) {
	if shells[name] {
		return "sh", ""
	}
	low := strings.ToLower(name)
	if o, ok := interpreters[low]; ok {
		return low, o
	}
	base := strings.TrimRight(low, "0123456789.")
	base = strings.TrimRight(base, "-")
	if o, ok := interpreters[base]; ok && base != "" {
		return base, o
	}
	return "", ""
}

// builtins are words that every shell knows itself.
var builtins = set(`: . [ [[ alias bg bind break builtin caller case cd command compgen complete continue declare dirs disown do done echo enable eval
exec exit export false fc fg fi getopts hash help history if jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return
select set shift shopt source suspend test then times trap true type typeset ulimit umask unalias unset until wait while`)

// invoke takes the wrappers off a command, records it and what it runs.
func (r *resolver) invoke(c Command) []int {
	saved, savedCwd := r.frame, r.cwd
	defer func() { r.frame = saved }()
	restore := false
	defer func() {
		if restore {
			r.cwd = savedCwd
		}
	}()
	r.hiddenCommands(c)
	for range 16 {
		if len(c.Args) == 0 {
			break
		}
		if w, ok := r.vars["alias "+c.Args[0].Text]; ok && w.Literal && len(c.Wrappers) == 0 {
			if _, plain := plainCommand(w.Text); plain {
				var words []Word
				for _, f := range strings.Fields(w.Text) {
					words = append(words, Word{Text: f, Literal: true})
				}
				if words[0].Text != c.Args[0].Text {
					c.Args = append(words, c.Args[1:]...)
				}
			}
		}
		c.Name = programName(c.Args[0])
		if (c.Name == "busybox" || c.Name == "toybox") && len(c.Args) > 1 {
			c.Wrappers = append(c.Wrappers, c.Name)
			c.Args = c.Args[1:]
			continue
		}
		rest, w, ok := unwrap(c.Name, c.Args)
		if !ok || ownProgram(c.Args[0].Text) {
			break
		}
		r.wrapperTarget(c)
		if c.Full == nil {
			c.Full = c.Args
		}
		c.Wrappers = append(c.Wrappers, c.Name)
		c.Assigns = append(c.Assigns, w.assigns...)
		if w.changes && w.user == "" {
			w.user = "root"
		}
		if w.user != "" {
			c.User, r.frame.user = w.user, w.user
		}
		if w.changes && !w.remote {
			r.frame.home, r.frame.otherPath = r.homeOf(w.user), true
			if w.login {
				restore, r.cwd = true, r.frame.home
			}
		}
		if w.remote {
			c.Remote, r.frame.remote = c.Name, c.Name
		}
		if w.cwd != "" {
			restore = true
			r.cwd = r.abs(w.cwd)
		}
		if w.more != nil {
			finder := c
			defer func() { r.invokeMore(finder, w.more) }()
		}
		if w.code != "" {
			at := r.add(c)
			return append(at, r.nested(w.code, at, c.Input)...)
		}
		if hasWord("ssh pdsh clush dsh pssh parallel-ssh sg", c.Name) || c.Name == "watch" || c.Name == "parallel" && len(rest) == 1 {
			at := r.add(c)
			return append(at, r.nested(joinWords(rest), at, c.Input)...)
		}
		c.Args = rest
	}
	if len(c.Args) == 0 {
		return r.add(c)
	}
	switch c.Name {
	case "cd", "pushd":
		return r.chdir(c)
	case "alias":
		for _, w := range c.Args[1:] {
			if name, value, ok := strings.Cut(w.Text, "="); ok && plainText(name) {
				r.assign("alias "+name, Word{Text: value, Literal: w.Literal})
			}
		}
		return r.add(c)
	case "eval":
		at := r.add(c)
		if code := joinWords(c.Args[1:]); code != "" && len(at) > 0 {
			for _, w := range c.Args[1:] {
				r.held(w, at[0])
			}
			return append(at, r.nested(code, at, c.Input)...)
		}
		return at
	case ".", "source":
		return r.source(c)
	case "trap":
		at := r.add(c)
		if len(c.Args) > 2 && c.Args[1].Text != "-" && c.Args[1].Text != "" && c.Args[1].Text[0] != '-' {
			return append(at, r.nested(c.Args[1].Text, at, nil)...)
		}
		return at
	case "run-parts":
		return r.runParts(c)
	}
	if lang, options := interpreter(c.Name); lang != "" {
		return r.interpret(c, lang, options)
	}
	if c.Name == "java" || c.Name == "mono" || c.Name == "dotnet" || c.Name == "make" || c.Name == "gmake" || (c.Name == "at" || c.Name == "batch") && hasFlag(&c, 'f') {
		return r.given(c)
	}
	if (c.Name == "at" || c.Name == "batch") && (len(c.Input) > 0 || c.HasHere || readsFile(&c)) && !hasFlag(&c, 'l') && !hasFlag(&c, 'c') && !hasFlag(&c, 'r') && !hasFlag(&c, 'f') {
		// What it reads is run by a shell, later.
		c.ReadsCode = true
		at := r.add(c)
		if len(at) == 0 {
			return nil
		}
		r.commandTarget(c, at[0])
		return append(at, r.fromInput("sh", at)...)
	}
	at := r.add(c)
	if len(at) > 0 {
		r.commandTarget(c, at[0])
		if c.Name == "go" && len(c.Args) > 2 && c.Args[1].Text == "run" {
			r.operand(c.Args[2], HowScript, at[0])
		}
		if name := strings.TrimRight(c.Name, "0123456789.-"); name == "java" || name == "mono" || name == "dotnet" || name == "wine" {
			for k := 1; k < len(c.Args); k++ {
				if t := c.Args[k].Text; t == "-jar" && k+1 < len(c.Args) {
					r.operand(c.Args[k+1], HowScript, at[0])
					break
				} else if name != "java" && t != "" && t[0] != '-' {
					if strings.IndexByte(t, '/') >= 0 {
						r.operand(c.Args[k], HowScript, at[0])
					}
					break
				}
			}
		}
		r.joined(at[0], false)
		at = r.unknownWrapper(c, at)
	}
	return at
}

// readsFile reports a command whose input is a file.
func readsFile(c *Command) bool {
	return slices.ContainsFunc(c.Redirects, func(rd Redirect) bool { return rd.Op == "<" })
}

// programName is the last component of a command word, "" where it is not known.
func programName(w Word) string {
	if !w.Literal && strings.IndexByte(baseName(w.Text), '$') >= 0 || w.Proc {
		return ""
	}
	return baseName(w.Text)
}

// ownProgram reports somebody's own program that is called like a wrapper whose name
// is an ordinary word.
func ownProgram(p string) bool {
	return strings.IndexByte(p, '/') >= 0 && !systemDir(p) && hasWord("watch daemon script ts solo nq tsp shush retry wait run time", baseName(p))
}

func joinWords(words []Word) string {
	if len(words) == 1 {
		return words[0].Text
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// nested reads shell text that a command is given. at is that command.
func (r *resolver) nested(code string, at, in []int) []int {
	if len(at) == 0 || r.depth >= maxDepth {
		r.a.Capped = r.a.Capped || r.depth >= maxDepth
		return nil
	}
	saved, cwd := r.frame, r.cwd
	r.depth++
	r.frame.parent, r.frame.input = at[0], in
	outs := r.text(code)
	r.frame, r.cwd = saved, cwd
	r.depth--
	return outs
}

// invokeMore follows what a command runs beside its first command: a second -exec.
func (r *resolver) invokeMore(c Command, more [][]Word) {
	for _, args := range more {
		saved, cwd := r.frame, r.cwd
		r.invoke(Command{Args: args, Input: c.Input, Wrappers: []string{c.Name}, Full: c.Args})
		r.frame, r.cwd = saved, cwd
	}
}

// given follows programs that run a file of another kind than a script: java -jar F,
// mono F, at -f F, make -f F.
func (r *resolver) given(c Command) []int {
	at := r.add(c)
	if len(at) == 0 {
		return nil
	}
	r.commandTarget(c, at[0])
	if strings.HasSuffix(c.Name, "make") {
		for k := 1; k+1 < len(c.Args); k++ {
			if w := c.Args[k+1]; (c.Args[k].Text == "-C" || c.Args[k].Text == "--directory") && isTemp(r.abs(w.Text)+"/") {
				w.Text += "/Makefile"
				r.operand(w, HowScript, at[0])
			}
		}
	}
	flag := map[string]string{"java": "-jar", "at": "-f", "batch": "-f", "make": "-f", "gmake": "-f"}[c.Name]
	for i := 1; i < len(c.Args); i++ {
		t := c.Args[i].Text
		switch {
		case flag != "" && t == flag && i+1 < len(c.Args):
			r.operand(c.Args[i+1], HowScript, at[0])
			return at
		case flag == "" && t != "" && t[0] != '-':
			if c.Name == "mono" || strings.HasSuffix(t, ".dll") || strings.HasSuffix(t, ".exe") {
				r.operand(c.Args[i], HowScript, at[0])
			}
			return at
		}
	}
	if c.Name == "java" || strings.HasSuffix(c.Name, "make") {
		r.opaque("what " + c.Name + " runs is not followed")
	}
	return at
}

// opaque records in words what is run and cannot be told.
func (r *resolver) opaque(text string) {
	if len(r.a.Opaque) < 16 && !slices.Contains(r.a.Opaque, text) {
		r.a.Opaque = append(r.a.Opaque, text)
	}
}

// held follows $(cat FILE) in a text that a shell is given: what FILE holds is run.
func (r *resolver) held(w Word, at int) {
	for _, i := range w.From {
		if i < len(r.a.Commands) && r.a.Commands[i].Name == "cat" {
			r.catted(i, at)
		}
	}
}

// wrapperTarget records a wrapper that is not a plain name: /tmp/nice is run too.
func (r *resolver) wrapperTarget(c Command) {
	if w := c.Args[0]; strings.IndexByte(w.Text, '/') >= 0 && r.frame.remote == "" && !systemDir(w.Text) {
		r.target(Target{Path: r.abs(w.Text), Word: w.Text, How: HowCommand, Command: len(r.a.Commands)})
	}
}

// commandTarget records the program that a command starts.
func (r *resolver) commandTarget(c Command, at int) {
	if c.Remote != "" || r.frame.remote != "" {
		return
	}
	w := c.Args[0]
	t := Target{Word: w.Text, How: HowCommand, Command: at}
	switch {
	case w.Proc || len(w.From) > 0 && strings.HasPrefix(w.Text, "$("):
		t.Reason = "the command is what another one prints"
	case !w.Literal && strings.HasPrefix(w.Text, "/") && !w.Glob:
		t.Reason = "part of the path is not known"
	case !w.Literal:
		t.Reason = "it depends on " + Quote(clip(w.Text, 80))
	case w.Glob && strings.IndexByte(w.Text, '/') >= 0 && baseName(w.Text) != "[":
		t.Reason = "a pattern"
	case builtins[w.Text], r.funcs[w.Text], w.Text == "":
		return
	case strings.IndexByte(w.Text, '/') < 0:
		t.Search, t.SetPath = true, r.setPath(&c)
		t.May = r.frame.otherPath || r.sourced || strings.IndexByte(t.SetPath, '$') >= 0
	default:
		if t.Path = r.abs(w.Text); t.Path == "" {
			r.relative(t)
			return
		}
	}
	if t.Path == "" && !t.Search && (w.Literal || strings.HasPrefix(w.Text, "/")) && t.Reason != "" {
		t.Path = partial(w.Text)
	}
	r.target(t)
}

// setPath returns the PATH that a command line sets for a command itself; "" it sets
// none.
func (r *resolver) setPath(c *Command) string {
	for i := len(c.Assigns) - 1; i >= 0; i-- {
		if c.Assigns[i].Name == "PATH" {
			return c.Assigns[i].Value.Text
		}
	}
	if w, ok := r.vars["PATH"]; ok {
		return w.Text
	}
	return ""
}

// partial keeps what is known of an absolute path whose end is not: the directory
// matters too.
func partial(text string) string {
	if !strings.HasPrefix(text, "/") {
		return ""
	}
	return cleanPath(text)
}

// chdir follows cd.
func (r *resolver) chdir(c Command) []int {
	at := r.add(c)
	if len(at) == 0 {
		return nil
	}
	r.may = nil
	args := c.Args[1:]
	for len(args) > 0 && len(args[0].Text) > 1 && args[0].Text[0] == '-' && args[0].Literal {
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		r.cwd = r.home()
	case !args[0].Literal || args[0].Text == "-" || args[0].Glob:
		r.cwd = ""
		if strings.HasPrefix(args[0].Text, "/") {
			r.cwd = cleanPath(args[0].Text) // partly known; its $NAME stays in it
		}
	default:
		r.cwd = r.abs(args[0].Text)
	}
	r.joined(at[0], true)
	return at
}

// source follows . FILE.
func (r *resolver) source(c Command) []int {
	at := r.add(c)
	if len(at) == 0 || len(c.Args) < 2 {
		return at
	}
	r.operand(c.Args[1], HowSourced, at[0])
	r.sourced = true
	if len(c.Args[1].From) > 0 || c.Args[1].Proc {
		r.a.Commands[at[0]].ReadsCode = true
	}
	r.joined(at[0], false)
	return at
}

// runParts follows run-parts DIR.
func (r *resolver) runParts(c Command) []int {
	at := r.add(c)
	if len(at) == 0 {
		return nil
	}
	for i := len(c.Args) - 1; i > 0; i-- {
		if w := c.Args[i]; w.Text != "" && w.Text[0] != '-' {
			r.operand(w, HowRunParts, at[0])
			break
		}
	}
	r.commandTarget(c, at[0])
	return at
}

// operand records a file that an interpreter or the shell is given.
func (r *resolver) operand(w Word, how How, at int) {
	if r.frame.remote != "" || at < len(r.a.Commands) && r.a.Commands[at].Remote != "" {
		return
	}
	t := Target{Word: w.Text, How: how, Command: at}
	switch {
	case w.Proc || len(w.From) > 0:
		t.Reason = "it is what another command prints"
	case !w.Literal:
		t.Reason = "it depends on " + Quote(clip(w.Text, 80))
		t.Path = partial(w.Text)
	case w.Glob:
		t.Reason = "a pattern"
		t.Path = partial(w.Text)
	default:
		if how == HowScript || how == HowSourced {
			last := baseName(w.Text)
			t.Dir = last == "" || last == "." || last == ".."
		}
		if t.Path = r.abs(w.Text); t.Path == "" {
			r.relative(t)
			return
		}
	}
	r.target(t)
}

// interpret follows an interpreter: its script, the text it is given, or what it
// reads.
func (r *resolver) interpret(c Command, lang, options string) []int {
	valued, code, _ := strings.Cut(options, ":")
	if lang == "sh" {
		valued, code = "oO", "c"
	}
	i := 1
	var text *Word
	module, stdin, dir := false, false, ""
scan:
	for ; i < len(c.Args); i++ {
		t := c.Args[i].Text
		if t == "-" {
			stdin = true
			continue
		}
		if len(t) < 2 || t[0] != '-' && !(t[0] == '+' && lang == "sh") {
			break
		}
		if t == "--" {
			i++
			break
		}
		if strings.HasPrefix(t, "--") {
			switch {
			case lang == "sh" && t == "--login":
				r.frame.otherPath = true
			case lang == "sh" && (t == "--rcfile" || t == "--init-file"):
				i++
			case (lang == "node" || lang == "nodejs") && (t == "--eval" || t == "--print" || t == "--require"):
				i++
				if t != "--require" && i < len(c.Args) {
					text = &c.Args[i]
				}
			case strings.HasPrefix(lang, "php") && hasWord("--define --php-ini --zend-extension", t),
				strings.HasPrefix(lang, "node") && hasWord("--import --loader --experimental-loader --conditions --title", t):
				i++
			case lang == "php" && t == "--run" || lang == "php" && t == "--file":
				i++
				if t == "--run" && i < len(c.Args) {
					text = &c.Args[i]
				}
			}
			continue
		}
		for k := 1; k < len(t); k++ {
			f := t[k]
			switch {
			case lang == "sh" && f == 's':
				stdin = true
			case lang == "sh" && f == 'l':
				r.frame.otherPath = true
			case strings.IndexByte(code, f) >= 0:
				if lang == "sh" {
					// -c takes the first word that is no option: bash -c -e TEXT.
					for i++; i < len(c.Args) && len(c.Args[i].Text) > 1 && (c.Args[i].Text[0] == '-' || c.Args[i].Text[0] == '+'); i++ {
					}
					if i < len(c.Args) {
						text = &c.Args[i]
					}
					break scan
				}
				if k+1 < len(t) {
					w := c.Args[i]
					w.Text = t[k+1:]
					text = &w
				} else if i++; i < len(c.Args) {
					text = &c.Args[i]
				}
				if lang == "python" || lang == "pypy" {
					break scan
				}
				continue scan
			case lang == "php" && f == 'f', (lang == "awk" || lang == "gawk" || lang == "mawk") && f == 'f', lang == "expect" && f == 'f':
				i++
				break scan
			case strings.IndexByte(valued, f) >= 0:
				if lang == "ruby" && f == 'C' { // it changes there first
					if dir = t[k+1:]; dir == "" && i+1 < len(c.Args) {
						dir = c.Args[i+1].Text
					}
				}
				module = module || f == 'm' && strings.HasPrefix(lang, "py")
				if k+1 == len(t) {
					i++
				}
				if module {
					break scan
				}
				continue scan
			}
		}
	}
	awkText := strings.HasSuffix(lang, "awk") && i < len(c.Args) && (i == 1 || !strings.HasSuffix(c.Args[i-1].Text, "f"))
	if awkText {
		text = &c.Args[i]
	}
	if text != nil && lang != "sh" {
		c.Code = clip(text.Text, maxShell)
	}
	operand := text == nil && !module && !stdin && i < len(c.Args)
	c.ReadsCode = text == nil && !module && !operand && lang != "deno" && lang != "bun" && lang != "dart" && lang != "crystal"
	at := r.add(c)
	if len(at) == 0 {
		return nil
	}
	r.commandTarget(c, at[0])
	switch {
	case text != nil && lang == "sh":
		if len(text.From) > 0 && strings.HasPrefix(text.Text, "$(") {
			r.a.Commands[at[0]].ReadsCode = true
		}
		r.held(*text, at[0])
		saved := r.frame.args
		r.frame.args = append([]Word(nil), c.Args[min(i+1, len(c.Args)):min(i+11, len(c.Args))]...)
		if len(r.frame.args) == 0 {
			r.frame.args = nil
		}
		outs := r.nested(text.Text, at, c.Input)
		r.frame.args = saved
		return append(at, outs...)
	case operand:
		w := c.Args[i]
		if lang == "deno" || lang == "bun" || lang == "dart" || lang == "crystal" {
			if k := i + 1; w.Text == "run" && k < len(c.Args) {
				for k+1 < len(c.Args) && strings.HasPrefix(c.Args[k].Text, "-") {
					if hasWord("-c --config --import-map --lock --cert --seed -L --log-level --env-file --cwd --filter", c.Args[k].Text) {
						k++
					}
					k++
				}
				w = c.Args[min(k, len(c.Args)-1)]
			} else if strings.IndexByte(w.Text, '/') < 0 && strings.IndexByte(w.Text, '.') < 0 {
				return at
			}
		}
		if len(w.From) > 0 || w.Proc || w.Text == "/dev/stdin" {
			r.a.Commands[at[0]].ReadsCode = true
		}
		if dir != "" {
			saved := r.cwd
			defer func() { r.cwd = saved }()
			r.cwd = r.abs(dir)
		}
		r.operand(w, HowScript, at[0])
		r.joined(at[0], true)
	case module:
		r.opaque("which file is the module that " + c.Name + " is given, " + c.Name + " decides")
	case text != nil && c.Code != "":
		return append(at, r.inCode(lang, c.Code, at)...)
	case c.ReadsCode:
		return append(at, r.fromInput(lang, at)...)
	}
	return at
}

// fromInput follows an interpreter that reads its program: a file, literal text,
// or the job's own input behind a %.
func (r *resolver) fromInput(lang string, at []int) []int {
	c := r.a.Commands[at[0]]
	for _, rd := range c.Redirects {
		if rd.Op == "<" {
			r.operand(rd.File, HowScript, at[0])
			return nil
		}
	}
	text := ""
	switch {
	case c.HasHere:
		text = c.Here
	case len(c.Input) == 0 && r.e.HasStdin && r.depth == 0:
		text = r.e.Stdin
	case len(c.Input) == 1:
		if text = r.printed(c.Input[0], 0); text == "" {
			r.catted(c.Input[0], at[0])
		}
	}
	if text == "" {
		return nil
	}
	if lang == "sh" {
		return r.nested(text, at, nil)
	}
	r.a.Commands[at[0]].Code = clip(text, maxShell)
	return r.inCode(lang, clip(text, maxShell), at)
}

// catted follows cat FILE | sh, by way of filters: what the file holds is what is run.
func (r *resolver) catted(i, at int) {
	for range 8 {
		c := &r.a.Commands[i]
		switch c.Name {
		case "cat", "head", "tail", "tac", "zcat", "gunzip", "xzcat", "bzcat", "base64", "rev", "tr", "sed", "grep", "awk", "cut":
		default:
			return
		}
		for _, rd := range c.Redirects {
			if rd.Op == "<" {
				r.operand(rd.File, HowScript, at)
			}
		}
		if len(c.Input) == 1 && c.Input[0] < i {
			i = c.Input[0]
			continue
		}
		if c.Name != "tr" {
			for k := 1; k < len(c.Args) && k < 32; k++ {
				if t := c.Args[k].Text; strings.HasPrefix(t, "/") || strings.HasPrefix(t, "./") || strings.HasPrefix(t, "$HOME/") {
					r.operand(c.Args[k], HowScript, at)
				}
			}
		}
		return
	}
}

// joined looks for neighbouring words of a command that spell a name of dots and
// blanks: the end of one and the front of the next are dots only.
func (r *resolver) joined(at int, operandsOnly bool) {
	c := &r.a.Commands[at]
	for i := 0; i+1 < len(c.Args) && i < 64; i++ {
		a, b := c.Args[i], c.Args[i+1]
		if !a.Literal || !b.Literal || a.Glob || b.Glob {
			continue
		}
		end := baseName(a.Text)
		front, more := b.Text, false
		if k := strings.IndexByte(front, '/'); k >= 0 {
			front, more = front[:k], true
		}
		text := a.Text + " " + b.Text
		if strings.HasSuffix(a.Text, "/") && strings.HasPrefix(b.Text, "/") && len(b.Text) > 1 && (i == 0 || i == 1 && operandsOnly && c.Name != "cd" && c.Name != "pushd") {
			// A directory as the program, and a path: with the blank between them they
			// are one name.
			r.a.Joined = append(r.a.Joined, Joined{Command: at, Word: i, Text: text, Path: r.abs(text), Broken: true})
			continue
		}
		if !onlyDots(end) || !onlyDots(front) {
			continue
		}
		j := Joined{Command: at, Word: i, Text: text, Path: r.abs(text)}
		// An interpreter or cd that is given a directory and a file, where the two
		// together would be a file's name.
		j.Broken = more && (operandsOnly && i > 0 || i == 0 && end == "." && strings.IndexByte(a.Text, '/') >= 0)
		r.a.Joined = append(r.a.Joined, j)
	}
}

func onlyDots(s string) bool { return s != "" && strings.Trim(s, ".") == "" }
