package cron

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func schedule(t testing.TB, d Daemon, fields string) Schedule {
	t.Helper()
	jobs := ParseTable([]byte(fields+" x\n"), User, d, Options{}).Jobs()
	if len(jobs) != 1 {
		t.Fatalf("%q is no schedule", fields)
	}
	return jobs[0].Schedule
}

func TestScheduleWords(t *testing.T) {
	for _, c := range []struct {
		in, words, normal string
		perDay            float64
	}{
		{"* * * * *", "every minute", "* * * * *", 1440},
		{"*/5 * * * *", "every 5 minutes", "0,5,10,15,20,25,30,35,40,45,50,55 * * * *", 288},
		{"25 6 * * *", "at 06:25", "25 6 * * *", 1},
		{"0 0 * * 1", "at 00:00 on Monday", "0 0 * * 1", 1.0 / 7},
		{"@daily", "at 00:00", "0 0 * * *", 1},
		{"@hourly", "every hour at minute 0", "0 * * * *", 24},
		{"0 9-17 * * mon-fri", "at minute 0 in hour 9 to 17 on Monday to Friday", "0 9-17 * * 1-5", 9 * 5.0 / 7},
		{"0 0 1 * *", "at 00:00 on day 1", "0 0 1 * *", 12 / 365.2425},
		{"0 0 13 * 5", "at 00:00 on day 13 and on every Friday", "0 0 13 * 5 or", 0},
		{"0 0 */2 * 2", "at 00:00 on every 2nd day of the month where that is Tuesday", "0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 2", 0},
		{"* * 30 2 *", "never", "* * 30 2 *", 0},
		{"0 0 29 2 *", "at 00:00 on day 29 in February", "0 0 29 2 *", 0.2425 / 365.2425},
		{"7 * * * 7", "every hour at minute 7 on Sunday", "7 * * * 0", 24.0 / 7},
		{"5-55/10 * * * *", "every 10 minutes from minute 5", "5,15,25,35,45,55 * * * *", 144},
		{"0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00", "0 0,6,12,18 * * *", 4},
		{"@reboot", "after each boot", "@reboot", -1},
	} {
		t.Run(c.in, func(t *testing.T) {
			s := schedule(t, Debian, c.in)
			if got := s.Words(); got != c.words {
				t.Errorf("words %q, want %q", got, c.words)
			}
			if got := s.Normal(); got != c.normal {
				t.Errorf("normal %q, want %q", got, c.normal)
			}
			n, ok := s.PerDay()
			if c.perDay < 0 {
				if ok {
					t.Errorf("%v times a day, want unknown", n)
				}
			} else if c.perDay > 0 && math.Abs(n-c.perDay) > 0.001 {
				t.Errorf("%v times a day, want %v", n, c.perDay)
			}
		})
	}
}

// The star flag and full sets decide differently: facts of the running daemons.
func TestDayRules(t *testing.T) {
	for _, c := range []struct {
		in     string
		debian string
		busy   string
	}{
		{"* * 1-31 * 2", "* * * * 2 or", "* * * * 2 or"},
		{"* * 1-31 * *", "* * * * *", "* * * * *"},
		{"* * 22 * 0-6", "* * 22 * * or", "* * 22 * *"},
		{"* * 23 * 2", "* * 23 * 2 or", "* * 23 * 2 or"},
		{"* * *,22 * 2", "* * * * 2", "* * * * 2"},
	} {
		t.Run(c.in, func(t *testing.T) {
			d, b := schedule(t, Debian, c.in), schedule(t, Busybox, c.in)
			if d.Normal() != c.debian || b.Normal() != c.busy {
				t.Errorf("debian %q, busybox %q; want %q, %q", d.Normal(), b.Normal(), c.debian, c.busy)
			}
		})
	}
	if d, b := schedule(t, Debian, "* * */2 * *"), schedule(t, Busybox, "* * */2 * *"); d.Day&(1<<23) == 0 || b.Day&(1<<23) != 0 {
		t.Errorf("*/2 must be the odd days on Debian and the even ones on busybox")
	}
	if s := schedule(t, Debian, "* * 1-31 * 2"); s.dayShare() != 1 {
		t.Errorf("* * 1-31 * 2 runs on %v of all days on Debian, want all", s.dayShare())
	}
}

// What is printed in normal form is read back as the same sets.
func TestNormalIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := func(low, high int, name string) string {
			a := rapid.IntRange(low, high).Draw(t, name)
			b := rapid.IntRange(a, high).Draw(t, name+" to")
			switch rapid.IntRange(0, 3).Draw(t, name+" form") {
			case 0:
				return "*"
			case 1:
				return itoa(a)
			case 2:
				return itoa(a) + "-" + itoa(b)
			}
			return itoa(a) + "-" + itoa(b) + "/" + itoa(rapid.IntRange(1, 7).Draw(t, "step"))
		}
		text := field(0, 59, "minute") + " " + field(0, 23, "hour") + " " + field(1, 31, "day") + " " + field(1, 12, "month") + " " + field(0, 6, "weekday")
		for _, d := range []Daemon{Debian, Cronie} {
			jobs := ParseTable([]byte(text+" x\n"), User, d, Options{}).Jobs()
			if len(jobs) != 1 {
				t.Fatalf("%v refuses %q", d, text)
			}
			s := jobs[0].Schedule
			again := ParseTable([]byte(setText(s.Minute, 0, 59)+" "+setText(s.Hour, 0, 23)+" "+setText(s.Day, 1, 31)+" "+setText(s.Month, 1, 12)+" "+setText(s.Weekday, 0, 6)+" x\n"), User, d, Options{}).Jobs()[0].Schedule
			if s.Minute != again.Minute || s.Hour != again.Hour || s.Day != again.Day || s.Month != again.Month || s.Weekday != again.Weekday {
				t.Fatalf("%q prints as other times", text)
			}
			if n, ok := s.PerDay(); !ok || n < 0 || n > 1440 || (n == 0) != s.Never() {
				t.Fatalf("%q: %v times a day, never %v", text, n, s.Never())
			}
			if s.Words() == "" {
				t.Fatalf("%q has no words", text)
			}
		}
	})
}
