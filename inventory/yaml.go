package inventory

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The trees come from go.yaml.in/yaml/v4, the words about broken syntax from
// goccy/go-yaml. Measured: goccy's parser is quadratic in the entries of one
// block mapping (10,000 hosts 0.4 s and 505 MB, 20,000 1.2 s and 1.8 GB; v4:
// 0.09 s and 24 MB, 0.19 s and 49 MB), and a tab inside quotes sends its
// positions a line astray. v4 in its turn gives no column for an error, and
// often the line of the enclosing block.

// Bounds. An inventory is the operator's own, but it may be generated, and a
// mistake in a generator must not take the machine.
const (
	// MaxSize is the size of the largest inventory that is read, in bytes:
	// some 40,000 hosts with addresses, groups and labels.
	MaxSize = 4 << 20

	maxNodes  = 2 << 20 // nodes that are looked at, aliases counted each time
	maxMerges = 16      // "<<" within "<<"
	maxValue  = 4096    // bytes of one value
)

// reader walks a YAML tree and collects what is wrong with it.
type reader struct {
	faultList
	speller
	nodes int // looked at so far
	spent bool
}

func newReader(name string) *reader {
	return &reader{faultList: faultList{file: name}, speller: speller{left: spellBudget}}
}

// parse gives the root mapping, or nil and at least one fault.
func (r *reader) parse(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		r.add(Pos{File: r.file}, "it is larger than "+strconv.Itoa(MaxSize>>20)+" MiB", "split it into several inventories")
		return nil
	}
	if !r.checkBytes(data) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		r.syntax(data, err)
		return nil
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		r.add(r.at(1, 1), "it is empty", "begin with \"hosts: [web01, admin@web02:2222]\"")
		return nil
	}
	root := doc.Content[0]
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(data, err)
		return nil
	default:
		r.add(r.at(max(second.Line, 1), max(second.Column, 1)), "a second document begins here", "one document a file: take the \"---\" out")
		return nil
	}
	if r.null(root) {
		r.add(r.at(1, 1), "it is empty", "begin with \"hosts: [web01, admin@web02:2222]\"")
		return nil
	}
	return root
}

// checkBytes finds what no YAML reader gives a good place for, and line breaks
// that YAML counts and an editor does not (or the other way round): with them a
// line number would mean two lines.
func (r *reader) checkBytes(data []byte) bool {
	if utf8.Valid(data) && !oddBreak(data) {
		return true
	}
	line, column := 1, 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && size == 1:
			r.add(r.at(line, column), "the byte 0x"+strconv.FormatUint(uint64(data[0]), 16)+" is not UTF-8", "save the file as UTF-8")
			return false
		case c == 0:
			r.add(r.at(line, column), "a NUL byte", "save the file as UTF-8 text")
			return false
		case c == 0x85 || c == 0x2028 || c == 0x2029 || c == '\r' && !bytes.HasPrefix(data, []byte("\r\n")):
			r.add(r.at(line, column), "the line break "+strconv.QuoteRuneToASCII(c)+", which not every program takes for one", "save the file with Unix line ends")
			return false
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return true
}

// oddBreak finds NUL, a carriage return without a line feed, and Unicode's breaks.
func oddBreak(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 || bytes.Contains(data, []byte("\u0085")) ||
		bytes.Contains(data, []byte("\u2028")) || bytes.Contains(data, []byte("\u2029")) {
		return true
	}
	return bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n"))
}

func (r *reader) at(line, column int) Pos { return Pos{File: r.file, Line: line, Column: column} }

func (r *reader) pos(n *yaml.Node) Pos { return r.at(max(n.Line, 1), max(n.Column, 1)) }

// visit counts a node against the bound; false: stop here.
func (r *reader) visit(n *yaml.Node) bool {
	if r.spent {
		return false
	}
	if r.nodes++; r.nodes > maxNodes {
		r.spent = true
		r.addBound(r.pos(n), "aliases make it expand to more than "+strconv.Itoa(maxNodes)+" values", "move what many hosts share into a group")
		return false
	}
	return true
}

// follow gives what an alias stands for. YAML has no alias of an alias.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func (r *reader) null(n *yaml.Node) bool {
	n = follow(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// pair is one entry of a mapping; pos is the place of the key.
type pair struct {
	key   string
	pos   Pos
	value *yaml.Node
}

// mapping gives the entries of a mapping in their order, merged ones last, and
// reports all that is no mapping, keys that occur twice, and (where known is
// not nil) keys that mean nothing. An empty value is an empty mapping.
func (r *reader) mapping(n *yaml.Node, what string, known []string) []pair {
	if !r.visit(n) || r.null(n) {
		return nil
	}
	at := n
	if n = follow(n); n.Kind != yaml.MappingNode {
		r.add(r.pos(at), what+" must be a mapping, this is "+kindName(n), "write \"key: value\" lines below it")
		return nil
	}
	seen := make(map[string]Pos, len(n.Content)/2)
	return r.collect(nil, n, what, known, seen, 0)
}

// collect adds the entries of n to out. Own entries win over merged ones.
func (r *reader) collect(out []pair, n *yaml.Node, what string, known []string, seen map[string]Pos, merges int) []pair {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !r.visit(k) {
			return out
		}
		kn := follow(k)
		if kn.Kind != yaml.ScalarNode {
			r.add(r.pos(k), "a key of "+what+" must be a word, this is "+kindName(kn), "write \"key: value\"")
			continue
		}
		if kn.ShortTag() == "!!merge" {
			merged = append(merged, v)
			continue
		}
		p := pair{key: kn.Value, pos: r.pos(k), value: v}
		if first, dup := seen[p.key]; dup {
			if merges == 0 {
				r.add(p.pos, quote(p.key)+" occurs twice in "+what+", first at "+first.String(), "keep one of them")
			}
			continue
		}
		seen[p.key] = p.pos
		if known != nil && !slices.Contains(known, p.key) {
			if merges > 0 {
				what = "what \"<<\" brings in" // said once, however many take it
			}
			r.unknownKey(p, what, known)
			continue
		}
		out = append(out, p)
	}
	for _, m := range merged {
		out = r.merge(out, m, what, known, seen, merges+1)
	}
	return out
}

