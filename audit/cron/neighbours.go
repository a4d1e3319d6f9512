package cron

// Neighbours is what the jobs of one host tell about each other.
type Neighbours struct {
	boot    map[string]bool // targets started at boot
	clock   map[string]bool // targets started by the clock
	fetched map[string]*Job // files that a job fetches: the first such job
}

// NewNeighbours gathers what one host's jobs run and fetch. analyses[i] belongs to
// jobs[i].
func NewNeighbours(jobs []*Job, analyses []*Analysis) *Neighbours {
	n := &Neighbours{boot: map[string]bool{}, clock: map[string]bool{}, fetched: map[string]*Job{}}
	for i, j := range jobs {
		into := n.clock
		if j.Schedule.Kind == ScheduleReboot {
			into = n.boot
		}
		a := analyses[i]
		for k := range a.Targets {
			if t := &a.Targets[k]; t.Path != "" && t.How != HowShell && t.How != HowRunParts {
				into[t.Path] = true
			}
		}
		for k := range a.Commands {
			for _, f := range fetchedFiles(&a.Commands[k]) {
				if _, ok := n.fetched[f]; !ok {
					n.fetched[f] = j
				}
			}
		}
	}
	return n
}

// twin reports whether a target of the job is started both at boot and by the clock.
func (n *Neighbours) twin(j *Job, a *Analysis) bool {
	other := n.boot
	if j.Schedule.Kind == ScheduleReboot {
		other = n.clock
	}
	for k := range a.Targets {
		if t := &a.Targets[k]; t.Path != "" && other[t.Path] {
			return true
		}
	}
	return false
}

// fetchedBy adds a sign where the job runs what another one fetches.
func (n *Neighbours) fetchedBy(s *signer) {
	for k := range s.a.Targets {
		t := &s.a.Targets[k]
		j, ok := n.fetched[t.Path]
		switch {
		case !ok || t.Path == "" || j == s.j:
		case j.Path == s.j.Path:
			s.add("fetch-then-run", High, "it runs %s, which the job of line %d fetches", q(t.Path), j.Line)
		default:
			s.add("fetch-then-run", High, "it runs %s, which the job of %s, line %d fetches", q(t.Path), q(j.Path), j.Line)
		}
	}
}
