package fix

import (
	"fmt"
	"slices"
	"strings"
)

const (
	cronAllow = "/etc/cron.allow"
	cronDeny  = "/etc/cron.deny"
)

// allowCron names root and the owners of tables that are there in cron.allow, but for
// those whom cron.deny shuts out today: nobody loses what he uses, and nobody gets more.
func (p *planner) allowCron() {
	rule := p.rule
	f, err := p.open(cronAllow, KindTable)
	switch {
	case err != nil:
		p.unfixed(rule, err.Error())
		return
	case f.before.Exists:
		p.unfixed(rule, cronAllow+" is there: whom it names is for you to say")
		return
	}
	var denied []string
	if d, _ := seen(p.in.Snapshot, cronDeny); d != nil {
		data, why := content(p.in.Snapshot, cronDeny)
		if why != "" {
			p.unfixed(rule, why)
			return
		}
		denied = strings.Fields(string(data))
	}
	if len(p.before.Gaps["tables"]) > 0 || p.before.Unknown["tables"] != "" {
		p.unfixed(rule, "not all tables were read: who would have to be named is not known")
		return
	}
	names := []string{"root"}
	for i := range p.before.Tables {
		u := spoolUser(p.before.Tables[i].Path)
		if u != "" && p.account(u) != nil && !slices.Contains(names, u) && !slices.Contains(denied, u) {
			names = append(names, u)
		}
	}
	slices.Sort(names[1:])
	f.new = []byte(strings.Join(names, "\n") + "\n")
	if len(names) > 1 {
		p.warn("%s names those who have a table now: %s. Look whether each is meant", cronAllow, strings.Join(names, ", "))
	}
	p.keep(f, rule, fmt.Sprintf("nobody but %s can make himself a cron table; the tables that are there go on running", strings.Join(names, ", ")))
}
