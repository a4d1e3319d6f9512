package audit

import "github.com/postern-ssh/postern/audit/facts"

// PrivateReach is a private key that lies on a host, with what it opens on the
// hosts that were looked at.
type PrivateReach struct {
	Host string           `json:"host"`
	Key  facts.PrivateKey `json:"key"`
	// Opens are the accounts whose files list it and that it opens, or may open.
	// Empty also where its public half is not known: Key.Fingerprint tells.
	Opens []KeyUse `json:"opens"`
}

// PrivateReaches finds what the private keys on the hosts open, by the public half
// that lies beside each. Which half belongs to which is the word of the names.
func PrivateReaches(hosts []HostLogins) []PrivateReach {
	opens := map[string][]KeyUse{}
	for i := range hosts {
		if l := hosts[i].Logins; l != nil {
			for k := range l.PrivateKeys {
				if f := l.PrivateKeys[k].Fingerprint; f != "" {
					opens[f] = []KeyUse{}
				}
			}
		}
	}
	for i := range hosts {
		uses(&hosts[i], func(k *facts.LoginKey, u KeyUse) {
			if list, ok := opens[k.Fingerprint]; ok && !k.CA && u.Opens != "no" {
				opens[k.Fingerprint] = append(list, u)
			}
		})
	}
	out := []PrivateReach{}
	for i := range hosts {
		if l := hosts[i].Logins; l != nil {
			for k := range l.PrivateKeys {
				key := l.PrivateKeys[k]
				out = append(out, PrivateReach{Host: hosts[i].Host, Key: key, Opens: append([]KeyUse{}, opens[key.Fingerprint]...)})
			}
		}
	}
	return out
}
