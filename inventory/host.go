package inventory

import (
	"fmt"
	"time"
)

// Pos is a place in an inventory file. The zero Pos is no position and prints "?".
type Pos struct {
	File   string
	Line   int // from 1
	Column int // from 1, in characters
}

// String gives file:line:column.
func (p Pos) String() string {
	if p.Line == 0 {
		if p.File != "" {
			return p.File
		}
		return "?"
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Sudo says how the collector gets the rights to read everything.
type Sudo string

// The sudo methods.
const (
	SudoAuto Sudo = ""     // nothing for root; else sudo -n, and none where it is refused
	SudoYes  Sudo = "sudo" // sudo -n; where it is refused the host is partial and says so
	SudoNone Sudo = "none" // never
)

// Host is one host to look at.
type Host struct {
	Name    string   // unique in an inventory; what reports show
	Address string   // host name or IP to dial; Name where none is given
	Port    int      // 22 where none is given
	User    string   // "" : the caller's default
	Keys    []string // private key files, "~" expanded; empty: the caller's default
	Sudo    Sudo
	Labels  map[string]string // shared between hosts: not to be changed
	Groups  []string          // sorted, with all parents; shared between hosts: not to be changed
	Waive   []Waiver
	Expect  []Expectation
	Allow   []CarveOut
	Keep    []Login
	Pos     Pos // zero for plain arguments
}

// Waiver accepts a failing rule for a while. Expires lies at most one year after Created.
type Waiver struct {
	Rule     string
	Owner    string
	Approver string
	Ticket   string
	Reason   string
	Created  time.Time // UTC midnight
	Expires  time.Time // UTC midnight; the waiver holds before it
	Pos      Pos
}

// Expectation is a job that has to be there.
type Expectation struct {
	Match string // pattern over the whole command: "*" any run, "?" one character; "" the command of Line
	User  string // account that runs it; "" any
	Line  string // the exact line, where given
	Pos   Pos
}

// CarveOut is a login that is meant to stay possible although a rule forbids it.
type CarveOut struct {
	User      string
	Addresses []string // CIDR or address
	Method    string   // publickey, password, keyboard-interactive
	Owner     string
	Reason    string
	Expires   time.Time
	Pos       Pos
}

// Login is one that has to go on working whatever fix does.
type Login struct {
	User   string
	From   string // address or CIDR; "" anywhere
	Key    string // public key file or fingerprint; "" any
	Method string // publickey, password, keyboard-interactive; "" by a key where one opens the account, else by what does
	Pos    Pos
}
