package history

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/postern-ssh/postern/audit/facts"
)

// A section is one fact of a reading, with what is unknown of it, what it may lack
// and where it comes from: "jobs", "sshd", "host.os". Sections are kept by their
// content, once for all readings that share them; so a question about jobs is
// answered once for all hosts and runs whose jobs are equal.

// factsVersion is raised when facts of the same types mean something else: the
// index is then made anew from the archives.
const factsVersion = 2

// section is one of them.
type section struct {
	name  string
	index []int // way from facts.Facts
}

// split are the structs that are kept field by field, since one of their fields
// differs from host to host or from run to run.
var split = map[string]bool{"host": true, "wire": true}

// unkept are the facts that are about a comparison of the day, and not about the
// snapshot: the archives do not give them again.
var unkept = map[string]bool{"drift": true}

// sections are all of them, in the order in which a reading names them.
var sections = sync.OnceValue(func() []section {
	var out []section
	t := reflect.TypeFor[facts.Facts]()
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("cel")
		switch {
		case name == "" || name == "-" || unkept[name]:
		case split[name]:
			for k := range f.Type.NumField() {
				if below := f.Type.Field(k).Tag.Get("cel"); below != "" {
					out = append(out, section{name + "." + below, []int{i, k}})
				}
			}
		default:
			out = append(out, section{name, []int{i}})
		}
	}
	return out
})

// FactNames are the names by which [Reading.Facts] and [Reading.Key] know facts:
// the variables of rules, "host" and "wire" also field by field ("host.os").
func FactNames() []string {
	var out []string
	for _, s := range sections() {
		if root, _, ok := strings.Cut(s.name, "."); ok && !slices.Contains(out, root) {
			out = append(out, root)
		}
		out = append(out, s.name)
	}
	return out
}

// sectionsOf gives the places of the named facts. A name below a section
// ("sshd.password_login") means the section, a name above means all of them.
func sectionsOf(names []string) ([]int, error) {
	var out []int
	for _, n := range names {
		found := false
		for i, s := range sections() {
			if covers(n, s.name) || covers(s.name, n) {
				found = true
				if !slices.Contains(out, i) {
					out = append(out, i)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("no fact %q is kept", n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// covers reports whether path is name, or lies below it.
func covers(name, path string) bool {
	return strings.HasPrefix(path, name) && (len(path) == len(name) || path[len(name)] == '.' || path[len(name)] == '[')
}

// digest names a content. 128 bits: a host could at best make two of its own
// contents look alike, with 2^64 of work.
type digest [16]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

// about is what is said of facts beside their values.
type about struct {
	Unknown map[string]string
	Gaps    map[string][]facts.Gap
	Origin  map[string][]facts.Evidence
}

// content is a section as it is kept.
type content struct {
	digest digest
	raw    []byte
}

// encodeSections gives the contents of all sections in their order; they hold until
// each returns. What follows from the host's setup is worked out once for all hosts
// that share it.
func encodeSections(f *facts.Facts, each func(i int, c content)) {
	v := reflect.ValueOf(f).Elem()
	var buf []byte
	for i, s := range sections() {
		work := func() content {
			buf = encode(buf[:0], v.FieldByIndex(s.index))
			a := aboutOf(f, s.name)
			buf = encode(buf, reflect.ValueOf(&a).Elem())
			return content{digestOf(buf), buf}
		}
		var shared *facts.Shared
		switch {
		case facts.OfSetup(s.name):
			shared = f.Shared
		case s.name == "access":
			shared = f.SharedSshd
		}
		if shared == nil {
			each(i, work())
			continue
		}
		each(i, shared.Once(sectionKey(i), func() any {
			c := work()
			c.raw = bytes.Clone(c.raw)
			return c
		}).(content))
	}
}

// sectionKey is under which a content is remembered with a setup.
type sectionKey int

func aboutOf(f *facts.Facts, name string) (a about) {
	for p, why := range f.Unknown {
		if covers(name, p) || covers(p, name) {
			if a.Unknown == nil {
				a.Unknown = map[string]string{}
			}
			a.Unknown[p] = why
		}
	}
	for p, gaps := range f.Gaps {
		if len(gaps) > 0 && (covers(name, p) || covers(p, name)) {
			if a.Gaps == nil {
				a.Gaps = map[string][]facts.Gap{}
			}
			a.Gaps[p] = gaps
		}
	}
	for p, e := range f.Origin {
		if len(e) > 0 && (covers(name, p) || covers(p, name)) {
			if a.Origin == nil {
				a.Origin = map[string][]facts.Evidence{}
			}
			a.Origin[p] = e
		}
	}
	return a
}

// decodeSection puts a section into f.
func decodeSection(f *facts.Facts, i int, raw []byte) error {
	d := decoder{b: raw}
	d.value(reflect.ValueOf(f).Elem().FieldByIndex(sections()[i].index))
	var a about
	d.value(reflect.ValueOf(&a).Elem())
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return d.err
	}
	for p, why := range a.Unknown {
		f.Unknown[p] = why
	}
	for p, gaps := range a.Gaps {
		f.Gaps[p] = gaps
	}
	for p, e := range a.Origin {
		f.Origin[p] = e
	}
	return nil
}

// indexShape changes with whatever the index keeps.
var indexShape = sync.OnceValue(func() uint64 {
	return shape(reflect.TypeFor[facts.Facts](), reflect.TypeFor[about](), reflect.TypeFor[runData](), reflect.TypeFor[readingData](),
		reflect.TypeFor[outcomeData]()) + factsVersion
})
