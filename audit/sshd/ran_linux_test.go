package sshd

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"sort"
	"strings"
	"testing"
)

// valueOf is a value that a keyword takes in every release.
func valueOf(r *row) string {
	switch r.kind {
	case kindFlag, kindUserEnv, kindTunnel:
		return "no"
	case kindEnum:
		name, _, _ := strings.Cut(r.enum[0], "=")
		return name
	case kindInt, kindTime, kindTimeOrNone, kindIntOrNone:
		return "5"
	case kindPath, kindPathTilde, kindPaths, kindKeyFiles, kindRaw, kindCommand:
		return "/etc/issue"
	case kindEnvSet:
		return "A=1"
	case kindPort:
		return "22"
	case kindListen:
		return "127.0.0.1"
	case kindAlgorithms:
		return map[algClass]string{algCipher: "aes256-ctr", algMAC: "hmac-sha2-256", algKex: "curve25519-sha256"}[r.algs] +
			map[bool]string{true: "ssh-ed25519"}[r.algs == algKey || r.algs == algSig]
	case kindGSSKex:
		return "gss-group14-sha256-"
	case kindSubsystem:
		return "x /bin/true"
	case kindMaxStartups:
		return "10:30:100"
	case kindNetBlock:
		return "32:128"
	case kindPenalties:
		return "crash:90"
	case kindPermit:
		return "any"
	case kindAuthMethods:
		return "any"
	case kindMask:
		return "0177"
	case kindDigest:
		return "sha256"
	case kindQoS:
		return "ef"
	case kindRekey:
		return "1G 1h"
	case kindPubkeyOptions, kindChannels, kindLogVerbose:
		return "none"
	case kindAgentSocket:
		return "user:x"
	case kindInclude:
		return "/nope/*.conf"
	case kindMatch:
		return "all"
	}
	return "x"
}

// notAsked are keywords of which the daemon's answer depends on more than the table.
var notAsked = map[string]string{
	"RDomain":         "sshd refuses it on every platform but OpenBSD",
	"HostCertificate": "the file must be a certificate",
	"HostKey":         "the file must be a key",
	"HostDSAKey":      "the file must be a key",
}

// lacksOf says what a daemon answers about a keyword that the table does not say.
func lacksOf(t *testing.T, o *oracle, name string, printed Effective) (lacks []string) {
	t.Helper()
	rel := newRelease(o.version, "debian")
	self, slot, _, known := lookup(name, o.version, "debian")
	empty := Load("none", nil, Options{Version: o.version, Distro: "debian"}).Globals()
	own, target := &row{name: name}, &row{name: name}
	if known {
		own, target = &rows[self], &rows[slot]
	}
	line := name + " " + valueOf(target) + "\n"
	more := ""
	switch name { // these need another line to start
	case "AuthorizedKeysCommand", "AuthorizedPrincipalsCommand":
		more = name + "User nobody\n"
	}
	ask := func(conf string) answer {
		as, err := o.ask(map[string]string{mainPath: conf}, "-C user=alice,host=h,addr=192.0.2.1,laddr=192.0.2.2,lport=22")
		if err != nil {
			t.Fatal(err)
		}
		return as[0]
	}
	a := ask(line + more)
	switch unknown := strings.Contains(a.stderr, "Bad configuration option"); {
	case unknown == known:
		lacks = append(lacks, fmt.Sprintf("table: known %v; sshd: %s", known, strings.TrimSpace(a.stderr)))
		return lacks
	case !known:
		return nil
	case a.code != 0:
		lacks = append(lacks, fmt.Sprintf("%q refused: %s", line, strings.TrimSpace(a.stderr)))
	}
	want := acted
	switch {
	case strings.Contains(a.stderr, "Deprecated option"):
		want = deprecated
	case strings.Contains(a.stderr, "Unsupported option"):
		want = unsupported
	}
	if own.fate != want && !(own.fate == silent && want == acted) {
		lacks = append(lacks, fmt.Sprintf("fate %d in the table; sshd: %s", own.fate, strings.TrimSpace(a.stderr)))
	}
	if target.kind != kindMatch {
		a = ask(more + "Match user alice\n" + line)
		if ok := !strings.Contains(a.stderr, "not allowed within a Match block"); ok != own.inMatch(o.version) {
			lacks = append(lacks, fmt.Sprintf("in Match %v in the table; sshd: %s", own.inMatch(o.version), strings.TrimSpace(a.stderr)))
		}
	}
	if own != target || own.fate != acted || strings.Contains(name, "Include") {
		return lacks
	}
	theirs, prints := printed[strings.ToLower(name)]
	mine := empty.Get(name).Args
	if target.kind == kindAlgorithms {
		mine = target.defaultArgs(rel)
	}
	switch {
	case name == "PubkeyAuthOptions" && !o.version.Before(10, 6):
		// It prints max-pk-ok:6 as well, which is no option of this table yet.
	case !prints || name == "HostKey" || name == "ListenAddress":
	case mine == nil && target.kind != kindAlgorithms:
		if s := strings.Join(theirs, " "); s != "none" && s != "" && name != "GSSAPIKexAlgorithms" {
			lacks = append(lacks, fmt.Sprintf("no default in the table; sshd prints %q", theirs))
		}
	case target.kind == kindAlgorithms:
		if a, b := normal(target, []string{strings.Join(mine, ",")}), normal(target, theirs); !subset(a, b) || !subset(b, a) {
			lacks = append(lacks, fmt.Sprintf("default %q; sshd prints %q", a, b))
		}
	default:
		a, b := normal(target, append([]string(nil), mine...)), normal(target, append([]string(nil), theirs...))
		if !sameWords(target, &Value{Args: mine}, a, b) {
			lacks = append(lacks, fmt.Sprintf("default %q; sshd prints %q", a, b))
		}
	}
	return lacks
}

