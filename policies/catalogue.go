package policies

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
)

// version is that of the embedded rules: raised when a rule's question or
// severity changes, so that two runs can be told apart.
const version = "1"

// Catalogue is a set of rules, compiled. It is safe for concurrent use.
type Catalogue struct {
	rules []*Rule // by id
	hash  string
}

// Source is one rule file.
type Source struct {
	Name string // for positions; its base name is the subject
	Data []byte
}

//go:embed catalogue/*.yaml
var embedded embed.FS

// Embedded gives the catalogue that is built into the program. It is compiled on
// first use.
func Embedded() (*Catalogue, error) { return embeddedOnce() }

var embeddedOnce = sync.OnceValues(func() (*Catalogue, error) {
	c, faults := LoadFS(embedded, "catalogue")
	return c, faults.Err()
})

// LoadFS loads every *.yaml file of a directory.
func LoadFS(fsys fs.FS, dir string) (*Catalogue, Faults) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil || len(names) == 0 {
		return nil, Faults{{Pos: Pos{File: dir}, Message: "no rule file (*.yaml) in it"}}
	}
	sources := make([]Source, len(names))
	for i, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, Faults{{Pos: Pos{File: name}, Message: err.Error()}}
		}
		sources[i] = Source{Name: name, Data: data}
	}
	return Load(sources...)
}

// Load reads and compiles rule files. Where there are faults it gives them all,
// and no catalogue.
func Load(sources ...Source) (*Catalogue, Faults) {
	readers := make([]*reader, len(sources))
	rules := make([][]*Rule, len(sources))
	var wait sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, s := range sources {
		subject := strings.TrimSuffix(path.Base(strings.ReplaceAll(s.Name, `\`, "/")), ".yaml")
		readers[i] = &reader{document: document{name: s.Name}, subject: subject}
		wait.Add(1)
		room <- struct{}{}
		go func() {
			defer wait.Done()
			rules[i] = readers[i].rules(s.Data)
			<-room
		}()
	}
	wait.Wait()
	c := &Catalogue{}
	var faults Faults
	first := map[string]*Rule{}
	for i := range sources {
		faults = append(faults, readers[i].faults...)
		for _, r := range rules[i] {
			if other := first[r.ID]; other != nil {
				faults = append(faults, Fault{Pos: r.Pos, Rule: r.ID, Message: "a rule with this id stands at " + other.Pos.String(), Hint: "ids are unique: rename one of them"})
				continue
			}
			first[r.ID] = r
			c.rules = append(c.rules, r)
		}
	}
	if len(faults) > 0 {
		faults.sort()
		return nil, faults
	}
	sort.Slice(c.rules, func(i, j int) bool { return c.rules[i].ID < c.rules[j].ID })
	c.hash = hash(sources)
	return c, nil
}

// hash is the same for the same files, in whatever order they come.
func hash(sources []Source) string {
	sorted := slices.Clone(sources)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
	h := sha256.New()
	for _, s := range sorted {
		fmt.Fprintf(h, "%d:%s%d:", len(s.Name), s.Name, len(s.Data))
		h.Write(s.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Version is the version of the embedded rules.
func (c *Catalogue) Version() string { return version }

// Hash is the SHA-256 of the catalogue's files, in hex. A choice of rules has
// the hash of the catalogue that it was chosen from.
func (c *Catalogue) Hash() string { return c.hash }

// Rules gives the rules, sorted by id. They must not be changed.
func (c *Catalogue) Rules() []*Rule { return c.rules }

// Rule finds a rule by its id; nil where there is none.
func (c *Catalogue) Rule(id string) *Rule {
	i := sort.Search(len(c.rules), func(i int) bool { return c.rules[i].ID >= id })
	if i < len(c.rules) && c.rules[i].ID == id {
		return c.rules[i]
	}
	return nil
}

func (c *Catalogue) ids() []string {
	ids := make([]string, len(c.rules))
	for i, r := range c.rules {
		ids[i] = r.ID
	}
	return ids
}

// Choice says which rules to judge.
type Choice struct {
	Profile string   // "" is the baseline
	Only    []string // ids or patterns ("job-*"); where given they alone count, whatever the profile
	Skip    []string // ids or patterns that are left out
}

// Choose gives the chosen rules as a catalogue of their own. A name that fits no
// rule is a fault, never a silent nothing; the error is of type [Faults].
func (c *Catalogue) Choose(choice Choice) (*Catalogue, error) {
	var faults Faults
	profile := choice.Profile
	if profile == "" {
		profile = DefaultProfile
	}
	var known []string
	for _, p := range Profiles() {
		known = append(known, p.Name)
	}
	if !contains(known, profile) {
		faults = append(faults, Fault{Message: fmt.Sprintf("unknown profile %q", bounded(profile, 60)), Hint: meant(profile, known)})
	}
	only, f := c.match(choice.Only)
	faults = append(faults, f...)
	skip, f := c.match(choice.Skip)
	faults = append(faults, f...)
	if len(faults) > 0 {
		return nil, faults
	}
	out := &Catalogue{hash: c.hash}
	for _, r := range c.rules {
		chosen := r.In(profile)
		if len(choice.Only) > 0 {
			chosen = only[r.ID]
		}
		if chosen && !skip[r.ID] {
			out.rules = append(out.rules, r)
		}
	}
	if len(out.rules) == 0 {
		return nil, Faults{{Message: "no rule is left to judge", Hint: "everything that --only and the profile chose is skipped"}}
	}
	return out, nil
}

// match gives the ids that the patterns fit.
func (c *Catalogue) match(patterns []string) (map[string]bool, Faults) {
	fits := map[string]bool{}
	var faults Faults
	for _, p := range patterns {
		n := 0
		for _, r := range c.rules {
			if ok, err := path.Match(p, r.ID); ok && err == nil {
				fits[r.ID] = true
				n++
			}
		}
		if n == 0 {
			hint := meant(p, c.ids())
			if hint == "" {
				hint = "postern rules list shows them all"
			}
			faults = append(faults, Fault{Message: fmt.Sprintf("no rule is called %q", bounded(p, 60)), Hint: hint})
		}
	}
	return fits, faults
}
