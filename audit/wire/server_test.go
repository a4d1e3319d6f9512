package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const debian = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10"

func TestParse(t *testing.T) {
	kexinit := stock().Marshal()
	blob := ed25519Blob()
	disconnect := appendString(appendString(appendUint32([]byte{1}, 2), "too many connections"), "")
	type want struct {
		Version, Protocol, Software, Comments string
		PreLines                              []string
		Throttled                             string
		Kexinit                               bool
		Disconnect                            *Disconnect
		KexHostKey                            []byte
		NewKeys                               bool
		Anomalies                             []string
		Err                                   error
	}
	full := want{Version: debian, Protocol: "2.0", Software: "OpenSSH_9.2p1", Comments: "Debian-2+deb12u10"}
	with := func(f func(*want)) want { w := full; f(&w); return w }
	for _, tc := range []struct {
		name string
		in   []byte
		want want
	}{
		{"whole exchange, ciphertext behind it", append(stream(debian, kexinit, reply(31, blob), []byte{21}), "\x91\x00garbage"...),
			with(func(w *want) { w.Kexinit, w.KexHostKey, w.NewKeys = true, blob, true })},
		{"group exchange: the group is no key", stream(debian, kexinit, reply(31, bytes.Repeat([]byte{0xab}, 256)), reply(33, blob), []byte{21}),
			with(func(w *want) { w.Kexinit, w.KexHostKey, w.NewKeys = true, blob, true })},
		{"ignore and debug between", stream(debian, []byte{2, 0, 0, 0, 0}, kexinit, []byte{4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, reply(31, blob), []byte{21}),
			with(func(w *want) { w.Kexinit, w.KexHostKey, w.NewKeys = true, blob, true })},
		{"cut after KEXINIT", stream(debian, kexinit), with(func(w *want) { w.Kexinit = true })},
		{"broken after KEXINIT", append(stream(debian, kexinit), 0xff, 0xff, 0xff, 0xff, 0), with(func(w *want) {
			w.Kexinit, w.Anomalies = true, []string{"after KEXINIT: malformed packet: length 4294967295"}
		})},
		{"second KEXINIT", stream(debian, kexinit, kexinit, []byte{21}), with(func(w *want) {
			w.Kexinit, w.NewKeys, w.Anomalies = true, true, []string{"a second KEXINIT in the clear"}
		})},
		{"disconnect", stream(debian, disconnect), with(func(w *want) {
			w.Disconnect, w.Err = &Disconnect{2, "too many connections"}, ErrIncomplete
		})},
		{"disconnect that breaks off", stream(debian, []byte{1, 0, 0, 0, 2, 0, 0, 0, 99}), with(func(w *want) {
			w.Disconnect, w.Err, w.Anomalies = &Disconnect{Reason: 2}, ErrIncomplete, []string{"a DISCONNECT that breaks off"}
		})},
		{"bare line feed", []byte("SSH-2.0-dropbear_2022.83\n"), want{Version: "SSH-2.0-dropbear_2022.83", Protocol: "2.0", Software: "dropbear_2022.83", Err: ErrIncomplete}},
		{"no line end", []byte("SSH-2.0-Open"), want{Err: ErrIncomplete}},
		{"version 1 too", []byte("SSH-1.99-Cisco-1.25\r\n"), want{Version: "SSH-1.99-Cisco-1.25", Protocol: "1.99", Software: "Cisco-1.25", Err: ErrIncomplete}},
		{"version 1 only", []byte("SSH-1.5-old\r\n"), want{Version: "SSH-1.5-old", Protocol: "1.5", Software: "old", Err: ErrIncomplete, Anomalies: []string{`protocol version "1.5"`}}},
		{"no software", []byte("SSH-2.0\r\n"), want{Version: "SSH-2.0", Protocol: "2.0", Err: ErrIncomplete, Anomalies: []string{"the version line names no software"}}},
		{"lines before", append([]byte("Authorised use only\r\n\r\n"), stream(debian, kexinit)...), with(func(w *want) {
			w.Kexinit, w.PreLines = true, []string{"Authorised use only", ""}
		})},
		{"throttled by 9.2", []byte("Exceeded MaxStartups\r\n"), want{PreLines: []string{"Exceeded MaxStartups"}, Throttled: "Exceeded MaxStartups", Err: ErrNotSSH}},
		{"throttled by 9.8", []byte("Not allowed at this time\r\n"), want{PreLines: []string{"Not allowed at this time"}, Throttled: "Not allowed at this time", Err: ErrNotSSH}},
		{"throttled, line cut", []byte("Not allowed at this time"), want{PreLines: []string{"Not allowed at this time"}, Throttled: "Not allowed at this time", Err: ErrNotSSH}},
		{"no SSH", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), want{PreLines: []string{"HTTP/1.1 400 Bad Request", ""}, Err: ErrNotSSH}},
		{"nothing", nil, want{Err: ErrNotSSH}},
		{"packet too short", append([]byte(debian+"\r\n"), 0, 0, 0, 11, 4, 20), with(func(w *want) { w.Err = ErrMalformed })},
		{"packet too long", append([]byte(debian+"\r\n"), 0, 0, 0x88, 0xb9), with(func(w *want) { w.Err = ErrMalformed })},
		{"all padding", append([]byte(debian+"\r\n"), append([]byte{0, 0, 0, 12, 11}, make([]byte, 11)...)...), with(func(w *want) { w.Err = ErrMalformed })},
		{"KEXINIT cut inside", stream(debian, kexinit[:100]), with(func(w *want) { w.Err = ErrMalformed })},
		{"unknown message first", stream(debian, []byte{90, 1, 2}), with(func(w *want) { w.Err = ErrMalformed })},
		{"NEWKEYS first", stream(debian, []byte{21}), with(func(w *want) { w.Err = ErrMalformed })},
		{"endless ignores", stream(debian, slicesRepeat([]byte{2, 0, 0, 0, 0}, 70)...), with(func(w *want) { w.Err = ErrMalformed })},
		{"version line too long", []byte("SSH-2.0-" + strings.Repeat("a", 300) + "\r\n"), want{
			Version: "SSH-2.0-" + strings.Repeat("a", 245), Protocol: "2.0", Software: strings.Repeat("a", 245), Err: ErrIncomplete,
			Anomalies: []string{"the version line has 310 bytes, 255 are allowed"},
		}},
		{"NUL in the version line", []byte("SSH-2.0-a\x00b\r\n"), want{Version: "SSH-2.0-a\x00b", Protocol: "2.0", Software: "a\x00b", Err: ErrIncomplete, Anomalies: []string{"the version line holds a NUL"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Parse(Capture{Server: tc.in})
			if !errors.Is(err, tc.want.Err) || (tc.want.Err == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, tc.want.Err)
			}
			got := want{s.Version, s.Protocol, s.Software, s.Comments, s.PreLines, s.Throttled, s.Kexinit != nil, s.Disconnect, s.KexHostKey, s.NewKeys, s.Anomalies, tc.want.Err}
			if d := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b error) bool { return a == b })); d != "" {
				t.Error(d)
			}
			if s.Kexinit != nil && tc.name != "KEXINIT cut inside" {
				if d := cmp.Diff(stock(), s.Kexinit); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func slicesRepeat(p []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = p
	}
	return out
}

// The pre-lines are kept within their bounds, however much is sent.
func TestPreLinesBounded(t *testing.T) {
	for name, in := range map[string]string{
		"many lines":     strings.Repeat("x\n", 32000),
		"one long line":  strings.Repeat("x", 60000),
		"empty lines":    strings.Repeat("\n", 60000),
		"version at end": strings.Repeat("legal notice\r\n", 2000) + "SSH-2.0-x\r\n",
	} {
		s, _ := Parse(Capture{Server: []byte(in)})
		total := 0
		for _, l := range s.PreLines {
			total += len(l)
		}
		if len(s.PreLines) > maxPreLines || total > maxPreBytes {
			t.Errorf("%s: %d lines of %d bytes", name, len(s.PreLines), total)
		}
		if name == "version at end" && s.Software != "x" {
			t.Errorf("%s: software %q", name, s.Software)
		}
	}
}

func TestClearPart(t *testing.T) {
	clear := stream(debian, stock().Marshal(), reply(31, ed25519Blob()), []byte{21})
	for _, tail := range []string{"", "ciphertext"} {
		if n := ClearPart(append(bytes.Clone(clear), tail...)); n != len(clear) {
			t.Errorf("with %q: %d, want %d", tail, n, len(clear))
		}
	}
	half := clear[:len(clear)-20]
	if n := ClearPart(half); n != len(half) {
		t.Errorf("half an exchange: %d of %d", n, len(half))
	}
}

func TestKexinitAnomalies(t *testing.T) {
	k := stock()
	k.Kex = []string{"curve25519-sha256", strings.Repeat("n", 65), "a\x1b[31m"}
	k.Ciphers.ServerToClient = nil
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	k.MACs.ClientToServer = many
	payload := append(k.Marshal(), "tail"...)
	payload[len(payload)-5] = 7 // the reserved field's last byte
	got, err := ParseKexinit(payload)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the key exchange list has a name of 65 bytes: " + strings.Repeat("n", 64) + "...",
		`the key exchange list has a name that is not printable: a\x1b[31m`,
		"the cipher server to client list is empty",
		"the MAC client to server list has 600 names, kept are 512",
		"the reserved field is 0x7, not 0",
		"4 bytes follow the last field",
	}
	if d := cmp.Diff(want, got.Anomalies); d != "" {
		t.Error(d)
	}
	if len(got.MACs.ClientToServer) != maxNames {
		t.Errorf("%d MACs kept", len(got.MACs.ClientToServer))
	}
}

