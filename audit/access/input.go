package access

import (
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// Input is what a judgement needs, as plain values.
type Input struct {
	Config   *sshd.Config
	Accounts []account.Account // joined with groups and shadow states
	Groups   []account.Group

	// PAM returns the stack of a service; nil: PAM's files are not known.
	PAM func(service string) *account.Stack
	// Stat looks at a path, links followed.
	Stat func(path string) Stat
	// Read returns a file's content. An error that is not fs.ErrNotExist means
	// that it could not be read here, or only its first part, which comes with it.
	Read func(path string) ([]byte, error)

	OpenAccess account.Verdict // whether access.conf holds no rule
	SSSD       account.Verdict // whether sssd is configured
	MoreGroups bool            // accounts may be in groups that are not known
	Today      int64           // days since 1970-01-01

	// Bug says whether the installed server has one of [Bugs]; nil, or Unsure:
	// only its release is known.
	Bug func(id string) Verdict
	// Apart are further lists of addresses at whose borders places are told apart,
	// each written as behind the "@" of AllowUsers.
	Apart []string
	// Detail asks for Keys and Session too, and tells places apart by them.
	Detail bool
}

// Stat is what is known about a path.
type Stat struct {
	Known    bool // false: not read, nothing below counts
	Exists   bool
	Type     byte // 'f', 'd', ...
	Mode     uint32
	UID, GID int64
	Real     string // the final path; "" is the path itself
}

// Verdict is the answer to one question.
type Verdict = account.Verdict

// Shorter names for the verdicts.
const (
	Yes    = account.Yes
	No     = account.No
	Unsure = account.Unsure
)

// Word is the verdict as facts and reports spell it: yes, no, unknown.
func Word(v Verdict) string {
	switch v {
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "unknown"
}
