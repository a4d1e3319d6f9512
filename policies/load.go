package policies

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"github.com/goccy/go-yaml/ast"

	"github.com/postern-ssh/postern/audit/facts"
)

// reader turns one rule file into rules.
type reader struct {
	document
	subject string
}

// code is a rule's compiled expressions.
type code struct {
	list     *word // nil: about single facts
	when     *expr
	only     *only // the whole of when, where it is so simple
	pass     *expr
	message  *template
	ok       *template
	witness  *template
	doubt    *template
	evidence *expr
	places   []string // facts whose origin is the evidence
	// shared gives what hosts share of all that the rule asks for; nil: they share nothing.
	shared func(*facts.Facts) *facts.Shared
}

// texts of a rule, as written.
type texts map[string]scalar

var ruleKeys = []string{
	"id", "title", "severity", "why", "profiles", "each", "when", "pass", "empty",
	"message", "ok", "witness", "doubt", "evidence", "remedy", "references", "examples",
}

var (
	kebab     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	sentence  = regexp.MustCompile(`[.!?](\s+\p{Lu}|$)`)
	catalogue = regexp.MustCompile(`^[a-z][a-z0-9.-]*$`)
)

// rules reads all rules of a file.
func (r *reader) rules(data []byte) []*Rule {
	body := r.parse(data)
	if body == nil {
		if len(r.faults) == 0 {
			r.fault(Pos{File: r.name, Line: 1, Column: 1}, "no rules in this file", `a rule file is a list: begin with "- id: ..."`)
		}
		return nil
	}
	var out []*Rule
	for _, n := range r.items(body, "a rule file") {
		before := len(r.faults)
		if rule := r.one(n); len(r.faults) == before {
			out = append(out, rule)
		}
		r.rule = ""
	}
	return out
}

// one reads one rule. It is whole only where it added no fault.
func (r *reader) one(n ast.Node) *Rule {
	rule := &Rule{Subject: r.subject, Pos: r.node(n), Empty: Pass}
	t := texts{}
	var evidence, examples ast.Node
	// The id first, so that every fault of the rule can name it.
	if m, ok := n.(*ast.MappingNode); ok {
		for _, v := range m.Values {
			if k, ok := r.scalar(v.Key); ok && k.text == "id" {
				if s, ok := r.scalar(v.Value); ok {
					r.rule = bounded(s.text, 80)
				}
			}
		}
	}
	r.pairs(n, "a rule", func(key string, at Pos, value ast.Node) {
		switch key {
		case "id", "title", "severity", "why", "each", "when", "pass", "empty", "message", "ok", "witness", "doubt", "remedy":
			if s, ok := r.word(value, key); ok {
				t[key] = s
			}
		case "profiles":
			r.profiles(rule, value)
		case "references":
			r.references(rule, value)
		case "evidence":
			evidence = value
		case "examples":
			examples = value
		default:
			r.fault(at, fmt.Sprintf("unknown key %q in a rule", key), meant(key, ruleKeys))
		}
	})
	for _, key := range []string{"id", "title", "severity", "why", "pass", "message", "ok", "remedy"} {
		if _, ok := t[key]; !ok && !r.faultyAt(n) {
			r.fault(rule.Pos, fmt.Sprintf("the rule has no %q", key), "add "+key+": ...")
		}
	}
	rule.ID, rule.Title, rule.Why = t["id"].text, line(t["title"]), line(t["why"])
	rule.Each, rule.When, rule.Pass = t["each"].text, strings.TrimSpace(t["when"].text), strings.TrimSpace(t["pass"].text)
	rule.Message, rule.OK, rule.Witness, rule.Doubt = line(t["message"]), line(t["ok"]), line(t["witness"]), line(t["doubt"])
	rule.Remedy = strings.TrimRight(t["remedy"].text, "\n ")
	r.form(rule, t)
	r.code(rule, t, evidence)
	if examples != nil {
		r.examples(rule, examples)
	}
	return rule
}

// faultyAt is true where n is no mapping at all, which was said already.
func (r *reader) faultyAt(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return false
	}
	return true
}

// line makes one line of a folded text.
func line(s scalar) string { return strings.Join(strings.Fields(s.text), " ") }

