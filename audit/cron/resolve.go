package cron

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ResolveEnv is the surrounding in which a command line is read.
type ResolveEnv struct {
	Shell    string // SHELL; "" /bin/sh
	Path     string // PATH; "" the daemon's default
	Home     string // of the account, or HOME of the table; "" not known
	Cwd      string // where the shell starts; "" the home
	User     string
	Vars     *Env // settings of the table
	Stdin    string
	HasStdin bool

	// Homes gives the home of another account, for su and its like; "" it is not
	// known. nil: none but root's is.
	Homes func(user string) string
}

// DefaultPath is the PATH that a daemon gives to jobs where the table sets none
// (Debian and cronie: paths.h; busybox and dcron hand on their own, which an init
// script usually gives them).
func DefaultPath(d Daemon) string {
	switch d {
	case Debian, Cronie:
		return "/usr/bin:/bin"
	case SystemdCron: // the last two where /bin is no link (Debian 11): elsewhere they are the same folders
		return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return "/usr/sbin:/usr/bin:/sbin:/bin"
}

// Resolve says what a job runs. home is the account's home from passwd, or "".
func (j *Job) Resolve(home string, d Daemon) *Analysis { return j.ResolveWith(home, d, nil) }

// ResolveWith is [Job.Resolve] where other accounts' homes are known too.
func (j *Job) ResolveWith(home string, d Daemon, homes func(user string) string) *Analysis {
	e := ResolveEnv{Homes: homes, User: j.User, Stdin: j.Stdin, HasStdin: j.HasStdin, Home: home, Cwd: j.Cwd, Vars: j.Env,
		Shell: j.Env.Get("SHELL"), Path: j.Env.Get("PATH")}
	switch d {
	case Debian, Cronie:
		if h := j.Env.Get("HOME"); h != "" {
			e.Home = h
		}
	case Busybox, Dcron:
		e.Vars = nil // settings reach no job there, but SHELL and PATH on busybox
		if d == Dcron {
			e.Shell, e.Path = "", ""
		}
	}
	if j.Exec {
		if e.Cwd == "~" { // WorkingDirectory=~
			e.Cwd = e.Home
		}
		return resolveExec(j, e)
	}
	a := Resolve(j.Command, e, d)
	if j.HasStdin {
		e.Stdin, e.HasStdin = "", false
		a.Behind = Resolve(j.Raw, e, d)
	}
	if rest, ok := strings.CutPrefix(strings.TrimLeft(j.Command, " \t"), "root"); ok && j.Scheduler == SchedSpool && (strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t")) {
		a.Meant = Resolve(rest, e, d)
	}
	return a
}

// resolver walks one command line.
type resolver struct {
	a     *Analysis
	e     ResolveEnv
	vars  map[string]Word
	funcs map[string]bool
	cwd   string   // "" not known
	may   []string // where the shell may be, while cwd is not known
	depth int
	frame frame
	read  int // bytes parsed so far
	grown int // bytes that variables added

	sourced bool // a file was read into the shell: it may have set PATH and functions
}

// frame is what the commands of one nested text have in common.
type frame struct {
	parent int
	remote string
	user   string
	input  []int
	back   bool
	home   string // of the account that su and its like changed to; "" the job's
	args   []Word // $0, $1 ... of a text that a shell was given; nil not known

	otherPath bool // sudo, su or a login shell sets PATH in a way that is not known here
}

// Resolve parses a command line as the shell of that job does, takes off what
// wraps its commands, and says which files it runs. Nothing is executed, expanded
// against a file system or read. A text that the shell's grammar cannot be used on
// (too long, too deep, not shell) is read roughly, word by word.
func Resolve(command string, e ResolveEnv, d Daemon) *Analysis {
	if e.Path == "" {
		e.Path = DefaultPath(d)
	}
	r := &resolver{a: &Analysis{Text: command, Path: e.Path}, e: e, frame: frame{parent: -1}}
	r.cwd = e.Cwd
	if r.cwd == "" {
		r.cwd = r.home()
	}
	if shell := e.Shell; shell != "" {
		if _, ok := shells[baseName(shell)]; !ok || !systemDir(shell) {
			r.target(Target{Path: r.abs(shell), Word: shell, How: HowShell, Command: -1})
		}
		switch baseName(shell) {
		case "csh", "tcsh", "fish", "rc", "es", "nu", "elvish", "xonsh":
			r.rough(command, "SHELL is "+baseName(shell))
			return r.a
		}
		if lang, _ := interpreter(baseName(shell)); lang != "" && lang != "sh" {
			r.a.Reason = "SHELL is " + baseName(shell)
			r.a.Rough = true
			r.a.Commands = append(r.a.Commands, Command{Name: baseName(shell), Args: []Word{{Text: shell, Literal: true}, {Text: "-c", Literal: true}}, Code: clip(command, maxShell), Cwd: r.cwd, Parent: -1})
			return r.a
		}
	}
	r.text(command)
	return r.a
}

func systemDir(p string) bool {
	for _, dir := range [...]string{"/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/", "/opt/homebrew/bin/"} {
		if rest, ok := strings.CutPrefix(p, dir); ok && strings.IndexByte(rest, '/') < 0 {
			return true
		}
	}
	return false
}

// text reads one shell text in the present frame and returns the commands whose
// output leaves it.
func (r *resolver) text(s string) []int {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	if f, ok := plainCommand(s); ok {
		return r.simple(f)
	}
	if r.read += len(s); r.read > maxText && r.depth > 0 {
		r.a.Capped = true
		return nil
	}
	f, unclosed, why := parseShell(s)
	if why != "" {
		if unclosed && r.depth == 0 {
			r.a.Unclosed = true
		}
		return r.rough(s, why)
	}
	return r.stmts(f.Stmts, r.frame.input)
}

// plainCommand splits a line that uses nothing of the shell's grammar but blanks.
// It saves the parser on most jobs.
func plainCommand(s string) ([]string, bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isAlnum(c) && strings.IndexByte("/._-+:,@% ^\t", c) < 0 {
			return nil, false
		}
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || len(words) > 64 || syntax.IsKeyword(words[0]) {
		return nil, false
	}
	return words, true
}

// simple is call for words that need no evaluation.
func (r *resolver) simple(words []string) []int {
	args := make([]Word, len(words))
	for i, w := range words {
		args[i] = Word{Text: w, Literal: true}
	}
	return r.invoke(Command{Args: args, Input: r.frame.input})
}

func (r *resolver) full() bool {
	if len(r.a.Commands) >= maxParsed {
		r.a.Capped = true
		return true
	}
	return false
}

// home returns the home, or the text $HOME where it is not known.
func (r *resolver) home() string {
	if r.frame.home != "" {
		return r.frame.home
	}
	if r.e.Home == "" {
		return "$HOME"
	}
	return r.e.Home
}

// variable returns what is known of a variable.
func (r *resolver) variable(name string) (Word, bool) {
	if w, ok := r.vars[name]; ok {
		return w, true
	}
	lit := func(s string) (Word, bool) { return Word{Text: s, Literal: true}, true }
	if w, ok := r.positional(name); ok {
		return w, true
	}
	switch name {
	case "HOME":
		return lit(r.home())
	case "PWD":
		if r.cwd != "" {
			return lit(r.cwd)
		}
	case "USER", "LOGNAME":
		if r.frame.user != "" {
			return lit(r.frame.user)
		}
		if r.e.User != "" {
			return lit(r.e.User)
		}
	case "PATH":
		return lit(r.e.Path)
	case "SHELL":
		if r.e.Shell == "" {
			return lit("/bin/sh")
		}
		return lit(r.e.Shell)
	case "IFS":
		return lit(" ")
	}
	if v := r.e.Vars.Lookup(name); v != nil {
		return lit(v.Value)
	}
	return Word{}, false
}

func (r *resolver) assign(name string, w Word) {
	if r.vars == nil {
		r.vars = map[string]Word{}
	}
	if len(r.vars) < 256 && len(w.Text) <= maxShell {
		r.vars[name] = w
	}
}

// stmts reads statements one after the other; in feeds each of them.
func (r *resolver) stmts(list []*syntax.Stmt, in []int) []int {
	var outs []int
	for _, s := range list {
		outs = append(outs, r.stmt(s, in)...)
	}
	return outs
}

// stmt reads one statement and returns the commands whose output leaves it.
func (r *resolver) stmt(s *syntax.Stmt, in []int) []int {
	if s == nil || r.full() {
		return nil
	}
	var outs []int
	var redirs []Redirect
	here, hasHere := "", false
	for _, rd := range s.Redirs {
		w := r.word(rd.Word)
		switch rd.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			h := r.word(rd.Hdoc)
			here, hasHere = h.Text, true
			in = append(append([]int(nil), in...), h.From...)
		case syntax.WordHdoc:
			here, hasHere = w.Text+"\n", true
			in = append(append([]int(nil), in...), w.From...)
		default:
			redirs = append(redirs, Redirect{Op: rd.Op.String(), File: w})
			if rd.Op == syntax.RdrIn {
				in = append(append([]int(nil), in...), w.From...)
			}
		}
	}
	from := len(r.a.Commands)
	saved := r.frame.back
	r.frame.back = saved || s.Background
	switch c := s.Cmd.(type) {
	case nil:
		if len(redirs) > 0 {
			outs = r.add(Command{Redirects: redirs, Input: in})
		}
	case *syntax.CallExpr:
		call := func() []int { return r.call(c, in, redirs, here, hasHere) }
		if s.Background {
			outs = r.inSubshell(call)
		} else {
			outs = call()
		}
	case *syntax.BinaryCmd:
		switch c.Op {
		case syntax.Pipe, syntax.PipeAll:
			left := r.inSubshell(func() []int { return r.stmt(c.X, in) })
			for _, i := range left {
				r.a.Commands[i].Piped = true
			}
			outs = r.inSubshell(func() []int { return r.stmt(c.Y, left) })
		default:
			outs = r.stmt(c.X, in)
			cwd := r.cwd
			outs = append(outs, r.stmt(c.Y, in)...)
			if c.Op == syntax.OrStmt {
				r.meet(cwd)
			}
		}
	case *syntax.Subshell:
		outs = r.inSubshell(func() []int { return r.stmts(c.Stmts, in) })
	case *syntax.Block:
		outs = r.stmts(c.Stmts, in)
	case *syntax.IfClause:
		var ends []string // where each branch leaves the shell
		for n := c; n != nil; n = n.Else {
			outs = append(outs, r.stmts(n.Cond, in)...)
			cwd := r.cwd
			outs = append(outs, r.stmts(n.Then, in)...)
			ends = append(ends, r.cwd)
			if r.cwd = cwd; n.Else == nil && len(n.Cond) > 0 {
				ends = append(ends, cwd) // there is no else
			}
		}
		r.cwd = ends[0]
		r.meet(ends[1:]...)
	case *syntax.WhileClause:
		outs = append(r.stmts(c.Cond, in), r.stmts(c.Do, in)...)
	case *syntax.ForClause:
		it, ok := c.Loop.(*syntax.WordIter)
		if !ok || it.Name == nil {
			outs = r.stmts(c.Do, in)
			break
		}
		var items []Word
		for _, item := range it.Items {
			items = append(items, r.word(item))
		}
		if len(items) == 0 {
			items = []Word{{}} // the shell's own words
		}
		for i, w := range items {
			if i == maxRounds {
				r.a.Capped = true
				break
			}
			r.assign(it.Name.Value, w)
			outs = append(outs, r.stmts(c.Do, in)...)
		}
	case *syntax.CaseClause:
		r.word(c.Word)
		cwd := r.cwd
		ends := []string{cwd}
		for _, item := range c.Items {
			outs = append(outs, r.stmts(item.Stmts, in)...)
			ends, r.cwd = append(ends, r.cwd), cwd
		}
		r.meet(ends...)
	case *syntax.FuncDecl:
		if c.Name != nil {
			if r.funcs == nil {
				r.funcs = map[string]bool{}
			}
			r.funcs[c.Name.Value] = true
			if swarms(c) {
				r.a.swarms = c.Name.Value
			}
		}
		outs = r.stmt(c.Body, in)
	case *syntax.DeclClause:
		var cmd Command
		for _, as := range c.Args {
			if as.Name != nil && as.Value != nil {
				w := r.word(as.Value)
				r.assign(as.Name.Value, w)
				cmd.Assigns = append(cmd.Assigns, Assign{as.Name.Value, w})
			}
		}
		if len(cmd.Assigns) > 0 {
			r.add(cmd)
		}
	case *syntax.TimeClause:
		outs = r.stmt(c.Stmt, in)
	case *syntax.CoprocClause:
		outs = r.stmt(c.Stmt, in)
	}
	r.frame.back = saved
	if _, ok := s.Cmd.(*syntax.CallExpr); !ok && (len(redirs) > 0 || hasHere) {
		// The redirection of a group holds for each command in it.
		for i := from; i < len(r.a.Commands); i++ {
			cmd := &r.a.Commands[i]
			if len(cmd.Redirects) < 16 {
				cmd.Redirects = append(cmd.Redirects, redirs...)
			}
			if hasHere && !cmd.HasHere {
				cmd.Here, cmd.HasHere = here, true
			}
		}
	}
	return outs
}

