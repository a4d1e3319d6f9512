package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustLoad(t testing.TB, name, text string) *Inventory {
	t.Helper()
	inv, faults := Load(name, []byte(text))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return inv
}

func date(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

// TestExample: the example of the manual, whole.
func TestExample(t *testing.T) {
	inv, err := LoadFile("testdata/example.yaml", "/home/op")
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) Pos { return Pos{File: "testdata/example.yaml", Line: line, Column: column} }
	mac := Waiver{Rule: "weak-macs", Owner: "ops", Reason: "old monitoring client, replaced in spring",
		Created: date("2026-01-10"), Expires: date("2026-04-30"), Pos: at(65, 5)}
	root := Login{User: "root", Key: "SHA256:ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs", Pos: at(71, 5)}
	admin := Login{User: "admin", From: "10.0.0.0/8", Pos: at(18, 9)}
	monitor := Expectation{Match: "*/monitor*", User: "root", Pos: at(25, 11)}
	home := []string{"/home/op/.ssh/id_ed25519"}
	want := []Host{
		{Name: "web01", Address: "10.0.0.1", Port: 22, User: "admin", Keys: home, Sudo: SudoYes,
			Labels: map[string]string{"site": "east", "env": "prod", "role": "frontend"}, Groups: []string{"prod", "web"},
			Waive: []Waiver{mac}, Expect: []Expectation{monitor}, Keep: []Login{root, admin}, Pos: at(41, 3)},
		{Name: "web02", Address: "web02", Port: 22, User: "admin", Keys: home, Sudo: SudoYes,
			Labels: map[string]string{"site": "east", "env": "prod"}, Groups: []string{"prod", "web"},
			Waive: []Waiver{mac}, Expect: []Expectation{monitor}, Keep: []Login{root, admin}, Pos: at(42, 3)},
		{Name: "db01", Address: "2001:db8::7", Port: 2222, User: "root", Keys: []string{"testdata/keys/db", "/home/op/.ssh/id_ed25519"},
			Labels: map[string]string{"site": "east", "env": "prod"}, Groups: []string{"db", "prod"},
			Waive: []Waiver{mac, {Rule: "no-root-login", Owner: "dba", Approver: "security", Ticket: "OPS-1234",
				Reason:  "The backup logs in as root from one address until its own account exists.",
				Created: date("2026-01-31"), Expires: date("2026-07-31"), Pos: at(30, 9)}},
			Expect: []Expectation{{Match: "*backup*", User: "root", Line: "0 3 * * * root /usr/local/bin/backup --all", Pos: at(49, 11)}},
			Keep:   []Login{root, admin}, Pos: at(43, 3)},
		{Name: "printer", Address: "printer.example.org", Port: 22, User: "root", Keys: home, Sudo: SudoNone,
			Labels: map[string]string{"site": "east"}, Waive: []Waiver{mac},
			Allow: []CarveOut{{User: "scanner", Addresses: []string{"10.0.0.5", "2001:db8::/64"}, Method: "password", Owner: "facility",
				Reason: "the scanner's firmware cannot do keys", Expires: date("2026-06-30"), Pos: at(56, 9)}},
			Keep: []Login{root}, Pos: at(52, 3)},
	}
	if d := cmp.Diff(want, inv.Hosts, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	groups := []Group{
		{Name: "prod", Hosts: []string{"web01", "web02", "db01"}, Pos: at(14, 3)},
		{Name: "web", Parents: []string{"prod"}, Hosts: []string{"web01", "web02"}, Pos: at(19, 3)},
		{Name: "db", Parents: []string{"prod"}, Hosts: []string{"db01"}, Pos: at(27, 3)},
	}
	if d := cmp.Diff(groups, inv.Groups, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	data, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if inv.Hash != Hash(data) || len(inv.Hash) != 64 {
		t.Errorf("hash %q", inv.Hash)
	}
}

func TestForms(t *testing.T) {
	host := func(name, address string, port int, user string, groups ...string) Host {
		return Host{Name: name, Address: address, Port: port, User: user, Groups: groups}
	}
	for _, tt := range []struct {
		name, text string
		want       []Host
	}{
		{"list", `hosts: [web01, admin@web02:2222, {name: db, address: 10.0.0.3}, "[::1]:2200"]`,
			[]Host{host("web01", "web01", 22, ""), host("web02", "web02", 2222, "admin"), host("db", "10.0.0.3", 22, ""), host("::1", "::1", 2200, "")}},
		{"mapping with nothing", "hosts:\n  web01:\n  web02: {}\n  web03: ~\n",
			[]Host{host("web01", "web01", 22, ""), host("web02", "web02", 22, ""), host("web03", "web03", 22, "")}},
		{"no hosts", "hosts: {}\n", nil},
		{"one word", "hosts:\n- web01\n", []Host{host("web01", "web01", 22, "")}},
		{"byte order mark and CRLF", "\ufeffhosts:\r\n  web01: {user: admin}\r\n", []Host{host("web01", "web01", 22, "admin")}},
		{"document marks", "---\nhosts: [web01]\n...\n", []Host{host("web01", "web01", 22, "")}},
		{"names that look like numbers", "hosts:\n  007: {address: 10.0.0.7}\n  1e3: {address: 10.0.0.8}\n  true: {address: 10.0.0.9}\n",
			[]Host{host("007", "10.0.0.7", 22, ""), host("1e3", "10.0.0.8", 22, ""), host("true", "10.0.0.9", 22, "")}},
		{"groups define hosts where nothing else does", "groups:\n  web: {hosts: [web01, admin@web02]}\n  dmz: {hosts: [web01]}\n",
			[]Host{host("web01", "web01", 22, "", "dmz", "web"), host("web02", "web02", 22, "admin", "web")}},
		{"groups define hosts in a mapping", "groups:\n  web:\n    hosts:\n      web01: {address: 10.0.0.1}\n      web02:\n",
			[]Host{host("web01", "10.0.0.1", 22, "", "web"), host("web02", "web02", 22, "", "web")}},
		{"a group defines a host beside the list", "hosts: [web01]\ngroups: {db: {hosts: [{name: db01, port: 23}, web01]}}\n",
			[]Host{host("web01", "web01", 22, "", "db"), host("db01", "db01", 23, "", "db")}},
		{"members named before they are defined", "groups:\n  web: {hosts: [web02, web01]}\nhosts: [web01, web02]\n",
			[]Host{host("web01", "web01", 22, "", "web"), host("web02", "web02", 22, "", "web")}},
		{"named from both sides", "groups: {web: {hosts: [web01]}}\nhosts: {web01: {groups: web}}\n", []Host{host("web01", "web01", 22, "", "web")}},
		{"aliases and merges", "hosts:\n  web01: &h {user: admin, port: 2222}\n  web02: {<<: *h, port: 23}\n  web03: *h\n",
			[]Host{host("web01", "web01", 2222, "admin"), host("web02", "web02", 23, "admin"), host("web03", "web03", 2222, "admin")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv := mustLoad(t, "i.yaml", tt.text)
			opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Host{}, "Pos")}
			if d := cmp.Diff(tt.want, inv.Hosts, opts); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestInheritance(t *testing.T) {
	const text = `
defaults: {user: d, port: 1, key: /d, sudo: none, labels: {a: d, b: d, c: d, e: d}}
groups:
  outer: {children: [inner, other], user: o, port: 2, key: /o, sudo: sudo, labels: {b: o, c: o, e: o}}
  inner: {user: i, port: 3, labels: {c: i, e: i}}
  other: {port: 3}
  aside: {labels: {f: x}}
hosts:
  plain: {}
  o: {groups: [outer]}
  i: {groups: [inner, outer, aside]}
  both: {groups: [inner, other]}
  own: {groups: [inner], user: h, port: 4, keys: [/h1, /h2], sudo: auto, labels: {e: h}}
`
	inv := mustLoad(t, "i.yaml", text)
	type row struct {
		User   string
		Port   int
		Keys   string
		Sudo   Sudo
		Labels string
		Groups string
	}
	got := make(map[string]row)
	for _, h := range inv.Hosts {
		got[h.Name] = row{h.User, h.Port, strings.Join(h.Keys, ","), h.Sudo, fmt.Sprint(h.Labels), strings.Join(h.Groups, ",")}
	}
	want := map[string]row{
		"plain": {"d", 1, "/d", SudoNone, "map[a:d b:d c:d e:d]", ""},
		"o":     {"o", 2, "/o", SudoYes, "map[a:d b:o c:o e:o]", "outer"},
		"i":     {"i", 3, "/o", SudoYes, "map[a:d b:o c:i e:i f:x]", "aside,inner,outer"},
		"both":  {"i", 3, "/o", SudoYes, "map[a:d b:o c:i e:i]", "inner,other,outer"},
		"own":   {"h", 4, "/h1,/h2", SudoAuto, "map[a:d b:o c:i e:h]", "inner,outer"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	at := func(line, column int) Pos { return Pos{File: "i.yaml", Line: line, Column: column} }
	explained := []Setting{
		{"address", "own", "host", at(13, 3)},
		{"user", "h", "host", at(13, 26)},
		{"port", "4", "host", at(13, 35)},
		{"key", "/h1, /h2", "host", at(13, 44)},
		{"sudo", "auto", "host", at(13, 62)},
		{"labels.a", "d", "defaults", at(2, 60)},
		{"labels.b", "o", "group outer", at(4, 85)},
		{"labels.c", "i", "group inner", at(5, 38)},
		{"labels.e", "h", "host", at(13, 83)},
	}
	if d := cmp.Diff(explained, inv.Explain("own")); d != "" {
		t.Error(d)
	}
	if got := inv.Explain("plain")[1]; got != (Setting{"user", "d", "defaults", at(2, 12)}) {
		t.Errorf("%+v", got)
	}
	if h, ok := inv.Lookup("own"); !ok || h.User != "h" {
		t.Errorf("Lookup: %+v, %v", h, ok)
	}
	if _, ok := (*Inventory)(nil).Lookup("own"); ok {
		t.Error("a host of no inventory")
	}
	if got := inv.Explain("nobody"); got != nil {
		t.Errorf("%+v", got)
	}
	if got := mustLoad(t, "i.yaml", "hosts: [a]").Explain("a")[2]; got != (Setting{Key: "port", Value: "22"}) {
		t.Errorf("%+v", got)
	}
}

// TestRulesAddUp: top level, outer group, inner group, host; and no host sees
// what another one adds.
func TestRulesAddUp(t *testing.T) {
	const text = `
groups:
  inner: {keep: [{user: inner}], hosts: [a, b]}
  outer: {keep: [{user: outer}], children: [inner]}
hosts:
  a: {keep: [{user: a}]}
  b: {keep: [{user: b}]}
  c: {}
keep: [{user: top}]
`
	inv := mustLoad(t, "i.yaml", text)
	got := make(map[string]string)
	for _, h := range inv.Hosts {
		for _, k := range h.Keep {
			got[h.Name] += k.User + " "
		}
	}
	want := map[string]string{"a": "top outer inner a ", "b": "top outer inner b ", "c": "top "}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestKeyFilesBesideTheInventory(t *testing.T) {
	inv := mustLoad(t, "/etc/postern/fleet.yaml", "hosts:\n  a: {keys: [keys/a, ~/k, /abs]}\nkeep: [{user: u, key: u.pub}, {user: v, key: ~/v.pub}]\n")
	inv.ExpandHome("")
	if d := cmp.Diff([]string{"/etc/postern/keys/a", "~/k", "/abs"}, inv.Hosts[0].Keys); d != "" {
		t.Error(d)
	}
	inv.ExpandHome("/home/op")
	if d := cmp.Diff([]string{"/etc/postern/keys/a", "/home/op/k", "/abs"}, inv.Hosts[0].Keys); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"/etc/postern/u.pub", "/home/op/v.pub"}, []string{inv.Hosts[0].Keep[0].Key, inv.Hosts[0].Keep[1].Key}); d != "" {
		t.Error(d)
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadFile(filepath.Join(dir, "none.yaml"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := LoadFile(dir, ""); err == nil {
		t.Error("a directory was loaded")
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("hosts: [a]\n"+strings.Repeat("#", MaxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	var faults Faults
	if _, err := LoadFile(large, ""); !errors.As(err, &faults) || !strings.Contains(err.Error(), large+": it is larger than 4 MiB") {
		t.Errorf("a large file: %v", err)
	}
}

// TestBounds: what a generator gone wrong writes ends in a fault, not in memory.
func TestBounds(t *testing.T) {
	bomb := "waive: &a [" + strings.Repeat("{}, ", 3000) + "]\nhosts:\n"
	for i := range 3000 {
		bomb += fmt.Sprintf("  h%d: {waive: *a}\n", i)
	}
	ok := "{rule: r, owner: o, reason: r, created: 2026-01-01, expires: 2026-02-01}"
	var copies strings.Builder
	copies.WriteString("waive: [" + strings.Repeat(ok+", ", 2000) + "]\nhosts:\n")
	for i := range 2000 {
		fmt.Fprintf(&copies, "  h%d: {waive: [%s]}\n", i, ok)
	}
	var groups strings.Builder
	groups.WriteString("groups:\n")
	for i := range maxGroups + 10 {
		fmt.Fprintf(&groups, "  g%d: {}\n", i)
	}
	var chain strings.Builder
	chain.WriteString("hosts: [a]\ngroups:\n  g0: {hosts: [a]}\n")
	for i := range maxGroups - 1 {
		fmt.Fprintf(&chain, "  g%d: {children: [g%d], keep: [{user: u}]}\n", i+1, i)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"aliases", bomb, "aliases make it expand to more than"},
		{"inherited copies", copies.String(), "hosts inherit more than"},
		{"groups", groups.String(), "more than 4096 groups"},
		{"a chain of groups", chain.String(), ""},
		{"brackets", "hosts: " + strings.Repeat("[", 100_000), "nests too deep"},
		{"braces", "hosts: " + strings.Repeat("{a: ", 100_000), "nests too deep"},
		{"dashes", "hosts:\n" + strings.Repeat("- ", 100_000), "nests too deep"},
		{"question marks", "hosts:\n" + strings.Repeat("? ", 100_000), "nests too deep"},
		{"long value", "hosts:\n  a: {user: " + strings.Repeat("x", 5000) + "}", "longer than 4096 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv, faults := Load("i.yaml", []byte(tt.text))
			switch {
			case tt.want == "" && inv == nil:
				t.Error(faults)
			case tt.want != "" && (inv != nil || !strings.Contains(faults.Error(), tt.want)):
				t.Errorf("%.300s; want %q", faults.Error(), tt.want)
			}
		})
	}
}

// TestLargeAndBroken: past locateLimit the place is a line, and near.
func TestLargeAndBroken(t *testing.T) {
	var s strings.Builder
	s.WriteString("hosts:\n")
	for i := range 10_000 {
		if i == 7000 {
			s.WriteString("  broken: {address: 10.0.0.1, user: @admin}\n")
		}
		fmt.Fprintf(&s, "  host%05d: {address: 10.0.0.1}\n", i)
	}
	_, faults := Load("i.yaml", []byte(s.String()))
	want := Faults{{Pos: Pos{"i.yaml", 7002, 3}, Text: "a value cannot begin with this character", Hint: "put the value in quotes"}}
	if d := cmp.Diff(want, faults); d != "" {
		t.Error(d)
	}
}

func TestWaivers(t *testing.T) {
	h := mustLoad(t, "i.yaml", `
hosts: [a]
waive:
  - {rule: r, owner: old, reason: x, created: 2025-01-01, expires: 2025-06-01}
  - {rule: r, owner: now, reason: x, created: 2026-01-01, expires: 2027-01-01}
  - {rule: r, owner: soon, reason: x, created: 2027-01-01, expires: 2028-01-01}
  - {rule: s, owner: other, reason: x, created: 2026-01-01, expires: 2026-06-01}
`).Hosts[0]
	owners := func(ws []Waiver) string {
		var out []string
		for _, w := range ws {
			out = append(out, w.Owner)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct{ name, rule, now, active, expired string }{
		{"within", "r", "2026-05-31T23:59:59Z", "now", "old"},
		{"the last second", "r", "2025-05-31T23:59:59Z", "old", ""},
		{"the day of expiry", "r", "2025-06-01T00:00:00Z", "", "old"},
		{"before the creation", "r", "2025-12-30T23:59:59Z", "", "old"},
		{"created today, east of UTC", "r", "2025-12-31T13:00:00Z", "now", "old"},
		{"the renewal takes over", "r", "2027-01-01T00:00:00Z", "soon", "old now"},
		{"another rule", "s", "2026-07-01T00:00:00Z", "", "other"},
		{"no waiver", "t", "2026-07-01T00:00:00Z", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			active, expired := h.Waivers(tt.rule, now)
			if owners(active) != tt.active || owners(expired) != tt.expired {
				t.Errorf("active %q, expired %q; want %q, %q", owners(active), owners(expired), tt.active, tt.expired)
			}
		})
	}
}

func TestCheckRules(t *testing.T) {
	const w = "owner: o, reason: x, created: 2026-01-01, expires: 2026-06-01}"
	inv := mustLoad(t, "i.yaml", "hosts:\n  a: {waive: [{rule: sshd-rot-login, "+w+"]}\nwaive:\n  - {rule: sshd-root-login, "+w+"\n  - {rule: gone, "+w+"\n")
	got := inv.CheckRules([]string{"sshd-root-login", "ssh-terrapin"}).Error()
	want := `i.yaml:2:15: a waiver of the unknown rule "sshd-rot-login"
  hint: did you mean "sshd-root-login"?
i.yaml:5:5: a waiver of the unknown rule "gone"
  hint: "postern rules list" shows the ids`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFaultsWithoutOne(t *testing.T) {
	if err := (Faults)(nil).Err(); err != nil {
		t.Errorf("no faults are the error %#v", err)
	}
}

// FuzzLoad: nothing panics, every fault is bounded, printable and lies within
// the file; what is loaded has unique names and hosts that can be dialled, and
// loading it again gives the same.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range append(seeds, "testdata/example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, faults := Load("fuzz.yaml", data)
		if (inv == nil) != (len(faults) > 0) {
			t.Fatalf("inventory %v, %d faults", inv != nil, len(faults))
		}
		if inv == nil {
			checkFaults(t, "fuzz.yaml", data, faults)
			return
		}
		names := make(map[string]bool)
		for _, g := range inv.Groups {
			if names[g.Name] {
				t.Fatalf("%q twice", g.Name)
			}
			names[g.Name] = true
		}
		for _, h := range inv.Hosts {
			if h.Name == "" || names[h.Name] {
				t.Fatalf("%q is empty or there twice", h.Name)
			}
			names[h.Name] = true
			if _, f := checkHost(h.Address); f.Text != "" || h.Port < 1 || h.Port > 65535 {
				t.Fatalf("cannot be dialled: %+v", h)
			}
			if f := checkUser(h.User); h.User != "" && f.Text != "" {
				t.Fatalf("cannot log in: %+v", h)
			}
			for _, w := range h.Waive {
				if w.Rule == "" || w.Owner == "" || w.Reason == "" || w.Expires.After(w.Created.AddDate(1, 0, 0)) {
					t.Fatalf("waiver %+v", w)
				}
			}
			if s := inv.Explain(h.Name); len(s) < 5 {
				t.Fatalf("%q: %+v", h.Name, s)
			}
		}
		selected, excluded, err := inv.Select([]string{"@all"})
		if len(inv.Hosts) > 0 && (err != nil || len(selected) != len(inv.Hosts) || len(excluded) != 0) {
			t.Fatalf("@all: %d of %d, %v", len(selected), len(inv.Hosts), err)
		}
		again, faults := Load("fuzz.yaml", data)
		if d := cmp.Diff(inv.Hosts, again.Hosts); len(faults) > 0 || d != "" {
			t.Fatal(faults, d)
		}
	})
}

// BenchmarkLoad: hosts of 1×, 2× and 4×, in groups, with labels: time and
// memory have to grow with them.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10_000, 20_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s strings.Builder
			s.WriteString("defaults: {user: root}\ngroups:\n  all-web: {children: [web0, web1, web2, web3], keep: [{user: admin}]}\n")
			for i := range 4 {
				fmt.Fprintf(&s, "  web%d: {labels: {zone: z%d}}\n", i, i)
			}
			s.WriteString("hosts:\n")
			for i := range n {
				fmt.Fprintf(&s, "  host%05d: {address: 10.%d.%d.%d, groups: [web%d], labels: {role: r%d}}\n", i, i>>16, i>>8&255, i&255, i%4, i%7)
			}
			data := []byte(s.String())
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				inv, faults := Load("bench.yaml", data)
				if len(faults) > 0 || len(inv.Hosts) != n {
					b.Fatal(faults)
				}
			}
		})
	}
}
