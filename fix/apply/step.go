package apply

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/fix"
)

// maxOutput bounds what one step of a host may say: many times sshd -T for each
// login that is kept.
const maxOutput = 8 << 20

// output is what a step said. Every word of it is the host's.
type output struct {
	values map[string][]string
	blocks map[string]string
	groups map[string][]string
}

func (o *output) all(key string) []string { return o.values[key] }

func (o *output) one(key string) string {
	if v := o.values[key]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// reader takes a step's output apart: lines that begin with the run's random
// number are the program's, what stands between begin and end is sshd's.
type reader struct {
	nonce string
	point func(name string) // for at
	out   output
	part  []byte // of a line
	total int
	block string // being read; "" none
	text  strings.Builder
}

type tooMuch struct{}

func (tooMuch) Error() string { return "the host says more than a step can have to say" }

func (r *reader) Write(p []byte) (int, error) {
	if r.total += len(p); r.total > maxOutput {
		return 0, tooMuch{}
	}
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			r.part = append(r.part, p...)
			return n, nil
		}
		line := p[:i]
		if len(r.part) > 0 {
			line = append(r.part, line...)
		}
		r.line(string(line))
		r.part, p = r.part[:0], p[i+1:]
	}
}

func (r *reader) line(s string) {
	rest, ours := strings.CutPrefix(s, r.nonce+" ")
	if !ours {
		if r.block != "" {
			r.text.WriteString(s)
			r.text.WriteByte('\n')
		}
		return
	}
	key, value, _ := strings.Cut(rest, " ")
	switch key {
	case "begin":
		r.block = value
		r.text.Reset()
	case "end":
		r.out.blocks[r.block] = r.text.String()
		r.block = ""
	case "groups":
		n, names, _ := strings.Cut(value, " ")
		r.out.groups[n] = strings.Fields(names)
	case "at":
		r.point("host:" + value)
	default:
		r.out.values[key] = append(r.out.values[key], value)
	}
}

// tail keeps the end of what went to standard error.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2000
	t.b = append(t.b, p...)
	if len(t.b) > most {
		t.b = slices.Clone(t.b[len(t.b)-most:])
	}
	return len(p), nil
}

// assign is one line that sets a variable of the program.
func assign(name, value string) string { return name + "=" + quote(value) + "\n" }

// step runs one command of the program on the host. It is whole only when it says
// so itself.
func (r *run) step(ctx context.Context, c Conn, name, vars string, limit time.Duration) (*output, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	nonce := newID()
	in := &reader{nonce: nonce, point: r.at, out: output{values: map[string][]string{}, blocks: map[string]string{}, groups: map[string][]string{}}}
	var errs tail
	script := assign("N", nonce) + assign("ID", r.id) + assign("FAIL", r.opt.HostFail) + vars + "set -- " + quote(name) + "\n" + program
	exit, err := c.Run(ctx, command, strings.NewReader(script), in, &errs)
	if f := in.out.one("fail"); f != "" {
		return &in.out, r.failure(name, f)
	}
	if in.out.one("done") == name {
		return &in.out, nil
	}
	e := &StepError{Step: name, Err: err}
	switch {
	case err != nil:
		e.Why = err.Error()
	case exit != 0 && len(errs.b) > 0:
		e.Why = fmt.Sprintf("the host's shell ended with %d: %s", exit, clip(strings.TrimSpace(string(errs.b))))
	default:
		e.Why = fmt.Sprintf("the host's shell ended with %d before the step was done", exit)
	}
	return &in.out, e
}

// failure takes "CODE CHANGE TEXT" apart.
func (r *run) failure(step, f string) error {
	e := &StepError{Step: step}
	var n string
	e.Code, f, _ = strings.Cut(f, " ")
	n, f, _ = strings.Cut(f, " ")
	e.Why = clip(f)
	if i, err := strconv.Atoi(n); err == nil && i > 0 && i <= len(r.host.Changes) {
		e.Path = realPath(&r.host.Changes[i-1])
	}
	if file, why, ok := changedRest(r.host, f); ok && e.Code == "changed" {
		e.Path, e.Why = file, why
	}
	switch e.Code {
	case "changed":
		e.Err = ErrChanged
	case "busy":
		e.Err = ErrBusy
	case "refused":
		e.Err = ErrRefused
	}
	return e
}

// preparation is what the first step brings along: the plan as the host's program
// reads it, the new contents, and the program itself for guard and boot hook.
func (r *run) preparation(stored []byte) string {
	var b strings.Builder
	b.WriteString(r.manifest)
	for i := range r.host.Changes {
		if c := &r.host.Changes[i]; c.After.Exists && c.Kind != fix.KindMode && c.Kind != fix.KindKey && c.Kind != fix.KindMove && c.Kind != fix.KindAccount {
			b.WriteString(printer(fmt.Sprintf("new_%d", i+1), c.New))
		}
	}
	b.WriteString(printer("the_manifest", []byte(r.manifest)))
	b.WriteString(printer("the_program", []byte(program)))
	b.WriteString(printer("the_plan", stored))
	b.WriteString(assign("MANIFEST_HASH", sum([]byte(r.manifest))))
	b.WriteString(assign("PROGRAM_HASH", sum([]byte(program))))
	return b.String()
}

// states are the names that a run's state can have: see host.sh.
var states = []string{"prepared", "armed", "confirmed", "rolling", "rolledback"}

// status is how a host stands, by its own word.
type status struct {
	uid        int
	connection string // SSH_CONNECTION
	current    bool   // a run's folder is there
	run        string // its number
	state      string // prepared, armed, confirmed, rolling, rolledback; "" none
	age        int    // of the run, in seconds; -1: from before the last boot
	left       int    // seconds until the guard acts
	guard      bool
	records    map[string]string // of earlier runs: their last state
	ended      map[string]time.Time
}

func (r *run) status(ctx context.Context, c Conn) (*status, error) {
	out, err := r.step(ctx, c, "status", "", 30*time.Second)
	if err != nil {
		return nil, err
	}
	st := &status{uid: -1, connection: out.one("connection"), current: out.one("current") == "1", run: out.one("run"),
		state: out.one("state"), guard: out.one("guard") == "1", records: map[string]string{}, ended: map[string]time.Time{}}
	odd := func(what string) error { return &StepError{Step: "status", Why: "the host says " + clip(what)} }
	for value, to := range map[string]*int{"uid": &st.uid, "age": &st.age, "left_s": &st.left} {
		if v := out.one(value); v != "" {
			n, err := strconv.ParseInt(v, 10, 33) // seconds of a century, and uids up to 2^32-1
			if err != nil {
				return nil, odd(value + " " + v)
			}
			*to = int(n)
		}
	}
	if st.run != "" && !isID(st.run) {
		return nil, odd("run " + st.run)
	}
	if st.state != "" && !slices.Contains(states, st.state) {
		return nil, odd("state " + st.state)
	}
	for _, v := range out.all("record") {
		id, rest, _ := strings.Cut(v, " ")
		state, at, _ := strings.Cut(rest, " ")
		if !isID(id) || !slices.Contains(states, state) {
			continue // a folder that is none of ours
		}
		st.records[id] = state
		if n, err := strconv.ParseInt(at, 10, 33); err == nil && n >= 0 {
			st.ended[id] = time.Unix(n, 0).UTC()
		}
	}
	return st, nil
}
