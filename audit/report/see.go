package report

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// Bounds on what the text shows of one thing, in bytes of escaped text. The JSON has all.
const (
	boundName     = 200
	boundMessage  = 1000
	boundLine     = 320 // of a host's file: four lines of a terminal
	boundVerbose  = 4000
	shownEvidence = 3
	shownVerbose  = 50
)

// seenHost is what the text needs of a host. Its strings have passed the door and
// are copies: one that pointed into a host's file would keep the whole file.
type seenHost struct {
	name, address         string
	state                 audit.State
	stage, reason, hint   string
	account, privilege    string
	offset                time.Duration
	score                 audit.Score
	outcomes              []seenOutcome // worst first; without pass and not-applicable unless verbose
	passed, notApplicable int
	key                   [sha256.Size]byte // equal for hosts that fold into one
	places                [sha256.Size]byte // equal where their evidence is equal too
}

type seenOutcome struct {
	rule     string
	severity policies.Severity
	verdict  policies.Verdict
	message  string
	reason   string
	remedy   string
	evidence []seenEvidence
	more     int // evidence that is not shown
}

type seenEvidence struct {
	place, text, witness string
}

func (t *Text) see(h *audit.Host) *seenHost {
	s := &seenHost{
		name: name(h.Name), address: name(h.Address), state: h.State,
		stage: t.keep(h.Stage, boundName), reason: t.keep(h.Reason, boundMessage), hint: strings.Clone(Bound(h.Hint, boundMessage)),
		account: name(h.Account), privilege: name(h.Privilege), offset: h.ClockOffset, score: h.Score,
	}
	if h.Account == "" {
		s.account = ""
	}
	key, places := digest(t.key[:0], string(h.State), h.Stage, h.Reason, h.Hint), t.places[:0]
	for _, o := range sortedOutcomes(h.Outcomes) {
		v := verdict(o.Verdict)
		key = digest(key, o.Rule, string(v), string(o.Severity))
		quiet := v == policies.Pass || v == policies.NotApplicable
		if v == policies.Pass {
			s.passed++
		}
		if v == policies.NotApplicable {
			s.notApplicable++
		}
		if quiet && !t.Verbose {
			continue
		}
		key = digest(key, o.Message, o.Reason)
		for _, e := range o.Evidence {
			places = digest(places, e.Path, e.Text, e.Witness)
			places = binary.AppendVarint(places, int64(e.Line))
		}
		s.outcomes = append(s.outcomes, t.seeOutcome(o, v))
	}
	s.key, s.places = sha256.Sum256(key), sha256.Sum256(places)
	t.key, t.places = key, places
	return s
}

func (t *Text) seeOutcome(o *policies.Outcome, v policies.Verdict) seenOutcome {
	s := seenOutcome{
		rule: name(o.Rule), severity: o.Severity, verdict: v,
		message: t.keep(o.Message, boundMessage), reason: t.keep(o.Reason, boundMessage),
		remedy: ownWords(o.Remedy),
	}
	shown, line := shownEvidence, boundLine
	if t.Verbose {
		shown, line = shownVerbose, boundVerbose
	}
	for i, e := range o.Evidence {
		if i == shown {
			s.more = len(o.Evidence) - shown
			break
		}
		x := seenEvidence{text: t.keep(e.Text, line), witness: t.keep(e.Witness, line)}
		if e.Path != "" {
			x.place = strings.Clone(Place(e.Path, e.Line))
		}
		s.evidence = append(s.evidence, x)
	}
	return s
}

// keep is the door for sentences and lines.
func (t *Text) keep(s string, n int) string {
	return strings.Clone(masker(t.Mask).bound(s, n))
}

// name is the door for names.
func name(s string) string {
	if len(s) > boundName {
		return Bound(s, boundName)
	}
	return strings.Clone(Name(s))
}

// ownWords is the door for the catalogue's own text, which is meant to be copied:
// its line breaks stay, and its backslashes are not doubled.
func ownWords(s string) string {
	if len(s) > boundVerbose {
		s = s[:boundVerbose]
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(literal(line), " ")
	}
	return strings.Join(lines, "\n")
}

// digest adds words with their lengths, so that no two lists of words are alike.
func digest(b []byte, words ...string) []byte {
	for _, w := range words {
		b = binary.AppendUvarint(b, uint64(len(w)))
		b = append(b, w...)
	}
	return b
}
