//go:build linux

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// goodLine stands in every table beside the line that is asked about, so that a
// lost line and a lost file are told apart.
const goodLine = "* * * * * touch good\n"

// cronCase is one table. Where form is System, USER in it is the case's account.
type cronCase struct {
	name  string
	form  cron.Form
	table string
}

// knownTables are tables with a trap each; a good line is put below those that
// end in a newline and have none.
func knownTables() []cronCase {
	const j = "* * * * * touch x"
	user := []string{
		j, goodLine + j, j + "\n# note", j + "\n   ", j + "\r\n", "\r\n" + j + "\n", "FOO=bar\r\n* * * * * /r env\n",
		" \t" + j + "\n", "   # comment\n" + j + "\n", j + " # c\n", "* * * * * echo a#b > x\n", "* * * * * cat > x%l1%l2\n",
		"* * * * * sh%touch x\n", "* * * * * echo a\\%b > x\n", "* * * * * date +%Y > x; touch y\n", "* * * * * echo \"a%b\" > x\n",
		"61 * * * * touch x\n", "foo bar\n", "* * * * touch x\n", "@every 1m touch x\n", "@minutely touch x\n", "@REBOOT touch x\n",
		"  @reboot touch x\n", "@reboot\ttouch x\n", "-* * * * * touch x\n", "* * * * * -n touch x\n", "~ * * * * touch x\n",
		"0~59 * * * * touch x\n", "*/0 * * * * touch x\n", "5/10 * * * * touch x\n", "59-0 * * * * touch x\n",
		"* * * * mon-sun touch x\n", "* * * * fri-mon touch x\n", "* * * * 6-1 touch x\n", "* * * * sun-tue touch x\n",
		"* * * * MON touch x\n", "* * * * monday touch x\n", "* * * november * touch x\n", "* * * * 1-8 touch x\n",
		"* * 0-31 * * touch x\n", "* * 1-32 * * touch x\n", "* 0-24 * * * touch x\n", "* * * * mon#4 touch x\n", "** * * * * touch x\n",
		"0-59x * * * * touch x\n", "* * * * *touch /r glued\n", "* * * * *\n", "* * * * * root touch x\n", "0 * * * * * touch x\n",
		"* * L * * touch x\n", "* * ? * * touch x\n", "* * 15W * * touch x\n", "* * 1-31 * 2 touch x\n", "* * * * * touch \\\nx\n",
		"# c \\\n" + j + "\n", "\xef\xbb\xbf" + j + "\n", "\xef\xbb\xbf# c\n" + j + "\n", "\xc2\xa0" + j + "\n", "\f" + j + "\n",
		"*\xc2\xa0* * * * touch x\n", j + "\x00 junk\n",
		"* * * * * touch x; : " + strings.Repeat("y", 998-11) + "\n", "* * * * * touch x; : " + strings.Repeat("y", 999-11) + "\n",
		"* * * * * touch x; : " + strings.Repeat("y", 140000) + "\n", "FOO='" + strings.Repeat("x", 1500) + "'\n* * * * * /r long\n",
		strings.Repeat("# flood\n", 10100) + j + "\n", "export FOO=bar\n* * * * * /r exported\n", "FOO=\"abc\n* * * * * /r open\n",
		"FOO=\"a\"b\n* * * * * /r behind\n", "FOO=\n* * * * * /r empty\n", "MAILTO=\n" + j + "\n", "\"FOO 7\"=x\n" + j + "\n",
		"HOME=/nonexistent\n* * * * * touch /h/USER/x; pwd >/h/USER/cwd\n", "SHELL=/nonexistent\n" + j + "\n", "SHELL=/usr/sbin/nologin\n" + j + "\n", "TZ=JST-9\n* 3 * * * /r tz\n", "TZ=JST-9\n* * * * * /r tz\n",
		"CRON_TZ=JST-9\n* 21 * * * /r crontz\n", "CRON_TZ=Asia/Tokyo\n* 12 * * * /r crontz\n", j + "\x1b[2K\x1b[1A\n", j + ";true;\r# harmless\n",
		"FOO='a  b '\n* * * * * /r blanks\n", "FOO = b # c\n* * * * * /r comment\n", "BAR=$HOME\n* * * * * /r none\n", "HOME=/tmp\n* * * * * cd; /r elsewhere\n",
		"LOGNAME=root\n* * * * * /r forced\n", "PATH=/bin\n* * * * * /r path\n", "* * * * * /r a%in%put\\%\n", "* * * * * /r 'a\\%b'\n",
		"=x\n" + j + "\n", "A B=c\n" + j + "\n", "NAME\n" + j + "\n", "* * * * * /r 'a\\\\b' 'c\\d'\n", "* * * * * /r 'a\\\\\\%b'\n", "* * * * * /r 'a\\\\b' 'c\\d'%i\\\\n\\%\n", "* * * * * /r a\\\\%b\n",
		"FOO=" + strings.Repeat("x", 1500) + "\n* * * * * /r long\n", "FOO='" + strings.Repeat("x", 990) + "'\n* * * * * /r long\n", "FOO='" + strings.Repeat("x", 994) + "'\n* * * * * /r long\n", "FOO='a\"\n* * * * * /r mixed\n",
	}
	system := []string{
		"* * * * * USER touch x\n", "* * * * * touch x\n", "* * * * * 0 touch x\n", "* * * * * USER:USER touch x\n", "-* * * * * USER touch x\n",
		"* * * * * USER\n", "61 * * * * USER touch x\n", "* * * * * nosuch touch x\n", "@reboot USER touch x\n", "@hourly USER touch x\n",
		"* * * * * USER touch x", "* * * * *\tUSER\ttouch x\n", "* * * * * USER /r a%b\n", "FOO=1\n* * * * * USER /r env\n", "* * * * * -n USER touch x\n",
	}
	var all []cronCase
	for i, t := range user {
		all = append(all, cronCase{fmt.Sprintf("known user %d", i+1), cron.User, withGood(t, goodLine)})
	}
	for i, t := range system {
		all = append(all, cronCase{fmt.Sprintf("known system %d", i+1), cron.System, withGood(t, "* * * * * USER touch good\n")})
	}
	return all
}

