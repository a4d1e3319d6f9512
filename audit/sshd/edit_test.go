package sshd

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEdits(t *testing.T) {
	set := func(k string, a ...string) func(*Editor) error {
		return func(e *Editor) error { return e.Set(k, a...) }
	}
	in := func(line int, k string, a ...string) func(*Editor) error {
		return func(e *Editor) error { return e.SetIn(line, k, a...) }
	}
	tests := []struct {
		name      string
		v         Version
		src, want string
		do        func(*Editor) error
	}{
		{"the line that counts", V(9, 2), "PermitRootLogin yes\nPermitRootLogin yes\n", "PermitRootLogin no\nPermitRootLogin yes\n", set("PermitRootLogin", "no")},
		{"spelling, blanks and comment stay", V(9, 2), "\tpermitrootlogin\t=  yes   # old\r\nPort 1\n", "\tpermitrootlogin\t=  no   # old\r\nPort 1\n", set("PermitRootLogin", "no")},
		{"comment without a blank, 8.4", V(8, 4), "PermitRootLogin yes#x\n", "PermitRootLogin no#x\n", set("PermitRootLogin", "no")},
		{"no last newline", V(9, 2), "UsePAM yes\nPermitRootLogin yes", "UsePAM yes\nPermitRootLogin no", set("PermitRootLogin", "no")},
		{"before the first Match", V(9, 2), "UsePAM yes\n\n# who may\nMatch User x\n  X11Forwarding no\n", "UsePAM yes\nPermitRootLogin no\n\n# who may\nMatch User x\n  X11Forwarding no\n", set("PermitRootLogin", "no")},
		{"below its comment", V(9, 2), "#PermitRootLogin prohibit-password\nUsePAM yes\n", "#PermitRootLogin prohibit-password\nPermitRootLogin no\nUsePAM yes\n", set("PermitRootLogin", "no")},
		{"prose is no default", V(9, 2), "# PermitRootLogin is off since it was abused\nUsePAM yes\n", "# PermitRootLogin is off since it was abused\nUsePAM yes\nPermitRootLogin no\n", set("PermitRootLogin", "no")},
		{"only comments", V(9, 2), "# head\n\n# who\nMatch User x\n", "# head\n\nPermitRootLogin no\n# who\nMatch User x\n", set("PermitRootLogin", "no")},
		{"an empty file", V(9, 2), "", "PermitRootLogin no\n", set("PermitRootLogin", "no")},
		{"after a line without newline", V(9, 2), "UsePAM yes", "UsePAM yes\nPermitRootLogin no\n", set("PermitRootLogin", "no")},
		{"CRLF", V(9, 2), "UsePAM yes\r\n", "UsePAM yes\r\nPermitRootLogin no\r\n", set("PermitRootLogin", "no")},
		{"last one wins", V(9, 2), "IPQoS cs1\nIPQoS ef\n", "IPQoS cs1\nIPQoS af21 cs1\n", set("IPQoS", "af21", "cs1")},
		{"first one wins", V(10, 3), "IPQoS cs1\nIPQoS ef\n", "IPQoS af21 cs1\nIPQoS ef\n", set("IPQoS", "af21", "cs1")},
		{"lines that add up", V(9, 2), "AllowUsers a\nUsePAM yes\nAllowUsers b c\n", "AllowUsers d\nUsePAM yes\n", set("AllowUsers", "d")},
		{"the same alias", V(9, 2), "ChallengeResponseAuthentication yes\n", "ChallengeResponseAuthentication no\n", set("KbdInteractiveAuthentication", "no")},
		{"words to quote", V(9, 2), "AllowUsers a\n", "AllowUsers \"a b\" \"#c\" d#e\n", set("AllowUsers", "a b", "#c", "d#e")},
		{"words to quote, 8.4", V(8, 4), "AllowUsers a\n", "AllowUsers \"a b\" \"c=d\"\n", set("AllowUsers", "a b", "c=d")},
		{"rest of the line", V(9, 2), "ForceCommand  echo hi # c\n", "ForceCommand  /bin/x \"y\"\n", set("ForceCommand", "/bin/x \"y\"")},
		{"rest of the line, 8.4", V(8, 4), "ForceCommand echo hi # c\n", "ForceCommand /bin/x # c\n", set("ForceCommand", "/bin/x")},
		{"a line that is broken", V(9, 2), "PermitRootLogin \"no\nUsePAM yes\n", "PermitRootLogin no\nUsePAM yes\n", set("PermitRootLogin", "no")},
		{"a line without a value", V(9, 2), "  PermitRootLogin\n", "  PermitRootLogin no\n", set("PermitRootLogin", "no")},
		{"two equals", V(9, 2), "PermitRootLogin == yes # x\n", "PermitRootLogin no # x\n", set("PermitRootLogin", "no")},
		{"a subsystem by name", V(9, 2), "Subsystem a /a\nSubsystem sftp /b\n", "Subsystem a /a\nSubsystem sftp internal-sftp -l INFO\n", set("Subsystem", "sftp", "internal-sftp", "-l", "INFO")},
		{"in a block, replaced", V(9, 2), "PasswordAuthentication no\nMatch User x\n\tPasswordAuthentication yes\nMatch all\n", "PasswordAuthentication no\nMatch User x\n\tPasswordAuthentication no\nMatch all\n", in(2, "PasswordAuthentication", "no")},
		{"in a block, new", V(9, 2), "Match User x\n\tX11Forwarding no\n\n# all\nMatch all\n", "Match User x\n\tX11Forwarding no\n\tPasswordAuthentication no\n\n# all\nMatch all\n", in(1, "PasswordAuthentication", "no")},
		{"in an empty block", V(9, 2), "Match User x", "Match User x\n    PasswordAuthentication no\n", in(1, "PasswordAuthentication", "no")},
		{"a new block", V(9, 2), "UsePAM yes\nMatch User x\n  Banner none\n", "UsePAM yes\nMatch User x\n  Banner none\n\nMatch User y Address 10.0.0.0/8\n  PasswordAuthentication no\n  MaxAuthTries 3\n", func(e *Editor) error {
			return e.AddMatch("User y Address 10.0.0.0/8", Assignment{"PasswordAuthentication", []string{"no"}}, Assignment{"MaxAuthTries", []string{"3"}})
		}},
		{"a new block, CRLF and no newline", V(9, 2), "UsePAM yes\r\nPort 22", "UsePAM yes\r\nPort 22\r\n\r\nMatch all\r\n    Banner none\r\n", func(e *Editor) error { return e.AddMatch("all", Assignment{"Banner", []string{"none"}}) }},
		{"removed", V(9, 2), "A 1\nAllowUsers a\n# x\nallowusers b\nMatch all\nAllowUsers c\n", "A 1\n# x\nMatch all\nAllowUsers c\n", func(e *Editor) error { _, err := e.Remove("AllowUsers"); return err }},
		{"removed in a block", V(9, 2), "AllowUsers a\nMatch all\nAllowUsers c", "AllowUsers a\nMatch all\n", func(e *Editor) error { _, err := e.RemoveIn(2, "AllowUsers"); return err }},
		{"a line removed", V(9, 2), "Port 1\r\nPort 2\r\nPort 3\r\n", "Port 1\r\nPort 3\r\n", func(e *Editor) error { return e.RemoveLine(2) }},
		{"a line set", V(9, 2), "Port 1\nPort 2\n", "Port 1\nPort 4\n", func(e *Editor) error { return e.SetLine(2, "4") }},
		{"first of all", V(9, 2), "# head\n\n# incl\nInclude /d/*\n", "# head\n\nPermitRootLogin no\n# incl\nInclude /d/*\n", func(e *Editor) error { return e.InsertFirst("PermitRootLogin", "no") }},
		{"already so", V(9, 2), "PermitRootLogin  \"no\" # x\n", "PermitRootLogin  \"no\" # x\n", set("PermitRootLogin", "no")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Parse("f", []byte(tt.src), tt.v)
			e := Edit(f, "debian")
			if err := tt.do(e); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(e.Bytes())); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			checkTokens(t, e.File(), e.Bytes())
			if string(f.Print()) != tt.src {
				t.Error("the file that was edited has changed")
			}
		})
	}
}

