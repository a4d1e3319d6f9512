package access

// hostbased is the door of HostbasedAuthentication: a machine that is listed
// vouches for its users (auth2-hostbased.c, auth-rhosts.c). The lists that a
// user keeps below his home are not read, so more than a no cannot be said
// where they count.
func (w *who) hostbased(p *policy) term {
	t := p.hostbased
	if t.v == No {
		return t
	}
	ignore := p.set.Get("IgnoreRhosts")
	// uid 0 is never admitted by the lists of /etc (auth_rhosts2).
	equiv := No
	if w.UID != 0 {
		for _, f := range []string{"/etc/hosts.equiv", "/etc/shosts.equiv"} {
			switch st := w.stat(f); {
			case !st.Known || st.Exists:
				equiv = Unsure
			}
		}
	}
	if equiv == No && ignore.Unknown == "" && (ignore.First() == "yes" || ignore.First() == "") {
		return term{v: No, why: "HostbasedAuthentication is on, but no list of trusted hosts counts", ev: t.ev}
	}
	return term{v: Unsure, why: "the hosts that HostbasedAuthentication trusts are not evaluated", ev: t.ev,
		settle: "read /etc/shosts.equiv, /etc/hosts.equiv, ~/.shosts and ~/.rhosts, and the host keys of ssh_known_hosts"}
}
