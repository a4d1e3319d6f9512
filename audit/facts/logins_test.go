package facts

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/sshd"
)

// A way lies inside a carve-out only as a whole: its user, its methods, and every
// place that the answer stands for.
func TestAllowed(t *testing.T) {
	b := &builder{opt: Options{Allow: []Allowed{
		{User: "backup", Addresses: []string{"10.0.0.0/8", "192.0.2.7"}, Method: "password", Written: "a"},
		{User: "backup", Addresses: []string{"10.1.0.0/16"}, Method: "password", Written: "b"},
		{User: "backup", Addresses: []string{"0.0.0.0/0", "::/0"}, Method: "publickey", Written: "c"},
	}}}
	places := func(addrs ...string) (out []*sshd.Context) {
		for _, a := range addrs {
			out = append(out, &sshd.Context{Addr: a})
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		user    string
		places  []*sshd.Context
		methods []string
		want    []string
	}{
		{"inside both", "backup", places("10.1.2.3"), []string{"password"}, []string{"a", "b"}},
		{"inside one", "backup", places("10.1.2.3", "10.2.0.1", "192.0.2.7"), []string{"password"}, []string{"a"}},
		{"one place outside", "backup", places("10.1.2.3", "203.0.113.77"), []string{"password"}, nil},
		{"another method", "backup", places("10.1.2.3"), []string{"keyboard-interactive"}, nil},
		{"one step of another method", "backup", places("10.1.2.3"), []string{"publickey", "password"}, nil},
		{"a key from anywhere", "backup", places("203.0.113.77", "2001:db8::77"), []string{"publickey"}, []string{"c"}},
		{"another account", "root", places("10.1.2.3"), []string{"password"}, nil},
		{"no place is known", "backup", nil, []string{"password"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := b.allowed(&access.Answer{User: tt.user, Places: tt.places}, &access.Way{Methods: tt.methods})
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