func TestEditsRefused(t *testing.T) {
	tests := []struct {
		name string
		v    Version
		src  string
		do   func(*Editor) error
		want error
		says string
	}{
		{"too new", V(9, 2), "", func(e *Editor) error { return e.Set("PerSourcePenalties", "yes") }, ErrValue, "PerSourcePenalties needs OpenSSH 9.8; this sshd is 9.2"},
		{"no keyword", V(9, 2), "", func(e *Editor) error { return e.Set("PermitRoot", "no") }, ErrValue, `no keyword "PermitRoot"`},
		{"bad value", V(9, 2), "", func(e *Editor) error { return e.Set("PermitRootLogin", "maybe") }, ErrValue, "write one of yes, no"},
		{"too many values", V(9, 2), "", func(e *Editor) error { return e.Set("PermitRootLogin", "no", "no") }, ErrValue, "extra arguments"},
		{"global only", V(9, 2), "Match all\n", func(e *Editor) error { return e.SetIn(1, "UsePAM", "no") }, ErrValue, "not allowed within a Match block"},
		{"a line end", V(9, 2), "", func(e *Editor) error { return e.Set("Banner", "/x\nPermitRootLogin yes") }, ErrForm, "line end"},
		{"a line end in raw", V(9, 2), "", func(e *Editor) error { return e.Set("ForceCommand", "/x\nPermitRootLogin yes") }, ErrForm, "line end"},
		{"a hash, 8.4", V(8, 4), "", func(e *Editor) error { return e.Set("AllowUsers", "a#b") }, ErrForm, "8.6"},
		{"a NUL that would swallow it", V(9, 2), "Port 1\x00", func(e *Editor) error { return e.Set("PermitRootLogin", "no") }, ErrForm, "read differently"},
		{"no such block", V(9, 2), "Port 1\n", func(e *Editor) error { return e.SetIn(1, "PermitRootLogin", "no") }, ErrNoLine, "f:1: "},
		{"no such line", V(9, 2), "Port 1\n", func(e *Editor) error { return e.RemoveLine(7) }, ErrNoLine, "f:7: "},
		{"a Match line", V(9, 2), "Match all\n", func(e *Editor) error { return e.RemoveLine(1) }, ErrNoLine, "f:1: "},
		{"bad criteria", V(9, 2), "", func(e *Editor) error { return e.AddMatch("User a b") }, ErrValue, "Missing Match criteria for b"},
		{"criteria with a line end", V(9, 2), "", func(e *Editor) error { return e.AddMatch("all\nPort 1") }, ErrForm, ""},
		{"nothing set", V(9, 2), "", func(e *Editor) error { return e.Set("AllowUsers") }, ErrForm, ""},
		{"does nothing", V(9, 2), "", func(e *Editor) error { return e.Set("UseLogin", "no") }, ErrValue, "does nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Edit(Parse("f", []byte(tt.src), tt.v), "debian")
			err := tt.do(e)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.says)
			}
			if string(e.Bytes()) != tt.src {
				t.Errorf("changed to %q", e.Bytes())
			}
		})
	}
}

