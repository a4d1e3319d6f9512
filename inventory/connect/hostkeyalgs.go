package connect

import (
	"slices"

	"golang.org/x/crypto/ssh"
)

// dsa is a name that the library deprecates; hosts still have such keys.
const dsa = "ssh-dss"

// hostKeyOrder is the order in which host keys are asked for: what OpenSSH's
// client prefers, so that both learn the same key of a new host.
var hostKeyOrder = []string{
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// algorithmsFor gives the signature algorithms for a type of host key, best
// first; nothing for a type that this client cannot check.
func algorithmsFor(keyType string, insecure bool) []string {
	switch keyType {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return []string{keyType}
	case ssh.KeyAlgoRSA:
		if insecure {
			return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
		}
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	case dsa:
		if insecure {
			return []string{keyType}
		}
	}
	return nil
}

// certAlgorithms are those for hosts that a certificate authority vouches for.
// SHA-1 is not among them: an authority that signs so is refused anyway.
var certAlgorithms = []string{
	ssh.CertAlgoED25519v01,
	ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// algorithms gives the host key algorithms to offer: those of the keys that are
// known and no others; without that, a server that has several keys would show
// one that is not known, which looks like an attack (golang/go#29286).
func (k known) algorithms(insecure bool) []string {
	var out []string
	if len(k.cas) > 0 {
		out = append(out, certAlgorithms...)
	}
	for _, order := range [2][]string{hostKeyOrder, {ssh.KeyAlgoRSA, dsa}} {
		for _, alg := range order {
			for _, l := range k.keys {
				if slices.Contains(algorithmsFor(l.typ, insecure), alg) && !slices.Contains(out, alg) {
					out = append(out, alg)
				}
			}
		}
	}
	if k.empty() || k.loose {
		all := hostKeyOrder
		if insecure {
			all = append(slices.Clone(all), ssh.KeyAlgoRSA, dsa)
		}
		for _, alg := range all {
			if !slices.Contains(out, alg) {
				out = append(out, alg)
			}
		}
	}
	return out
}
