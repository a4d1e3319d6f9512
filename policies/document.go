package policies

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a rule file. The embedded ones stay below a tenth of them; they
// keep the parser, which descends by recursion, away from absurd input.
const (
	maxFile  = 512 << 10 // bytes
	maxLine  = 2000      // bytes; bounds how deep blocks can be nested in one line
	maxDepth = 64        // open brackets
)

// document is one YAML file: its tree, and its text for positions.
type document struct {
	name   string
	text   string
	lines  []string // split on first use
	faults Faults
	rule   string // id of the rule at hand, for faults
}

// scalar is one YAML value with what is needed to find a place inside it.
type scalar struct {
	text  string
	pos   Pos
	style style
}

type style byte

const (
	plain style = iota
	single
	double
	literal
	folded
)

// parse reads the file's bytes. It gives nil and faults where they are no YAML.
func (d *document) parse(data []byte) ast.Node {
	if fault := tooMuch(data); fault != nil {
		fault.Pos.File = d.name
		d.faults = append(d.faults, *fault)
		return nil
	}
	d.text = string(data)
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		pos := Pos{File: d.name}
		message := err.Error()
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			message = syntax.Message
			if syntax.Token != nil {
				pos = d.at(syntax.Token)
			}
		}
		d.fault(pos, "not YAML: "+message, wayOut(message))
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); !comment {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil
	case 1:
		return bodies[0]
	}
	d.fault(d.node(bodies[1]), "a second YAML document", "a rule file holds one list of rules")
	return nil
}

// wayOut is the hint for what most often is behind one of the parser's messages.
func wayOut(message string) string {
	switch {
	case strings.Contains(message, "cannot start any token"):
		return "indent with blanks, not tabs, and put text with signs in it in quotes"
	case strings.Contains(message, "mapping value is not allowed"):
		return "put text with a colon in it in quotes, and indent the keys of a rule alike"
	case strings.Contains(message, "already defined"):
		return "remove one of them"
	case strings.Contains(message, "not found"):
		return "close what is open on this line, or put it in quotes"
	}
	return "look for a quote or bracket that is not closed, and for lines that are not indented alike"
}

// tooMuch refuses input that no rule file needs.
func tooMuch(data []byte) *Fault {
	if len(data) > maxFile {
		return &Fault{Message: fmt.Sprintf("larger than %d bytes", maxFile), Hint: "split it by subject"}
	}
	line, start, depth := 1, 0, 0
	for i, b := range data {
		switch b {
		case '\n':
			line, start = line+1, i+1
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case 0:
			return &Fault{Pos: Pos{Line: line, Column: i - start + 1}, Message: "a NUL byte"}
		}
		// YAML takes it for a line end, editors and terminals do not.
		if b == '\r' && (i+1 == len(data) || data[i+1] != '\n') {
			return &Fault{Pos: Pos{Line: line, Column: i - start + 1}, Message: "a carriage return inside a line", Hint: "end lines with a newline"}
		}
		if depth > maxDepth {
			return &Fault{Pos: Pos{Line: line, Column: i - start + 1}, Message: fmt.Sprintf("more than %d open brackets", maxDepth)}
		}
		if i-start > maxLine {
			return &Fault{Pos: Pos{Line: line, Column: 1}, Message: fmt.Sprintf("a line longer than %d bytes", maxLine), Hint: "break it with a block scalar (|)"}
		}
	}
	return nil
}

func (d *document) fault(pos Pos, message, hint string) {
	d.faults = append(d.faults, Fault{Pos: pos, Rule: d.rule, Message: message, Hint: hint})
}

func (d *document) at(t *token.Token) Pos {
	p := Pos{File: d.name}
	if t != nil && t.Position != nil {
		p.Line, p.Column = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

func (d *document) node(n ast.Node) Pos {
	if n == nil {
		return Pos{File: d.name}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		// The token of a block mapping is its first colon.
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return d.node(n.Values[0])
		}
	case *ast.MappingValueNode:
		return d.at(n.Key.GetToken())
	case *ast.LiteralNode:
		return d.at(n.Start)
	}
	return d.at(n.GetToken())
}

// pairs calls f for each key of a mapping. It faults on anything else.
func (d *document) pairs(n ast.Node, what string, f func(key string, at Pos, value ast.Node)) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.fault(d.node(n), what+" must be a mapping, it is "+kind(n), "write it as key: value")
		return
	}
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		key, ok := d.scalar(v.Key)
		if !ok {
			d.fault(d.node(v.Key), "a key of "+what+" must be a word", "")
			continue
		}
		if seen[key.text] {
			d.fault(key.pos, fmt.Sprintf("%q stands twice in %s", key.text, what), "remove one of them")
			continue
		}
		seen[key.text] = true
		f(key.text, key.pos, v.Value)
	}
}

// items gives the entries of a sequence. It faults on anything else.
func (d *document) items(n ast.Node, what string) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(d.node(n), what+" must be a list, it is "+kind(n), "write it as [one, two], or with a hyphen before each entry")
		return nil
	}
	return s.Values
}

// scalar gives the text of a scalar as it was meant, whatever YAML makes of it:
// 5.1 stays "5.1".
func (d *document) scalar(n ast.Node) (scalar, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		s := scalar{text: n.Value, pos: d.at(n.Token)}
		switch n.Token.Type {
		case token.SingleQuoteType:
			s.style = single
		case token.DoubleQuoteType:
			s.style = double
		}
		return s, true
	case *ast.LiteralNode:
		s := scalar{text: n.Value.Value, pos: d.at(n.Start), style: literal}
		if strings.HasPrefix(n.Start.Value, ">") {
			s.style = folded
		}
		return s, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{text: n.GetToken().Value, pos: d.at(n.GetToken())}, true
	}
	return scalar{}, false
}

// word is scalar with a fault where there is none.
func (d *document) word(n ast.Node, what string) (scalar, bool) {
	s, ok := d.scalar(n)
	if !ok {
		d.fault(d.node(n), what+" must be text, it is "+kind(n), "")
		return s, false
	}
	if strings.TrimSpace(s.text) == "" {
		d.fault(s.pos, what+" is empty", "")
		return s, false
	}
	return s, true
}

// kind names a node for people.
func kind(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias, which rules do not use"
	case *ast.TagNode:
		return "a tagged value, which rules do not use"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "text"
}
