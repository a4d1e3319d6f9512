package sshd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// How much is put to the real daemons:
//
//	POSTERN_SSHD_CASES  configurations for this machine's sshd; the other
//	                    releases get a fifth. Default 300; .ci/full takes 5000.
//	POSTERN_SSHD_SEED   the first seed; configuration i has the seed first+i.
//	POSTERN_SSHD_SID=1  asks Debian's newest as well.
const defaultCases = 300

func envInt(t testing.TB, name string, def int) int {
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s=%q: %v", name, s, err)
	}
	return n
}

// oracles are the daemons to ask, by the suite whose root holds them.
var oracles = []string{"", "bullseye", "trixie", "sid"}

func openOracle(t testing.TB, suite string) *oracle {
	t.Helper()
	root, name := "/", "this machine"
	if suite == "sid" && os.Getenv("POSTERN_SSHD_SID") != "1" {
		t.Skip("the newest release is asked where POSTERN_SSHD_SID=1, as .ci/full does: it moves")
	}
	if suite != "" {
		name = suite
		if os.Geteuid() != 0 {
			lacking(t, "the root of %s can only be entered by root", suite)
		}
		var err error
		if root, err = rootOf(suite); err != nil {
			lacking(t, "no root of %s: %v", suite, err)
		}
	} else if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		lacking(t, "no sshd to ask: %v", err)
	}
	return startOracle(t, name, root, runtime.NumCPU())
}

// seedConfigs are configurations to mutate: those of the corpus and of the
// table of traps.
func seedConfigs(t *testing.T) []map[string]string {
	var out []map[string]string
	for _, c := range traps {
		files := map[string]string{mainPath: c.conf}
		for name, text := range c.files {
			files[name] = text
		}
		out = append(out, files)
	}
	if os.Getenv("POSTERN_SHARED") == "" && os.Getenv("CI") != "true" {
		t.Log("POSTERN_SHARED is not set: only the table's own configurations are mutated")
		return out
	}
	eachJSON(t, shared(t, "corpus/sshd-cases.jsonl"), func(c struct{ Files map[string]string }) { out = append(out, c.Files) })
	var people []map[string]string
	eachJSON(t, shared(t, "corpus/real/sshd.jsonl"), func(c struct{ Content string }) {
		people = append(people, map[string]string{mainPath: c.Content})
	})
	for len(people) < len(out) { // as many of people's own as of ours
		people = append(people, people...)
	}
	return append(out, people...)
}

// tally counts what was put to one release.
type tally struct {
	mu                     sync.Mutex
	cases, mutated         int
	accepted, asked, named int
	global, inMatch        map[string]int
	worded                 int // refusals in sshd's words
	refused                int
	kinds                  map[string]int // of disagreement
}

func TestDifferential(t *testing.T) {
	cases, seed := envInt(t, "POSTERN_SSHD_CASES", defaultCases), envInt(t, "POSTERN_SSHD_SEED", 1)
	seeds := seedConfigs(t)
	for _, suite := range oracles {
		n := cases
		if suite != "" {
			n = (cases + 4) / 5
		}
		t.Run(orElse(suite, "machine"), func(t *testing.T) {
			o := openOracle(t, suite)
			begin := time.Now()
			sum := &tally{global: map[string]int{}, inMatch: map[string]int{}, kinds: map[string]int{}}
			failures := o.run(seeds, seed, n, sum)
			for _, f := range failures {
				t.Error(f)
			}
			t.Logf("%s: %s; seeds %d to %d; %d configurations (%d mutations), sshd asked %d times in %.0fs; accepted %d (%d %%); "+
				"listeners not compared for names to resolve: %d; refusals in sshd's words: %d of %d",
				o.release, o.banner, seed, seed+n-1, sum.cases, sum.mutated, sum.asked, time.Since(begin).Seconds(),
				sum.accepted, 100*sum.accepted/max(sum.cases, 1), sum.named, sum.worded, sum.refused)
			if sum.accepted*2 < sum.cases {
				t.Errorf("only %d of %d accepted: the generator tests mostly refusals", sum.accepted, sum.cases)
			}
			sum.report(t, o.version, n >= 1000)
		})
	}
}

