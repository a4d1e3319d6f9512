package fix_test

import (
	"testing"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/policies"
)

// Every rule that fix knows is a rule, and says what would be done.
func TestRulesExist(t *testing.T) {
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, rule := range append(fix.Rules(), fix.ByHand()...) {
		if cat.Rule(rule) == nil {
			t.Errorf("%s is no rule", rule)
		}
		if seen[rule] {
			t.Errorf("%s stands twice", rule)
		}
		seen[rule] = true
	}
	for _, rule := range fix.Rules() {
		if does, ok := fix.About(rule); !ok || does == "" {
			t.Errorf("%s says nothing", rule)
		}
	}
}
