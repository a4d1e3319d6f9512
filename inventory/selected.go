package inventory

import (
	"net"
	"slices"
	"strconv"
)

// result puts the selection in its order and gives each host a name of its own.
func (s *selection) result(drop, dropOut []bool) (selected, excluded []Host) {
	taken := make(map[string]bool)
	add := func(h Host) {
		h.Name = freeName(&h, taken)
		taken[h.Name] = true
		selected = append(selected, h)
	}
	for i := range s.hosts {
		switch {
		case !s.chosen[i] && len(s.extra[i]) == 0:
		case drop[i]:
			excluded = append(excluded, s.hosts[i])
		default:
			if s.chosen[i] {
				add(s.hosts[i])
			}
			for _, h := range s.extra[i] {
				add(h)
			}
		}
	}
	for i := range s.outside {
		if dropOut[i] {
			excluded = append(excluded, s.outside[i])
			continue
		}
		add(s.outside[i])
	}
	return selected, excluded
}

// freeName gives the host's name, with what tells it apart where that is taken:
// the same machine may be looked at as two users, or on two ports.
func freeName(h *Host, taken map[string]bool) string {
	if !taken[h.Name] {
		return h.Name
	}
	address := net.JoinHostPort(h.Address, strconv.Itoa(h.Port))
	candidates := []string{h.User + "@" + h.Name, h.User + "@" + address}
	if h.User == "" {
		candidates = []string{address}
	}
	for _, c := range candidates {
		if !taken[c] {
			return c
		}
	}
	for n := 2; ; n++ {
		if c := h.Name + "#" + strconv.Itoa(n); !taken[c] {
			return c
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
