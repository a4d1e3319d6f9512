package facts

import (
	"encoding/json"
	"strings"
)

// MarshalJSON gives the facts with null for every single fact that is not known,
// so that nobody who reads one of them takes its zero value for an answer.
func (f *Facts) MarshalJSON() ([]byte, error) {
	type plain Facts // without this method
	data, err := json.Marshal((*plain)(f))
	if err != nil || len(f.Unknown) == 0 {
		return data, err
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	for path := range f.Unknown {
		forget(tree, strings.Split(path, "."))
	}
	return json.Marshal(tree)
}

// forget sets the facts at and below a path to null. Lists stay: what they may
// lack is in Gaps, and their items' fields say "unknown" themselves.
func forget(tree map[string]any, path []string) {
	v, ok := tree[path[0]]
	if !ok {
		return
	}
	if m, isMap := v.(map[string]any); isMap {
		if len(path) > 1 {
			forget(m, path[1:])
			return
		}
		for k, below := range m {
			if _, list := below.([]any); !list {
				m[k] = nil
			}
		}
		return
	}
	if _, list := v.([]any); !list && len(path) == 1 {
		tree[path[0]] = nil
	}
}