// TestOddValues gives every keyword every odd value, globally and in a block.
func TestOddValues(t *testing.T) {
	odd := []string{"", "''", `""`, "bogus", "none", "none none", "yes no maybe", "-1", "99999999999", "=", "a=b", "= x", `"open`, "x,", ",", "0", "1", "/x", "*", "!", "1:2"}
	for _, suite := range oracles {
		t.Run(orElse(suite, "machine"), func(t *testing.T) {
			o := openOracle(t, suite)
			var jobs []map[string]string
			seen := map[string]bool{}
			for i := range rows {
				r := &rows[i]
				if seen[r.name] || r.kind == kindMatch || r.kind == kindInclude || r.kind == kindListen {
					continue
				}
				seen[r.name] = true
				for j, v := range odd {
					name := r.name
					if j%3 == 0 {
						name = `"` + name + `"`
					}
					if os.Getenv("POSTERN_SSHD_CASES") == "" && (i+j)%17 != 0 { // all of them in .ci/full
						continue
					}
					jobs = append(jobs, map[string]string{mainPath: name + " " + v + "\n"},
						map[string]string{mainPath: "Match User *\n" + name + " = " + v + "\n"})
				}
			}
			var mu sync.Mutex
			kinds := map[string]int{}
			next := make(chan map[string]string)
			var wg sync.WaitGroup
			for range cap(o.free) {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for files := range next {
						kind, text := o.check(files, rand.New(rand.NewPCG(1, 1)), nil)
						if kind == "" {
							continue
						}
						mu.Lock()
						if kinds[kind]++; kinds[kind] < 60 {
							t.Errorf("%s %q: %s\n%s", o.banner, files[mainPath], kind, text)
						}
						mu.Unlock()
					}
				}()
			}
			for _, j := range jobs {
				next <- j
			}
			close(next)
			wg.Wait()
			t.Logf("%s: %d configurations", o.banner, len(jobs))
		})
	}
}

// report prints how often each keyword had another value than its default, and
// fails on a keyword that never had where the run is long enough to tell.
func (s *tally) report(t *testing.T, v Version, whole bool) {
	var line []string
	var never []string
	seen := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		name := r.name
		if seen[name] || !r.in(v) || !r.vendorIn("debian") || !r.builtIn(newRelease(v, "debian")) || r.kind == kindMatch || r.kind == kindInclude || r.kind == kindRDomain {
			continue
		}
		if _, _, _, ok := lookup(name, v, "debian"); !ok {
			continue
		}
		seen[name] = true
		entry := fmt.Sprintf("%s %d", name, s.global[name])
		if s.global[name] == 0 {
			never = append(never, name)
		}
		if r.inMatch(v) && (r.fate != acted || r.alias != "" || r.carried(v)) {
			entry += fmt.Sprintf("/%d", s.inMatch[name])
			if s.inMatch[name] == 0 {
				never = append(never, name+" in Match")
			}
		}
		line = append(line, entry)
	}
	sort.Strings(line)
	t.Logf("accepted with another value than the default, globally/in Match: %s", strings.Join(line, ", "))
	if len(never) > 0 && whole {
		t.Errorf("never accepted with another value than the default: %s", strings.Join(never, ", "))
	} else if len(never) > 0 {
		t.Logf("not in this short run: %s", strings.Join(never, ", "))
	}
}

