package sshd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// changed counts the lines in which two files differ, beyond those that they
// have in common at both ends.
func changed(before, after []byte) (gone, added int) {
	a, b := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a), len(b)
}

// TestEditDifferential edits generated configurations, and asks the sshd of this
// machine what then holds. More: go test -run TestEditDifferential -rapid.checks=1000
func TestEditDifferential(t *testing.T) {
	s := daemon(t)
	dir := t.TempDir()
	tried, done := map[string]int{}, map[string]int{}
	for _, op := range []string{"global", "block", "new block", "remove"} {
		t.Run(op, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				tried[op]++
				if editAndAsk(rt, s, op, dir) {
					done[op]++
				}
			})
			if done[op]*4 < tried[op] {
				t.Errorf("only %d of %d edits were made and asked about", done[op], tried[op])
			}
		})
	}
	t.Logf("sshd %s: edits made and asked about %v, tried %v", s.version, done, tried)
}

func editAndAsk(rt *rapid.T, s *realSSHD, op, dir string) bool {
	if old, err := filepath.Glob(filepath.Join(dir, "*")); err == nil {
		for _, f := range old {
			os.Remove(f)
		}
	}
	g := &generator{t: rt, v: s.version, dir: dir, files: map[string]string{}}
	main := filepath.Join(dir, "main")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			rt.Fatal(err)
		}
	}
	text := g.text(1, false)
	if op == "block" {
		text = strings.TrimSuffix(text, "\n") + "\nMatch User root\n" + g.line(g.row(true))
	}
	write(main, text)
	for name, text := range g.files {
		write(filepath.Join(dir, name), text)
	}
	opt := Options{Version: s.version, Distro: "debian", Dir: dir, Home: "/root"}
	files := diskFiles{dir}
	before := Load(main, files, opt)
	if before.Refused() != nil {
		return false // sshd -T has nothing to say about it
	}
	r := g.row(op != "global" && op != "remove")
	probe := Parse("", []byte(r.name+" "+g.value(r)+"\n"), s.version).only()
	var args []string
	switch {
	case probe == nil:
		return false
	case r.kind == kindRaw || r.kind == kindCommand:
		args = []string{probe.Rest}
	default:
		for _, w := range probe.Args {
			args = append(args, w.Text)
		}
	}
	ctx := Context{User: "root", Groups: groupsOf("root"), Addr: "203.0.113.5", Host: "h", LocalAddr: "127.0.0.1", LocalPort: 22, RDomain: "y"}
	spec := "user=root,host=h,addr=203.0.113.5,laddr=127.0.0.1,lport=22,rdomain=y"
	fail := func(format string, a ...any) {
		rt.Fatalf("%s\n%s %s %q\n--- before\n%s", fmt.Sprintf(format, a...), op, r.name, args, text)
	}
	var edits []FileEdit
	var err error
	e := before.Edit(main)
	switch op {
	case "global":
		edits, err = before.SetGlobal(files, r.name, args...)
	case "block":
		found := false
		for i := range e.file.Blocks {
			if m := e.file.Blocks[i].Match; m != nil && m.Rest == "User root" {
				found, err = true, e.SetIn(m.Pos.Line, r.name, args...)
				break
			}
		}
		if !found {
			return false // a line before it swallowed the Match
		}
	case "new block":
		err = e.AddMatch("User root", Assignment{r.name, args})
	case "remove":
		_, err = e.Remove(r.name)
	}
	if err != nil {
		if !errors.Is(err, ErrValue) && !errors.Is(err, ErrForm) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrNotEffective) {
			fail("%v", err)
		}
		return false
	}
	if op != "global" && string(e.Bytes()) != text {
		edits = []FileEdit{{main, []byte(text), e.Bytes()}}
	}
	gone, added := 0, 0
	for _, ed := range edits {
		g, a := changed(ed.Old, ed.New)
		gone, added = gone+g, added+a
		write(ed.Path, string(ed.New))
	}
	adds := e.addsUp(indexOfRow(r, s.version))
	switch {
	case op == "new block" && (gone > 1 || added < 2 || added > 5), (op == "global" || op == "block") && !adds && (gone > 2 || added > 3):
		fail("%d lines gone, %d added: %q", gone, added, edits)
	}
	after := before.With(files, edits...)
	eff, refused, err := s.effective(main, spec, dir)
	if err != nil {
		rt.Fatal(err)
	}
	if strings.Contains(refused, "not known") || strings.Contains(refused, "assemble_algorithms") {
		// A ListenAddress that does not resolve, and a list of a Match block of
		// which nothing is left: the file alone starts.
		return false
	}
	if f := after.Refused(); (f != nil) != (refused != "") {
		fail("sshd says %q, here: %v\n--- after\n%q", refused, f, edits)
	}
	if refused != "" {
		return false
	}
	for _, d := range Compare(after.Eval(ctx), eff) {
		fail("%s: here %q, sshd -T %q (from %s)\n--- after\n%q", d.Keyword, d.File, d.Effective, d.Origin, edits)
	}
	// Everything but the keyword is what it was.
	for i := range rows {
		a, b := before.Eval(ctx).Get(rows[i].name), after.Eval(ctx).Get(rows[i].name)
		if rows[i].in(s.version) && rows[i].alias == "" && i != indexOfRow(r, s.version) && rows[i].name != "AuthorizedPrincipalsCommand" && r.kind != kindInclude && !equal(a.Args, b.Args) {
			fail("%s was %q and is %q\n--- after\n%q", rows[i].name, a.Args, b.Args, edits)
		}
	}
	// And that is what was asked for, where nothing stronger sets it.
	if op == "block" || op == "new block" {
		a, _ := e.check(r.name, args, true)
		v, was := after.Eval(ctx).Get(r.name), before.Eval(ctx).Get(r.name)
		stronger := was.Origin.Match != "" && (op == "new block" || was.Origin.Match != "User root")
		if !stronger && r.order(s.version) != appends && rows[a.slot].carried(s.version) && a.subsystem == "" && !equal(normal(&rows[a.slot], append([]string(nil), v.Args...)), normal(&rows[a.slot], append([]string(nil), a.want...))) {
			fail("is %q, wanted %q\n--- after\n%q", v.Args, a.want, edits)
		}
	}
	return true
}

func indexOfRow(r *row, v Version) int {
	_, slot, _, _ := lookup(r.name, v, "debian")
	return slot
}
