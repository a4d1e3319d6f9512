package triage

import "github.com/postern-ssh/postern/audit/facts"

// HuntSchema is the version of what postern hunt writes as JSON.
const HuntSchema = "postern-hunt-1"

// Hunt is one question, or one list, put to many hosts.
type Hunt struct {
	Schema   string      `json:"schema"`
	Question string      `json:"question"` // CEL; "" where a list was hunted for
	Name     string      `json:"name"`     // of a question that is shipped; "" none
	List     string      `json:"list"`     // the file of a list; "" none
	Lines    int         `json:"lines"`    // that the list has
	Hosts    []HuntedFor `json:"hosts"`
}

// HuntedFor is the answer of one host.
type HuntedFor struct {
	Host      string           `json:"host"`
	Verdict   string           `json:"verdict"` // yes, no, unknown
	Reason    string           `json:"reason"`  // why it is unknown
	Items     []string         `json:"items"`
	Evidence  []facts.Evidence `json:"evidence"`
	Hits      []Hit            `json:"hits"`
	FirstSeen string           `json:"first_seen"` // the earliest reading in which it is so; RFC 3339, UTC
	LastSeen  string           `json:"last_seen"`
	Newest    string           `json:"newest"`   // the verdict of the newest reading
	Readings  int              `json:"readings"` // that were asked
	Seen      int              `json:"seen"`     // of these, in which it is so
	Unknown   int              `json:"unknown"`  // of these, in which it is not known
}

// NamedQuestion is a question that is shipped.
type NamedQuestion struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Questions are those that are shipped, in the order of their names.
var Questions = []NamedQuestion{
	{"bursts", "unrelated files that changed within two minutes, an odd job's among them", `bursts.exists(b, size(b.odd) > 0)`},
	{"dead-tables", "tables of which jobs never run", `tables.exists(t, t.lost > 0)`},
	{"deceptive-jobs", "jobs that reach a name which deceives the eye", `jobs.exists(j, size(j.deceptive) > 0)`},
	{"fetching-jobs", "jobs that fetch something", `jobs.exists(j, j.command.contains("curl ") || j.command.contains("wget "))`},
	{"forced-commands", "keys that run a command at login", `authorized_keys.exists(k, k.options.exists(o, o.lowerAscii().startsWith("command=")))`},
	{"memory-jobs", "jobs that run and that no table holds", `unheld_jobs.exists(u, u.count > 0)`},
	{"odd-jobs", "jobs that are odd in a way that weighs medium or more", `jobs.exists(j, j.severity in ["medium", "high", "critical"])`},
	{"open-private-keys", "private keys without a passphrase", `private_keys.exists(p, p.encrypted == "no")`},
	{"password-logins", "accounts that a password alone opens", `access.exists(a, a.password == "yes")`},
	{"root-keys", "keys that open root", `authorized_keys.exists(k, k.user == "root")`},
	{"root-password", "root by a password alone", `access.exists(a, a.uid == 0 && a.password == "yes")`},
	{"second-root", "accounts of uid 0 beside root", `accounts.exists(a, a.uid == 0 && a.name != "root")`},
	{"set-back-tables", "tables whose time was set back, or that cron was not told of", `origins.exists(o, o.set_back || o.unloaded)`},
	{"temp-jobs", "jobs that run something from where everyone may write", `jobs.exists(j, j.targets.exists(t, t.path.startsWith("/tmp/") || t.path.startsWith("/var/tmp/") || t.path.startsWith("/dev/shm/")))`},
}