// swarms reports a function that starts itself twice, or once behind its own back.
func swarms(f *syntax.FuncDecl) bool {
	calls, together := 0, false
	syntax.Walk(f.Body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			together = together || n.Background
		case *syntax.BinaryCmd:
			together = together || n.Op == syntax.Pipe || n.Op == syntax.PipeAll
		case *syntax.CallExpr:
			if len(n.Args) > 0 && n.Args[0].Lit() == f.Name.Value {
				calls++
			}
		}
		return true
	})
	return together && calls > 1
}

// meet tells that the shell is in one of several places now: where they are not
// one, the working directory is not known, and these are what it may be.
func (r *resolver) meet(others ...string) {
	places := []string{r.cwd}
	for _, o := range others {
		if !slices.Contains(places, o) && len(places) < maxPlaces {
			places = append(places, o)
		}
	}
	if len(places) == 1 {
		return
	}
	if slices.Contains(places, "") {
		places = append(places, r.may...)
	}
	places = slices.DeleteFunc(places, func(p string) bool { return p == "" })
	r.cwd, r.may = "", places[:min(len(places), maxPlaces)]
}

// relative records a target whose name is relative while the working directory is
// not known: one for each place that it may be.
func (r *resolver) relative(t Target) {
	if t.Reason = "the working directory is not known"; len(r.may) == 0 || strings.HasPrefix(t.Word, "/") {
		r.target(t)
		return
	}
	for _, p := range r.may {
		if t.Path = joinPath(p, t.Word); t.Path != "" {
			t.May, t.Reason = true, "the working directory may be "+Quote(clip(p, 80))
			r.target(t)
		}
	}
}

