package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// Up to RHEL 8 the back-end for sshd is a variable that its unit hands over on the
// command line: CRYPTO_POLICY='-oCiphers=... -oMACs=...'. It goes before all files, and
// only a start reads it anew.
const (
	handedHead = "CRYPTO_POLICY='"
	handedTail = "'\n"
)

// handedWords are the arguments that such a back-end makes; nil: it is another thing.
func handedWords(backEnd []byte) []string {
	text, ok := strings.CutPrefix(string(backEnd), handedHead)
	if !ok {
		return nil
	}
	if text, ok = strings.CutSuffix(text, handedTail); !ok || strings.ContainsAny(text, "'\"\\\n\x00$`*?[]~") {
		return nil
	}
	words := strings.Split(text, " ")
	for _, w := range words {
		k, v, _ := strings.Cut(strings.TrimPrefix(w, "-o"), "=")
		if !strings.HasPrefix(w, "-o") || k == "" || v == "" {
			return nil
		}
	}
	return words
}

// policyHanded says that a value comes from the crypto policy by the command line.
func (p *planner) policyHanded(v sshd.Value) bool {
	if v.Origin.Kind != sshd.FromCommandLine {
		return false
	}
	data, why := content(p.in.Snapshot, policyBackEnd)
	return why == "" && bytes.HasPrefix(data, []byte(handedHead))
}

// handedOver says why a back-end cannot be handed over anew: the daemon has to have been
// started with it, by a unit of systemd's that can start it again.
func (p *planner) handedOver(backEnd []byte) (why string) {
	words := handedWords(backEnd)
	if words == nil {
		return policyBackEnd + " is not in the form that sshd's unit hands over"
	}
	r := p.reloadOf(true)
	for _, w := range words {
		if !slices.Contains(r.Args, w) {
			return fmt.Sprintf("sshd was not started with what %s holds (%s): restart it first, and see that you can log in", policyBackEnd, strings.SplitN(w, "=", 2)[0])
		}
	}
	if r.Unit == "" || r.Socket || r.PID == 0 {
		return "no unit of systemd's was seen that would start sshd with it again"
	}
	return ""
}

// handedLines and handedOf write such a back-end as lines of sshd_config, and back.
func handedLines(words []string) []byte {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.Replace(strings.TrimPrefix(w, "-o"), "=", " ", 1) + "\n")
	}
	return []byte(b.String())
}

func handedOf(lines []byte) []byte {
	var words []string
	for line := range strings.Lines(string(lines)) {
		words = append(words, "-o"+strings.Replace(strings.TrimSuffix(line, "\n"), " ", "=", 1))
	}
	return []byte(handedHead + strings.Join(words, " ") + handedTail)
}

// handedArgs are a daemon's arguments with another back-end.
func handedArgs(args []string, old, new []byte) []string {
	was, is := handedWords(old), handedWords(new)
	out := slices.Clone(args)
	for i, w := range was {
		if i < len(is) && is[i] != w {
			for n := range out {
				if out[n] == w {
					out[n] = is[i]
				}
			}
		}
	}
	return out
}

// handed is a snapshot as it would be once sshd is started with the changed back-end.
func handed(after *snapshot.Snapshot, c *Change) {
	if c.Before.Real != policyBackEnd || handedWords(c.Old) == nil {
		return
	}
	for i := range after.Files {
		f := &after.Files[i]
		if !strings.HasPrefix(f.Path, "/proc/") || !strings.HasSuffix(f.Path, "/cmdline") {
			continue
		}
		sep := "\x00"
		if bytes.HasPrefix(f.Content, []byte("sshd: ")) { // a title has blanks between its words
			sep = " "
		}
		f.Content = []byte(strings.Join(handedArgs(strings.Split(string(f.Content), sep), c.Old, c.New), sep))
	}
}

// startedAnew is the configuration without edits, with the command line as it would be.
func (p *planner) startedAnew() *sshd.Config {
	opt := p.server.Options
	var words []string
	for _, o := range opt.CommandLine {
		words = append(words, "-o"+o)
	}
	opt.CommandLine = nil
	for _, w := range handedArgs(words, p.policy.backEnd.old, p.policy.backEnd.new) {
		opt.CommandLine = append(opt.CommandLine, strings.TrimPrefix(w, "-o"))
	}
	return sshd.Load(p.first.Main, p.server.Files, opt)
}