func withGood(table, good string) string {
	if strings.Contains(table, good) || !strings.HasSuffix(table, "\n") {
		return table
	}
	return table + good
}

// Values of the five fields. The daemons' clock shows Monday, 23 November 2026,
// from 11:59:20 to about 12:02:40: every value either fits at 12:00 or 12:01, or
// at no time of these.
var (
	cronMinutes = []string{"*", "*", "*", "*/1", "0-59", "0,1,2,3", "0-10/1", "00-59", "*/2", "30", "40-50", "30-20", "0-59,", ",0", "*,5", "5,*",
		"*/100", "0-59/7x", "60", "0-60", "-1", "+0", "0x", "*x", "*/", "*/-1", "*/+1", "*-5", "0-", "0--5", "1,0,0,0", "*/0", "0/0", "0/5", "30/5", "0-3-9", "a", "~", "0-59~", "*1", "0*"}
	cronHours  = []string{"*", "*", "*", "12", "11-13", "*/12", "*/6", "3", "0-23", "12-11", "23-12", "24", "12,", "12-24", "0-23/12", "*/24", "012", "12:00", "noon"}
	cronDays   = []string{"*", "*", "*", "23", "22", "1-31", "*/2", "1-31/2", "*,22", "22-24", "31-1", "0", "32", "L", "?", "23W", "23,", "*/11", "1-31/22", "0-31", "23#1", "2-31/3"}
	cronMonths = []string{"*", "*", "*", "11", "nov", "NOV", "Nov", "jan-dec", "dec-jan", "11,12", "*/2", "1-12/10", "november", "no", "0", "13", "oct", "sep-nov", "nov/2", "*/5", "1-11/5", "9-nov", "noV,jan"}
	cronDows   = []string{"*", "*", "*", "1", "mon", "MON", "0-7", "1-7", "7", "0", "sun-sat", "sat-sun", "fri-mon", "mon#4", "monday", "mo", "8", "1-5/2", "*/2", "2", "tue", "mon,wed,fri", "5-1", "0-6", "*/7", "6-7", "sun", "7-1", "mon-fri/4", "mon-", "L", "1L"}

	cronCommands = []string{"touch x", "touch x", "/r a b", "/r 'a  b' \"c\"", "/r a%in%put", "/r a\\%b", "/r a\\\\%b", "/r a # c", "/r a#b", "/r $FOO \"$BAR\"", "cat > x%", "/r %", "%x",
		"cd /; /r $HOME", "/r ${FOO:-none} $(echo sub)", "/r a\\", "-n touch x", "- touch x", "\"/r\" quoted", "FOO=in /r $FOO", "FOO=in", "/r \xc3\xa9 \xff", "/r a\tb", "root touch x", "* touch x", "/r a%%b", "/r \\\\\\%"}
	cronSettings = []string{"FOO=bar", "FOO = bar", "FOO='b  c'", "FOO=\"b c \"", "FOO=b c  ", "FOO=$HOME", "FOO=b#c", " FOO=b", "'FOO'=b", "\"BAR\"='b'", "FOO='it''s'", "FOO=b'c", "FOO=''", "FOO=\"\"", "FOO=", "FOO", "=b", "FOO==b", "FOO=\tb\t", "F O=b", "FOO:b", "SHELL=/bin/bash", "PATH=/usr/bin:/bin:/x", "MAILTO=\"\"", "FOO=%b\\%c", "FOO='b' # c", "BAR=\xff", "LOGNAME=x", "FOO=\\b", "HOME=/tmp/"}
	cronOthers   = []string{"# c", "  # c", "", "   ", "\t", "#", "\r", "\v", "; c", "//", "#\\"}
	cronNicks    = []string{"@reboot", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@Hourly", "@", "@foo", "@ reboot", "@reboot@", "@rebootx", "@hour"}
)

// generatedTables draws n tables.
func generatedTables(seed uint64, n int) []cronCase {
	r := rand.New(rand.NewPCG(seed, 5))
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	plain := func(from []string) string { // mostly what is no trap
		if r.IntN(3) > 0 {
			return "*"
		}
		return pick(from)
	}
	var all []cronCase
	for i := range n {
		form := cron.Form(r.IntN(3) / 2)
		account := ""
		if form == cron.System {
			account = "USER "
			if r.IntN(12) == 0 {
				account = pick([]string{"", "nosuch ", "USER:USER ", "0 ", "-n USER ", "'USER' "})
			}
		}
		var b strings.Builder
		if r.IntN(3) == 0 {
			b.WriteString(pick(cronSettings) + "\n")
		}
		if r.IntN(8) == 0 {
			b.WriteString(pick(cronOthers) + "\n")
		}
		command := "touch x"
		if r.IntN(2) == 0 {
			command = pick(cronCommands)
		}
		sep := func() string {
			if r.IntN(10) == 0 {
				return pick([]string{"  ", "\t", " \t "})
			}
			return " "
		}
		if r.IntN(10) == 0 {
			fmt.Fprintf(&b, "%s%s%s%s", pick(cronNicks), sep(), account, command)
		} else {
			fmt.Fprintf(&b, "%s%s%s%s%s%s%s%s%s%s%s%s", plain(cronMinutes), sep(), plain(cronHours), sep(), plain(cronDays), sep(),
				plain(cronMonths), sep(), plain(cronDows), sep(), account, command)
		}
		if r.IntN(15) == 0 {
			b.WriteString(pick([]string{"\r", " ", "\t", "\\"}))
		}
		b.WriteString("\n")
		if form == cron.System {
			b.WriteString("* * * * * USER touch good\n")
		} else {
			b.WriteString(goodLine)
		}
		table := b.String()
		if r.IntN(15) == 0 {
			table += pick([]string{"# end", "* * * * * touch z", "FOO=z", "  "})
		}
		all = append(all, cronCase{fmt.Sprintf("generated %d", i), form, table})
	}
	return all
}
