// Package facts turns a snapshot into typed facts: the vocabulary that rules
// ask about. Names are snake_case and the same in CEL, in JSON and in the
// documentation. A fact that could not be determined is named in
// [Facts.Unknown]; its Go value is then meaningless and a rule that depends on
// it is unknown, never pass. A list fact holds what was read; what it may lack
// is in [Facts.Gaps].
package facts

import "github.com/postern-ssh/postern/audit/compare"

// Facts is everything that rules can ask about one host.
type Facts struct {
	Host              Host            `json:"host" cel:"host"`
	Sshd              Sshd            `json:"sshd" cel:"sshd"`
	Daemons           []Daemon        `json:"daemons" cel:"daemons"`                 // every sshd (and dropbear) that runs
	Access            []Access        `json:"access" cel:"access"`                   // account × login context
	Disagreements     []Disagreement  `json:"disagreements" cel:"disagreements"`     // between file, effective and wire
	Accounts          []Account       `json:"accounts" cel:"accounts"`               // local accounts
	AuthorizedKeys    []AuthorizedKey `json:"authorized_keys" cel:"authorized_keys"` // of all accounts
	PrivateKeys       []PrivateKey    `json:"private_keys" cel:"private_keys"`       // that lie in ~/.ssh of some account
	Jobs              []Job           `json:"jobs" cel:"jobs"`                       // of all schedulers
	Tables            []Table         `json:"tables" cel:"tables"`                   // cron tables, run or not
	Expected          []Expected      `json:"expected" cel:"expected"`               // what expect: of the inventory asks for
	Files             []File          `json:"files" cel:"files"`                     // files whose owner and mode matter
	Bursts            []Burst         `json:"bursts" cel:"bursts"`                   // unrelated files that changed within two minutes
	OddTimes          []OddTime       `json:"odd_times" cel:"odd_times"`             // files whose times disagree
	Origins           []TableOrigin   `json:"origins" cel:"origins"`                 // how users' cron tables were written
	UnheldJobs        []UnheldJob     `json:"unheld_jobs" cel:"unheld_jobs"`         // that ran, and that no table holds
	Timeline          []Moment        `json:"timeline" cel:"timeline"`               // changes of the files that matter, newest first
	Drift             []Drift         `json:"drift" cel:"drift"`                     // what changed since the blessed baseline; the first entry names it; empty: there is none
	Packages          []Package       `json:"packages" cel:"packages"`
	Wire              Wire            `json:"wire" cel:"wire"`
	Vulnerabilities   []Vulnerability `json:"vulnerabilities" cel:"vulnerabilities"`       // known faults of the SSH packages, mended ones too
	VulnerabilityData string          `json:"vulnerability_data" cel:"vulnerability_data"` // until when advisories were read: 2026-10

	// Unknown maps the path of a fact ("sshd.password_login", "wire", "host.os")
	// to the reason why it could not be determined. A path covers all below it.
	Unknown map[string]string `json:"unknown"`
	// Gaps maps the name of a list fact ("jobs", "wire.host_keys") to what it may lack.
	Gaps map[string][]Gap `json:"gaps"`
	// Origin maps the path of a scalar fact to the evidence for its value.
	Origin map[string][]Evidence `json:"origin"`

	// Shared is what is worked out once for all hosts that are set up alike; nil
	// where nothing is shared (see [Options.Setups]).
	Shared *Shared `json:"-" cel:"-"`
	// SharedSshd is the same for what [OfSshd] names; nil also where a witness
	// beside the files changed something about sshd.
	SharedSshd *Shared `json:"-" cel:"-"`
	// SharedWire is the same for what [OfWire] names.
	SharedWire *Shared `json:"-" cel:"-"`
}

// Gap says what a list may lack.
type Gap struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Role   string `json:"role,omitempty"` // of files: only files of this role may be missing; "": any
}

// Evidence is one place that shows why something is so.
type Evidence struct {
	Path    string `json:"path,omitempty" cel:"path"`       // file on the host, raw; "" for wire facts and processes
	Line    int    `json:"line,omitempty" cel:"line"`       // from 1; 0: the whole file
	Text    string `json:"text,omitempty" cel:"text"`       // the line, or owner and mode, or the wire fact; raw, secrets still in it
	Witness string `json:"witness,omitempty" cel:"witness"` // a sentence: "user backup from 10.0.0.5 may use a password"
}

