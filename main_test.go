package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e/demo"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// TestMain makes the test binary answer to the name postern, so that scripts run
// main itself, with streams, environment and signals of their own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": main})
}

// TestScripts runs testdata/script: what a person sees at the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               isolate,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":          cmdCode,
			"fleet":         cmdFleet,
			"mixup":         cmdMixup,
			"expand":        cmdExpand,
			"schema":        cmdSchema,
			"accessschema":  cmdAccessSchema,
			"jobsschema":    cmdJobsSchema,
			"diffschema":    cmdDiffSchema,
			"historyschema": cmdHistorySchema,
			"pastschema":    cmdPastSchema,
			"overdueschema": cmdOverdueSchema,
			"private":       cmdPrivate,
			"empty":         cmdEmpty,
			"unpack":        cmdUnpack,
			"same":          cmdSame,
			"repack":        cmdRepack,
			"triageschema":  cmdTriageSchema,
			"huntschema":    cmdHuntSchema,
			"cmpids":        cmdCompareIDs,
			"thingids":      cmdThingIDs,
		},
	})
}

// isolate gives a script folders and dates of its own and nothing of the person
// who runs the tests: no keys, no agent, no inventory.
func isolate(e *testscript.Env) error {
	for _, v := range [][2]string{{"HOME", "home"}, {"XDG_STATE_HOME", "state"}, {"XDG_CONFIG_HOME", "config"}} {
		dir := filepath.Join(e.WorkDir, v[1])
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		e.Setenv(v[0], dir)
	}
	for _, name := range []string{"NO_COLOR", "FORCE_COLOR", "COLUMNS", "SSH_AUTH_SOCK", "TERM"} {
		e.Setenv(name, "")
	}
	now := time.Now()
	for name, days := range map[string]int{"LAST_YEAR": -300, "LAST_MONTH": -30, "TODAY": 0, "NEXT_MONTH": 30} {
		e.Setenv(name, now.AddDate(0, 0, days).Format(time.DateOnly))
	}
	return nil
}

// cmdThingIDs sets a variable for each kind to the id of a triage's first thing of it.
func cmdThingIDs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: thingids FILE KIND...")
	}
	var r triage.Report
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &r))
	for _, kind := range args[1:] {
		id := ""
		for _, h := range r.Hosts {
			for _, t := range h.Things {
				if t.Kind == kind && id == "" {
					id = t.ID
				}
			}
		}
		if id == "" {
			ts.Fatalf("%s has no thing of kind %s", args[0], kind)
		}
		ts.Setenv(kind, id)
	}
}

func condition(name string) (bool, error) {
	switch name {
	case "posix": // modes and links mean what they say
		return runtime.GOOS != "windows", nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, errors.New("unknown condition")
}

// cmdCode runs a command and wants its exact exit code: code 3 postern audit dead
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdCompareIDs holds the ids of two triages of the same host to be the same.
func cmdCompareIDs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cmpids FILE FILE")
	}
	ids := func(file string) string {
		var r triage.Report
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &r))
		out := ""
		for i := range r.Hosts {
			for k := range r.Hosts[i].Things {
				out += r.Hosts[i].Things[k].ID + " "
			}
		}
		return out
	}
	if a, b := ids(args[0]), ids(args[1]); a != b || a == "" {
		ts.Fatalf("ids differ: %q and %q", a, b)
	}
}

// cmdFleet starts the demo's fleet in this process for one script.
func cmdFleet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: fleet")
	}
	f, err := demo.Start(context.Background())
	ts.Check(err)
	ts.Defer(func() { f.Close() })
	ts.Setenv("INVENTORY", f.Inventory)
	ts.Setenv("KNOWN", f.Known)
	ts.Setenv("KEY", f.Key)
	inv, err := readInventory(f.Inventory)
	ts.Check(err)
	for _, h := range inv.Hosts {
		ts.Setenv("PORT_"+h.Name, strconv.Itoa(h.Port))
	}
}