func TestSetGlobal(t *testing.T) {
	main, dropIn := "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/50-cloud-init.conf"
	include := "Include /etc/ssh/sshd_config.d/*.conf\n"
	tests := []struct {
		name  string
		v     Version
		files mapFiles
		opt   []string
		key   string
		args  []string
		want  map[string]string
		err   error
	}{
		{name: "the drop-in that wins", v: V(9, 2), files: mapFiles{main: []byte(include + "PasswordAuthentication no\n"), dropIn: []byte("PasswordAuthentication yes\n")},
			key: "PasswordAuthentication", args: []string{"no"}, want: map[string]string{dropIn: "PasswordAuthentication no\n"}},
		{name: "nobody sets it", v: V(9, 2), files: mapFiles{main: []byte(include + "UsePAM yes\nMatch all\nBanner none\n"), dropIn: []byte("PasswordAuthentication yes\n")},
			key: "PermitRootLogin", args: []string{"no"}, want: map[string]string{main: include + "UsePAM yes\nPermitRootLogin no\nMatch all\nBanner none\n"}},
		{name: "lists over two files", v: V(9, 2), files: mapFiles{main: []byte(include + "AllowUsers a\nAllowUsers b\n"), dropIn: []byte("AllowUsers c\n")},
			key: "AllowUsers", args: []string{"d"}, want: map[string]string{main: include, dropIn: "AllowUsers d\n"}},
		{name: "already so", v: V(9, 2), files: mapFiles{main: []byte("PermitRootLogin no\n")}, key: "PermitRootLogin", args: []string{"no"}, want: map[string]string{}},
		{name: "RekeyLimit shows through", v: V(9, 2), files: mapFiles{main: []byte("RekeyLimit 1G\nRekeyLimit 1G 1h\n")}, key: "RekeyLimit", args: []string{"2G"}, want: map[string]string{main: "RekeyLimit 2G\n"}},
		{name: "a later none", v: V(9, 2), files: mapFiles{main: []byte("UnusedConnectionTimeout 5\nUnusedConnectionTimeout none\n")}, key: "UnusedConnectionTimeout", args: []string{"60"}, want: map[string]string{main: "UnusedConnectionTimeout 60\n"}},
		{name: "the command line", v: V(9, 2), files: mapFiles{main: []byte("PermitRootLogin no\n")}, opt: []string{"PermitRootLogin=yes"}, key: "PermitRootLogin", args: []string{"no"}, err: ErrNotEffective},
		{name: "two slots up to 8.6", v: V(8, 4), files: mapFiles{main: []byte("KbdInteractiveAuthentication yes\n")}, key: "KbdInteractiveAuthentication", args: []string{"no"}, err: ErrNotEffective},
		{name: "sshd would refuse", v: V(9, 2), files: mapFiles{main: []byte("AuthenticationMethods publickey\n")}, key: "PubkeyAuthentication", args: []string{"no"}, err: ErrRefused},
		{name: "not read", v: V(9, 2), files: mapFiles{}, key: "PubkeyAuthentication", args: []string{"no"}, err: ErrNoLine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Load(main, tt.files, Options{Version: tt.v, Distro: "debian", CommandLine: tt.opt})
			edits, err := cfg.SetGlobal(tt.files, tt.key, tt.args...)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			got := map[string]string{}
			for _, e := range edits {
				got[e.Path] = string(e.New)
				if string(e.Old) != string(tt.files[e.Path]) {
					t.Errorf("%s: old bytes %q", e.Path, e.Old)
				}
			}
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// FuzzEdit: an edit of any bytes either changes nothing, or gives a file that
// reads back with the value that was meant and all other lines as they were.
func FuzzEdit(f *testing.F) {
	for _, src := range []string{"", "PermitRootLogin yes # x\r\n", "#Banner /x\nMatch all\n\tBanner none", "Banner \"/x\nB a\x00b\nMatch User x\n", "Banner == /x\nbanner=/y # z\n"} {
		for op := range uint8(4) {
			f.Add([]byte(src), "/etc/a b#c", op, op%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, value string, op uint8, old bool) {
		v := V(9, 2)
		if old {
			v = V(8, 4)
		}
		before := Parse("f", src, v)
		e := Edit(before, "debian")
		var err error
		block := 0
		switch op % 4 {
		case 0:
			err = e.Set("Banner", value)
		case 1:
			err = e.Insert("Banner", value)
		case 2:
			err = e.AddMatch("User "+value, Assignment{"Banner", []string{"/x"}})
			block = len(e.file.Blocks) - 1
		case 3:
			_, err = e.Remove("Banner")
		}
		out := e.Bytes()
		if err != nil {
			if string(out) != string(src) {
				t.Fatalf("%v, and yet %q became %q", err, src, out)
			}
			return
		}
		checkTokens(t, e.File(), out)
		n := 0
		for b, ln := range e.File().All() {
			if b == block && strings.EqualFold(ln.Keyword.Text, "Banner") {
				n++
				if op%4 == 0 && n == 1 && (len(ln.Args) != 1 || ln.Args[0].Text != value) {
					t.Fatalf("the line is %q, wanted %q", ln.Raw, value)
				}
			}
		}
		if op%4 == 3 && n > 0 || op%4 != 3 && n == 0 {
			t.Fatalf("%d lines set Banner in %q", n, out)
		}
		if d := len(before.Blocks) - len(e.File().Blocks); op%4 == 2 && d != -1 || op%4 != 2 && d != 0 {
			t.Fatalf("%d blocks more", -d)
		}
	})
}

// A list of very many lines is replaced in one go: the host wrote the file.
func TestSetManyLines(t *testing.T) {
	src := strings.Repeat("AllowUsers a\n", 100000)
	e := Edit(Parse("f", []byte(src), V(9, 2)), "debian")
	if err := e.Set("AllowUsers", "b"); err != nil {
		t.Fatal(err)
	}
	if got := string(e.Bytes()); got != "AllowUsers b\n" {
		t.Errorf("%d bytes are left", len(got))
	}
	files := mapFiles{"/c": []byte(src)}
	edits, err := Load("/c", files, Options{Version: V(9, 2)}).SetGlobal(files, "AllowUsers", "b")
	if err != nil || len(edits) != 1 || string(edits[0].New) != "AllowUsers b\n" {
		t.Errorf("%v, %d edits", err, len(edits))
	}
}
