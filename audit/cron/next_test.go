package cron

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func scheduleOf(t testing.TB, times string, d Daemon) *Schedule {
	t.Helper()
	jobs := ParseTable([]byte(times+" x\n"), User, d, Options{User: "u"}).Jobs()
	if len(jobs) != 1 {
		t.Fatalf("%q is no job", times)
	}
	return &jobs[0].Schedule
}

func TestNext(t *testing.T) {
	at := func(s string) time.Time {
		tm, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	for _, c := range []struct {
		name, times, zone, after string // after in UTC
		daemon                   Daemon
		want                     []string // with the zone's offset
	}{
		{"every five minutes", "*/5 * * * *", "UTC", "2026-11-24 00:03", Debian, []string{"24 00:05 +0000", "24 00:10 +0000", "24 00:15 +0000"}},
		{"never the moment itself", "0 0 * * *", "UTC", "2026-11-24 00:00", Debian, []string{"25 00:00 +0000", "26 00:00 +0000", "27 00:00 +0000"}},
		{"in the zone", "0 6 * * *", "Asia/Tokyo", "2026-11-24 00:00", Debian, []string{"25 06:00 +0900", "26 06:00 +0900", "27 06:00 +0900"}},
		{"put forward: a fixed job is made up for", "30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", Debian, []string{"29 03:00 +0200", "30 02:30 +0200", "31 02:30 +0200"}},
		{"put forward: one with an asterisk is not", "*/30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", Debian, []string{"30 02:00 +0200", "30 02:30 +0200", "31 02:00 +0200"}},
		{"put forward: busybox makes up for nothing", "30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", Busybox, []string{"30 02:30 +0200", "31 02:30 +0200", "01 02:30 +0200"}},
		{"put forward: nor does systemd", "30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", SystemdCron, []string{"30 02:30 +0200", "31 02:30 +0200", "01 02:30 +0200"}},
		{"put back: a fixed job runs once", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", Cronie, []string{"25 02:30 +0200", "26 02:30 +0100", "27 02:30 +0100"}},
		{"put back: one with an asterisk follows the clock", "30 * * * *", "Europe/Berlin", "2026-10-24 23:45", Cronie, []string{"25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"}},
		{"put back: busybox runs it twice", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", Busybox, []string{"25 02:30 +0200", "25 02:30 +0100", "26 02:30 +0100"}},
		{"put back: systemd passes the second over", "30 * * * *", "Europe/Berlin", "2026-10-24 23:45", SystemdCron, []string{"25 02:30 +0200", "25 03:30 +0100", "25 04:30 +0100"}},
		{"half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", Debian, []string{"04 02:30 +1100", "05 02:15 +1100", "06 02:15 +1100"}},
		{"midnight does not exist", "0 0 * * *", "Asia/Beirut", "2026-03-28 12:00", Debian, []string{"29 01:00 +0300", "30 00:00 +0300", "31 00:00 +0300"}},
		{"29 February", "0 0 29 2 *", "UTC", "2026-11-24 00:00", Debian, []string{"29 00:00 +0000", "29 00:00 +0000", "29 00:00 +0000"}},
		{"31 days hath not", "0 0 31 4 *", "UTC", "2026-11-24 00:00", Debian, nil},
		{"either day", "0 0 1 * 2", "UTC", "2026-11-24 00:00", Debian, []string{"01 00:00 +0000", "08 00:00 +0000", "15 00:00 +0000"}},
		{"a random minute", "~ * * * *", "UTC", "2026-11-24 00:00", Cronie, nil},
		{"at boot", "@reboot", "UTC", "2026-11-24 00:00", Debian, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, n := range scheduleOf(t, c.times, c.daemon).Next(at(c.after), zone(t, c.zone), c.daemon, 3) {
				got = append(got, n.Format("02 15:04 -0700"))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// All times agree with a walk through every minute.
func TestNextAgainstEveryMinute(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"), zone(t, "Asia/Kathmandu"), zone(t, "America/Santiago")}
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{Kind: ScheduleCalendar, Wild: true,
			Minute: rapid.Uint64Range(1, allMinutes).Draw(t, "minute"), Hour: rapid.Uint64Range(1, allHours).Draw(t, "hour"),
			Day: rapid.Uint64Range(0, allDays).Draw(t, "day") & allDays, Month: allMonths, Weekday: rapid.Uint64Range(0, allDows).Draw(t, "dow"), Or: rapid.Bool().Draw(t, "or")}
		loc := rapid.SampledFrom(zones).Draw(t, "zone")
		after := time.Unix(rapid.Int64Range(1700000000, 1900000000).Draw(t, "after"), 0).In(loc)
		const days = 12
		var want []time.Time
		for m := after.Truncate(time.Minute).Add(time.Minute); len(want) < 5 && m.Sub(after) < days*24*time.Hour; m = m.Add(time.Minute) {
			dom, dow := s.Day>>uint(m.Day())&1 == 1, s.Weekday>>uint(m.Weekday())&1 == 1
			if (dom && dow || s.Or && (dom || dow)) && s.Hour>>uint(m.Hour())&1 == 1 && s.Minute>>uint(m.Minute())&1 == 1 {
				want = append(want, m)
			}
		}
		got := s.Next(after, loc, Debian, 5)
		for i := range got {
			if i >= len(want) {
				if got[i].Sub(after) < days*24*time.Hour {
					t.Fatalf("%v is too much: %v", got[i], want)
				}
				continue
			}
			if !got[i].Equal(want[i]) {
				t.Fatalf("time %d is %v, want %v", i, got[i], want[i])
			}
		}
		if len(got) < len(want) {
			t.Fatalf("%d times, want %d", len(got), len(want))
		}
	})
}

func TestPosixZone(t *testing.T) {
	summer := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for tz, want := range map[string]string{"JST-9": "+0900", "EST5EDT,M3.2.0,M11.1.0": "-0400", "CET-1CEST,M3.5.0,M10.5.0/3": "+0200", "<+0330>-3:30": "+0330", "UTC0": "", "x": "", "Europe/Berlin": "", "A\nB-3": "", "../x": ""} {
		loc, ok := PosixZone(tz)
		if ok != (want != "") {
			t.Errorf("%q: %v", tz, ok)
			continue
		}
		if ok {
			if got := summer.In(loc).Format("-0700"); got != want {
				t.Errorf("%q is at %s, want %s", tz, got, want)
			}
		}
	}
}

func TestZoneThatMovesTheSchedule(t *testing.T) {
	for _, c := range []struct {
		daemon Daemon
		table  string
		want   string
	}{
		{Cronie, "CRON_TZ=Asia/Tokyo\n0 3 * * * x\n", "Asia/Tokyo"},
		{Cronie, "TZ=Asia/Tokyo\n0 3 * * * x\n", ""},
		{Cronie, "0 3 * * * x\nCRON_TZ=Asia/Tokyo\n", ""},
		{Debian, "CRON_TZ=Asia/Tokyo\n0 3 * * * x\n", ""},
		{Busybox, "CRON_TZ=Asia/Tokyo\n0 3 * * * x\n", ""},
		{SystemdCron, "TZ=Asia/Tokyo\n0 3 * * * x\n", "Asia/Tokyo"},
		{SystemdCron, "CRON_TZ=JST-9\n0 3 * * * x\n", ""},
	} {
		if got := ParseTable([]byte(c.table), User, c.daemon, Options{User: "u"}).Jobs()[0].Schedule.Zone; got != c.want {
			t.Errorf("%v %q: zone %q, want %q", c.daemon, c.table, got, c.want)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add("*/5 * * * *", int64(1700000000), uint8(0))
	f.Add("30 2 29 2 *", int64(1774749600), uint8(4))
	loc := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, times string, after int64, d uint8) {
		if after < 0 || after > 1<<33 {
			return
		}
		from := time.Unix(after, 0)
		for _, j := range ParseTable([]byte(times+" x\n"), User, Daemon(d%5), Options{User: "u"}).Jobs() {
			last := from
			for _, n := range j.Schedule.Next(from, loc, Daemon(d%5), 5) {
				if !n.After(last) {
					t.Fatalf("%q: %v does not come after %v", times, n, last)
				}
				last = n
			}
		}
	})
}