// TestKeywordsRun lists what the table lacks against the daemons at hand, and
// holds what it claims was run.
func TestKeywordsRun(t *testing.T) {
	agreed := map[string][]string{}
	for _, suite := range []string{"bullseye", "bookworm", "trixie", "sid"} {
		t.Run(suite, func(t *testing.T) {
			root, err := rootOf(suite)
			if err != nil {
				lacking(t, "a root of %s: %v", suite, err)
			}
			o := startOracle(t, suite, root, 1)
			as, err := o.ask(map[string]string{mainPath: ""}, "-C user=alice,host=h,addr=192.0.2.1,laddr=192.0.2.2,lport=22")
			if err != nil || as[0].code != 0 {
				t.Fatalf("%v %+v", err, as)
			}
			printed := ParseEffective([]byte(as[0].out))
			for k := range printed {
				if len(index[k]) == 0 {
					t.Errorf("sshd %s prints %s, which the table lacks", o.version, k)
				}
			}
			for _, name := range Keywords() {
				// Debian's sid has two packages: openssh-server, which was asked, has
				// none of these, openssh-server-gssapi all.
				twoBuilds := !o.version.Before(10, 5) && (strings.HasPrefix(name, "GSS") || strings.HasPrefix(name, "Kerberos"))
				if notAsked[name] != "" || twoBuilds {
					continue
				}
				lacks := lacksOf(t, o, name, printed)
				for _, l := range lacks {
					t.Errorf("%s %s: %s", name, o.version, l)
				}
				if _, _, _, known := lookup(name, o.version, "debian"); known && len(lacks) == 0 {
					agreed[name] = append(agreed[name], o.version.String())
				}
			}
			t.Logf("sshd %s (%s) was asked about %d keywords", o.version, o.banner, len(Keywords())-len(notAsked))
		})
	}
	if t.Failed() || len(agreed) == 0 {
		return
	}
	if *update {
		writeRan(t, agreed)
		return
	}
	for _, name := range Keywords() {
		if got := strings.Join(agreed[name], " "); got != runOn[name] {
			t.Errorf("%s: run on %q, the table says %q; go test -run TestKeywordsRun -update", name, got, runOn[name])
		}
	}
}

// TestMistakesRun puts the configurations of testdata/mistakes to the daemons of
// their releases: it refuses what is said to be refused, in the same words.
func TestMistakesRun(t *testing.T) {
	oracles := map[string]*oracle{}
	for _, suite := range []string{"bullseye", "bookworm", "trixie", "sid"} {
		root, err := rootOf(suite)
		if err != nil {
			lacking(t, "a root of %s: %v", suite, err)
		}
		o := startOracle(t, suite, root, 1)
		oracles[o.version.String()] = o
	}
	n := 0
	for _, name := range mistakes(t) {
		m := readMistake(t, name)
		o := oracles[m.version.String()]
		if o == nil {
			continue
		}
		files := map[string]string{}
		for path, text := range m.files {
			files[path] = string(text)
		}
		as, err := o.ask(files, "")
		if err != nil {
			t.Fatal(err)
		}
		n++
		cfg := Load(mainPath, m.files, Options{Version: m.version, Distro: m.distro})
		if refused := as[0].code != 0; refused != (cfg.Refused() != nil) {
			t.Errorf("%s: sshd %s exits %d: %s", name, m.version, as[0].code, as[0].stderr)
		}
		// It ends at some faults, so it may not come to the others.
		if f := cfg.Faults[0]; !strings.Contains(as[0].stderr, LogForm(f.Message)) {
			t.Errorf("%s: here %q, sshd %s says:\n%s", name, f.Message, m.version, as[0].stderr)
		}
	}
	if n < 50 {
		t.Errorf("only %d configurations were put to a daemon", n)
	}
}

func writeRan(t *testing.T, agreed map[string][]string) {
	src, err := os.ReadFile("ran.go")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(src, []byte("var runOn"))
	var b bytes.Buffer
	b.Write(head)
	b.WriteString("var runOn = map[string]string{\n")
	var names []string
	for n := range agreed {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(&b, "\t%q: %q,\n", n, strings.Join(agreed[n], " "))
	}
	b.WriteString("}\n")
	out, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("ran.go", out, 0o644); err != nil {
		t.Fatal(err)
	}
}
