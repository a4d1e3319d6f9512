package wire

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestFermatRounds: n = a² - b² is found in every round in which it has to be,
// and in none beyond the last.
func TestFermatRounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	one := big.NewInt(1)
	found := map[int64]bool{}
	for range 4000 {
		a := new(big.Int).SetUint64(rng.Uint64() | 1<<63)
		for range 7 {
			a.Lsh(a, 64).Or(a, new(big.Int).SetUint64(rng.Uint64()))
		}
		// Where b² is near 2ak, the root of n is near a-k.
		b := new(big.Int).Mul(a, big.NewInt(2*rng.Int64N(fermatRounds+20)))
		b.Sqrt(b).Add(b, big.NewInt(rng.Int64N(3)))
		n := new(big.Int).Mul(a, a)
		n.Sub(n, new(big.Int).Mul(b, b))
		root := new(big.Int).Sqrt(n)
		if new(big.Int).Mul(root, root).Cmp(n) != 0 {
			root.Add(root, one)
		}
		round := new(big.Int).Sub(a, root).Int64()
		if got := fermat(n); got != (round < fermatRounds) {
			// An earlier round may find other factors.
			if !got {
				t.Fatalf("round %d of %d: not found", round, fermatRounds)
			}
			continue
		}
		found[round] = true
	}
	for k := range int64(fermatRounds) {
		if !found[k] {
			t.Errorf("round %d was not tried", k)
		}
	}
}
