package report

import (
	"fmt"

	"github.com/postern-ssh/postern/audit"
)

// privateKeys says which private keys lie on the hosts, and what they open.
func (p *page) privateKeys(list []audit.PrivateReach) {
	if len(list) == 0 {
		return
	}
	p.title("private keys that lie on the hosts")
	for i := range list {
		k := &list[i]
		p.line(2, privateWords(k))
		for n := range k.Opens {
			if n == 8 && !p.verbose {
				p.line(4, fmt.Sprintf("and %d more (-v shows them)", len(k.Opens)-n))
				break
			}
			word := "opens "
			if k.Opens[n].Opens != "yes" {
				word = "may open "
			}
			p.line(4, word+useWords(&k.Opens[n]))
		}
	}
}

func privateWords(r *audit.PrivateReach) string {
	k := &r.Key
	text := Name(r.Host) + ", " + Path(k.Path)
	if k.Owner != "" {
		text += " (" + Inline(k.Mode) + " " + Name(k.Owner) + ")"
	}
	switch k.Encrypted {
	case "yes":
		text += ", with a passphrase"
	case "no":
		text += ", without a passphrase"
	default:
		text += ", with or without a passphrase"
	}
	if k.Fingerprint == "" {
		return text + ": no public half beside it tells what it opens"
	}
	text += ": " + Inline(k.Type) + " " + Inline(k.Fingerprint)
	if k.Comment != "" {
		text += " " + Name(k.Comment)
	}
	if len(r.Opens) == 0 {
		text += ", opens no account that was seen"
	}
	return text
}