func TestKexinitEmptyNames(t *testing.T) {
	k := stock()
	k.HostKeys = []string{"", "ssh-ed25519", ""}
	got, err := ParseKexinit(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ssh-ed25519"}, got.HostKeys); d != "" {
		t.Error(d)
	}
	note := "the host key list has an empty name"
	if d := cmp.Diff([]string{note, note}, got.Anomalies); d != "" {
		t.Error(d)
	}
}

// What is parsed and written again reads the same, whatever the names hold.
func checkKexinit(t interface{ Fatalf(string, ...any) }, payload []byte) {
	k, err := ParseKexinit(payload)
	if err != nil {
		return
	}
	if len(k.Anomalies) > maxNotes {
		t.Fatalf("%d anomalies", len(k.Anomalies))
	}
	for _, l := range k.lists() {
		if len(*l.names) > maxNames {
			t.Fatalf("%s: %d names", l.what, len(*l.names))
		}
		for _, n := range *l.names {
			if len(n) > maxName+3 || n == "" {
				t.Fatalf("%s: name %q", l.what, n)
			}
		}
	}
	again, err := ParseKexinit(k.Marshal())
	if err != nil {
		t.Fatalf("what was written does not read: %v", err)
	}
	k.Anomalies, again.Anomalies = nil, nil
	// cmp takes random turns on purpose, which leads the fuzzer astray.
	if !reflect.DeepEqual(k, again) {
		t.Fatalf("%s", cmp.Diff(k, again))
	}
}