// Host is the machine.
type Host struct {
	Name      string            `json:"name" cel:"name"`
	Hostname  string            `json:"hostname" cel:"hostname"` // as the host calls itself
	BootID    string            `json:"boot_id" cel:"boot_id"`
	OS        string            `json:"os" cel:"os"`           // ID of os-release: debian, ubuntu, rhel ...
	Version   string            `json:"version" cel:"version"` // VERSION_ID of os-release
	Source    string            `json:"source" cel:"source"`   // ssh, local, root
	Privilege string            `json:"privilege" cel:"privilege"`
	Labels    map[string]string `json:"labels" cel:"labels"`
	Systemd   bool              `json:"systemd" cel:"systemd"`           // pid 1 is systemd
	ClockSkew int64             `json:"clock_offset" cel:"clock_offset"` // seconds, host minus ours
	Cron      []string          `json:"cron" cel:"cron"`                 // schedulers that are installed or run: debian, cronie, busybox, systemd-cron ...
	// Crontab is who may give himself a table by crontab(1): allow-list (those whom
	// /etc/cron.allow names), deny-list (all but those of /etc/cron.deny), everybody,
	// root, or none: no daemon that has one was found.
	Crontab string `json:"crontab" cel:"crontab"`
}

// Sshd is what holds at the daemon that answers logins. Scalars that Match can
// change are the weakest value over all login contexts that the configuration
// tells apart; Origin names the line and the context.
type Sshd struct {
	Present bool   `json:"present" cel:"present"` // a configuration or a daemon was found
	Version string `json:"version" cel:"version"` // "9.2"
	Config  string `json:"config" cel:"config"`   // main file
	Refused string `json:"refused" cel:"refused"` // why sshd would not start with its files; "" it would
	Stale   bool   `json:"stale" cel:"stale"`     // files are newer than the daemon's last start or reload

	PasswordLogin     bool `json:"password_login" cel:"password_login"`           // some account may log in with nothing but a password, by whatever method
	RootLogin         bool `json:"root_login" cel:"root_login"`                   // a uid-0 account may log in by some method
	RootPasswordLogin bool `json:"root_password_login" cel:"root_password_login"` // ... with nothing but a password
	EmptyPasswords    bool `json:"empty_passwords" cel:"empty_passwords"`         // an account with an empty password may log in

	PermitRootLogin            string   `json:"permit_root_login" cel:"permit_root_login"` // yes, prohibit-password, forced-commands-only, no
	PasswordAuthentication     bool     `json:"password_authentication" cel:"password_authentication"`
	KbdInteractive             bool     `json:"kbd_interactive_authentication" cel:"kbd_interactive_authentication"`
	PubkeyAuthentication       bool     `json:"pubkey_authentication" cel:"pubkey_authentication"` // weakest here: false where any context has none
	PermitEmptyPasswords       bool     `json:"permit_empty_passwords" cel:"permit_empty_passwords"`
	HostbasedAuthentication    bool     `json:"hostbased_authentication" cel:"hostbased_authentication"`
	IgnoreRhosts               string   `json:"ignore_rhosts" cel:"ignore_rhosts"`
	UsePAM                     bool     `json:"use_pam" cel:"use_pam"`
	StrictModes                bool     `json:"strict_modes" cel:"strict_modes"`
	PermitUserEnvironment      bool     `json:"permit_user_environment" cel:"permit_user_environment"` // yes or a pattern list
	MaxAuthTries               int64    `json:"max_auth_tries" cel:"max_auth_tries"`
	LoginGraceTime             int64    `json:"login_grace_time" cel:"login_grace_time"` // seconds; 0 unlimited
	MaxStartups                string   `json:"max_startups" cel:"max_startups"`
	ClientAliveInterval        int64    `json:"client_alive_interval" cel:"client_alive_interval"` // seconds
	X11Forwarding              bool     `json:"x11_forwarding" cel:"x11_forwarding"`
	AllowTCPForwarding         string   `json:"allow_tcp_forwarding" cel:"allow_tcp_forwarding"` // yes, no, local, remote
	AllowAgentForwarding       bool     `json:"allow_agent_forwarding" cel:"allow_agent_forwarding"`
	AllowStreamLocalForwarding string   `json:"allow_stream_local_forwarding" cel:"allow_stream_local_forwarding"`
	DisableForwarding          bool     `json:"disable_forwarding" cel:"disable_forwarding"`
	GatewayPorts               string   `json:"gateway_ports" cel:"gateway_ports"` // no, yes, clientspecified
	PermitTunnel               string   `json:"permit_tunnel" cel:"permit_tunnel"`
	LogLevel                   string   `json:"log_level" cel:"log_level"`     // upper case
	Compression                string   `json:"compression" cel:"compression"` // yes (= delayed), no
	Banner                     string   `json:"banner" cel:"banner"`           // none or a path
	Ciphers                    []string `json:"ciphers" cel:"ciphers"`         // effective
	MACs                       []string `json:"macs" cel:"macs"`
	KexAlgorithms              []string `json:"kex_algorithms" cel:"kex_algorithms"`
	HostKeyAlgorithms          []string `json:"host_key_algorithms" cel:"host_key_algorithms"`
	PubkeyAcceptedAlgorithms   []string `json:"pubkey_accepted_algorithms" cel:"pubkey_accepted_algorithms"`
	RequiredRSASize            int64    `json:"required_rsa_size" cel:"required_rsa_size"` // bits
	Ports                      []int64  `json:"ports" cel:"ports"`
	ModuliBits                 int64    `json:"moduli_bits" cel:"moduli_bits"`                 // smallest group in the moduli file; 0 no file
	GroupExchangeBits          int64    `json:"group_exchange_bits" cel:"group_exchange_bits"` // smallest group that group exchange hands out; 0 none is handed out
}