// inSubshell restores what a subshell cannot change for its parent.
func (r *resolver) inSubshell(f func() []int) []int {
	cwd, may := r.cwd, r.may
	outs := f()
	r.cwd, r.may = cwd, may
	return outs
}

// call reads a simple command.
func (r *resolver) call(c *syntax.CallExpr, in []int, redirs []Redirect, here string, hasHere bool) []int {
	cmd := Command{Redirects: redirs, Input: in, Here: here, HasHere: hasHere}
	for _, as := range c.Assigns {
		if as.Name == nil {
			continue
		}
		w := r.word(as.Value)
		if as.Value == nil {
			w = Word{Literal: true}
		}
		cmd.Assigns = append(cmd.Assigns, Assign{as.Name.Value, w})
		if len(c.Args) == 0 {
			r.assign(as.Name.Value, w)
		}
	}
	for i, w := range c.Args {
		if i >= maxWords {
			r.a.Capped = true
			break
		}
		v := r.word(w)
		if i == 0 && len(c.Args) == 1 {
			if many := braces(v.Text); many != nil {
				cmd.Args = append(cmd.Args, many...)
				continue
			}
		}
		if v.Odd && strings.Contains(v.Text, " ") && strings.Contains(v.Text, "/") && hasIFS(w) {
			for _, f := range strings.Fields(v.Text) { // ${IFS} parts words
				cmd.Args = append(cmd.Args, Word{Text: f, Literal: v.Literal, Odd: true, From: v.From})
			}
			continue
		}
		cmd.Args = append(cmd.Args, v)
	}
	if len(cmd.Args) == 0 {
		return r.add(cmd)
	}
	return r.invoke(cmd)
}

