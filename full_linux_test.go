package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// smallTree is a host with a second root.
func smallTree(t *testing.T, dir string) string {
	t.Helper()
	for name, text := range map[string]string{
		"/etc/passwd":          "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n",
		"/etc/group":           "root:x:0:\n",
		"/etc/os-release":      "ID=debian\nVERSION_ID=\"12\"\n",
		"/etc/ssh/sshd_config": "UsePAM no\nPermitRootLogin no\n",
		"/bin/sh":              "",
	} {
		if err := os.MkdirAll(filepath.Dir(dir+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// said is what a command answered.
type said struct {
	code     int
	out, err string
}

// runs gives a function that runs a command in a folder, as nobody where that is
// asked for.
func runs(t *testing.T, dir string, nobody bool, state string, command ...string) func(args ...string) said {
	return func(args ...string) said {
		t.Helper()
		args = append(command[1:len(command):len(command)], args...)
		cmd := exec.CommandContext(t.Context(), command[0], args...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir, "XDG_STATE_HOME=" + state, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
		if nobody {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	}
}

// TestReadOnly: kept runs in a folder that nobody may write to are still asked, an
// audit prints its report and ends as it should, and who asked for that folder is told.
func TestReadOnly(t *testing.T) {
	dir, err := os.MkdirTemp("", "postern-readonly-") // not t.TempDir: its parents are for their owner alone
	if err != nil {
		t.Fatal(err)
	}
	store := dir + "/state/postern"
	mode := func(d, f os.FileMode) {
		t.Helper()
		err := filepath.WalkDir(store, func(p string, e os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				return os.Chmod(p, d|0o100)
			}
			return os.Chmod(p, f)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		mode(0o700, 0o600)
		os.RemoveAll(dir)
	})
	root := os.Geteuid() == 0
	run := runs(t, dir, root, dir+"/state", copyOfSelf(t, dir))
	smallTree(t, dir+"/tree")
	if root {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if r := run("audit", "--root", "tree"); r.code != 1 || r.err != "" {
			t.Fatalf("%+v", r)
		}
	}
	questions := [][]string{{"history"}, {"history", "--host", "tree"}, {"hunt", "second-root", "--past"}, {"access", "--past", "--user", "toor"}, {"overdue"}, {"report", "last"}}
	asked := func(name string, want []said, warning string) (out []said) {
		t.Helper()
		for i, q := range questions {
			r := run(q...)
			indexed := q[0] != "report"
			switch {
			case warning == "" && r.err != "", warning != "" && indexed && !strings.Contains(r.err, warning):
				t.Errorf("%s: %q said %q on standard error, want %q", name, q, r.err, warning)
			case want != nil && (r.code != want[i].code || r.out != want[i].out):
				t.Errorf("%s: %q: %d, want %d\n%s\nand before\n%s", name, q, r.code, want[i].code, r.out, want[i].out)
			case r.out == "":
				t.Errorf("%s: %q said nothing", name, q)
			}
			out = append(out, r)
		}
		return out
	}
	before := asked("writable", nil, "")

	mode(0o500, 0o400)
	asked("read only", before, "")
	r := run("audit", "--root", "tree", "--since", "last")
	if r.code != 1 || strings.Count(r.err, "warning: keeping the run") != 1 || !strings.Contains(r.err, "--no-history") || !strings.Contains(r.out, "toor") || !strings.Contains(r.out, "Since 20") {
		t.Errorf("an audit: %+v", r)
	}
	r = run("audit", "--root", "tree", "--archive", "state/postern")
	if r.code != 2 || !strings.Contains(r.err, "--archive: keeping the run: ") || !strings.Contains(r.err, "permission denied") || r.out != "" {
		t.Errorf("an audit that is to be kept there: %+v", r)
	}
	for _, args := range [][]string{{"diff", "--bless"}, {"history", "rebuild"}} {
		if r := run(args...); r.code != 2 || !strings.Contains(r.err, "permission denied") {
			t.Errorf("%q: %+v", args, r)
		}
	}

	// An index that cannot be used is made for the question alone.
	mode(0o700, 0o600)
	if err := os.Truncate(store+"/index.db", 5000); err != nil {
		t.Fatal(err)
	}
	mode(0o500, 0o400)
	asked("a damaged index", before, "the index is made for this question alone")
	if left, _ := filepath.Glob(dir + "/postern-index-*"); len(left) > 0 {
		t.Errorf("%v was left", left)
	}

	// One that lacks a run answers without it, and says so.
	mode(0o700, 0o600)
	os.Remove(store + "/index.db")
	if r := run("history"); r.out != before[0].out || !strings.Contains(r.err, "there is no index") {
		t.Errorf("%+v", r)
	}
	if r := run("audit", "--root", "tree"); r.err != "" {
		t.Errorf("%+v", r)
	}
	data, err := os.ReadFile(store + "/index.db")
	if err != nil {
		t.Fatal(err)
	}
	if r := run("audit", "--root", "tree"); r.err != "" {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(store+"/index.db", data, 0o600); err != nil {
		t.Fatal(err)
	}
	mode(0o500, 0o400)
	if r := run("hunt", "second-root", "--past"); r.code != 1 || !strings.Contains(r.out, "; 3 of 3 readings") || !strings.Contains(r.err, "1 run kept there is not in the answers") {
		t.Errorf("an index that lacks a run: %+v", r)
	}
}

// smallDisk mounts a memory file system for the test alone, and gives the command that
// runs another where it is seen, its name there, and its name for this process.
func smallDisk(t *testing.T, size string) (enter []string, there, here string) {
	t.Helper()
	there = t.TempDir()
	// In a mount namespace of its own: it goes with its last process.
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size="$2",mode=700 none "$1" && echo mounted && exec cat`, "sh", there, size)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no file system can be mounted here (%v)", err)
		}
		t.Skipf("no file system can be mounted here (%v)", err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	return []string{"nsenter", "--mount", "--target", pid, "--", "sh", "-c", `cd "$HOME" && exec "$0" "$@"`}, there, "/proc/" + pid + "/root" + there
}

// fill leaves so many bytes free.
func fill(t *testing.T, disk string, free int64) {
	t.Helper()
	f, err := os.Create(disk + "/ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = f.Truncate(max(0, size-free))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: on a disk that is full, or becomes so at any point of a run, an audit
// prints its report and ends as it should; what could not be kept is said, what was
// kept before is still there, and what is whole then is in the answers.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a file system is mounted: that takes root")
	}
	enter, state, disk := smallDisk(t, "4m")
	dir := t.TempDir()
	smallTree(t, dir+"/tree")
	run := runs(t, dir, false, state, append(enter, "postern")...)
	wholeRuns := func() map[string]bool {
		t.Helper()
		r := run("history", "--format", "json")
		var h struct {
			Runs []struct {
				ID    string `json:"id"`
				Whole bool   `json:"whole"`
			} `json:"runs"`
		}
		if err := json.Unmarshal([]byte(r.out), &h); err != nil || r.code != 0 {
			t.Fatalf("%v: %+v", err, r)
		}
		out := map[string]bool{}
		for _, x := range h.Runs {
			if x.Whole {
				out[x.ID] = true
			}
		}
		return out
	}
	want := run("audit", "--root", "tree")
	if want.code != 1 || want.err != "" {
		t.Fatalf("%+v", want)
	}
	known := wholeRuns()
	lost, kept, late := 0, 0, 0
	for _, free := range []int64{0, 4 << 10, 8 << 10, 12 << 10, 16 << 10, 24 << 10, 32 << 10, 48 << 10, 64 << 10, 80 << 10, 96 << 10, 128 << 10, 192 << 10, 256 << 10, 512 << 10, 1 << 20} {
		fill(t, disk, free)
		r := run("audit", "--root", "tree")
		if r.code != 1 || !strings.Contains(r.out, "toor") || strings.Count(r.out, "\n") != strings.Count(want.out, "\n") {
			t.Errorf("%d bytes free: %+v", free, r)
		}
		// While it is full all questions are answered.
		if q := run("hunt", "second-root", "--past"); q.code != 1 || !strings.Contains(q.out, "yes") {
			t.Errorf("%d bytes free: a question: %+v", free, q)
		}
		if err := os.Remove(disk + "/ballast"); err != nil {
			t.Fatal(err)
		}
		now := wholeRuns()
		for id := range known {
			if !now[id] {
				t.Errorf("%d bytes free: the run %s is lost", free, id)
			}
		}
		more := len(now) - len(known)
		switch {
		case strings.Contains(r.err, "warning: keeping the run"), strings.Contains(r.err, "is not kept whole"):
			lost++
			if !strings.Contains(r.err, "no space left on device") {
				t.Errorf("%d bytes free: it said %q", free, r.err)
			}
		case more != 1:
			t.Errorf("%d bytes free: nothing was said (%q), and %d whole runs more", free, r.err, more)
		case r.err == "":
			kept++
		case strings.Contains(r.err, "is not in the index yet: the disk is full"):
			late++
		default:
			t.Errorf("%d bytes free: it said %q", free, r.err)
		}
		known = now
	}
	if lost == 0 || kept == 0 {
		t.Errorf("%d runs were lost, %d kept, %d kept beside the index: the sizes test nothing", lost, kept, late)
	}
	t.Logf("%d runs were lost, %d kept, %d kept beside the index", lost, kept, late)

	// An index is made anew: not on a full disk, and then to the same answers.
	before := run("history")
	fill(t, disk, 8<<10)
	if err := os.Truncate(disk+"/postern/index.db", 4096); err != nil {
		t.Fatal(err)
	}
	fill(t, disk, 8<<10)
	if r := run("hunt", "second-root", "--past"); r.code != 1 || !strings.Contains(r.err, "the index is damaged") {
		t.Errorf("a damaged index on a full disk: %+v", r)
	}
	os.Remove(disk + "/ballast")
	if r := run("history"); r.out != before.out {
		t.Errorf("other answers:\n%+v\nand before\n%s", r, before.out)
	}

	// A blessing is there whole, or not at all.
	if r := run("diff", "--bless", "--note", "first"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	fill(t, disk, 0)
	if r := run("diff", "--bless", "--note", strings.Repeat("second ", 3000)); r.code != 2 || !strings.Contains(r.err, "no space left on device") {
		t.Errorf("a blessing on a full disk: %+v", r)
	}
	if r := run("diff", "--blessed"); r.code != 0 || !strings.Contains(r.out, "first") || strings.Contains(r.out, "second") {
		t.Errorf("what is blessed: %+v", r)
	}
	os.Remove(disk + "/ballast")
	if r := run("diff", "--bless", "--note", "third"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := run("diff", "--blessed"); r.code != 0 || !strings.Contains(r.out, "first") || !strings.Contains(r.out, "third") || strings.Contains(r.out, "second") {
		t.Errorf("what is blessed: %+v", r)
	}
}
