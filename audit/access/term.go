package access

// term is a verdict with what makes it so.
type term struct {
	v      Verdict
	why    string
	ev     []Evidence
	settle string // what would settle an Unsure
}

// What settles the usual doubts.
const (
	readFiles  = "look again with the rights to read it (root, or sudo)"
	readShadow = "look again with root's rights: the states of passwords are in /etc/shadow"
	tryPAM     = "log in as that account, or read what the module does"
)

// all joins terms that must hold together: the first no decides, else the first
// that is not known, else all evidence stands.
func all(ts ...term) term {
	out := term{v: Yes}
	for _, t := range ts {
		switch {
		case t.v == No:
			return t
		case t.v == Unsure && out.v == Yes:
			out = term{v: Unsure, why: t.why, ev: with(out.ev, t.ev), settle: t.settle}
		case out.v == Yes:
			out.ev = with(out.ev, t.ev)
		}
	}
	return out
}

// with joins evidence without writing into what others hold.
func with(a, b []Evidence) []Evidence {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return append(a[:len(a):len(a)], b...)
}

// some joins terms of which one is enough. Where none is, all their reasons stand.
func some(ts ...term) term {
	out := term{v: No}
	for _, t := range ts {
		switch {
		case t.v == Yes:
			return t
		case t.v == Unsure && out.v != Unsure:
			out = t
		case t.v == No && out.v == No:
			out.why = join(out.why, t.why)
			out.ev = with(out.ev, t.ev)
		}
	}
	return out
}