// Daemon is one running SSH server.
type Daemon struct {
	PID      int64      `json:"pid" cel:"pid"`
	Kind     string     `json:"kind" cel:"kind"` // sshd, dropbear
	UID      int64      `json:"uid" cel:"uid"`
	Exe      string     `json:"exe" cel:"exe"`
	Args     []string   `json:"args" cel:"args"`
	Config   string     `json:"config" cel:"config"`
	Listens  []string   `json:"listens" cel:"listens"`   // address:port
	Primary  bool       `json:"primary" cel:"primary"`   // the one that answers on the port that we came by, or on the first port
	Replaced bool       `json:"replaced" cel:"replaced"` // its executable was deleted or replaced since it started
	Asked    bool       `json:"asked" cel:"asked"`       // sshd -T was run for it
	Reason   string     `json:"reason" cel:"reason"`     // why not, where not
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// Access is the answer for one account in one login context. "no", "yes" and
// "unknown" are the values of the method fields.
type Access struct {
	User      string      `json:"user" cel:"user"`
	UID       int64       `json:"uid" cel:"uid"`
	From      string      `json:"from" cel:"from"`             // the context in words: "anywhere", "from 10.0.0.0/8", "on port 2222"
	Password  string      `json:"password" cel:"password"`     // a password alone suffices (password or keyboard-interactive)
	PublicKey string      `json:"public_key" cel:"public_key"` // a key that is there (or a certificate) suffices
	Empty     string      `json:"empty" cel:"empty"`           // the empty password suffices
	Other     string      `json:"other" cel:"other"`           // hostbased or gssapi suffices
	Chain     string      `json:"chain" cel:"chain"`           // more than one factor is asked: "publickey,password"; "" none
	Why       string      `json:"why" cel:"why"`               // where all are no: locked, expired, DenyUsers ...; where unknown: what is not known
	Ways      []AccessWay `json:"ways" cel:"ways"`             // each combination of methods that completes a login, or may
	Evidence  []Evidence  `json:"evidence" cel:"evidence"`
}

// AccessWay is one combination of methods that completes a login.
type AccessWay struct {
	Methods string   `json:"methods" cel:"methods"` // "publickey,password"; "none" is the empty password
	Certain bool     `json:"certain" cel:"certain"` // it is open; false: it may be
	Factors int64    `json:"factors" cel:"factors"` // kinds of proof that it asks for (PCI DSS 4.0, 8.4); -1 not known
	Allowed []string `json:"allowed" cel:"allowed"` // the allow: entries of the inventory inside which it lies, by file:line:column
}

// Disagreement is a setting on which two witnesses differ.
type Disagreement struct {
	Setting   string     `json:"setting" cel:"setting"` // keyword in sshd's spelling
	File      string     `json:"file" cel:"file"`
	Effective string     `json:"effective" cel:"effective"`
	Wire      string     `json:"wire" cel:"wire"`
	Cause     string     `json:"cause" cel:"cause"` // the likely cause, in words
	Evidence  []Evidence `json:"evidence" cel:"evidence"`
}

// Account is one line of passwd with its shadow state.
type Account struct {
	Name       string     `json:"name" cel:"name"`
	UID        int64      `json:"uid" cel:"uid"`
	GID        int64      `json:"gid" cel:"gid"`
	Groups     []string   `json:"groups" cel:"groups"` // names, primary first
	Home       string     `json:"home" cel:"home"`
	Shell      string     `json:"shell" cel:"shell"`
	Password   string     `json:"password" cel:"password"`   // empty, hash, locked, star, locked-hash, invalid, unknown
	Algorithm  string     `json:"algorithm" cel:"algorithm"` // yescrypt, sha512, md5, des ...; "" none
	Expired    bool       `json:"expired" cel:"expired"`
	LoginShell bool       `json:"login_shell" cel:"login_shell"` // not nologin, false and the like
	Evidence   []Evidence `json:"evidence" cel:"evidence"`
}

// AuthorizedKey is one key that opens one account.
type AuthorizedKey struct {
	User        string     `json:"user" cel:"user"`
	Path        string     `json:"path" cel:"path"`
	Line        int64      `json:"line" cel:"line"`
	Type        string     `json:"type" cel:"type"` // ssh-ed25519, ssh-rsa ...
	Bits        int64      `json:"bits" cel:"bits"`
	Fingerprint string     `json:"fingerprint" cel:"fingerprint"` // SHA256:...
	Comment     string     `json:"comment" cel:"comment"`
	Options     []string   `json:"options" cel:"options"`
	Weak        string     `json:"weak" cel:"weak"` // why it is weak; "" it is not
	Evidence    []Evidence `json:"evidence" cel:"evidence"`
}

// PrivateKey is one private key that lies on the host. Nothing of the key itself
// is ever read from it.
type PrivateKey struct {
	User        string     `json:"user" cel:"user"` // whose ~/.ssh it lies in
	UID         int64      `json:"uid" cel:"uid"`
	Path        string     `json:"path" cel:"path"`
	Type        string     `json:"type" cel:"type"`               // ssh-ed25519 ...; "" not known. sk-...: no key, but what a token needs beside it
	Bits        int64      `json:"bits" cel:"bits"`               // 0 not known
	Encrypted   string     `json:"encrypted" cel:"encrypted"`     // yes, no, unknown: by a passphrase
	Fingerprint string     `json:"fingerprint" cel:"fingerprint"` // of the public half beside it (PATH.pub); "" there is none
	Comment     string     `json:"comment" cel:"comment"`
	Owner       string     `json:"owner" cel:"owner"`
	Mode        string     `json:"mode" cel:"mode"`
	Evidence    []Evidence `json:"evidence" cel:"evidence"`
}

// Job is one thing that a scheduler runs.
type Job struct {
	Scheduler   string            `json:"scheduler" cel:"scheduler"` // crontab, cron.d, spool, run-parts, anacron, timer, at
	Path        string            `json:"path" cel:"path"`
	Line        int64             `json:"line" cel:"line"`
	User        string            `json:"user" cel:"user"`
	Schedule    string            `json:"schedule" cel:"schedule"` // as written
	Command     string            `json:"command" cel:"command"`
	Environment map[string]string `json:"environment" cel:"environment"` // in force for it, as the table sets it
	Runs        bool              `json:"runs" cel:"runs"`
	Reason      string            `json:"reason" cel:"reason"` // why it does not run
	Targets     []Target          `json:"targets" cel:"targets"`
	Signs       []Sign            `json:"signs" cel:"signs"`
	Severity    string            `json:"severity" cel:"severity"`   // of all signs together: none, info, low, medium, high, critical
	Deceptive   []string          `json:"deceptive" cel:"deceptive"` // deceptive names it reaches, quoted, with what they are: `". .." (dot, space, dot, dot)`
	Evidence    []Evidence        `json:"evidence" cel:"evidence"`

	Form *compare.Form `json:"-"` // by which jobs of several hosts, or of one host at two times, are the same
}

// Target is a file that a job runs.
type Target struct {
	Path     string `json:"path" cel:"path"`
	Exists   string `json:"exists" cel:"exists"` // yes, no, unknown
	Owner    string `json:"owner" cel:"owner"`
	Mode     string `json:"mode" cel:"mode"`         // 0755
	Writable string `json:"writable" cel:"writable"` // who else may write it or a directory above it, in words; "" nobody; "unknown"
}

// Sign is one odd thing about a job.
type Sign struct {
	ID       string   `json:"id" cel:"id"`
	Severity string   `json:"severity" cel:"severity"`
	Attack   []string `json:"attack" cel:"attack"` // ATT&CK technique ids
	Message  string   `json:"message" cel:"message"`
}

// Table is one cron table.
type Table struct {
	Path     string     `json:"path" cel:"path"`
	Kind     string     `json:"kind" cel:"kind"` // crontab, cron.d, spool, anacrontab
	User     string     `json:"user" cel:"user"`
	Runs     bool       `json:"runs" cel:"runs"`
	Reason   string     `json:"reason" cel:"reason"` // why the daemon ignores it, or a line of it
	Lost     int64      `json:"lost" cel:"lost"`     // job lines that never run because of it
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// Expected is one expect: entry of the inventory.
type Expected struct {
	Match    string     `json:"match" cel:"match"` // or the line, where no pattern is given
	User     string     `json:"user" cel:"user"`
	State    string     `json:"state" cel:"state"` // present, missing, disabled, altered, wrong-times, wrong-user, not-running, duplicated, unknown
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// Burst is a number of unrelated files that changed within two minutes, outside
// of the host's installation and of what a package manager does.
type Burst struct {
	Start    string     `json:"start" cel:"start"` // UTC, RFC 3339 with nanoseconds
	End      string     `json:"end" cel:"end"`
	Count    int64      `json:"count" cel:"count"`
	Paths    []string   `json:"paths" cel:"paths"`
	Odd      []string   `json:"odd" cel:"odd"` // those that an odd job stands in or runs
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// OddTime is a file whose times disagree with each other or with its neighbours'.
type OddTime struct {
	Path     string     `json:"path" cel:"path"`
	Kind     string     `json:"kind" cel:"kind"`   // whole-second, copied, future
	MTime    string     `json:"mtime" cel:"mtime"` // UTC, RFC 3339 with nanoseconds
	CTime    string     `json:"ctime" cel:"ctime"`
	Other    string     `json:"other" cel:"other"` // of copied: the file that has the same time
	Message  string     `json:"message" cel:"message"`
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// TableOrigin is how a user's cron table was written, by its header and times.
type TableOrigin struct {
	Path     string     `json:"path" cel:"path"`
	User     string     `json:"user" cel:"user"`
	How      string     `json:"how" cel:"how"`           // crontab -e, crontab -, crontab FILE, direct, copy, other
	Source   string     `json:"source" cel:"source"`     // that crontab(1) named
	Date     string     `json:"date" cel:"date"`         // of its header, as written
	SetBack  bool       `json:"set_back" cel:"set_back"` // the file claims to be older than its own header
	Changed  bool       `json:"changed" cel:"changed"`   // it was changed after crontab(1) had written it
	Later    bool       `json:"later" cel:"later"`       // its inode changed long after its content
	Unloaded bool       `json:"unloaded" cel:"unloaded"` // Debian's daemon was not told of the last change
	Message  string     `json:"message" cel:"message"`
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// UnheldJob is a job that the log shows running and that no table holds.
type UnheldJob struct {
	User     string     `json:"user" cel:"user"`
	Command  string     `json:"command" cel:"command"` // as logged
	Last     string     `json:"last" cel:"last"`       // UTC, RFC 3339
	Count    int64      `json:"count" cel:"count"`     // starts since the tables last changed
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// Moment is one change of a file.
type Moment struct {
	Time string `json:"time" cel:"time"` // UTC, RFC 3339 with nanoseconds
	Path string `json:"path" cel:"path"`
	Role string `json:"role" cel:"role"` // table, target, folder, keys, account, sshd, preload, host-key
	What string `json:"what" cel:"what"` // content; owner, mode, name or links
}

// Drift is one change since the reading of the host that somebody has blessed. The
// facts of a snapshot alone hold none: the audit compares.
type Drift struct {
	Kind     string     `json:"kind" cel:"kind"`         // baseline (what was compared with), job, target, table, key, account, sshd, listener, host-key, file, package, host
	What     string     `json:"what" cel:"what"`         // compared, added, removed, altered
	Severity string     `json:"severity" cel:"severity"` // as postern diff has it
	Subject  string     `json:"subject" cel:"subject"`   // a path, an account, a setting
	Message  string     `json:"message" cel:"message"`   // what changed, in words
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// File is one file or directory whose owner and mode decide about security.
type File struct {
	Path     string     `json:"path" cel:"path"`
	Role     string     `json:"role" cel:"role"` // sshd-config, host-key, host-key-public, authorized-keys, authorized-keys-dir, cron-table, cron-dir, pam
	User     string     `json:"user" cel:"user"` // whose, for authorized keys and spool tables
	Owner    string     `json:"owner" cel:"owner"`
	Group    string     `json:"group" cel:"group"`
	Mode     string     `json:"mode" cel:"mode"`
	Problem  string     `json:"problem" cel:"problem"` // what is wrong with owner or mode; "" nothing
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// Package is an installed package that matters here.
type Package struct {
	Manager string `json:"manager" cel:"manager"`
	Name    string `json:"name" cel:"name"`
	Version string `json:"version" cel:"version"`
}

// Wire is what the server showed while we logged in.
type Wire struct {
	Seen              bool        `json:"seen" cel:"seen"`
	Version           string      `json:"version" cel:"version"`   // whole version line
	Software          string      `json:"software" cel:"software"` // OpenSSH_9.2p1
	Methods           []string    `json:"methods" cel:"methods"`   // after none, for this user from this address
	NoneAccepted      bool        `json:"none_accepted" cel:"none_accepted"`
	Banner            string      `json:"banner" cel:"banner"`
	Kex               []Algorithm `json:"kex" cel:"kex"`
	HostKeyAlgorithms []Algorithm `json:"host_key_algorithms" cel:"host_key_algorithms"`
	Ciphers           []Algorithm `json:"ciphers" cel:"ciphers"`
	MACs              []Algorithm `json:"macs" cel:"macs"`
	Compression       []Algorithm `json:"compression" cel:"compression"`
	Unrecognised      []Algorithm `json:"unrecognised" cel:"unrecognised"` // of all lists: names that no table knows
	StrictKex         bool        `json:"strict_kex" cel:"strict_kex"`
	Terrapin          bool        `json:"terrapin" cel:"terrapin"` // exposed (CVE-2023-48795)
	PostQuantum       bool        `json:"post_quantum" cel:"post_quantum"`
	HostKeys          []HostKey   `json:"host_keys" cel:"host_keys"`
	Insecure          bool        `json:"insecure" cel:"insecure"` // reachable only with algorithms that are off by default
}

// Algorithm is one name that the server offers.
type Algorithm struct {
	Name     string     `json:"name" cel:"name"`
	Kind     string     `json:"kind" cel:"kind"`     // kex, host key, cipher, mac, compression
	Status   string     `json:"status" cel:"status"` // good, acceptable, weak, broken, unknown
	Reason   string     `json:"reason" cel:"reason"`
	Evidence []Evidence `json:"evidence" cel:"evidence"`
}

// HostKey is one key of the server.
type HostKey struct {
	Type        string     `json:"type" cel:"type"`
	Bits        int64      `json:"bits" cel:"bits"`
	Fingerprint string     `json:"fingerprint" cel:"fingerprint"`
	Proven      bool       `json:"proven" cel:"proven"`
	Weak        string     `json:"weak" cel:"weak"`       // why; "" it is not
	Offered     string     `json:"offered" cel:"offered"` // an algorithm of the key exchange can use it: yes, no, unknown
	Evidence    []Evidence `json:"evidence" cel:"evidence"`
}

// Vulnerability is a known fault of an installed package, mended or not.
type Vulnerability struct {
	ID        string     `json:"id" cel:"id"`     // CVE
	Name      string     `json:"name" cel:"name"` // as the press calls it; "" none
	Title     string     `json:"title" cel:"title"`
	Severity  string     `json:"severity" cel:"severity"`
	Part      string     `json:"part" cel:"part"`           // server, client
	Package   string     `json:"package" cel:"package"`     // "" only a banner was seen
	Installed string     `json:"installed" cel:"installed"` // its version
	FixedIn   string     `json:"fixed_in" cel:"fixed_in"`   // version with the fix; "" none is known
	State     string     `json:"state" cel:"state"`         // vulnerable, fixed, not-affected, possible
	Exposed   string     `json:"exposed" cel:"exposed"`     // yes (vulnerable), no (fixed, not-affected), unknown (possible)
	Setting   string     `json:"setting" cel:"setting"`     // of sshd_config or authorized_keys, that does not do what it says; "" none
	Effect    string     `json:"effect" cel:"effect"`       // what happens instead
	Reason    string     `json:"reason" cel:"reason"`
	Sources   []string   `json:"sources" cel:"sources"`
	Evidence  []Evidence `json:"evidence" cel:"evidence"`
}
