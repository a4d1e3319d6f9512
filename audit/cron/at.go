package cron

// AtName reports whether a name is that of a job in at's spool: a queue letter (or
// = for a running one), five hex digits of the job's number and eight of the
// minutes since 1970 (at 3.2, at.c).
func AtName(name string) bool {
	if len(name) != 14 || name[0] != '=' && !isAlpha(name[0]) {
		return false
	}
	for i := 1; i < len(name); i++ {
		if c := name[i] | 0x20; (name[i] < '0' || name[i] > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
