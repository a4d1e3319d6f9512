package fix

import (
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
)

// fixer mends one rule.
type fixer struct {
	rule string
	does string // what it changes, in a sentence, for explain
	// fromFacts: the rule can be judged on a plan, so that one which an earlier
	// change has mended already is left alone.
	fromFacts bool
	plan      func(*planner)
}

// About says what fix would do about a rule; ok is false where it can do nothing.
func About(rule string) (text string, ok bool) {
	if f := fixerOf(rule); f != nil {
		return f.does, true
	}
	return "", false
}

// Rules are the rules that fix can mend, in the order in which it does.
func Rules() []string {
	var out []string
	for i := range fixers {
		out = append(out, fixers[i].rule)
	}
	return out
}

func fixerOf(rule string) *fixer {
	for i := range fixers {
		if fixers[i].rule == rule {
			return &fixers[i]
		}
	}
	return nil
}

// fixers in their order: what opens before what closes, and what is stronger before
// what it makes needless.
var fixers []fixer

func init() { fixers = table() } // the planner asks the table, which names its methods

func table() []fixer {
	return []fixer{
		{"sshd-config-files", modesDo, true, modeFixer("sshd-config")},
		{"host-key-files", "gives private host keys to root alone (chown root, chmod go-rwx); whether somebody has read one before is for you to judge", true, modeFixer("host-key")},
		{"host-key-public-files", modesDo, true, modeFixer("host-key-public")},
		{"authorized-keys-files", "takes writing from group and others (chmod go-w), with the rights of the account; a file of a third account is left to you", true, modeFixer("authorized-keys", "authorized-keys-dir")},
		{"pam-files", modesDo, true, modeFixer("pam")},
		{"cron-table-files", modesDo, true, modeFixer("cron-table")},
		{"cron-directories", modesDo, true, modeFixer("cron-dir")},
		{"ed25519-host-key", "makes the missing Ed25519 host key (ssh-keygen), names it where HostKey lines stand, and replaces none", false, (*planner).ed25519},

		setTo("pubkey-authentication", is("PubkeyAuthentication", "yes")),
		setTo("use-pam", is("UsePAM", "yes")),
		setTo("strict-modes", is("StrictModes", "yes")),
		setTo("no-root-login", is("PermitRootLogin", "no")),
		setTo("permit-root-login", is("PermitRootLogin", "no")),
		{"no-password-login", "sets PasswordAuthentication no, and where passwords still get in by it, KbdInteractiveAuthentication no (ChallengeResponseAuthentication up to OpenSSH 8.6); Match blocks that open them again are changed too, but for what allow: means", true, (*planner).noPasswords},
		{"root-password-login", "sets PermitRootLogin prohibit-password where root may use a password", true, (*planner).noRootPasswords},
		setTo("empty-password-login", is("PermitEmptyPasswords", "no")),
		setTo("permit-empty-passwords", is("PermitEmptyPasswords", "no")),
		{"none-accepted", "sets PermitEmptyPasswords no", false, sshdFixer(is("PermitEmptyPasswords", "no"))},
		setTo("hostbased-authentication", is("HostbasedAuthentication", "no")),
		setTo("ignore-rhosts", is("IgnoreRhosts", "yes")),
		setTo("permit-user-environment", is("PermitUserEnvironment", "no")),

		setTo("max-auth-tries", atMost("MaxAuthTries", 6)),
		setTo("max-auth-tries-strict", atMost("MaxAuthTries", 4)),
		setTo("login-grace-time", atMost("LoginGraceTime", 120)),
		setTo("login-grace-time-strict", atMost("LoginGraceTime", 60)),
		setTo("max-startups", startups(100)),
		setTo("max-startups-strict", startups(60)),
		setTo("idle-sessions", atMost("ClientAliveInterval", 900)),
		setTo("log-level", setting{"LogLevel", []string{"INFO"}, oneOf("INFO", "VERBOSE")}),
		setTo("log-level-verbose", is("LogLevel", "VERBOSE")),
		setTo("disable-forwarding", is("DisableForwarding", "yes")),
		setTo("gateway-ports", is("GatewayPorts", "no")),
		setTo("permit-tunnel", is("PermitTunnel", "no")),
		setTo("x11-forwarding", is("X11Forwarding", "no")),
		setTo("tcp-forwarding", is("AllowTcpForwarding", "no")),
		setTo("agent-forwarding", is("AllowAgentForwarding", "no")),
		setTo("stream-local-forwarding", is("AllowStreamLocalForwarding", "no")),
		setTo("required-rsa-size", setting{"RequiredRSASize", []string{"2048"}, func(w []string) bool { return number(w) >= 2048 }}),

		listFixer("broken-ciphers", "Ciphers", wire.KindCipher, wire.StatusBroken),
		listFixer("weak-ciphers", "Ciphers", wire.KindCipher, wire.StatusWeak),
		listFixer("broken-macs", "MACs", wire.KindMAC, wire.StatusBroken),
		listFixer("weak-macs", "MACs", wire.KindMAC, wire.StatusWeak),
		listFixer("broken-key-exchange", "KexAlgorithms", wire.KindKex, wire.StatusBroken),
		listFixer("weak-key-exchange", "KexAlgorithms", wire.KindKex, wire.StatusWeak),
		listFixer("weak-host-key-algorithms", "HostKeyAlgorithms", wire.KindHostKey, wire.StatusWeak),
		{"weak-user-key-algorithms", "takes ssh-rsa and ssh-dss out of PubkeyAcceptedAlgorithms (PubkeyAcceptedKeyTypes up to OpenSSH 8.4)", true, (*planner).userKeyAlgorithms},
		{"terrapin", "takes chacha20-poly1305 and the CBC ciphers out of Ciphers; an update of OpenSSH mends it without", false, (*planner).terrapin},
		{"moduli", moduliDo, false, (*planner).groupExchange},
		{"small-moduli", moduliDo, false, (*planner).groupExchange},

		{"sshd-stale-config", "has sshd read its files anew; only where --only names this rule, since the edit is somebody else's: it is shown apart and needs --accept-risk=pending-edits", false, (*planner).loadFiles},

		{"crontab-allow-list", "writes /etc/cron.allow with root and the owners of tables that are there, but for those whom /etc/cron.deny shuts out; the tables themselves go on running", true, (*planner).allowCron},

		{"fetch-and-run-jobs", quarantineDo, true, (*planner).quarantine},
		{"job-signs-critical", quarantineDo, true, (*planner).quarantine},
		{"deceptive-job-names", quarantineDo, true, (*planner).quarantine},
		{"job-signs-high", quarantineDo + "; only where --only names this rule, since some such jobs are meant", true, (*planner).quarantineNamed},
		{"expected-job-missing", "puts the job back: the exact line: of expect:, else the line as an earlier archive of this host holds it; with neither it refuses", true, (*planner).restore},
		{"expected-job-altered", "puts the exact line: of expect:, or the one of an earlier archive, in the place of the line that differs", true, (*planner).restore},
		{"weak-authorized-keys", "comments the line out, with the reason and the day, with the rights of the account", true, (*planner).weakKeys},
		{"user-environment-keys", "takes environment= out of the line's options; the key itself stays", true, (*planner).environmentKeys},
	}
}