// cmdMixup gives one host of a known_hosts file the keys of another, as after a
// new installation or with somebody in between: mixup PORT PORT FILE
func cmdMixup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mixup PORT OTHER FILE")
	}
	var out strings.Builder
	for l := range strings.Lines(ts.ReadFile(ts.Getenv("KNOWN"))) {
		switch {
		case strings.HasPrefix(l, "[127.0.0.1]:"+args[0]+" "):
			continue
		case strings.HasPrefix(l, "[127.0.0.1]:"+args[1]+" "):
			out.WriteString(strings.Replace(l, ":"+args[1]+" ", ":"+args[0]+" ", 1))
		}
		out.WriteString(l)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(out.String()), 0o600))
}

// cmdExpand replaces the variables in files.
func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(os.Expand(ts.ReadFile(file), ts.Getenv)), 0o600))
	}
}

// cmdSchema validates JSON against the schema that postern publishes.
func cmdSchema(ts *testscript.TestScript, neg bool, args []string) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	ts.Check(err)
	compiler := jsonschema.NewCompiler()
	ts.Check(compiler.AddResource("postern.json", doc))
	schema, err := compiler.Compile("postern.json")
	ts.Check(err)
	for _, file := range args {
		got, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(file)))
		ts.Check(err)
		if err := schema.Validate(got); (err != nil) != neg {
			ts.Fatalf("%s: %v", file, err)
		}
	}
}

// cmdPrivate wants files of 0600 and folders of 0700 below a folder, and some.
func cmdPrivate(ts *testscript.TestScript, neg bool, args []string) {
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != want {
			ts.Fatalf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	}))
	if files == 0 {
		ts.Fatalf("there is no file below %s", args[0])
	}
}

// cmdEmpty wants folders in which nothing is; hidden files count.
func cmdEmpty(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if (len(entries) == 0) == neg {
			ts.Fatalf("%s holds %v", dir, entries)
		}
	}
}

// cmdUnpack writes all that an archive holds into a text file: unpack ARCHIVE FILE
func cmdUnpack(ts *testscript.TestScript, neg bool, args []string) {
	snap := readArchive(ts, args[0])
	var out strings.Builder
	for _, f := range snap.Files {
		out.WriteString(f.Path + " " + f.Target + "\n" + string(f.Content) + "\n")
	}
	for _, o := range snap.Outputs {
		out.WriteString(o.Name + "\n" + string(o.Data) + "\n")
	}
	for _, g := range snap.Gaps {
		out.WriteString("gap " + string(g.Kind) + " " + g.Path + ": " + g.Reason + "\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o600))
}

func readArchive(ts *testscript.TestScript, file string) *snapshot.Snapshot {
	snap, err := snapshot.Read(strings.NewReader(ts.ReadFile(file)), snapshot.Limits{})
	ts.Check(err)
	return snap
}

// cmdRepack makes damaged archives of a good one: repack GOOD CUT NEWER
func cmdRepack(ts *testscript.TestScript, neg bool, args []string) {
	good := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(good[:len(good)/2]), 0o600))
	// The magic line stands in clear in a frame of its own.
	newer := strings.Replace(good, "postern snapshot 1", "postern snapshot 9", 1)
	if newer == good {
		ts.Fatalf("the archive's first line is not what it was: %q", good[:min(40, len(good))])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(newer), 0o600))
}

// cmdSame wants two runs in JSON to say the same of each host that both have:
// rule, outcome, message and fingerprint.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	a, b := outcomesOf(ts, args[0]), outcomesOf(ts, args[1])
	compared := 0
	for host, want := range a {
		got, ok := b[host]
		if !ok {
			continue
		}
		compared++
		if got != want {
			ts.Fatalf("%s: %s\nand\n%s", host, want, got)
		}
	}
	if compared == 0 {
		ts.Fatalf("no host is in both")
	}
}

func outcomesOf(ts *testscript.TestScript, file string) map[string]string {
	var run struct {
		Hosts []struct {
			Name     string
			Outcomes []struct{ Rule, Severity, Outcome, Message, Fingerprint string }
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &run))
	out := map[string]string{}
	for _, h := range run.Hosts {
		if len(h.Outcomes) == 0 {
			continue
		}
		text, err := json.MarshalIndent(h.Outcomes, "", " ")
		ts.Check(err)
		out[h.Name] = string(text)
	}
	return out
}

// stall listens, and never says a word: a host that hangs in the handshake. The
// channel tells of each connection.
func stall(t *testing.T) (port string, reached <-chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	came := make(chan struct{}, 16)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			came <- struct{}{}
		}
	}()
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, came
}
