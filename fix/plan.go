// Package fix turns findings into changes, shows their exact bytes, and applies
// them so that nobody is locked out.
//
// A [Plan] says what would change and what it rests on. It is made from one
// audit's snapshot, without the host; applying it (package fix/apply) refuses
// when the host has changed since.
package fix

import (
	"time"
)

// Format is the version of a saved plan. A reader refuses a newer one by name.
const Format = 1

// Plan is what would be done on a fleet. Saved as JSON, it holds everything that
// applying needs.
type Plan struct {
	Format  int       `json:"format"`
	Tool    string    `json:"tool"` // version of postern that made it
	Made    time.Time `json:"made"` // UTC
	Profile string    `json:"profile,omitempty"`
	Only    []string  `json:"only,omitempty"` // rules that were asked for; empty: all that can be fixed
	Hosts   []Host    `json:"hosts"`
}

// Host is the plan for one host.
type Host struct {
	Name     string    `json:"name"` // in the inventory
	Snapshot string    `json:"snapshot"`
	Taken    time.Time `json:"taken"` // when the snapshot was begun, UTC

	// Rests are the files that the plan was made from, changed or not: whoever
	// changes one of them makes it void.
	Rests []State `json:"rests"`
	// Changes in the order in which they are made: what opens before what closes,
	// so that each mixture of old and new files still lets the owner in.
	Changes []Change `json:"changes"`
	Reload  Reload   `json:"reload"`
	// Pending are edits by others that the reload brings into force as well.
	Pending []Pending `json:"pending,omitempty"`

	Refused  []Refusal `json:"refused"`  // why it must not be applied, each with its risk
	Warnings []string  `json:"warnings"` // what the owner should know
	Unfixed  []Unfixed `json:"unfixed"`  // findings that this plan leaves, with the reason
	Effect   Effect    `json:"effect"`
	// Undoes is the run that this plan gives back; "" it is no undoing.
	Undoes string `json:"undoes,omitempty"`
	// Elsewhere is what has to be changed in other places after a break-in.
	Elsewhere []Elsewhere `json:"elsewhere,omitempty"`
	// Checks are the logins that have to work on the staged files and afterwards:
	// our own first, then keep: of the inventory.
	Checks []Login `json:"checks"`
	// Shut are the methods that the server must no longer offer to our own login
	// once the change is in force: password, keyboard-interactive.
	Shut []string `json:"shut,omitempty"`
}

// State is a file as the plan saw it.
type State struct {
	Path   string `json:"path"`             // as it is opened
	Real   string `json:"real"`             // links resolved; where the bytes are
	Exists bool   `json:"exists"`           //
	SHA256 string `json:"sha256,omitempty"` // hex, of the content
	UID    int64  `json:"uid"`
	GID    int64  `json:"gid"`
	Mode   uint32 `json:"mode"` // 07777
	Inode  uint64 `json:"inode,omitempty"`
	Links  int64  `json:"links,omitempty"`
	// Link is its text where Path itself is a link that a change replaces, or puts back;
	// SHA256 is then of what it leads to, and stays as it is.
	Link string `json:"link,omitempty"`

	// Changed is when its content was last changed (mtime, UTC); zero: not known.
	Changed time.Time `json:"changed,omitzero"`
	// User is with whose rights it is looked at; "" root's.
	User string `json:"user,omitempty"`
	// Glob makes it a State of the names in the folder Path that fit the pattern
	// (fnmatch(3)): SHA256 is then of these names, sorted, each as ./NAME and a newline.
	Glob string `json:"glob,omitempty"`
}

// Kind says what a change is about; it decides by which way it is made.
type Kind string