func FuzzKexinit(f *testing.F) {
	f.Add(stock().Marshal())
	f.Add(append(stock().Marshal(), 1, 2, 3))
	odd := stock()
	odd.Kex = []string{"", "\x00", strings.Repeat("\xff", 80), strings.Repeat("a", 80)}
	odd.FirstKexPacketFollows = true
	f.Add(odd.Marshal())
	f.Add((&Kexinit{}).Marshal())
	f.Fuzz(func(t *testing.T, payload []byte) { checkKexinit(t, payload) })
}

func TestKexinitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.OneOf(rapid.StringMatching(`[!-+\--~]{1,64}`), rapid.StringN(0, 90, 200)), 0, 20)
		k := &Kexinit{FirstKexPacketFollows: rapid.Bool().Draw(t, "first")}
		for _, l := range k.lists() {
			*l.names = names.Draw(t, l.what)
		}
		checkKexinit(t, k.Marshal())
	})
}

// Parsing never panics, keeps within its bounds and finds the clear part
// within the stream.
func FuzzParse(f *testing.F) {
	f.Add(stream(debian, stock().Marshal(), reply(31, ed25519Blob()), []byte{21}))
	f.Add([]byte("Exceeded MaxStartups\r\n"))
	f.Add(stream(debian, []byte{1, 0, 0, 0, 2, 0, 0, 0, 1, 'x', 0, 0, 0, 0}))
	f.Add([]byte("x\ny\nSSH-1.99-z\n\x00\x00\x00\x0c\x04\x14"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(Capture{Server: b})
		if (err == nil) != (s.Kexinit != nil) {
			t.Fatalf("error %v with KEXINIT %v", err, s.Kexinit != nil)
		}
		if s.Clear > len(b) || ClearPart(b) > len(b) || len(s.Version) > maxVersion || len(s.Anomalies) > maxNotes {
			t.Fatalf("out of bounds: clear %d of %d, %d anomalies", s.Clear, len(b), len(s.Anomalies))
		}
		s.Summary()
		if s.NewKeys {
			cut, cerr := Parse(Capture{Server: b[:s.Clear]})
			if cerr != nil || !cut.NewKeys || !reflect.DeepEqual(s.Kexinit, cut.Kexinit) {
				t.Fatalf("the clear part alone reads otherwise: %v", cerr)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	c := Capture{Server: stream(debian, stock().Marshal(), reply(31, ed25519Blob()), []byte{21})}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(c)
		if err != nil {
			b.Fatal(err)
		}
		s.Summary()
	}
}
