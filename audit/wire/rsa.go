package wire

import (
	"fmt"
	"math/big"
	"slices"
	"sync"
)

const (
	// maxTestBits bounds the tests on a modulus: OpenSSH's own limit
	// (OPENSSL_RSA_MAX_MODULUS_BITS, sshkey.h SSH_RSA_MAXIMUM_MODULUS_SIZE).
	maxTestBits = 16384
	// smallPrimes bounds trial division.
	smallPrimes = 4096
	// fermatRounds finds primes that agree in about the upper half of their
	// bits; honest ones differ after the first few.
	fermatRounds = 100
)

// judgeRSA gives an RSA key's standing. Sizes: OpenSSH refuses less than 1024
// bits; NIST SP 800-57 part 1 ends 2048 in 2030, BSI TR-02102 asks for 3000.
func judgeRSA(n, e *big.Int) (Status, string) {
	bits := n.BitLen()
	if why := brokenRSA(n, e); why != "" {
		return StatusBroken, why
	}
	switch {
	case bits < 1024:
		return StatusBroken, fmt.Sprintf("RSA of %d bits can be factored at home", bits)
	case bits < 2048:
		return StatusBroken, fmt.Sprintf("RSA of %d bits is within reach of an attacker with means", bits)
	case e.IsInt64() && e.Int64() == 3:
		return StatusWeak, fmt.Sprintf("RSA of %d bits with exponent 3, which forgives no fault in padding checks", bits)
	case bits < 3072:
		return StatusAcceptable, fmt.Sprintf("RSA of %d bits: about 112 bits of strength, which NIST ends in 2030", bits)
	}
	return StatusGood, fmt.Sprintf("RSA of %d bits", bits)
}

// brokenRSA says what makes the private half computable, or "".
func brokenRSA(n, e *big.Int) string {
	bits := n.BitLen()
	if e.Cmp(big.NewInt(1)) <= 0 {
		return "RSA exponent " + e.String() + ": signatures prove nothing"
	}
	if e.Bit(0) == 0 {
		return "RSA with an even exponent is no key"
	}
	if bits > maxTestBits || bits < 16 {
		return ""
	}
	if n.Bit(0) == 0 {
		return "RSA modulus is even"
	}
	if p := smallFactor(n); p != 0 {
		return fmt.Sprintf("RSA modulus is divisible by %d", p)
	}
	if fermat(n) {
		return "RSA primes lie close together: Fermat's method factors the modulus at once"
	}
	if roca(n) {
		return "RSA modulus has the form of Infineon's faulty generator (ROCA, CVE-2017-15361)"
	}
	return ""
}

// chunk is a product of primes that fits in a word, so that one division of a
// long number by a word tests several.
type chunk struct {
	product uint64
	primes  []uint64
}

// bundle is a product of chunks of a quarter of a usual modulus's length: one
// long division by it leaves a number that is short, and so are those by its chunks.
type bundle struct {
	product *big.Int
	chunks  []chunk
}

const bundleChunks = 12

var oddPrimes = sync.OnceValue(func() []chunk {
	composite := make([]bool, smallPrimes)
	var out []chunk
	cur := chunk{product: 1}
	for p := uint64(3); p < smallPrimes; p += 2 {
		if composite[p] {
			continue
		}
		for m := p * p; m < smallPrimes; m += 2 * p {
			composite[m] = true
		}
		if cur.product > (1<<63)/p {
			out = append(out, cur)
			cur = chunk{product: 1}
		}
		cur.product *= p
		cur.primes = append(cur.primes, p)
	}
	return append(out, cur)
})

var bundles = sync.OnceValue(func() []bundle {
	var out []bundle
	for group := range slices.Chunk(oddPrimes(), bundleChunks) {
		b := bundle{product: big.NewInt(1), chunks: group}
		for _, c := range group {
			b.product.Mul(b.product, new(big.Int).SetUint64(c.product))
		}
		out = append(out, b)
	}
	return out
})

// smallFactor returns a prime below smallPrimes that divides n, or 0.
func smallFactor(n *big.Int) uint64 {
	var m, q, short, r big.Int // reused: Mod would allocate a quotient each time
	for _, b := range bundles() {
		q.QuoRem(n, b.product, &short)
		for _, c := range b.chunks {
			q.QuoRem(&short, m.SetUint64(c.product), &r)
			rest := r.Uint64()
			for _, p := range c.primes {
				// n has at least 16 bits, so it is not that prime itself.
				if rest%p == 0 {
					return p
				}
			}
		}
	}
	return 0
}

// fermat reports whether n is a square or its factors lie close together: n =
// a² - b² for one of the first a above its root.
func fermat(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) == 0 {
		return true
	}
	a.Add(a, big.NewInt(1))
	b2 := new(big.Int).Mul(a, a)
	b2.Sub(b2, n)
	// (a+1)² - n = b2 + 2a + 1
	step := new(big.Int).Lsh(a, 1)
	step.Add(step, big.NewInt(1))
	rest, grows := remainder(b2), remainder(step)
	at, root := new(big.Int), new(big.Int)
	for k := range int64(fermatRounds) {
		if maybeSquare(rest) {
			// After k steps: b2 + k·step + k(k-1).
			at.Mul(step, big.NewInt(k))
			at.Add(at, big.NewInt(k*(k-1)))
			at.Add(at, b2)
			root.Sqrt(at)
			if root.Mul(root, root).Cmp(at) == 0 {
				return true
			}
		}
		rest = (rest + grows) % residueProduct
		grows = (grows + 2) % residueProduct
	}
	return false
}

// residues are the squares modulo small numbers. Together they let about one
// number in a hundred pass that is no square.
var residues = sync.OnceValue(func() [][]bool {
	var out [][]bool
	for _, m := range residueModuli {
		squares := make([]bool, m)
		for x := range m {
			squares[x*x%m] = true
		}
		out = append(out, squares)
	}
	return out
})

var residueModuli = [...]uint64{64, 63, 65, 11}

const residueProduct = 64 * 63 * 65 * 11

func remainder(x *big.Int) uint64 {
	return new(big.Int).Rem(x, big.NewInt(residueProduct)).Uint64()
}

// maybeSquare reports whether a number may be a square, by its remainder modulo
// residueProduct: so a round costs a few divisions of small numbers.
func maybeSquare(rest uint64) bool {
	for i, squares := range residues() {
		if !squares[rest%residueModuli[i]] {
			return false
		}
	}
	return true
}

// rocaPrimes are those for which the powers of 65537 are not everything. A
// random modulus passes all with a chance of 2^-27.8.
var rocaPrimes = [...]uint64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

// roca reports whether n is a power of 65537 modulo each of those primes, which
// the primes of that generator cannot avoid (Nemec et al., CCS 2017).
func roca(n *big.Int) bool {
	var m, q, r big.Int
	for _, p := range rocaPrimes {
		q.QuoRem(n, m.SetUint64(p), &r)
		rest := r.Uint64()
		x, found := uint64(1), false
		for range p {
			if found = x == rest; found {
				break
			}
			x = x * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}
