package snapshot

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strings"
	"sync"
)

// CollectorVersion is the version of the collector script. It changes with
// every change of what the script brings or how.
const CollectorVersion = "1"

// script is the collector: one POSIX sh program, the same for every host.
//
//go:embed collector.sh
var script string

// ScriptSHA256 returns the hash of the script's bytes, in hex.
func ScriptSHA256() string { return scriptSHA256() }

var scriptSHA256 = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(script))
	return hex.EncodeToString(sum[:])
})

// scriptEnd is the script's last line: what does not end in it was cut and is not run.
const scriptEnd = "collect end-of-collector"

// body reads the whole script from stdin and runs it, unless it was cut. Its
// arguments are the rights, SSH_CONNECTION and the words of a sudo that refused.
const body = `PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; umask 077; ` +
	`S=$(cat); case $S in *"` + scriptEnd + `") eval "$S";; *) exit 3;; esac; exit 0`

// ask tries sudo -n with the same words that will run: one line in the host's
// log, not two. sudo exits with 1 when it refuses, and has read nothing of
// stdin then; 126 and 127 are the shell's words for a sudo that is not there. With
// -k sudo neither uses nor makes the account's timestamp file.
const ask = `{ E=$(sudo -n -k /bin/sh -c "$B" sh sudo "$C" "" 2>&1 >&3 3>&-); R=$?; } 3>&1; ` +
	`case $R in 1|126|127) ;; *) exit $R;; esac; `

// Command returns the command line that runs the collector with the rights
// asked for: it reads the script (see [Script]) from stdin. It means the same to
// sh, bash, zsh, csh, tcsh and fish as a login shell: two words in single quotes
// without a quote, backslash, exclamation mark or newline in them.
func Command(want Request) string {
	start := `PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; umask 077; ` +
		`B=$1; C=$SSH_CONNECTION; E=; P=none; `
	if want == RequestNone {
		start += `case $(id -u) in 0) P=root;; esac; `
	} else {
		start += `case $(id -u) in 0) P=root;; *) ` + ask + `;; esac; `
	}
	start += `set -- "$P" "$C" "$E"; eval "$B"`
	return "exec /bin/sh -c '" + start + "' sh '" + body + "'"
}

// parameters are the lines that go before the script: data for it, not code.
// Every word in them is ours and made of letters, digits and dots.
func parameters(nonce string, tokens []string, l Limits) string {
	var b strings.Builder
	b.WriteString("N='" + nonce + "'\nTOKENS='")
	for _, t := range tokens {
		b.WriteString(t + " ")
	}
	b.WriteString("'\n")
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"CAP", l.File}, {"OUTCAP", l.Output}, {"ERRCAP", l.Stderr},
		{"TOTAL", l.Total}, {"SECONDS_MAX", int64(l.Time.Seconds())},
	} {
		b.WriteString(v.name + "=" + itoa(v.value) + "\n")
	}
	return b.String()
}
