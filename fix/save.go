package fix

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

//go:embed schema/postern-plan-1.schema.json
var planSchema []byte

// Schema is the JSON Schema (draft 2020-12) of a [Plan], as fix --format json writes
// it and as a saved plan holds it under "plan".
func Schema() []byte { return bytes.Clone(planSchema) }

// MaxPlan bounds a saved plan, in bytes.
const MaxPlan = 256 << 20

// ErrNewer marks a plan of a newer postern.
var ErrNewer = errors.New("the plan is of a newer format")

// ErrPlan marks what is no plan, or one that has been changed.
var ErrPlan = errors.New("not a plan of postern")

// saved is a plan in its file: the hash tells a slip of an editor from the plan
// that was looked at. It is no signature.
type saved struct {
	Format int             `json:"format"`
	SHA256 string          `json:"sha256"` // of the plan's bytes, compacted
	Plan   json.RawMessage `json:"plan"`
}

// Write writes a plan so that Read gives it back.
func (p *Plan) Write(w io.Writer) error {
	p.Format = Format
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(saved{Format: Format, SHA256: sumOf(raw), Plan: raw})
}

// Read reads a saved plan and checks that it holds together: its own hash, and that
// every change's content is what its states say.
func Read(r io.Reader) (*Plan, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxPlan+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxPlan {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrPlan, MaxPlan)
	}
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	switch {
	case s.Format == 0 || len(s.Plan) == 0:
		return nil, ErrPlan
	case s.Format > Format:
		return nil, fmt.Errorf("%w (%d, this postern knows %d)", ErrNewer, s.Format, Format)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, s.Plan); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if sumOf(compact.Bytes()) != s.SHA256 {
		return nil, fmt.Errorf("%w: its bytes are not those that were saved", ErrPlan)
	}
	dec := json.NewDecoder(&compact)
	dec.DisallowUnknownFields()
	var p Plan
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return &p, p.check()
}

// check says what in a plan does not hold together.
func (p *Plan) check() error {
	names := map[string]bool{}
	for i := range p.Hosts {
		h := &p.Hosts[i]
		if h.Name == "" || names[h.Name] {
			return fmt.Errorf("%w: host %q twice, or without a name", ErrPlan, h.Name)
		}
		names[h.Name] = true
		for n := range h.Changes {
			if err := h.Changes[n].check(); err != nil {
				return fmt.Errorf("%w: %s: change %d: %w", ErrPlan, h.Name, n+1, err)
			}
		}
	}
	return nil
}

func (c *Change) check() error {
	for _, f := range []string{c.Before.Path, c.Before.Real, c.After.Path, c.After.Real} {
		if !path.IsAbs(f) || path.Clean(f) != f || strings.ContainsRune(f, 0) {
			return fmt.Errorf("%q is no clean absolute path", f)
		}
	}
	if c.Before.Real != c.After.Real || c.Before.Path != c.After.Path {
		return errors.New("it begins at one file and ends at another")
	}
	switch c.Kind {
	case KindSshd, KindTable, KindKeys, KindPolicy:
		if c.Made && (c.Kind != KindPolicy || len(c.New) > 0 || c.After.SHA256 != "") {
			return errors.New("its content is the host's to make, and is there already")
		}
		if c.Before.Exists && c.Before.SHA256 != sumOf(c.Old) {
			return errors.New("its old content is not what was seen")
		}
		if c.After.Exists && !c.Made && c.After.SHA256 != sumOf(c.New) {
			return errors.New("its new content is not what was planned")
		}
	case KindMode, KindMove, KindKey, KindAccount:
		if len(c.New) > 0 {
			return fmt.Errorf("content in a change of kind %s", c.Kind)
		}
	default:
		return fmt.Errorf("a kind of change that is not known: %q", string(c.Kind))
	}
	return nil
}