// form checks what needs no compiler.
func (r *reader) form(rule *Rule, t texts) {
	if s, ok := t["id"]; ok && !kebab.MatchString(s.text) {
		r.fault(s.pos, fmt.Sprintf("the id %q is not in kebab-case", bounded(s.text, 60)), "small letters, digits and single hyphens: no-password-login")
	}
	if s, ok := t["severity"]; ok {
		known := []string{string(Critical), string(High), string(Medium), string(Low), string(Info)}
		rule.Severity = Severity(s.text)
		if !contains(known, s.text) {
			r.fault(s.pos, fmt.Sprintf("unknown severity %q", bounded(s.text, 60)), meant(s.text, known))
		}
	}
	if s, ok := t["why"]; ok {
		if n := len(sentence.FindAllString(strings.TrimSpace(s.text), -1)); n != 2 {
			r.fault(s.pos, fmt.Sprintf("why has %d sentences, it needs two", n), "the first says what may happen, the second what is asked for")
		}
	}
	if s, ok := t["empty"]; ok {
		rule.Empty = Verdict(s.text)
		switch {
		case rule.Empty != Pass && rule.Empty != NotApplicable:
			r.fault(s.pos, fmt.Sprintf("unknown verdict %q for an empty list", bounded(s.text, 60)), "pass or not-applicable")
		case t["each"].text == "":
			r.fault(s.pos, `"empty" without "each"`, "remove it: the rule judges no list")
		}
	}
	for _, key := range []string{"witness", "doubt"} {
		if s, ok := t[key]; ok && t["each"].text == "" {
			r.fault(s.pos, fmt.Sprintf("%q without \"each\"", key), "remove it: the rule judges no list")
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func (r *reader) profiles(rule *Rule, n ast.Node) {
	var known []string
	for _, p := range Profiles() {
		known = append(known, p.Name)
	}
	for _, v := range r.items(n, "profiles") {
		s, ok := r.word(v, "a profile")
		switch {
		case !ok:
		case s.text == ProfileAll:
			r.fault(s.pos, `every rule is in the profile "all"`, "leave it out")
		case !contains(known, s.text):
			r.fault(s.pos, fmt.Sprintf("unknown profile %q", bounded(s.text, 60)), meant(s.text, known))
		default:
			rule.Profiles = append(rule.Profiles, s.text)
		}
	}
}

func (r *reader) references(rule *Rule, n ast.Node) {
	rule.References = map[string][]string{}
	r.pairs(n, "references", func(key string, at Pos, value ast.Node) {
		if !catalogue.MatchString(key) {
			r.fault(at, fmt.Sprintf("the catalogue %q is not in kebab-case", bounded(key, 60)), "as in cis-debian-12")
		}
		for _, v := range r.items(value, "references."+key) {
			if s, ok := r.word(v, "an id in references."+key); ok {
				rule.References[key] = append(rule.References[key], s.text)
			}
		}
	})
}

// code compiles the rule's expressions.
func (r *reader) code(rule *Rule, t texts, evidence ast.Node) {
	w, e := vocabulary(), envs()
	c := &code{}
	env := e.base
	if s, ok := t["each"]; ok {
		entry := w.known[s.text]
		if entry == nil || entry.item == nil {
			r.fault(s.pos, fmt.Sprintf("%q is not a list that rules can go through", bounded(s.text, 60)), meant(s.text, w.lists))
			return
		}
		c.list, env = entry, e.items[entry.item]
	}
	c.when = r.expr(env, t["when"], "when", cel.BoolType, varBad, varCount)
	if c.list != nil && c.when != nil {
		c.only = onlyOf(c.when.root, c.list.item)
	}
	c.pass = r.expr(env, t["pass"], "pass", cel.BoolType, varBad, varCount)
	c.message = r.template(env, t["message"], "message", varItem)
	c.ok = r.template(env, t["ok"], "ok", varItem, varBad)
	c.witness = r.template(env, t["witness"], "witness", varBad, varCount)
	c.doubt = r.template(env, t["doubt"], "doubt", varBad, varCount)
	if c.pass != nil {
		about := c.pass.mentions(varItem) || c.when != nil && c.when.mentions(varItem)
		switch {
		case c.list != nil && !about && rule.Pass != "false": // every item is a finding
			r.fault(t["pass"].pos, `neither "pass" nor "when" asks about item`, "drop each, or ask about item")
		case c.list == nil && len(c.pass.paths) == 0:
			r.fault(t["pass"].pos, "pass asks about no fact", "name one, as in sshd.password_login")
		}
		c.places = c.pass.paths
	}
	switch n := evidence.(type) {
	case nil:
	case *ast.SequenceNode:
		c.places = nil
		for _, v := range n.Values {
			s, ok := r.word(v, "a path in evidence")
			if !ok {
				continue
			}
			if w.known[s.text] == nil {
				r.fault(s.pos, fmt.Sprintf("evidence names no fact: %q", bounded(s.text, 60)), meant(s.text, w.paths()))
			}
			c.places = append(c.places, s.text)
		}
		rule.Places = c.places
	default:
		if s, ok := r.word(n, "evidence"); ok {
			rule.Evidence = strings.TrimSpace(s.text)
			c.evidence = r.expr(env, s, "evidence", celType(evidenceList), varItem, varCount)
		}
	}
	each := t["each"].text
	switch {
	case c.list != nil && facts.OfSetup(each) && c.asksOnly(facts.OfSetup):
		c.shared = func(f *facts.Facts) *facts.Shared { return f.Shared }
	case (c.list == nil || facts.OfWire(each)) && c.asksOnly(facts.OfWire):
		c.shared = func(f *facts.Facts) *facts.Shared { return f.SharedWire }
	case c.list == nil && c.asksOnly(facts.OfSshd):
		c.shared = func(f *facts.Facts) *facts.Shared { return f.SharedSshd }
	}
	rule.code = c
}

// asksOnly reports whether every fact that is mentioned is among some.
func (c *code) asksOnly(among func(fact string) bool) bool {
	all := []*expr{c.when, c.pass, c.evidence}
	for _, t := range []*template{c.message, c.ok, c.witness, c.doubt} {
		if t != nil {
			for _, p := range t.parts {
				all = append(all, p.expr)
			}
		}
	}
	paths := c.places
	for _, e := range all {
		if e != nil {
			paths = append(paths[:len(paths):len(paths)], e.paths...)
		}
	}
	return !slices.ContainsFunc(paths, func(p string) bool { return !among(p) })
}

// expr compiles one expression of the rule; nil where there is none or a fault.
func (r *reader) expr(env *cel.Env, s scalar, key string, want *cel.Type, not ...string) *expr {
	if s.text == "" {
		return nil
	}
	return r.compiled(env, s, s.text, 0, key, want, not)
}

// compiled compiles src, which begins at a character of s.
func (r *reader) compiled(env *cel.Env, s scalar, src string, at int, key string, want *cel.Type, not []string) *expr {
	x, problems := compile(env, src, want)
	for _, p := range problems {
		r.fault(r.inside(s, at+p.offset), key+": "+p.message, p.hint)
	}
	if x == nil {
		return nil
	}
	for _, n := range not {
		if x.mentions(n) {
			r.fault(r.inside(s, at), fmt.Sprintf("%s: %q is not known here", key, n), hereAre(key))
			return nil
		}
	}
	return x
}

func hereAre(key string) string {
	switch key {
	case "message", "evidence":
		return `use bad, the list of items that failed: {bad.map(b, b.path)}`
	case "ok":
		return "use count, the number of items that were judged"
	}
	return "use item"
}

func (r *reader) template(env *cel.Env, s scalar, key string, not ...string) *template {
	if s.text == "" {
		return nil
	}
	pieces, bad := cut(s.text)
	if bad >= 0 {
		r.fault(r.inside(s, bad), key+": a brace without its partner", "write {{ or }} for a brace of its own")
		return nil
	}
	t := &template{}
	for _, p := range pieces {
		if !p.isExpr {
			t.parts = append(t.parts, part{text: p.text})
			continue
		}
		if x := r.compiled(env, s, p.text, p.offset, key, nil, not); x != nil {
			t.parts = append(t.parts, part{expr: x})
		}
	}
	t.squeeze()
	return t
}
