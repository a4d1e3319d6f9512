// Command measure prints how well the signs of audit/cron tell planted jobs from
// honest ones, over lines whose answer is known:
//
//	go run ./audit/cron/measure audit/cron/testdata/lines.jsonl
//
// A line of a file is {"line": …, "kind": "user" or "system", "label": "malicious",
// "benign", "risky" or "undecidable"}. Three figures are printed: the line alone, the
// line on a host that holds what it runs, and generated variants of the line. Each
// line that is told wrong is listed with what was seen in it.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// Line is one line whose answer is known.
type Line struct {
	Line   string `json:"line"`
	Kind   string `json:"kind"`
	Label  string `json:"label"`
	Family string `json:"family"`
}

func main() {
	variants := flag.Int("variants", 20, "variants of each line")
	seed := flag.Uint64("seed", 2011, "of the generator")
	list := flag.Int("list", 40, "wrong variants to list")
	flag.Parse()
	var lines []Line
	for _, name := range flag.Args() {
		data, err := os.ReadFile(name)
		if err == nil {
			var more []Line
			if more, err = Read(data); err == nil {
				lines = append(lines, more...)
			}
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "measure: %s: %v\n", name, err)
			os.Exit(2)
		}
	}
	if len(lines) == 0 {
		fmt.Fprintln(os.Stderr, "measure: no lines; name a file of them")
		os.Exit(2)
	}
	Measure(os.Stdout, lines, *variants, *list, *seed)
}

// Read reads lines of JSON.
func Read(data []byte) ([]Line, error) {
	var out []Line
	for n, text := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// Count is how many lines of a label weigh medium or more, of how many.
type Count struct{ Heavy, All int }

// Share is the part that weighs medium or more, 0 to 1.
func (c Count) Share() float64 {
	if c.All == 0 {
		return 0
	}
	return float64(c.Heavy) / float64(c.All)
}

// Figures are the counts by label.
type Figures map[string]Count

func (f Figures) add(label string, heavy bool) {
	c := f[label]
	c.All++
	if heavy {
		c.Heavy++
	}
	f[label] = c
}

// Measure prints the figures and the misses, and returns the figures: of the line
// alone, with what a host holds, and over n variants a line.
func Measure(w io.Writer, lines []Line, n, list int, seed uint64) (alone, planted, varied Figures) {
	alone, planted, varied = Figures{}, Figures{}, Figures{}
	fmt.Fprintln(w, "wrong by the line alone")
	for i := range lines {
		alone.judge(w, &lines[i], nil)
	}
	fmt.Fprintln(w, "wrong with what the host holds")
	for i := range lines {
		planted.judge(w, &lines[i], plant)
	}
	fmt.Fprintln(w, "wrong variants")
	r := newRand(seed)
	for i := range lines {
		j, _ := jobOf(&lines[i])
		if j == nil || j.HasStdin {
			continue
		}
		for range n {
			times, command := variant(r, j.Command)
			v := Line{Line: times + " " + strings.ReplaceAll(command, "%", `\%`), Kind: "user", Label: lines[i].Label}
			out := w
			if list <= 0 {
				out = io.Discard
			}
			if varied.judge(out, &v, nil) {
				list--
			}
		}
	}
	for _, f := range []struct {
		name string
		of   Figures
	}{{"line alone", alone}, {"with what the host holds", planted}, {fmt.Sprintf("%d variants a line", n), varied}} {
		for _, label := range []string{"malicious", "benign", "risky", "undecidable"} {
			if c := f.of[label]; c.All > 0 {
				fmt.Fprintf(w, "%-25s %-12s %5d of %5d at medium or above (%.1f %%)\n", f.name, label, c.Heavy, c.All, 100*c.Share())
			}
		}
	}
	return alone, planted, varied
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 312)) }

// judge counts a line and lists it where it is told wrong.
func (f Figures) judge(w io.Writer, l *Line, host func(*Line, *cron.Job, *cron.Analysis) cron.HostLookup) (wrong bool) {
	signs, why := Signs(l, host)
	level := cron.Severity(signs)
	f.add(l.Label, level >= cron.Medium)
	wrong = l.Label == "malicious" && level < cron.Medium || l.Label == "benign" && level >= cron.Medium
	if !wrong {
		return false
	}
	fmt.Fprintf(w, "  %s, told %v: %q%s\n", l.Label, level, l.Line, why)
	for _, s := range signs {
		fmt.Fprintf(w, "      %v %s: %s\n", s.Severity, s.ID, s.Message)
	}
	if len(signs) == 0 {
		fmt.Fprintln(w, "      nothing in it is odd by itself")
	}
	return true
}

// oneJob reads a line as Debian's cron does.
func oneJob(l *Line) (*cron.Job, bool) {
	form, user := cron.User, "someone"
	if l.Kind == "system" {
		form, user = cron.System, ""
	}
	jobs := cron.ParseTable([]byte(l.Line+"\n"), form, cron.Debian, cron.Options{User: user}).Jobs()
	if len(jobs) == 0 {
		return nil, false
	}
	return jobs[0], true
}

// jobOf reads a line, one that a daemon would refuse as its writer meant it. why says
// where that was needed.
func jobOf(l *Line) (j *cron.Job, why string) {
	j, ok := oneJob(l)
	other := *l
	other.Kind = "user"
	switch {
	case !ok:
		if l.Kind == "user" {
			other.Kind = "system"
		}
		if j, ok = oneJob(&other); !ok {
			return nil, " (no job for any daemon)"
		}
		return j, " (no job in a table of its kind)"
	case l.Kind == "system" && !plainAccount(j.User):
		// The user column was forgotten: the account is the command's first word.
		if k, ok := oneJob(&other); ok {
			return k, " (no user column)"
		}
	}
	return j, ""
}

// Signs judges a line.
func Signs(l *Line, host func(*Line, *cron.Job, *cron.Analysis) cron.HostLookup) ([]cron.Sign, string) {
	j, why := jobOf(l)
	if j == nil {
		return nil, why
	}
	home, uid := "", int64(-1)
	if host != nil {
		home, uid = "/home/someone", 1000
		if j.User == "root" {
			home, uid = "/root", 0
		}
	}
	a := j.Resolve(home, cron.Debian)
	c := cron.SignContext{Daemon: cron.Debian, UID: uid}
	if host != nil {
		c.Look = host(l, j, a)
	}
	return cron.Signs(j, a, c), why
}

// plainAccount reports a user column that could be an account rather than a program.
func plainAccount(name string) bool {
	switch name {
	case "", "wget", "curl", "sh", "bash", "python", "python3", "perl", "php", "echo", "nohup", "sudo":
		return false
	}
	return !strings.ContainsAny(name, "/*()|;&<>=\"'")
}
