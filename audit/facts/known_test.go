package facts

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnknownIsNull(t *testing.T) {
	f := &Facts{Unknown: map[string]string{"sshd.password_login": "why", "wire": "why", "host.nonsense": "why"}}
	f.Sshd.MaxAuthTries = 6
	f.Wire.HostKeys = []HostKey{{Type: "ssh-rsa"}}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Sshd map[string]any
		Wire map[string]any
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"one unknown fact", got.Sshd["password_login"], nil},
		{"its neighbour", got.Sshd["max_auth_tries"], 6.0},
		{"all below", got.Wire["version"], nil},
		{"a list", len(got.Wire["host_keys"].([]any)), 1},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
	var back Facts
	if err := json.Unmarshal(data, &back); err != nil {
		t.Errorf("what is printed cannot be read back: %v", err)
	}
}