// run puts n configurations to the daemon; what it and this package disagree on
// comes back, at most a few.
func (o *oracle) run(seeds []map[string]string, first, n int, sum *tally) (failures []string) {
	var mu sync.Mutex
	next := make(chan int)
	var wg sync.WaitGroup
	for range cap(o.free) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				if f := o.one(seeds, first+i, sum); f != "" {
					mu.Lock()
					failures = append(failures, f)
					mu.Unlock()
				}
			}
		}()
	}
	for i := range n {
		mu.Lock()
		stop := len(failures) >= 200
		mu.Unlock()
		if stop {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return failures
}

// one makes the configuration of a seed, asks, and shrinks what fails.
func (o *oracle) one(seeds []map[string]string, seed int, sum *tally) string {
	r := rand.New(rand.NewPCG(uint64(seed), 7))
	g := &generator{n: r.IntN, v: o.version}
	var files map[string]string
	if seed%2 == 0 {
		files = g.config()
	} else {
		from := seeds[r.IntN(len(seeds))]
		for range 2 { // mostly from one that this release accepts
			if Load(mainPath, treeFiles(from), Options{Version: o.version, Distro: "debian", Services: o.services}).Refused() == nil {
				break
			}
			from = seeds[r.IntN(len(seeds))]
		}
		files = g.mutate(from)
		sum.mu.Lock()
		sum.mutated++
		sum.mu.Unlock()
	}
	files[mainPath] = g.feature(seed, files[mainPath])
	again := r.Uint64()
	kind, text := o.check(files, rand.New(rand.NewPCG(again, 1)), sum)
	if kind == "" {
		return ""
	}
	// Of one kind the first is enough to begin with.
	sum.mu.Lock()
	sum.kinds[kind]++
	known := sum.kinds[kind] > 1
	sum.mu.Unlock()
	if known {
		return fmt.Sprintf("%s, seed %d: %s", o.release, seed, kind)
	}
	// Lines are taken away while the same thing stays wrong.
	budget := 150
	for progress := true; progress; {
		progress = false
		var names []string
		for name := range files {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			lines := strings.SplitAfter(files[name], "\n")
			for size := max(len(lines)/2, 1); size > 0; size /= 2 {
				for at := 0; at+size <= len(lines) && budget > 0; {
					budget--
					smaller := map[string]string{}
					for k, v := range files {
						smaller[k] = v
					}
					smaller[name] = strings.Join(append(append([]string{}, lines[:at]...), lines[at+size:]...), "")
					if len(lines) == size && name != mainPath {
						delete(smaller, name)
					}
					if k, txt := o.check(smaller, rand.New(rand.NewPCG(again, 1)), nil); k == kind {
						files, text, progress = smaller, txt, true
						lines = append(append([]string{}, lines[:at]...), lines[at+size:]...)
						continue
					}
					at += size
				}
			}
		}
		if budget == 0 {
			break
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, seed %d: %s\n%s\n", o.release, seed, kind, text)
	for name, text := range files {
		fmt.Fprintf(&b, "--- %s %q\n%s\n", name, text, text)
	}
	return b.String()
}

// login draws a login that sits close to what the generator's lists name.
func randomLogin(r *rand.Rand) Context {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	u := oracleUsers[r.IntN(len(oracleUsers))]
	c := Context{User: u.Name, Groups: u.Groups, Invalid: u.Groups == nil,
		Addr:      pick("10.1.2.3", "10.1.2.255", "10.1.3.0", "10.0.255.255", "10.255.255.255", "11.0.0.0", "192.0.2.1", "192.0.2.0", "203.0.113.5", "2001:db8::5", "2001:db9::", "::1", "fe80::7", "10.0.0.1", "127.0.0.1"),
		LocalAddr: pick("127.0.0.1", "192.0.2.7", "192.0.2.8", "::1", "198.51.100.1"),
		LocalPort: []int{22, 2222, 33}[r.IntN(3)],
		RDomain:   pick("", "vrf0", "x", "y")}
	c.Host = c.Addr
	if r.IntN(2) == 0 {
		c.Host = pick("a.example.com", "b.example.com", "host", "b.EXAMPLE.com")
	}
	return c
}

// partial takes some of what is known of a login away.
func partial(r *rand.Rand, c Context) Context {
	c.Test = true
	if r.IntN(2) == 0 {
		c.User, c.Groups, c.Invalid = "", nil, false
	}
	if r.IntN(2) == 0 {
		c.Host = ""
	}
	if r.IntN(2) == 0 {
		c.Addr = ""
	}
	if r.IntN(2) == 0 {
		c.LocalAddr = ""
	}
	if r.IntN(2) == 0 {
		c.LocalPort = 0
	}
	return c
}

// spec is the -C of a login.
func spec(c Context, v Version) string {
	if c.Test {
		s := ""
		for _, kv := range [][2]string{{"user", c.User}, {"host", c.Host}, {"addr", c.Addr}, {"laddr", c.LocalAddr}, {"rdomain", c.RDomain}} {
			if kv[1] != "" {
				s += " -C " + kv[0] + "=" + kv[1]
			}
		}
		if c.LocalPort != 0 {
			s += fmt.Sprintf(" -C lport=%d", c.LocalPort)
		}
		if c.Invalid && !v.Before(9, 9) {
			s += " -C invalid-user"
		}
		return s
	}
	s := fmt.Sprintf("-C user=%s,host=%s,addr=%s,laddr=%s,lport=%d", c.User, c.hostName(), c.Addr, c.LocalAddr, c.LocalPort)
	if c.RDomain != "" {
		s += ",rdomain=" + c.RDomain
	}
	if c.Invalid && !v.Before(9, 9) {
		s += ",invalid-user"
	}
	return s
}

// check puts one configuration to the daemon and compares. kind says in one
// word what differs, so that shrinking keeps to it; "" nothing does.
func (o *oracle) check(files map[string]string, r *rand.Rand, sum *tally) (kind, text string) {
	cfg := Load(mainPath, treeFiles(files), Options{Version: o.version, Distro: "debian", Services: o.services, HostKeys: []string{"/run/key"}})
	refusal := cfg.Refused()
	x := randomLogin(r)
	logins := []Context{x}
	equal := false // the second login is one that is called equal to the first
	if refusal == nil {
		if len(cfg.Gaps) > 0 {
			return "gap", fmt.Sprint(cfg.Gaps)
		}
		reps, capped := cfg.Contexts(oracleUsers)
		stands := -1
		for i, c := range reps {
			if cfg.Eval(c) == cfg.Eval(x) && (stands < 0 || r.IntN(2) == 0) {
				stands = i
			}
		}
		// A host name that cannot be is in no derived context.
		possible := cfg.Globals().Get("UseDNS").Is("yes") || x.Host == x.Addr
		port := slices.Contains(cfg.Globals().Get("Port").Args, strconv.Itoa(x.LocalPort))
		if stands < 0 && !capped && possible && port && len(cfg.Globals().Get("ListenAddress").Args) == 0 {
			return "derived", fmt.Sprintf("no derived context stands for %+v", x)
		}
		equal = stands >= 0
		if equal {
			logins = append(logins, reps[stands])
		}
		logins = append(logins, reps[r.IntN(len(reps))])
		if r.IntN(4) == 0 { // some of the keys alone, or none
			logins = append(logins, partial(r, reps[r.IntN(len(reps))]))
		}
	}
	specs := make([]string, len(logins))
	for i := range logins {
		specs[i] = spec(logins[i], o.version)
	}
	answers, err := o.ask(files, specs...)
	if err != nil {
		return "ask", err.Error()
	}
	named, accepted := false, false
	for i, a := range answers {
		refusal := refusal
		if refusal == nil && logins[i].Test {
			refusal = cfg.Missing(logins[i])
		}
		if refusal == nil {
			refusal = cfg.Eval(logins[i]).Refused()
		}
		switch {
		case a.code == 139 && o.crashes(cfg):
			accepted = true // OpenSSH's own fault, see Differences
			continue
		case a.code != 0 && cfg.Refused() == nil && strings.Contains(a.stderr, "bad addr or host: ") && cfg.Globals().listeners() == nil:
			named = true // a name that this host cannot resolve
			continue
		case a.code != 0 && refusal == nil:
			return "refuse", fmt.Sprintf("%s\nsshd refuses (%d): %s\nhere it is accepted", specs[i], a.code, a.stderr)
		case a.code == 0 && refusal != nil:
			return "accept", fmt.Sprintf("%s\nsshd accepts: %s\nhere: %s", specs[i], a.stderr, refusal)
		case refusal != nil:
			// Behind a NUL sshd counts lines by its own text; what it reads for a login
			// had no name up to 8.6.
			words := refusal.LogLine()
			if cfg.Refused() == nil || hasNUL(files) || strings.Contains(a.stderr, "reprocess config line ") {
				words, _, _ = strings.Cut(refusal.Message, " at line ")
			}
			worded := strings.Contains(a.stderr, LogForm(words))
			if sum != nil {
				sum.mu.Lock()
				sum.refused++
				if worded {
					sum.worded++
				}
				sum.mu.Unlock()
			}
			if !worded {
				return "words", fmt.Sprintf("sshd says: %s\nhere:      %s", a.stderr, refusal.LogLine())
			}
			continue
		}
		accepted = true
		set := cfg.Eval(logins[i])
		if set.listeners() == nil { // a name to resolve
			named = true
			a.out = withoutListeners(a.out)
		}
		mine := string(set.Text())
		if set.listeners() == nil {
			mine = withoutListeners(mine)
		}
		if theirs := a.out; mine != theirs {
			k, d := firstDifference(mine, theirs)
			return "value " + k, specs[i] + "\n" + d
		}
		sum.values(set, cfg)
		if i == 1 && equal && a.out != answers[0].out {
			return "contexts", fmt.Sprintf("called equal, and sshd says different things:\n%s\n%s", specs[0], specs[1])
		}
	}
	if sum != nil {
		sum.mu.Lock()
		sum.cases++
		sum.asked += len(answers)
		if accepted {
			sum.accepted++
		}
		if named {
			sum.named++
		}
		sum.mu.Unlock()
	}
	return "", ""
}

// withoutListeners leaves out the addresses, or the remark that they are not known.
func withoutListeners(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.ToLower(strings.TrimPrefix(line, "# ")), "listenaddress ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func hasNUL(files map[string]string) bool {
	for _, text := range files {
		if strings.IndexByte(text, 0) >= 0 {
			return true
		}
	}
	return false
}

// crashes reports whether this release's -T -C is known to end in a segmentation
// fault: a block has more Subsystems than the globals, 9.5 to 10.2.
func (o *oracle) crashes(cfg *Config) bool {
	if o.version.Before(9, 5) || !o.version.Before(10, 3) {
		return false
	}
	inBlocks := 0
	for i := range cfg.lines {
		if l := &cfg.lines[i]; l.row >= 0 && rows[l.row].kind == kindSubsystem && len(cfg.scopes[l.scope].conds) > 0 {
			inBlocks++
		}
	}
	return inBlocks > len(cfg.Globals().Get("Subsystem").Args)
}

// firstDifference names the keyword of the first line that differs.
func firstDifference(mine, theirs string) (keyword, text string) {
	a, b := strings.Split(mine, "\n"), strings.Split(theirs, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			k, _, _ := strings.Cut(y, " ")
			if k == "" {
				k, _, _ = strings.Cut(x, " ")
			}
			return strings.ToLower(k), fmt.Sprintf("here: %q\nsshd: %q", x, y)
		}
	}
	return "", ""
}

// values counts the keywords that have another value than their default.
func (s *tally) values(set *Settings, cfg *Config) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	count := func(text string, inMatch bool, slot string) {
		f := Parse("", []byte(text), cfg.opt.Version)
		for i := range f.Blocks {
			for j := range f.Blocks[i].Lines {
				if self, _, _, ok := lookup(f.Blocks[i].Lines[j].Keyword.Text, cfg.opt.Version, "debian"); ok {
					slot = rows[self].name
				}
			}
		}
		if inMatch {
			s.inMatch[slot]++
		} else {
			s.global[slot]++
		}
	}
	all := slices.Clone(set.vals)
	for i, v := range cfg.global.vals { // a block may stand above them
		if v != set.vals[i] {
			all = append(all, v)
		} else {
			all = append(all, nil)
		}
	}
	for i, v := range all {
		i %= len(rows)
		if v == nil || v.Origin.Kind != FromFile && v.More == nil {
			continue
		}
		if d := cfg.def[i]; d != nil && strings.Join(d.Args, " ") == strings.Join(v.Args, " ") {
			continue
		}
		for _, o := range append([]Origin{v.Origin}, v.More...) {
			if o.Kind == FromFile {
				count(o.Text, o.Match != "", rows[i].name)
			}
		}
	}
	for _, f := range cfg.Files { // keywords that do nothing have no value
		for i := range f.Blocks {
			for j := range f.Blocks[i].Lines {
				ln := &f.Blocks[i].Lines[j]
				if self, _, _, ok := lookup(ln.Keyword.Text, cfg.opt.Version, "debian"); ok && (rows[self].fate != acted || rows[self].noCopy || rows[self].kind == kindIgnored) {
					count(ln.Raw, f.Blocks[i].Match != nil, rows[self].name)
				}
			}
		}
	}
}