// merge adds what "<<" brings: a mapping, or a list of mappings.
func (r *reader) merge(out []pair, v *yaml.Node, what string, known []string, seen map[string]Pos, depth int) []pair {
	if !r.visit(v) {
		return out
	}
	if depth > maxMerges {
		r.add(r.pos(v), "\"<<\" within \"<<\" nests too deep", "move what many hosts share into a group")
		return out
	}
	switch n := follow(v); n.Kind {
	case yaml.MappingNode:
		return r.collect(out, n, what, known, seen, depth)
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if m := follow(e); m.Kind == yaml.MappingNode {
				out = r.collect(out, m, what, known, seen, depth)
				continue
			}
			r.add(r.pos(e), "\"<<\" takes mappings", "write \"<<: *anchor\"")
		}
		return out
	}
	r.add(r.pos(v), "\"<<\" takes a mapping", "write \"<<: *anchor\"")
	return out
}

// alsoKnown are words of other tools for our keys.
var alsoKnown = map[string]string{
	"ansible_host": "address", "ansible_port": "port", "ansible_user": "user", "ansible_ssh_private_key_file": "key",
	"ansible_become": "sudo", "become": "sudo", "hostname": "address", "host": "address", "ip": "address", "addr": "address",
	"username": "user", "login": "user", "remote_user": "user", "identity_file": "key", "identityfile": "key",
	"private_key": "key", "tags": "labels", "vars": "labels", "waivers": "waive", "exceptions": "waive", "expected": "expect",
	"members": "hosts", "id": "rule", "until": "expires", "expiry": "expires", "why": "reason", "network": "addresses",
	"cidr": "addresses", "pattern": "match", "command": "match",
}

func (r *reader) unknownKey(p pair, what string, known []string) {
	hint := "known are " + strings.Join(known, ", ")
	if alias := alsoKnown[strings.ToLower(p.key)]; slices.Contains(known, alias) {
		hint = "here it is called " + quote(alias)
	} else {
		hint = r.didYouMean(p.key, known, hint)
	}
	r.add(p.pos, "unknown key "+quote(p.key)+" in "+what, hint)
}

// kindName says what a node is, for messages.
func kindName(n *yaml.Node) string {
	switch n = follow(n); n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return "nothing"
		}
		return "the value " + quote(n.Value)
	}
	return "nothing"
}

// text gives a value that is one word or sentence, with a fault and false
// where it is none. Numbers and booleans are taken as they were written.
func (r *reader) text(p pair, what string) (string, bool) {
	if !r.visit(p.value) {
		return "", false
	}
	n := follow(p.value)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.add(r.pos(p.value), quote(p.key)+" of "+what+" must be one value, this is "+kindName(n), "write \""+p.key+": value\"")
	case n.ShortTag() == "!!null":
		r.add(p.pos, quote(p.key)+" of "+what+" has no value", "give it one, or take the line out")
	case len(n.Value) > maxValue:
		r.add(r.pos(p.value), quote(p.key)+" of "+what+" is longer than "+strconv.Itoa(maxValue)+" bytes", "make it shorter")
	case strings.TrimSpace(n.Value) == "":
		r.add(r.pos(p.value), quote(p.key)+" of "+what+" is empty", "give it a value, or take the line out")
	default:
		return n.Value, true
	}
	return "", false
}

// item is one word of a list.
type item struct {
	text string
	pos  Pos
}

// texts gives a list of words; one word is a list of one.
func (r *reader) texts(p pair, what string) []item {
	if !r.visit(p.value) {
		return nil
	}
	n := follow(p.value)
	if n.Kind != yaml.SequenceNode {
		if s, ok := r.text(p, what); ok {
			return []item{{text: s, pos: r.pos(p.value)}}
		}
		return nil
	}
	out := make([]item, 0, len(n.Content))
	for _, e := range n.Content {
		if s, ok := r.text(pair{key: p.key, pos: r.pos(e), value: e}, what); ok {
			out = append(out, item{text: s, pos: r.pos(e)})
		}
	}
	return out
}

// entries gives the elements of a list; nothing is an empty list.
func (r *reader) entries(p pair, what, example string) []*yaml.Node {
	if !r.visit(p.value) || r.null(p.value) {
		return nil
	}
	n := follow(p.value)
	if n.Kind != yaml.SequenceNode {
		r.add(r.pos(p.value), quote(p.key)+" of "+what+" must be a list, this is "+kindName(n), "write \""+example+"\"")
		return nil
	}
	return n.Content
}
