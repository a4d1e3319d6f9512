package sshd

import "strconv"

// MaxPlaces bounds the places that [Config.Places] returns.
const MaxPlaces = 256

// maxCandidates bounds the addresses tried, maxTries the combinations of all
// dimensions, maxWork the comparisons of addresses with list entries.
const (
	maxCandidates = 4096
	maxTries      = 1 << 16
	maxWork       = 1 << 23
)

// Places returns one representative for each region of logins that the
// configuration can tell apart by where they come from and where they arrive:
// by the criteria of Match and by user@host in AllowUsers and DenyUsers. Their
// User is empty. The first lies in no region that the configuration names,
// where there is such a place. capped says that there are more than MaxPlaces.
func (c *Config) Places() (places []Context, capped bool) { return c.PlacesWith(nil) }

// PlacesWith is [Config.Places] with further lists that tell places apart: each
// is written as behind the "@" of a user pattern or in from= of a key (see
// [MatchPlace]). A list that cannot be read tells nothing apart.
func (c *Config) PlacesWith(lists []string) (places []Context, capped bool) {
	d := c.dimensions(lists)
	addrs, capA := d.addresses()
	hosts := d.hosts()
	locals := d.locals()
	ports := d.ports()
	domains := d.domains()
	capped = capA
	seen := map[string]bool{}
	tries := 0
	for _, rd := range domains {
		for _, port := range ports {
			for _, local := range locals {
				for _, host := range hosts {
					for _, a := range addrs {
						if tries++; tries > maxTries {
							return places, true
						}
						p := Context{Addr: a.value, Host: host.value, LocalAddr: local.value, RDomain: rd.value, Label: a.label}
						p.LocalPort, _ = strconv.Atoi(port.value)
						for _, part := range []string{host.label, local.label, port.label, rd.label} {
							p.Label = joinLabel(p.Label, part)
						}
						sig := d.signature(&p)
						if seen[sig] {
							continue
						}
						seen[sig] = true
						if len(places) == MaxPlaces {
							return places, true
						}
						places = append(places, p)
					}
				}
			}
		}
	}
	return places, capped
}

func joinLabel(a, b string) string {
	switch {
	case b == "":
		return a
	case a == "anywhere" || a == "":
		return b
	}
	return a + " " + b
}
