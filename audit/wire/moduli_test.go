package wire

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		floor    int
		want     map[int]int
		smallest int
	}{
		{"empty", "", 2048, map[int]int{}, 0},
		{"as Debian ships it", "sha256 abcd\n100 2048\n100 3072\n50 4096\n", 2048, map[int]int{2048: 100, 3072: 100, 4096: 50}, 2048},
		{"a small group that a new server leaves alone", "3 1024\n9 3072\n", 2048, map[int]int{1024: 3, 3072: 9}, 3072},
		{"the same before 7.2", "3 1024\n9 3072\n", 1024, map[int]int{1024: 3, 3072: 9}, 1024},
		{"only small ones", "3 1024\n", 2048, map[int]int{1024: 3}, 0},
		{"twice one size", "3 3072\n4 3072\n", 2048, map[int]int{3072: 7}, 3072},
		{"not numbers", "x 2048\n2048\n1 2 3\n-4 2048\n1 99999999999\n0 2048\n1 17\n", 2048, map[int]int{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := ParseGroups([]byte(tt.in), tt.floor)
			if d := cmp.Diff(tt.want, g.Count); d != "" {
				t.Error(d)
			}
			if got := g.Smallest(); got != tt.smallest {
				t.Errorf("smallest %d, want %d", got, tt.smallest)
			}
		})
	}
}

func TestJudgeGroups(t *testing.T) {
	const gex = "diffie-hellman-group-exchange-sha256"
	for _, tt := range []struct {
		kex  string
		bits int
		want Status
	}{
		{gex, 0, StatusAcceptable},
		{gex, 1024, StatusBroken},
		{gex, 1536, StatusWeak},
		{gex, 2047, StatusWeak},
		{gex, 2048, StatusAcceptable},
		{gex, 8192, StatusAcceptable},
		{"diffie-hellman-group-exchange-sha1", 8192, StatusWeak},
		{"gss-gex-sha256-toWM5Slw5Ew8Mqkay+al2g==", 1024, StatusBroken},
		{"a-name-of-2040", 8192, StatusUnknown},
	} {
		if got, why := JudgeGroups(tt.kex, tt.bits); got != tt.want || why == "" {
			t.Errorf("%s with %d bits: %s (%s), want %s", tt.kex, tt.bits, got, why, tt.want)
		}
	}
	if GroupExchange("diffie-hellman-group14-sha256") || !GroupExchange(gex) {
		t.Error("what asks for a group is mistaken")
	}
}

func TestUses(t *testing.T) {
	for _, tt := range []struct {
		key     string
		offered []string
		want    bool
	}{
		{"ssh-ed25519", []string{"rsa-sha2-512", "ssh-ed25519"}, true},
		{"ssh-rsa", []string{"rsa-sha2-512"}, true},
		{"ssh-rsa", []string{"ssh-rsa"}, true},
		{"ssh-rsa", []string{"ssh-ed25519"}, false},
		{"ssh-rsa", []string{"rsa-sha2-512-cert-v01@openssh.com"}, false},
		{"ssh-rsa-cert-v01@openssh.com", []string{"rsa-sha2-256-cert-v01@openssh.com"}, true},
		{"ecdsa-sha2-nistp256", []string{"ecdsa-sha2-nistp384"}, false},
		{"ssh-dss", nil, false},
	} {
		if got := Uses(tt.key, tt.offered); got != tt.want {
			t.Errorf("%s of %v: %v", tt.key, tt.offered, got)
		}
	}
}

// FuzzGroups: the histogram is bounded, and its smallest group is one of it.
func FuzzGroups(f *testing.F) {
	f.Add([]byte("sha256 abcd\n100 2048\n100 3072\n"), 2048)
	f.Add([]byte("1 1024\n"), 0)
	f.Fuzz(func(t *testing.T, data []byte, floor int) {
		g := ParseGroups(data, floor)
		if len(g.Count) > maxSizes {
			t.Fatalf("%d sizes", len(g.Count))
		}
		least := g.Smallest()
		if least != 0 && (g.Count[least] == 0 || least < floor) {
			t.Fatalf("smallest %d", least)
		}
		again := ""
		for bits, n := range g.Count {
			if n > 0 {
				again += fmt.Sprintf("%d %d\n", min(n, 1), bits)
			}
		}
		if got := ParseGroups([]byte(again), floor).Smallest(); got != least {
			t.Fatalf("%d, and read again %d", least, got)
		}
	})
}
