package triage

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

// Report is what a triage of some hosts found.
type Report struct {
	Schema string `json:"schema"`
	Hosts  []Host `json:"hosts"`
}

// Host is the story of one host.
type Host struct {
	Host     string      `json:"host"`
	Error    string      `json:"error"` // why it, or a part of it, was not read; "" it was
	Worth    string      `json:"worth"` // what all this is worth
	Looked   string      `json:"looked"`
	Booted   string      `json:"booted"`  // RFC 3339, UTC; "" not known
	Rounds   int         `json:"rounds"`  // times that the host was asked
	Deeper   bool        `json:"deeper"`  // there is a second round: without it processes and packages were not looked at
	Verdict  string      `json:"verdict"` // the whole in one sentence
	Since    string      `json:"since"`   // the earliest trace of what weighs medium or more; "" none
	SinceWhy string      `json:"since_why"`
	Things   []Thing     `json:"things"` // the heaviest first
	Timeline []Event     `json:"timeline"`
	Doors    []Door      `json:"doors"`
	Logins   []LoginSum  `json:"logins"`
	LastRuns []LastRun   `json:"last_runs"`
	Preserve []string    `json:"preserve"` // what to do first, in order
	Gaps     []facts.Gap `json:"gaps"`     // what was not seen

	Admits []Admission `json:"-"` // the keys that open its accounts; see Report.Opened
	Tree   bool        `json:"-"` // it is a folder of files, and no host that runs
	Next   Next        `json:"-"` // what its steps name
}

// Next is what the steps that a page ends with can name; see [Host.Tell].
type Next struct {
	Again string // the command that looks at this host again; "" postern triage and its name
	Kept  string // the folder in which this look has kept its files; "" none
	Run   string // the name by which this look is kept; "" it is not, or no fix can follow
	How   string // flags by which postern fix finds the host
	Files bool   // files were read, not a host that runs: nothing is lost by waiting
}

// Unread reports whether nothing of the host was read.
func (h *Host) Unread() bool { return h.Verdict == notLooked }

const notLooked = "not looked at"

// Tell says anew what to do first, now that it is known what was kept.
func (h *Host) Tell(next Next) {
	h.Next = next
	h.Preserve = []string{}
	(&looker{out: h}).preserve()
}

// Thing is one thing that needs an answer.
type Thing struct {
	ID       string           `json:"id"` // the same whenever the same thing is seen on this host
	Kind     string           `json:"kind"`
	Severity string           `json:"severity"`
	Title    string           `json:"title"`
	Why      []string         `json:"why"`
	Attack   []string         `json:"attack"`  // ATT&CK technique ids
	Since    string           `json:"since"`   // RFC 3339, UTC; "" not known
	Returns  string           `json:"returns"` // how it starts again after a reboot; "" it does not by itself
	Evidence []facts.Evidence `json:"evidence"`
	Files    []string         `json:"files"`   // on the host, that hold what it is about
	Actions  []Action         `json:"actions"` // what would end it, for a breach plan

	Key   string `json:"-"` // of sorting among equals
	Whose string `json:"-"` // the account whose it is; "" nobody's in particular
}

// The kinds of thing.
const (
	KindJob        = "job"
	KindMemory     = "memory-job" // runs, and no table holds it
	KindProcess    = "process"
	KindAccount    = "account"
	KindKey        = "key"
	KindStartup    = "startup" // rc files, profiles, motd, udev and the like
	KindUnit       = "unit"
	KindPreload    = "preload"
	KindPAM        = "pam"
	KindPackage    = "package-file"
	KindSetuid     = "setuid"
	KindFile       = "file" // lies where it has no business
	KindTimes      = "times"
	KindLog        = "log"
	KindMonitor    = "monitor" // a job that is meant to be there
	KindPrivateKey = "private-key"
)

// Action is what would end a thing, in the words of a breach plan.
type Action struct {
	Do          string `json:"do"`     // quarantine-job, revoke-key, lock-account, quarantine-file, edit-file, disable-unit, stop-process, reinstall-package
	Target      string `json:"target"` // the job as PATH:LINE, fingerprint, account, path, unit, pid or package
	User        string `json:"user,omitempty"`
	Command     string `json:"command,omitempty"` // of a job: its line must still hold it
	Fingerprint string `json:"fingerprint,omitempty"`
}

// The actions.
const (
	DoJob     = "quarantine-job"
	DoKey     = "revoke-key"
	DoAccount = "lock-account"
	DoFile    = "quarantine-file"
	DoEdit    = "edit-file" // by hand: the rest of the file is needed
	DoUnit    = "disable-unit"
	DoStop    = "stop-process"
	DoPackage = "reinstall-package"
)

// Event is one moment of the timeline.
type Event struct {
	Time   string   `json:"time"` // RFC 3339, UTC
	What   string   `json:"what"`
	Things []string `json:"things"` // ids
}

// Door is a way by which one may have come in.
type Door struct {
	What     string           `json:"what"`
	Evidence []facts.Evidence `json:"evidence"`
}

// LoginSum is what logs tell of an account's logins from one place by one method.
type LoginSum struct {
	User   string `json:"user"`
	From   string `json:"from"`
	Method string `json:"method"` // password, publickey ...; "" wtmp does not tell
	Count  int    `json:"count"`
	First  string `json:"first"`
	Last   string `json:"last"`
}

// LastRun is when a job last started, by the log or by systemd.
type LastRun struct {
	Path    string `json:"path"`
	Line    int64  `json:"line"`
	User    string `json:"user"`
	Command string `json:"command"`
	Last    string `json:"last"`
	Count   int    `json:"count"`
	Held    bool   `json:"held"` // a table holds it
}

// levels orders severities.
var levels = map[string]int{"none": 0, "info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}

// Level gives the weight of a severity's name; -1: there is none of that name.
func Level(s string) int {
	if n, ok := levels[s]; ok {
		return n
	}
	return -1
}

var levelNames = [...]string{"none", "info", "low", "medium", "high", "critical"}

// heavier gives the heavier of two severities.
func heavier(a, b string) string {
	if levels[b] > levels[a] {
		return b
	}
	return a
}

// raise gives the severity so many steps up, critical at most.
func raise(s string, by int) string {
	return levelNames[min(max(levels[s]+by, 0), len(levelNames)-1)]
}

// id makes a thing's id of what it is, never of prose or of what moves by itself.
func id(host, kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{"1", host, kind}, parts...) {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return kind + "-" + hex.EncodeToString(h.Sum(nil)[:5])
}

// Worst is the weight of the heaviest thing of all hosts.
func (r *Report) Worst() int {
	worst := 0
	for i := range r.Hosts {
		for k := range r.Hosts[i].Things {
			worst = max(worst, levels[r.Hosts[i].Things[k].Severity])
		}
	}
	return worst
}

// Find gives the thing of that id, and its host; nil: there is none.
func (r *Report) Find(id string) (*Host, *Thing) {
	for i := range r.Hosts {
		for k := range r.Hosts[i].Things {
			if r.Hosts[i].Things[k].ID == id {
				return &r.Hosts[i], &r.Hosts[i].Things[k]
			}
		}
	}
	return nil, nil
}

// sortThings puts the heaviest first, and equals into an order that stays.
func sortThings(things []Thing) {
	slices.SortStableFunc(things, func(a, b Thing) int {
		if d := levels[b.Severity] - levels[a.Severity]; d != 0 {
			return d
		}
		if d := strings.Compare(a.Kind, b.Kind); d != 0 {
			return d
		}
		if d := strings.Compare(a.Key, b.Key); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
}
