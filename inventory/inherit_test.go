package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestGroupsAgainstModel draws groups without circles and asks a slow model
// which hosts are in which, and whether outer rules stand before inner ones.
func TestGroupsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.IntRange(1, 70).Draw(t, "groups") // past one word of bits
		hosts := rapid.IntRange(1, 5).Draw(t, "hosts")
		contains := make([][]bool, groups) // directly
		order := rapid.Permutation(seq(groups)).Draw(t, "order")
		var text strings.Builder
		text.WriteString("groups:\n")
		for _, g := range order {
			contains[g] = make([]bool, groups)
			var children []string
			for _, c := range rapid.SliceOfN(rapid.IntRange(0, groups-1), 0, 3).Draw(t, "children") {
				if c > g { // only downwards: no circle
					contains[g][c] = true
					children = append(children, fmt.Sprintf("g%d", c))
				}
			}
			fmt.Fprintf(&text, "  g%d: {children: [%s], keep: [{user: g%d}]}\n", g, strings.Join(children, ", "), g)
		}
		text.WriteString("hosts:\n")
		direct := make([][]int, hosts)
		for h := range direct {
			direct[h] = rapid.SliceOfN(rapid.IntRange(0, groups-1), 0, 4).Draw(t, "in")
			var in []string
			for _, g := range direct[h] {
				in = append(in, fmt.Sprintf("g%d", g))
			}
			fmt.Fprintf(&text, "  h%d: {groups: [%s]}\n", h, strings.Join(in, ", "))
		}
		inv, faults := Load("i.yaml", []byte(text.String()))
		if len(faults) > 0 {
			t.Fatal(faults)
		}

		for h, in := range direct {
			member := make([]bool, groups)
			for _, g := range in {
				member[g] = true
			}
			for range groups { // until nothing changes, at the latest
				for outer := range groups {
					for inner := range groups {
						if contains[outer][inner] && member[inner] {
							member[outer] = true
						}
					}
				}
			}
			var want []string
			for g, ok := range member {
				if ok {
					want = append(want, fmt.Sprintf("g%d", g))
				}
			}
			slices.Sort(want)
			got := inv.Hosts[h]
			if d := cmp.Diff(want, got.Groups, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s\nhost %d: %s", text.String(), h, d)
			}
			at := make(map[string]int)
			for i, k := range got.Keep {
				at[k.User] = i
			}
			if len(at) != len(want) || len(got.Keep) != len(want) {
				t.Fatalf("%s\nhost %d keeps %+v", text.String(), h, got.Keep)
			}
			for outer := range groups {
				for inner := range groups {
					if contains[outer][inner] && member[inner] && at[fmt.Sprintf("g%d", outer)] > at[fmt.Sprintf("g%d", inner)] {
						t.Fatalf("%s\nhost %d: the rules of g%d stand before those of g%d around it", text.String(), h, inner, outer)
					}
				}
			}
		}
		for _, g := range inv.Groups {
			for _, h := range inv.Hosts {
				if slices.Contains(g.Hosts, h.Name) != slices.Contains(h.Groups, g.Name) {
					t.Fatalf("%s and %s disagree", g.Name, h.Name)
				}
			}
		}
	})
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
