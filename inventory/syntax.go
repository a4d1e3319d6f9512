package inventory

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v4"
)

// tabIndent is a line that is indented with a tab and begins a key or an entry.
var tabIndent = regexp.MustCompile(`(?m)^ *\t[\t ]*[^\s#]`)

// syntax turns the error of a YAML reader into a fault with a good place.
func (r *reader) syntax(data []byte, err error) {
	var pe *yaml.LoadError
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if errors.As(err, &pe) {
		line, text = max(pe.Mark.Line, 1), pe.Message
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
const locateLimit = 256 << 10

// locate asks goccy's parser where a broken file is broken. Only words hang on
// its answer, so a panic in it is no answer.
func locate(data []byte) (line, column int, text string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
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

// clamp keeps a place within the file: "end of file" may be one line past it,
// and goccy counts a quote that nothing closes past the end of its line.
func (r *reader) clamp(data []byte, p Pos) Pos {
	lines := 1 + bytes.Count(data, []byte{'\n'})
	if p.Line > lines {
		p = r.at(lines, 1)
	}
	text := data
	for range p.Line - 1 {
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	p.Column = min(max(p.Column, 1), 1+utf8.RuneCount(text))
	return p
}
