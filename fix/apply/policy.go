package apply

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/fix"
)

// makePolicy has the host's own tool make the back-ends of its crypto policy, in a copy
// that nobody else sees, and compares: it has to come to the very bytes of the plan, and
// to leave all other back-ends as they are. What only the tool can write is taken from
// there. From then on the sub-policy is files like all others: copied, tried, guarded,
// put in place one by one, taken back.
func (r *run) makePolicy(ctx context.Context) error {
	if !slices.ContainsFunc(r.host.Changes, func(c fix.Change) bool { return c.Made }) {
		return nil
	}
	r.tell("try the sub-policy")
	vars := strings.Builder{}
	expected := map[string][]byte{}
	made, module := -1, false
	for i := range r.host.Changes {
		c := &r.host.Changes[i]
		file, ours := strings.CutPrefix(realPath(c), "/etc/crypto-policies/")
		name := path.Base(file)
		switch {
		case c.Made && made < 0 && ours && file == "state/CURRENT.pol":
			made = i
		case ours && !c.Made && file == "policies/modules/POSTERN.pmod":
			module = true
			vars.WriteString(assign("MODULE", name) + printer("the_module", c.New))
		case ours && !c.Made && file == "config":
			vars.WriteString(assign("CONFIG", "1") + printer("the_config", c.New))
		case ours && !c.Made && (file == "state/current" || file == "back-ends/opensshserver.config"):
			expected[name] = c.New
		case c.Made || c.Kind == fix.KindPolicy:
			return &StepError{Step: "plan", Code: "refused", Path: realPath(c), Why: "no file of a sub-policy", Err: ErrRefused}
		}
	}
	if made < 0 || !module || expected["opensshserver.config"] == nil {
		return &StepError{Step: "plan", Code: "refused", Why: "half a sub-policy", Err: ErrRefused}
	}
	out, err := r.step(ctx, r.old, "policy", vars.String(), patience)
	if err != nil {
		return err
	}
	refuse := func(file, why string) error {
		return &StepError{Step: "policy", Code: "refused", Path: file, Why: why, Err: ErrRefused}
	}
	if other := out.all("other"); len(other) > 0 {
		return refuse("", fmt.Sprintf("update-crypto-policies would change %s too: the back-ends are not as it writes them; look at them first (update-crypto-policies --check)", clip(strings.Join(other[:min(len(other), 5)], ", "))))
	}
	for name, want := range expected {
		if got := out.blocks[name]; got != string(want) || out.one(name) != sum(want) {
			return refuse("", fmt.Sprintf("update-crypto-policies would write %s otherwise than planned: %s", name, firstDifference(string(want), got)))
		}
	}
	dump := []byte(out.blocks["CURRENT.pol"])
	if len(dump) == 0 || out.one("CURRENT.pol") != sum(dump) {
		return refuse("", "what update-crypto-policies wrote of its policy did not arrive whole")
	}
	h := *r.host
	h.Changes = slices.Clone(h.Changes)
	c := &h.Changes[made]
	c.Made, c.New, c.After.SHA256 = false, dump, sum(dump)
	r.host = &h
	return nil
}

// firstDifference names the first line in which two texts differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		line := func(list []string) string {
			if i < len(list) && list[i] != "" {
				return clip(list[i])
			}
			return "nothing"
		}
		if a, b := line(w), line(g); a != b {
			return fmt.Sprintf("line %d is %s, not %s", i+1, b, a)
		}
	}
	return "it could not be read whole"
}