func hasIFS(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if pe, ok := p.(*syntax.ParamExp); ok && pe.Param != nil && pe.Param.Value == "IFS" {
			return true
		}
	}
	return false
}

// braces splits a lone {a,b,c}, a way to write a command without blanks.
func braces(s string) []Word {
	if len(s) < 5 || s[0] != '{' || s[len(s)-1] != '}' || strings.IndexByte(s, ',') < 0 || strings.ContainsAny(s[1:len(s)-1], "{}") {
		return nil
	}
	var out []Word
	for _, f := range strings.Split(s[1:len(s)-1], ",") {
		out = append(out, Word{Text: f, Literal: true, Odd: true})
	}
	return out
}

// add records a command and returns its index as the list of outputs.
func (r *resolver) add(c Command) []int {
	if r.full() {
		return nil
	}
	c.Cwd, c.Parent, c.Back = r.cwd, r.frame.parent, r.frame.back
	if c.Remote == "" {
		c.Remote = r.frame.remote
	}
	if c.User == "" {
		c.User = r.frame.user
	}
	if c.Input == nil {
		c.Input = r.frame.input
	}
	r.a.Commands = append(r.a.Commands, c)
	return []int{len(r.a.Commands) - 1}
}

// target records a target, at most one a path and way.
func (r *resolver) target(t Target) {
	if len(r.a.Targets) >= maxParsed {
		r.a.Capped = true
		return
	}
	if len(r.a.Targets) < 32 {
		for i := range r.a.Targets {
			if o := &r.a.Targets[i]; o.Path == t.Path && o.Word == t.Word && o.How == t.How {
				return
			}
		}
	}
	r.a.Targets = append(r.a.Targets, t)
}