// The kinds of change.
const (
	KindSshd   Kind = "sshd"   // a file that sshd reads: staged, tested, guarded, reloaded
	KindPolicy Kind = "policy" // a file of the system-wide crypto policy, as update-crypto-policies(8) leaves it
	KindMode   Kind = "mode"   // owner and mode only
	KindTable  Kind = "table"  // a cron table; crontab(1) for a user's, rename for the system's
	KindKeys   Kind = "keys"   // an authorized_keys file: written with its user's rights
	KindMove   Kind = "move"   // out of the way, into the record (quarantine)
	KindKey    Kind = "key"    // a host key is made (ssh-keygen)
	// KindAccount ends an account: password locked, expiry in the past (usermod). Its
	// Before and After name /etc/shadow and, as owner, the account's own numbers.
	KindAccount Kind = "account"
)

// Change is one file that becomes another.
type Change struct {
	Kind   Kind     `json:"kind"`
	Before State    `json:"before"`
	After  State    `json:"after"`            // Exists false: it is removed or moved away
	Old    []byte   `json:"old,omitempty"`    // content before; empty where it was not there
	New    []byte   `json:"new,omitempty"`    // content after
	User   string   `json:"user,omitempty"`   // with whose rights; "" root's
	Rules  []string `json:"rules"`            // that it mends
	Why    string   `json:"why"`              // in a sentence
	Source string   `json:"source,omitempty"` // who else manages this file, and where to change it there
	// Made: its new content is what the host's own tool makes of the others, in a copy,
	// when the plan is applied (update-crypto-policies(8)); New is empty until then.
	Made   bool   `json:"made,omitempty"`
	Record string `json:"record,omitempty"` // of a change that brings back what an earlier run took: where it lies below the records, RUN/moved/N (a file), RUN/old/N (an account's line)
}

// Reload says how sshd gets to read its files anew.
type Reload struct {
	Needed bool     `json:"needed"`
	PID    int64    `json:"pid,omitempty"`    // of the daemon that owns the listener
	Args   []string `json:"args,omitempty"`   // its command line
	Socket bool     `json:"socket,omitempty"` // process 1 holds the listening socket: it never gets HUP
	// Restart: what it has to read anew comes by its command line, which its unit makes;
	// Args are those that it will have then, and ArgsBefore those that it has.
	Restart    bool     `json:"restart,omitempty"`
	ArgsBefore []string `json:"args_before,omitempty"`
	Unit       string   `json:"unit,omitempty"` // of systemd: ssh.service, sshd.service
}

// Refusal is a reason not to apply, which can be accepted by the name of its risk.
type Refusal struct {
	Risk   string `json:"risk"`           // lock-out, pending-edits, revive-jobs ...; "" cannot be accepted
	Why    string `json:"why"`            //
	Path   string `json:"path,omitempty"` // of the line that makes it so
	Line   int    `json:"line,omitempty"` //
	Text   string `json:"text,omitempty"` //
	WayOut string `json:"way_out"`        // what to do instead
}

// Unfixed is a finding that the plan does not mend.
type Unfixed struct {
	Rule string `json:"rule"`
	Why  string `json:"why"`
}

// Effect is who can log in before and after, as access says it.
type Effect struct {
	Closed []string `json:"closed"` // ways in that go, in words with their line
	Opened []string `json:"opened"` // ways in that come
	Stay   []string `json:"stay"`   // ways in that stay
	Lately []Lately `json:"lately"` // accounts that came by a way that goes
}

// Lately is an account that logged in with a password not long ago.
type Lately struct {
	User string    `json:"user"`
	Last time.Time `json:"last"`
	From string    `json:"from"`
}

// Login is one login that has to work.
type Login struct {
	Own    bool   `json:"own,omitempty"` // the one that postern is logged in by
	User   string `json:"user"`
	Method string `json:"method"`         // publickey, password, keyboard-interactive; "" is not known yet
	Key    string `json:"key,omitempty"`  // fingerprint
	From   string `json:"from,omitempty"` // address as the server sees it; "" any
	Port   int    `json:"port,omitempty"` // local port; 0 any
	// Expect are values that the plan's own parser foresees for this login, by
	// keyword. Where sshd -T says otherwise nothing is applied.
	Expect map[string]string `json:"expect,omitempty"`
}
