package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fleet = `
groups:
  prod: {children: [web]}
  web: {labels: {env: prod, path: a/b}}
  db: {labels: {env: test}}
  empty: {}
hosts:
  web01: {address: 10.0.0.1, groups: [web], user: root}
  web02: {groups: [web]}
  db01: {address: 127.0.0.1, port: 2201, groups: [db]}
  db02: {address: 127.0.0.1, port: 2202, groups: [db]}
  db03.example.org: {}
`

func show(hosts []Host) string {
	var out []string
	for _, h := range hosts {
		s := h.Name + "="
		if h.User != "" {
			s += h.User + "@"
		}
		out = append(out, fmt.Sprintf("%s%s:%d", s, h.Address, h.Port))
	}
	return strings.Join(out, " ")
}

func names(hosts []Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return strings.Join(out, " ")
}

func TestSelect(t *testing.T) {
	inv := mustLoad(t, "i.yaml", fleet)
	const all = "web01 web02 db01 db02 db03.example.org"
	for _, tt := range []struct {
		name, patterns     string
		selected, excluded string
	}{
		{"nothing is all", "", all, ""},
		{"all", "@all", all, ""},
		{"names in the order of the file", "db01 web01", "web01 db01", ""},
		{"each once", "web01 web01 web* @web", "web01 web02", ""},
		{"group by name", "web", "web01 web02", ""},
		{"outer group", "@prod", "web01 web02", ""},
		{"groups by pattern", "@*b", "web01 web02 db01 db02", ""},
		{"glob", "web*", "web01 web02", ""},
		{"class", "db0[12]", "db01 db02", ""},
		{"one character", "web0?", "web01 web02", ""},
		{"name with dots", "db03.example.org", "db03.example.org", ""},
		{"glob over dots", "*.example.org", "db03.example.org", ""},
		{"label", "env=test", "db01 db02", ""},
		{"label by pattern", "env=p*", "web01 web02", ""},
		{"label with a slash", "path=a*", "web01 web02", ""},
		{"label takes any value", "env=*", "web01 web02 db01 db02", ""},
		{"exclude a host", "!web01", "web02 db01 db02 db03.example.org", "web01"},
		{"exclude a group", "@all !@db !db03.example.org", "web01 web02", "db01 db02 db03.example.org"},
		{"exclude by label", "!env=*", "db03.example.org", "web01 web02 db01 db02"},
		{"exclude what was not selected", "db01 !web01", "db01", ""},
		{"the order of patterns does not matter", "!web01 @web", "web02", "web01"},
		{"empty group beside another", "@empty web01", "web01", ""},
		{"by address", "10.0.0.1", "web01", ""},
		{"by address, both ports", "127.0.0.1", "db01 db02", ""},
		{"by address and port", "127.0.0.1:2202", "db02", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			selected, excluded, err := inv.Select(strings.Fields(tt.patterns))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{tt.selected, tt.excluded}, []string{names(selected), names(excluded)}); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSelectFromOutside(t *testing.T) {
	inv := mustLoad(t, "i.yaml", fleet)
	for _, tt := range []struct {
		name, patterns string
		inv            *Inventory
		want           string
	}{
		{"no inventory", "root@web01:2222 web02", nil, "web01:2222=root@web01:2222 web02=web02:22"},
		{"no inventory, nothing", "", nil, ""},
		{"no inventory, excluded", "web01 web02 !web01", nil, "web02=web02:22"},
		{"each once", "web01 web01:22", nil, "web01=web01:22"},
		{"two users of a host", "root@web01 admin@web01", nil, "web01=root@web01:22 admin@web01=admin@web01:22"},
		{"a host and a user of it", "web01 admin@web01", nil, "web01=web01:22 admin@web01=admin@web01:22"},
		{"behind those of the inventory", "x.example.org db01", inv, "db01=127.0.0.1:2201 x.example.org=x.example.org:22"},
		{"another user", "admin@web01", inv, "web01=admin@10.0.0.1:22"},
		{"the same user", "root@web01 web01", inv, "web01=root@10.0.0.1:22"},
		{"another port", "web01:2222", inv, "web01=root@10.0.0.1:2222"},
		{"two users of one in the inventory", "web01 admin@web01 admin@web01", inv, "web01=root@10.0.0.1:22 admin@web01=admin@10.0.0.1:22"},
		{"another user by address", "admin@127.0.0.1:2201", inv, "db01=admin@127.0.0.1:2201"},
		{"an address with a port that none has", "127.0.0.1:2203", inv, "127.0.0.1:2203=127.0.0.1:2203"},
		{"v6", "[::1]:2222", inv, "[::1]:2222=::1:2222"},
		{"not taken away", "x.example.org y.example.org !y.example.org", inv, "x.example.org=x.example.org:22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			selected, _, err := tt.inv.Select(strings.Fields(tt.patterns))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, show(selected)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSelectKeepsWhatIsKnown(t *testing.T) {
	inv := mustLoad(t, "i.yaml", fleet)
	selected, _, err := inv.Select([]string{"admin@web01:2222"})
	if err != nil {
		t.Fatal(err)
	}
	want := inv.Hosts[0]
	want.User, want.Port = "admin", 2222
	if d := cmp.Diff([]Host{want}, selected); d != "" {
		t.Error(d)
	}
	if inv.Hosts[0].User != "root" {
		t.Error("the inventory itself was changed")
	}
}

func TestSelectFaults(t *testing.T) {
	inv := mustLoad(t, "i.yaml", fleet)
	for _, tt := range []struct {
		name     string
		inv      *Inventory
		patterns []string
		want     string
	}{
		{"a slip", inv, []string{"wbe01"}, "nothing in the inventory is called \"wbe01\"\n  hint: did you mean \"web01\"?"},
		{"nothing near", inv, []string{"mailserver"}, "nothing in the inventory is called \"mailserver\"\n  hint: a host from outside the inventory needs a \"@\", \":\" or \".\": mailserver:22"},
		{"all of them", inv, []string{"wbe01", "@wbe", "x*"}, "nothing in the inventory is called \"wbe01\"\n  hint: did you mean \"web01\"?\n" +
			"no group matches \"@wbe\"\n  hint: did you mean \"web\"?\n" +
			"no host of the inventory matches \"x*\"\n  hint: postern inventory shows the hosts; groups are matched by @PATTERN"},
		{"no such label", inv, []string{"evn=prod"}, "no host has a label \"evn\"\n  hint: did you mean \"env\"?"},
		{"no such value", inv, []string{"env=prd"}, "no host has the label \"env=prd\"\n  hint: did you mean \"env=prod\"?"},
		{"a flag", inv, []string{"-oProxyCommand=id"}, "host \"-oProxyCommand=id\": a host cannot begin with \"-\"\n  hint: is it a misspelt flag? see --help"},
		{"a flag without inventory", nil, []string{"-x*"}, "host \"-x*\": a host cannot begin with \"-\"\n  hint: is it a misspelt flag? see --help"},
		{"an excluded slip", inv, []string{"!wbe01"}, "nothing in the inventory is called \"wbe01\"\n  hint: did you mean \"web01\"?"},
		{"an excluded stranger", inv, []string{"@all", "!x.example.org"}, "\"!\" before \"x.example.org\", which is not among the hosts\n  hint: \"!\" takes away what another pattern names"},
		{"nothing is left", inv, []string{"web01", "!@web"}, "the patterns select no host\n  hint: postern inventory shows what there is"},
		{"an empty group", inv, []string{"@empty"}, "the patterns select no host\n  hint: postern inventory shows what there is"},
		{"open class", inv, []string{"web0[1"}, "the pattern \"web0[1\" is malformed\n  hint: close every \"[\" with \"]\""},
		{"open class of groups", inv, []string{"@web[1"}, "the pattern \"@web[1\" is malformed\n  hint: close every \"[\" with \"]\""},
		{"pattern without inventory", nil, []string{"web*"}, "\"web*\" is a pattern, and there is no inventory\n  hint: name one with -i FILE, or write the hosts out"},
		{"group without inventory", nil, []string{"@web"}, "\"@web\" is a pattern, and there is no inventory\n  hint: name one with -i FILE, or write the hosts out"},
		{"empty", inv, []string{""}, "host \"\": it is empty\n  hint: write host, user@host or user@host:port"},
		{"bang alone", inv, []string{"!"}, "host \"\": it is empty\n  hint: write host, user@host or user@host:port"},
		{"escape", inv, []string{"web\x1b[31m"}, "host \"web\\x1b[31m\": it holds the unprintable character '\\x1b'\n  hint: type the name anew"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			selected, excluded, err := tt.inv.Select(tt.patterns)
			var faults Faults
			if !errors.As(err, &faults) || selected != nil || excluded != nil {
				t.Fatalf("%v, %v, %v", selected, excluded, err)
			}
			if d := cmp.Diff(tt.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzSelect: selected names are unique, nothing is selected and excluded at
// once, and every fault has a way out.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{"", "web01", "@web !web01", "env=p* x@y.z:1", "db0[12] [::1]:22 !127.0.0.1", "!@all", "admin@web01 root@web01 web01:23", "@[", "=", "!!web01"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	loaded, faults := Load("i.yaml", []byte(fleet))
	if len(faults) > 0 {
		f.Fatal(faults)
	}
	f.Fuzz(func(t *testing.T, words string, with bool) {
		inv := loaded
		if !with {
			inv = nil
		}
		patterns := strings.Split(words, " ")
		selected, excluded, err := inv.Select(patterns)
		var faults Faults
		if err != nil && (!errors.As(err, &faults) || len(faults) == 0 || slices.ContainsFunc(faults, func(f Fault) bool { return f.Text == "" || f.Hint == "" })) {
			t.Fatalf("%#v", err)
		}
		seen := make(map[string]bool)
		for _, h := range selected {
			if seen[h.Name] || h.Port < 1 || h.Address == "" {
				t.Fatalf("%q: %+v", words, selected)
			}
			seen[h.Name] = true
		}
		for _, h := range excluded {
			if slices.ContainsFunc(selected, func(s Host) bool { return s.Address == h.Address && s.Port == h.Port && s.Name == h.Name }) {
				t.Fatalf("%q: %q is selected and excluded", words, h.Name)
			}
		}
	})
}

// BenchmarkSelect: 10,000 hosts, half of them taken away.
func BenchmarkSelect(b *testing.B) {
	var s strings.Builder
	s.WriteString("groups: {odd: {}}\nhosts:\n")
	for i := range 10_000 {
		fmt.Fprintf(&s, "  host%05d: {labels: {n: \"%d\"}%s}\n", i, i%10, []string{"", ", groups: [odd]"}[i%2])
	}
	inv, faults := Load("bench.yaml", []byte(s.String()))
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	for b.Loop() {
		selected, excluded, err := inv.Select([]string{"host*", "!@odd"})
		if err != nil || len(selected) != 5000 || len(excluded) != 5000 {
			b.Fatal(len(selected), len(excluded), err)
		}
	}
}
