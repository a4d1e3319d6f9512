package policies

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// find gives the first scalar below n that holds mark.
func (d *document) find(n ast.Node, mark string) (scalar, bool) {
	if s, ok := d.scalar(n); ok {
		return s, strings.Contains(s.text, mark)
	}
	switch n := n.(type) {
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if s, ok := d.find(v, mark); ok {
				return s, true
			}
		}
	case *ast.MappingNode:
		for _, v := range n.Values {
			if s, ok := d.find(v.Value, mark); ok {
				return s, true
			}
		}
	case *ast.MappingValueNode:
		return d.find(n.Value, mark)
	}
	return scalar{}, false
}
