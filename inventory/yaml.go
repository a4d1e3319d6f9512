package inventory

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
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

// checkBytes finds what no YAML reader gives a good place for.
func (r *reader) checkBytes(data []byte) bool {
	if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
		return true
	}
	line, column := 1, 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		if c == utf8.RuneError && size == 1 {
			r.add(r.at(line, column), "the byte 0x"+strconv.FormatUint(uint64(data[0]), 16)+" is not UTF-8", "save the file as UTF-8")
			return false
		}
		if c == 0 {
			r.add(r.at(line, column), "a NUL byte", "save the file as UTF-8 text")
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

// tabIndent is a line that is indented with a tab and begins a key or an entry.
var tabIndent = regexp.MustCompile(`(?m)^ *\t[\t ]*[^\s#]`)

// syntax turns the error of a YAML reader into a fault with a good place.
func (r *reader) syntax(data []byte, err error) {
	var pe *yaml.ParserError
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if errors.As(err, &pe) {
		line, text = max(pe.Line, 1), pe.Message
	}
	if strings.Contains(text, "unknown anchor") {
		r.unknownAlias(data, text)
		return
	}
	if m := tabIndent.FindIndex(data); m != nil && (strings.Contains(text, "tab") || strings.Contains(text, "cannot start")) {
		tab := m[0] + bytes.IndexByte(data[m[0]:], '\t')
		start := bytes.LastIndexByte(data[:tab], '\n') + 1
		r.add(r.at(1+bytes.Count(data[:tab], []byte{'\n'}), 1+tab-start), "a tab in the indentation", "indent with spaces")
		return
	}
	pos := r.at(line, firstColumn(data, line))
	if l, c, t, ok := locate(data); ok {
		pos = r.at(l, c)
		if !strings.Contains(t, "value is not allowed in this context") { // v4 knows better why
			text = t
		}
	}
	text, hint := plainWords(text)
	r.add(r.clamp(data, pos), text, hint)
}

// unknownAlias places an alias that no anchor precedes; v4 names it without a place.
func (r *reader) unknownAlias(data []byte, text string) {
	name := ""
	if _, after, ok := strings.Cut(text, "'"); ok {
		name, _, _ = strings.Cut(after, "'")
	}
	line, column := 1, 1
	if m := regexp.MustCompile(`(?:^|[\s\[{,])(\*` + regexp.QuoteMeta(name) + `)(?:[\s,\]}]|$)`).FindSubmatchIndex(data); m != nil {
		start := bytes.LastIndexByte(data[:m[2]], '\n') + 1
		line = 1 + bytes.Count(data[:m[2]], []byte{'\n'})
		column = 1 + utf8.RuneCount(data[start:m[2]])
	}
	r.add(r.at(line, column), "the alias "+quote("*"+name)+" has no anchor before it", "define it above as "+quote("&"+name)+", or put a pattern that begins with \"*\" in quotes")
}

// locateLimit bounds what goccy's parser is given, for its quadratic time.
const locateLimit = 512 << 10

// locate asks goccy's parser where a broken file is broken.
func locate(data []byte) (line, column int, text string, ok bool) {
	if len(data) > locateLimit || deep(data) {
		return 0, 0, "", false
	}
	_, err := parser.Parse(lexer.Tokenize(string(data)), 0)
	if err == nil {
		return 0, 0, "", false
	}
	// The type is goccy's own and internal; its first line is "[line:column] text".
	first, _, _ := strings.Cut(err.Error(), "\n")
	m := goccyError.FindStringSubmatch(first)
	if m == nil {
		return 0, 0, "", false
	}
	line, _ = strconv.Atoi(m[1])
	column, _ = strconv.Atoi(m[2])
	return line, column, m[3], line > 0
}

var goccyError = regexp.MustCompile(`^\[(\d+):(\d+)\] (.*)$`)

// deep reports whether text may nest so deep that a recursive reader with path
// strings (goccy's) would pay for it. Quotes and comments are not looked at:
// it may say deep too often, and then only words are lost.
func deep(data []byte) bool {
	const limit = 100
	depth, blanks, line := 0, 0, 0
	start := true
	for _, c := range data {
		switch c {
		case '\n':
			start, blanks, line = true, 0, 0
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case ' ':
			if start {
				blanks++
			}
			continue
		case '-', '?', ':':
			line++
			start = false
			continue
		}
		if start && blanks > 4*limit {
			return true
		}
		start = false
		if depth > limit {
			return true
		}
		if line > 4*limit {
			return true
		}
	}
	return depth > limit || line > 4*limit
}

// plainWords says a YAML reader's complaint for people, with a way out.
func plainWords(text string) (string, string) {
	for _, w := range syntaxWords {
		if strings.Contains(text, w.part) {
			return w.text, w.hint
		}
	}
	if len(text) > 200 {
		text = text[:200]
	}
	return strings.ToValidUTF8(text, "?"), "this is no well-formed YAML; compare with the example in the manual"
}

var syntaxWords = []struct{ part, text, hint string }{
	{"tab", "a tab where YAML wants spaces", "indent with spaces; inside double quotes write \\t"},
	{"cannot start any token", "a value cannot begin with this character", "put the value in quotes"},
	{"reserved character", "a value cannot begin with this character", "put the value in quotes"},
	{"double-quoted text", "a double quote that nothing closes", "close it with \""},
	{"single-quoted text", "a single quote that nothing closes", "close it with '"},
	{"mapping key-value pair", "a value stands where a key is expected", "check the indentation of this line"},
	{"mapping values are not allowed", "a second \":\" in one line", "put a value that holds \": \" in quotes, or begin a new line"},
	{"mapping value is not allowed", "a second \":\" in one line", "put a value that holds \": \" in quotes, or begin a new line"},
	{"map key-value is pre-defined", "this line is indented as if it belonged to the value above", "indent it like its neighbours"},
	{"value is not allowed in this context", "this does not belong here", "check the indentation of this line"},
	{"non-map value", "a key without \":\"", "write \"key: value\""},
	{"could not find expected ':'", "a key without \":\"", "write \"key: value\""},
	{"sequence end token", "a \"[\" that nothing closes", "close it with ]"},
	{"expected ',' or ']'", "a \"[\" that nothing closes", "close it with ]"},
	{"',' or ']' must be specified", "\",\" or \"]\" is missing before this", "put a \",\" between entries and close with ]"},
	{"mapping end token", "a \"{\" that nothing closes", "close it with }"},
	{"expected ',' or '}'", "a \"{\" that nothing closes", "close it with }"},
	{"',' or '}' must be specified", "\",\" or \"}\" is missing before this", "put a \",\" between entries and close with }"},
	{"corresponding to ']'", "a \"]\" that nothing opens", "take it out, or open with ["},
	{"corresponding to '}'", "a \"}\" that nothing opens", "take it out, or open with {"},
	{"could not find map value", "a \"{\" that nothing closes, or a key without its value", "close it with }"},
	{"found an invalid key", "a line that is neither key nor value", "write \"key: value\""},
	{"expected key", "this line does not line up with its neighbours", "check the indentation"},
	{"expected '-' indicator", "list entries and keys side by side", "indent the keys below their entry, or begin each line with \"- \""},
	{"max depth", "it nests too deep", "an inventory needs five levels"},
	{"undefined alias", "\"*\" without the name of an anchor", "put a pattern that begins with \"*\" in quotes"},
	{"alphabetic or numeric", "\"*\" or \"&\" without a name", "put a value that begins with it in quotes"},
	{"control characters", "a control character", "take it out, or write it as an escape inside double quotes"},
	{"incompatible YAML", "a directive", "take the line that begins with \"%\" out"},
	{"unexpected end of stream", "a quote that nothing closes", "close it"},
}

// firstColumn is the column of the first character of a line that is no blank.
func firstColumn(data []byte, line int) int {
	for ; line > 1; line-- {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			return 1
		}
		data = data[i+1:]
	}
	column := 1
	for _, c := range data {
		if c != ' ' && c != '\t' {
			if c == '\n' {
				return 1
			}
			return column
		}
		column++
	}
	return 1
}

// clamp keeps a place within the file: "end of file" may be one line past it.
func (r *reader) clamp(data []byte, p Pos) Pos {
	lines := 1 + bytes.Count(data, []byte{'\n'})
	if p.Line > lines {
		p = r.at(lines, 1)
	}
	p.Column = max(p.Column, 1)
	return p
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
