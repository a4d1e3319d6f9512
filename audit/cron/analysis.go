package cron

// How says in which way a job reaches a file.
type How string

// The ways.
const (
	HowCommand  How = "command"   // the program that is started
	HowScript   How = "script"    // given to an interpreter
	HowSourced  How = "sourced"   // read by the shell itself: . FILE
	HowRunParts How = "run-parts" // a directory whose scripts are run
	HowShell    How = "shell"     // SHELL= of the table
)

// Target is a file or directory that a job runs.
type Target struct {
	// Path is absolute, "//", "/./" and "dir/.." taken out (links in it are not
	// known here). It begins with $HOME where the home is not known. It is "" where
	// the name is searched in PATH, or cannot be told.
	Path    string
	Word    string // as the shell passes it on, quotes removed
	How     How
	Command int    // index in Analysis.Commands
	Search  bool   // Word is looked up in PATH
	Dir     bool   // an operand that can only be a directory: an interpreter runs nothing from it
	Reason  string // why Path is not known; "" where it is
	SetPath string // PATH in which Word is looked up, where the command itself sets one; "" Analysis.Path
	May     bool   // one of several places where it may be, or PATH is not known for sure: what is not there says nothing
}

// Joined is a pair of neighbouring words that, written as one, spell a name of
// dots and blanks: sh . ../update. It is only said; whether such a name exists is
// for the caller to look up.
type Joined struct {
	Command int
	Word    int    // index of the first one in Command.Args
	Text    string // both, with one blank
	Path    string // absolute, as Target.Path
	Broken  bool   // read literally the command can do nothing: an interpreter is given a directory
}

// Word is one word of a command after quote removal.
type Word struct {
	Text    string
	Literal bool  // known in full; else Text holds what is, variables as $NAME
	Glob    bool  // has an unquoted *, ? or [
	Odd     bool  // quotes or backslashes break a word that needs none, or an escape hides a letter
	From    []int // commands whose output is part of it
	Proc    bool  // <(...): a name under which that output is read
}

// Redirect is a redirection.
type Redirect struct {
	Op   string // > >> < <> &> ...
	File Word
}

// Command is one command of a job, what wraps it taken off.
type Command struct {
	Name      string   // last component of the program; "" not known
	Args      []Word   // the program is Args[0]
	Wrappers  []string // sudo, nice, flock ... in their order
	Full      []Word   // all words, the wrappers' too; nil where there are none
	Assigns   []Assign // A=b before the command, and env's
	Redirects []Redirect
	Input     []int  // commands that pipe into it
	Here      string // literal text of a here-document or here-string
	HasHere   bool
	ReadsCode bool   // an interpreter that takes its program from its standard input
	Code      string // program text that an interpreter other than a shell is given
	Cwd       string // where it runs; "" not known
	User      string // sudo -u and its like; "" the job's
	Remote    string // "ssh", "docker" ...: it runs elsewhere
	Parent    int    // the command whose argument holds it (sh -c, eval); -1 none
	Back      bool   // started in the background
	Piped     bool   // its output goes to another command
}

// Assign is NAME=VALUE before a command.
type Assign struct {
	Name  string
	Value Word
}

// Analysis is what a command line runs.
type Analysis struct {
	Text     string // what was analysed
	Rough    bool   // read word by word, since the shell's grammar could not be used
	Reason   string // why
	Unclosed bool   // a quote or bracket is not closed: the shell runs nothing of it
	Commands []Command
	Targets  []Target
	Joined   []Joined
	Path     string   // PATH in force
	Decoded  string   // literal text that the line decodes (base64, hex), cut after 4 KiB; never run
	Capped   bool     // there is more than was looked at
	Opaque   []string // what is run and is not followed, in words
	swarms   string   // a function that starts itself more than once; "" none

	// Behind is the whole text read as one command, where the daemon splits it at a
	// %: not what is run, but what its writer may have meant. nil: no % in it.
	Behind *Analysis

	// Meant is what follows an account's name that stands first in a user's table,
	// as if the table had a column for it: it runs the name, and its writer meant the
	// rest. nil: no such name.
	Meant *Analysis
}

// Size is about how many bytes of names and words the analysis holds: many times
// those of its line, where variables make them longer.
func (a *Analysis) Size() int {
	if a == nil {
		return 0
	}
	n := len(a.Text) + len(a.Decoded) + a.Behind.Size() + a.Meant.Size()
	for i := range a.Targets {
		n += len(a.Targets[i].Path) + len(a.Targets[i].Word)
	}
	for i := range a.Commands {
		c := &a.Commands[i]
		n += len(c.Here) + len(c.Code)
		for _, words := range [][]Word{c.Args, c.Full} {
			for k := range words {
				n += len(words[k].Text)
			}
		}
		for k := range c.Assigns {
			n += len(c.Assigns[k].Value.Text)
		}
	}
	return n
}

// Candidates returns the paths where the shell would look for a target, in order.
func (a *Analysis) Candidates(t *Target) []string {
	if !t.Search {
		if t.Path == "" {
			return nil
		}
		return []string{t.Path}
	}
	var out []string
	search := a.Path
	if t.SetPath != "" {
		search = t.SetPath
	}
	for path, more := search, true; more && len(out) < 64; {
		var dir string
		dir, path, more = cutByte(path, ':')
		if dir == "" {
			dir = "." // an empty entry is the working directory
		}
		if t.Command < len(a.Commands) && dir[0] != '/' {
			dir = joinPath(a.Commands[t.Command].Cwd, dir)
		}
		if dir != "" {
			out = append(out, joinPath(dir, t.Word))
		}
	}
	return out
}
