package fix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// directive is a line of a sub-policy in the scope of sshd: PROPERTY = VALUE. Those
// that postern writes only take away.
type directive struct{ property, value string }

// policyLists are the lists of the back-end for OpenSSH that its generator makes of a
// policy (policygenerators/openssh.py of crypto-policies).
var policyLists = []string{"Ciphers", "MACs", "KexAlgorithms", "GSSAPIKexAlgorithms", "HostKeyAlgorithms",
	"PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "HostbasedAcceptedAlgorithms", "HostbasedAcceptedKeyTypes", "CASignatureAlgorithms"}

// cipherWords and macWords are OpenSSH's names by the words of a policy. A word of MACs
// stands for the name and for its -etm form.
var (
	cipherWords = map[string]string{
		"aes256-gcm@openssh.com": "AES-256-GCM", "aes128-gcm@openssh.com": "AES-128-GCM", "chacha20-poly1305@openssh.com": "CHACHA20-POLY1305",
		"aes256-ctr": "AES-256-CTR", "aes192-ctr": "AES-192-CTR", "aes128-ctr": "AES-128-CTR",
		"aes256-cbc": "AES-256-CBC", "aes192-cbc": "AES-192-CBC", "aes128-cbc": "AES-128-CBC", "3des-cbc": "3DES-CBC",
	}
	macWords = map[string]string{
		"hmac-md5": "HMAC-MD5", "hmac-sha1": "HMAC-SHA1", "hmac-sha2-256": "HMAC-SHA2-256", "hmac-sha2-512": "HMAC-SHA2-512",
		"umac-64": "UMAC-64", "umac-128": "UMAC-128",
	}
)

func macBase(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "@openssh.com"), "-etm")
}

const (
	minRSASize       = "min_rsa_size"
	groupExchange    = "diffie-hellman-group-exchange-"
	gssGroupExchange = "gss-gex-"
)

// takes reports whether a directive takes a name out of a list.
func (d directive) takes(keyword, name string) bool {
	switch k := strings.ToLower(keyword); d.property {
	case "cipher":
		return k == "ciphers" && d.value == "-"+cipherWords[name]
	case "mac":
		return k == "macs" && d.value == "-"+macWords[macBase(name)]
	case "hash": // which makes nothing but names of key exchanges
		return d.value == "-SHA1" && (k == "kexalgorithms" && strings.HasSuffix(name, "-sha1") || k == "gssapikexalgorithms" && strings.HasSuffix(name, "-sha1-"))
	case "arbitrary_dh_groups":
		return k == "kexalgorithms" && strings.HasPrefix(name, groupExchange) || k == "gssapikexalgorithms" && strings.HasPrefix(name, gssGroupExchange)
	case "sign":
		if k == "ciphers" || k == "macs" || strings.Contains(k, "kex") {
			return false
		}
		base := strings.TrimSuffix(name, "-cert-v01@openssh.com")
		return d.value == "-RSA-SHA1" && base == "ssh-rsa" || d.value == "-DSA-SHA1" && base == "ssh-dss"
	}
	return false
}

// directivesFor finds what takes names out of a list; lacks is the first for which the
// policies have no word. What takes least comes first.
func directivesFor(keyword string, names []string) (list []directive, lacks string) {
	all := []directive{{"arbitrary_dh_groups", "0"}, {"hash", "-SHA1"}, {"sign", "-RSA-SHA1"}, {"sign", "-DSA-SHA1"}}
	for _, n := range names {
		if w := cipherWords[n]; w != "" {
			all = append(all, directive{"cipher", "-" + w})
		}
		if w := macWords[macBase(n)]; w != "" {
			all = append(all, directive{"mac", "-" + w})
		}
	}
	sha2 := slices.Contains(names, groupExchange+"sha256")
	for _, n := range names {
		i := slices.IndexFunc(all, func(d directive) bool {
			// both group exchanges go by it, so it is for who wants the better one gone
			return d.takes(keyword, n) && (d.property != "arbitrary_dh_groups" || sha2)
		})
		if i < 0 {
			return nil, n
		}
		if !slices.Contains(list, all[i]) {
			list = append(list, all[i])
		}
	}
	return list, ""
}

// moduleHead tells postern's sub-policy from what others have written there.
const moduleHead = "# Written by postern: weak algorithms go out of what sshd offers, and of nothing\n" +
	"# else. /etc/crypto-policies/config names it; see update-crypto-policies(8).\n"

// moduleWith is the sub-policy with further directives, a line for each property.
func moduleWith(old []byte, list []directive) []byte {
	var b strings.Builder
	b.Write(old)
	switch {
	case len(old) == 0:
		b.WriteString(moduleHead)
	case old[len(old)-1] != '\n':
		b.WriteByte('\n')
	}
	for _, line := range policyLines(list) {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

func policyLines(list []directive) (lines []string) {
	var order []string
	values := map[string][]string{}
	for _, d := range list {
		if values[d.property] == nil {
			order = append(order, d.property)
		}
		values[d.property] = append(values[d.property], d.value)
	}
	for _, k := range order {
		lines = append(lines, fmt.Sprintf("%s@%s = %s", k, policyScope, strings.Join(values[k], " ")))
	}
	return lines
}

// policySteps is how a person does it.
func policySteps(list []directive) string {
	var lines []string
	for _, l := range policyLines(list) {
		lines = append(lines, `"`+l+`"`)
	}
	return fmt.Sprintf("write %s to %s, run update-crypto-policies --set $(update-crypto-policies --show):%s", strings.Join(lines, " and "), policyModule, moduleName)
}

func larger(a, b string) bool {
	x, err := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err == nil && err2 == nil && x > y
}

// directedBackEnd is the back-end as the tool makes it with these directives: the same
// lists in the same order without the names, and larger numbers. taken has what went, by keyword in lower
// case. Lines of local.d stand behind, and have no effect on a list that is set already.
func directedBackEnd(data []byte, list []directive) (out []byte, taken map[string][]string, why string) {
	taken = map[string][]string{}
	done := map[string]bool{}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		i := -1
		if len(words) == 2 && strings.EqualFold(words[0], "RequiredRSASize") && !done["RequiredRSASize"] {
			done["RequiredRSASize"] = true
			if d := slices.IndexFunc(list, func(d directive) bool { return d.property == minRSASize }); d >= 0 && larger(list[d].value, words[1]) {
				taken["requiredrsasize"] = []string{words[1]}
				line = words[0] + " " + list[d].value + "\n"
			}
		} else if len(words) == 2 {
			i = slices.IndexFunc(policyLists, func(k string) bool { return strings.EqualFold(k, words[0]) })
		}
		if i < 0 || done[policyLists[i]] {
			b.WriteString(line)
			continue
		}
		k := policyLists[i]
		done[k] = true
		var kept []string
		for _, n := range strings.Split(words[1], ",") {
			if slices.ContainsFunc(list, func(d directive) bool { return d.takes(k, n) }) {
				taken[strings.ToLower(k)] = append(taken[strings.ToLower(k)], n)
			} else {
				kept = append(kept, n)
			}
		}
		switch {
		case len(taken[strings.ToLower(k)]) == 0:
			b.WriteString(line)
		case len(kept) > 0:
			b.WriteString(words[0] + " " + strings.Join(kept, ",") + "\n")
		case k == "GSSAPIKexAlgorithms":
			b.WriteString("GSSAPIKeyExchange no\n")
		default:
			return nil, nil, k + " would be left empty, and what sshd has by itself would come back"
		}
	}
	return []byte(b.String()), taken, ""
}