// positional returns a word of those that sh -c TEXT is given: $0 and up.
func (r *resolver) positional(name string) (Word, bool) {
	if len(name) != 1 || name[0] < '0' || name[0] > '9' {
		return Word{}, false
	}
	if i := int(name[0] - '0'); i < len(r.frame.args) {
		return r.frame.args[i], true
	}
	return Word{}, false
}

// homeOf is the home of an account that a command changes to: its name behind a
// tilde where it is not known.
func (r *resolver) homeOf(user string) string {
	if r.e.Homes != nil {
		if h := r.e.Homes(user); strings.HasPrefix(h, "/") {
			return h
		}
	}
	if user == "root" {
		return "/root"
	}
	return "~" + user
}

// ofUnknownHome reports a name below a home that stands for what is not known.
func (r *resolver) ofUnknownHome(name string) bool {
	h := r.frame.home
	return strings.HasPrefix(h, "~") && (name == h || strings.HasPrefix(name, h+"/"))
}

// abs makes a name absolute as the shell would open it; "" where the working
// directory is not known.
func (r *resolver) abs(name string) string {
	if strings.HasPrefix(name, "$HOME") && r.e.Home == "" && (len(name) == 5 || name[5] == '/') {
		return cleanPath(name)
	}
	if strings.HasPrefix(name, "/") {
		return cleanPath(name)
	}
	if r.ofUnknownHome(name) {
		return belowHome(r.frame.home, name)
	}
	if r.ofUnknownHome(r.cwd) {
		return belowHome(r.frame.home, r.cwd+"/"+name)
	}
	if r.cwd == "" {
		return ""
	}
	return joinPath(r.cwd, name)
}

// belowHome cleans a path that begins with ~USER; "" where it leaves that home.
func belowHome(home, p string) string {
	if p = path.Clean(p); p == home || strings.HasPrefix(p, home+"/") {
		return p
	}
	return ""
}

// joinPath joins a directory and a name; "" where the directory is not known.
func joinPath(dir, name string) string {
	switch {
	case strings.HasPrefix(name, "/"), name == "$HOME", strings.HasPrefix(name, "$HOME/"):
		return cleanPath(name)
	case dir == "":
		return ""
	}
	return cleanPath(dir + "/" + name)
}

// cleanPath is path.Clean, with $HOME at the front kept from being climbed over.
func cleanPath(p string) string {
	if rest, ok := strings.CutPrefix(p, "$HOME"); ok {
		if c := path.Clean("." + rest); c != ".." && !strings.HasPrefix(c, "../") {
			if c == "." {
				return "$HOME"
			}
			return "$HOME/" + c
		}
		return "$HOME" + rest
	}
	return path.Clean(p)
}

func cutByte(s string, c byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
