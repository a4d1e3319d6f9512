package audit

import (
	"github.com/postern-ssh/postern/audit/facts"
)

// JobsSchema is the version of what postern jobs writes as JSON.
const JobsSchema = "postern-jobs-1"

// Jobs is what the schedulers of some hosts will run.
type Jobs struct {
	Schema string            `json:"schema"`
	Hosts  []HostJobs        `json:"hosts"`
	Jobs   []facts.ListedJob `json:"jobs"` // of all hosts, in their order
}

// HostJobs is what is known of one host beside its jobs, or why there is nothing.
type HostJobs struct {
	Host  string `json:"host"`
	Error string `json:"error"`
	*facts.JobList
}

// Add takes over what one host's schedulers run; nil where it was not read.
func (j *Jobs) Add(host, why string, l *facts.JobList) {
	j.Hosts = append(j.Hosts, HostJobs{Host: host, Error: why, JobList: l})
	if l != nil {
		j.Jobs = append(j.Jobs, l.Jobs...)
	}
}

// AtLeast keeps the jobs whose signs together weigh as much as level; "none" keeps
// all.
func (j *Jobs) AtLeast(level string) {
	least := jobLevels[level]
	kept := j.Jobs[:0]
	for i := range j.Jobs {
		if jobLevels[j.Jobs[i].Severity] >= least {
			kept = append(kept, j.Jobs[i])
		}
	}
	j.Jobs = kept
}

var jobLevels = map[string]int{"none": 0, "info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}

// JobLevel gives the weight of a severity's name, and whether it is one.
func JobLevel(name string) (int, bool) {
	n, ok := jobLevels[name]
	return n, ok
}

// Mask hides secrets in what quotes a job's line.
func (j *Jobs) Mask(mask func(string) string) {
	for i := range j.Jobs {
		job := &j.Jobs[i]
		job.Command, job.Stdin = mask(job.Command), mask(job.Stdin)
		for k, v := range job.Environment {
			if m := mask(k + "=" + v); m != k+"="+v {
				job.Environment[k] = m[min(len(k)+1, len(m)):]
			}
		}
		for n := range job.Signs {
			job.Signs[n].Message = mask(job.Signs[n].Message)
		}
		for _, list := range [...][]string{job.Notes, job.Unresolved, job.Deceptive} {
			for n := range list {
				list[n] = mask(list[n])
			}
		}
	}
	for i := range j.Hosts {
		if j.Hosts[i].JobList == nil {
			continue
		}
		for t := range j.Hosts[i].Tables {
			for n := range j.Hosts[i].Tables[t].Evidence {
				e := &j.Hosts[i].Tables[t].Evidence[n]
				e.Text = mask(e.Text)
			}
		}
	}
}