const (
	modesDo      = "gives the file to root and takes writing from group and others (chown root, chmod go-w)"
	moduliDo     = "takes the groups below 3072 bits out of /etc/ssh/moduli; where the file cannot be read or too few would be left, diffie-hellman-group-exchange out of KexAlgorithms instead"
	quarantineDo = "copies the table and what it runs as evidence, then comments the line out (a script of run-parts is moved into the record)"
)

// setTo is a fixer that sets one keyword.
func setTo(rule string, s setting) fixer {
	return fixer{rule, "sets " + s.keyword + " " + strings.Join(s.args, " ") + ", where it is set today, else in front of the first Match; Match blocks that say otherwise are changed too", true, sshdFixer(s)}
}

func number(w []string) int64 {
	if len(w) != 1 {
		return -1
	}
	n, err := strconv.ParseInt(w[0], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func atMost(keyword string, n int64) setting {
	return setting{keyword, []string{strconv.FormatInt(n, 10)}, func(w []string) bool { got := number(w); return got > 0 && got <= n }}
}

func oneOf(words ...string) func([]string) bool {
	return func(w []string) bool {
		return len(w) == 1 && slices.ContainsFunc(words, func(s string) bool { return strings.EqualFold(s, w[0]) })
	}
}

func startups(full int64) setting {
	return setting{"MaxStartups", []string{"10:30:" + strconv.FormatInt(full, 10)}, func(w []string) bool {
		if len(w) != 1 {
			return false
		}
		parts := strings.Split(w[0], ":")
		n, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
		return err == nil && n > 0 && n <= full
	}}
}

// noPasswords shuts the ways by which a password alone gets in, the first one
// first.
func (p *planner) noPasswords() {
	steps := []setting{is("PasswordAuthentication", "no")}
	if p.cfg != nil && p.cfg.Version().Before(8, 7) {
		// Two switches up to 8.6, and this one turns the other on (sshd.c).
		steps = append(steps, is("ChallengeResponseAuthentication", "no"))
	}
	sshdFixer(append(steps, is("KbdInteractiveAuthentication", "no"))...)(p)
}

func (p *planner) noRootPasswords() {
	word := "prohibit-password"
	if p.cfg != nil && p.cfg.Version().Known() && p.cfg.Version().Before(7, 0) {
		word = "without-password"
	}
	sshdFixer(setting{"PermitRootLogin", []string{word}, oneOf("no", "forced-commands-only", "prohibit-password", "without-password")})(p)
}

// byHand says why fix leaves a rule to a person.
func byHand(rule string) string {
	if why, ok := people[rule]; ok {
		return why
	}
	return "it needs a person: postern explain " + rule
}

// people are rules that a machine should not mend, each with the reason.
var people = map[string]string{
	"sshd-refuses-config":        "sshd would not start with its files: mend the line that it names first",
	"sshd-second-daemon":         "whether that server is meant to run is for you to say",
	"sshd-foreign-daemon":        "a server that is not root's: look at it before you stop it",
	"sshd-replaced-binary":       "restart sshd in a quiet hour: systemctl restart ssh",
	"login-banner":               "the words are yours: write /etc/issue.net, then Banner /etc/issue.net",
	"uid-0-accounts":             "changing an account's uid changes whose its files are",
	"empty-password-accounts":    "passwd -l NAME, once you know who uses it",
	"weak-password-hashes":       "each owner has to set the password anew",
	"service-account-passwords":  "usermod is for you to run, once you know what logs in with it",
	"rsa-authorized-keys-size":   "the owner makes a new key first, logs in with it, and then takes the old one out",
	"job-signs-medium":           "some such jobs are meant: ask the owner of the line",
	"writable-job-targets":       "the file may have been changed already: read it first",
	"missing-job-targets":        "ask whose job it is",
	"broken-host-key-algorithms": "the host key has to be made anew, and all clients have to learn it",
	"weak-host-keys":             "the host key has to be made anew, and all clients have to learn it",
	"host-key-size":              "the host key has to be made anew, and all clients have to learn it",
	"post-quantum-key-exchange":  "it needs a newer OpenSSH",
	"legacy-only":                "it needs a newer SSH server",
}

// acceptedKeyword is the name of the list of users' key algorithms in that release.
func acceptedKeyword(cfg *sshd.Config) string {
	if v := cfg.Version(); v.Known() && v.Before(8, 5) {
		return "PubkeyAcceptedKeyTypes"
	}
	return "PubkeyAcceptedAlgorithms"
}
