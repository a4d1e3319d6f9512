package cron

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Class says in which way a name deceives.
type Class string

// The classes of deceptive names.
const (
	ClassDots       Class = "dots-and-blanks"  // ". ..", "...": nothing but dots and blanks
	ClassControl    Class = "control"          // a control character, C1 included
	ClassInvisible  Class = "invisible"        // a character without a picture, or a blank that is no space
	ClassBidi       Class = "bidi"             // a character that turns the direction of the text
	ClassHomoglyph  Class = "homoglyph"        // reads like a known program, or mixes alphabets in a word
	ClassNear       Class = "near-miss"        // one letter off a known program
	ClassBlankEdge  Class = "blank-edge"       // begins or ends with a blank, or doubles one
	ClassEncoding   Class = "invalid-utf8"     // bytes that are no text
	ClassOption     Class = "leading-dash"     // reads as an option where a wildcard stands for it
	ClassKernel     Class = "kernel-thread"    // a file called like a kernel thread
	ClassDaemon     Class = "daemon-elsewhere" // a daemon's name where no package puts it
	ClassHidden     Class = "hidden"           // hidden below a directory of the system or of all
	ClassHiddenHome Class = "hidden-home"      // hidden in a home or elsewhere, under a name that is not usual there
)

// Deception is one component of a path that deceives.
type Deception struct {
	Component string // raw
	Index     int    // which component, from 0
	Class     Class
	Words     string // for people: "dot, space, dot, dot"
	Severity  Level  // in the path of a job
}

// Deceptive returns what deceives in a path, in its order. A component may be of
// more than one class; "." and ".." are never deceptive. The result depends on
// nothing but the bytes.
func Deceptive(path string) []Deception {
	var out []Deception
	hidden := false
	last := strings.TrimRight(path, "/")
	for i, pos := 0, 0; pos < len(path) && i < 1024; i++ {
		end := strings.IndexByte(path[pos:], '/')
		if end < 0 {
			end = len(path)
		} else {
			end += pos
		}
		c := path[pos:end]
		before := path[:pos]
		pos = end + 1
		if c == "" || c == "." || c == ".." {
			continue
		}
		add := func(class Class, sev Level, words string) {
			out = append(out, Deception{Component: c, Index: i, Class: class, Words: words, Severity: sev})
		}
		if class, sev := byteClass(c); class != "" {
			add(class, sev, Spell(c))
			continue
		}
		if c[0] == '.' && !hidden {
			class, sev := hiddenClass(before)
			usual := usualHidden
			if class == ClassHidden && sev == High {
				usual = usualHiddenSystem
			}
			if !usual[c] {
				hidden = true
				add(class, sev, "hidden: the name begins with a dot")
			}
		}
		if c[0] == '-' && len(c) > 1 && before != "" {
			sev := Medium
			if strings.IndexByte(c, '=') > 0 || c[1] == '-' {
				sev = High
			}
			add(ClassOption, sev, "a name that begins with a dash, which a wildcard hands to a program as an option")
		}
		if known := reads(c); known != "" {
			add(ClassHomoglyph, High, "reads like "+Quote(known)+": "+Spell(c))
		}
		if i := strings.IndexByte(c, '['); i >= 0 && i <= 1 && kernelThread(c[i+1:]) != "" {
			// "[kworker/0:1]" as a file needs a directory "[kworker" above it.
			add(ClassKernel, High, "the name of a kernel thread ("+kernelThread(c[i+1:])+")")
		} else if end >= len(last) {
			if k := kernelThread(c); k != "" {
				add(ClassKernel, High, "the name of a kernel thread ("+k+")")
			} else if where := daemonElsewhere(before, c); where != "" {
				add(ClassDaemon, Medium, "the name of "+where+", but not where a package puts it")
			} else if near := nearMiss(c); near != "" {
				add(ClassNear, Medium, "one letter off "+Quote(near))
			}
		}
	}
	return out
}

// byteClass finds what is wrong with a component whatever its place.
func byteClass(c string) (Class, Level) {
	dots, ascii := true, true
	for i := 0; i < len(c); i++ {
		switch b := c[i]; {
		case b < 0x20 && b != '\t' || b == 0x7f:
			return ClassControl, High
		case b >= 0x80:
			ascii = false
			dots = false
		case b != '.' && b != ' ' && b != '\t':
			dots = false
		}
	}
	if dots {
		return ClassDots, High
	}
	if strings.IndexByte(c, '\t') >= 0 {
		return ClassControl, High
	}
	if !ascii {
		if !utf8.ValidString(c) {
			return ClassEncoding, Medium
		}
		for _, r := range c {
			switch {
			case r >= 0x80 && r < 0xa0:
				return ClassControl, High
			case isBidi(r):
				return ClassBidi, High
			case isInvisible(r):
				return ClassInvisible, High
			}
		}
		if mixedScripts(c) {
			return ClassHomoglyph, High
		}
	}
	if c[0] == ' ' || c[len(c)-1] == ' ' || strings.Contains(c, "  ") {
		return ClassBlankEdge, High
	}
	return "", 0
}

func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// isInvisible reports format characters, blanks other than the space, and the
// fillers that Unicode calls letters or symbols but that have no picture.
func isInvisible(r rune) bool {
	switch r {
	case 0x2800, 0x3164, 0x115f, 0x1160, 0xffa0, 0x00ad, 0x034f, 0x17b4, 0x17b5, 0x2028, 0x2029:
		return true
	}
	return r > 0x7f && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zs, r)) || r >= 0xe0000 && r <= 0xe0fff
}

// mixedScripts reports a word in which letters of Latin stand beside letters of
// Cyrillic, Greek, Armenian or Cherokee, whose letters look alike.
func mixedScripts(c string) bool {
	var latin, other bool
	for _, r := range c {
		switch {
		case !unicode.IsLetter(r):
			latin, other = false, false
			continue
		case unicode.Is(unicode.Latin, r):
			latin = true
		case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee):
			other = true
		}
		if latin && other {
			return true
		}
	}
	return false
}

// Spell says a name in words: "dot, space, dot, dot". Plain runs are quoted.
func Spell(name string) string {
	var parts []string
	plain := 0 // start of the plain run
	flush := func(end int) {
		if end > plain {
			parts = append(parts, strconv.QuoteToASCII(name[plain:end]))
		}
	}
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		word := runeWord(r, n, name[i])
		if word != "" {
			flush(i)
			parts = append(parts, word)
			plain = i + n
		}
		i += n
		if len(parts) > 64 {
			return strings.Join(parts, ", ") + ", ..."
		}
	}
	flush(len(name))
	return strings.Join(parts, ", ")
}

var runeWords = map[rune]string{
	'.': "dot", ' ': "space", '\t': "tab", '\n': "newline", '\r': "carriage return", '\b': "backspace", 0x1b: "escape", 0x7f: "delete", 0: "NUL",
	0xa0: "no-break space", 0xad: "soft hyphen", 0x200b: "zero width space", 0x200c: "zero width non-joiner", 0x200d: "zero width joiner",
	0x200e: "left-to-right mark", 0x200f: "right-to-left mark", 0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding",
	0x202c: "pop directional formatting", 0x202d: "left-to-right override", 0x202e: "right-to-left override", 0x2060: "word joiner",
	0x3000: "ideographic space", 0x2800: "braille blank", 0x3164: "hangul filler", 0xfeff: "byte order mark",
}

// runeWord names a rune that is not plain; "" for a plain one.
func runeWord(r rune, n int, first byte) string {
	if r == utf8.RuneError && n <= 1 {
		return fmt.Sprintf("byte 0x%02x", first)
	}
	if w := runeWords[r]; w != "" {
		return w
	}
	switch {
	case r < 0x20:
		return fmt.Sprintf("control 0x%02x", r)
	case r < 0x7f:
		return ""
	case unicode.Is(unicode.Cyrillic, r):
		return fmt.Sprintf("Cyrillic letter U+%04X", r)
	case unicode.Is(unicode.Greek, r):
		return fmt.Sprintf("Greek letter U+%04X", r)
	}
	return fmt.Sprintf("U+%04X", r)
}

// place of a directory in the file system, as far as hidden names are concerned.
func hiddenClass(before string) (Class, Level) {
	for _, p := range [...]string{"/usr/", "/etc/", "/dev/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/boot/", "/run/", "/var/run/", "/tmp/", "/var/tmp/", "/proc/", "/sys/", "/lost+found/"} {
		if strings.HasPrefix(before, p) {
			return ClassHidden, High
		}
	}
	for _, p := range [...]string{"/opt/", "/var/", "/srv/"} {
		if strings.HasPrefix(before, p) {
			return ClassHidden, Medium
		}
	}
	if before == "/" {
		return ClassHidden, High
	}
	return ClassHiddenHome, Medium
}

// isTemp reports whether a path lies in a directory that every account may write.
func isTemp(path string) bool {
	for _, p := range [...]string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/run/user/", "/var/run/user/", "/run/lock/", "/var/lock/", "/dev/mqueue/", "/usr/tmp/", "/var/crash/", "/private/tmp/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// kernelThread returns the kernel thread that a file name copies, or "".
func kernelThread(c string) string {
	name := strings.TrimLeft(c, ".")
	if len(name) > 2 && name[0] == '[' && name[len(name)-1] == ']' {
		return Quote(name)
	}
	for _, k := range [...]string{"kthreadd", "kswapd", "ksoftirqd", "kdevtmpfs", "khugepaged", "kcompactd", "kblockd", "kintegrityd", "kthrotld", "khungtaskd", "ksmd", "kauditd", "kpsmoused", "kworker", "kthrotl", "kacpid", "kcryptd", "kjournald", "jbd2", "rcu_sched", "rcu_preempt", "rcu_gp", "oom_reaper", "ksoftriqd", "kinotify", "kstrp"} {
		rest, ok := strings.CutPrefix(name, k)
		if !ok {
			continue
		}
		// A version, a processor, a worker's number, or a letter or two too many.
		if rest == "" || len(rest) <= 2 || strings.IndexByte("/:-_0123456789", rest[0]) >= 0 && !strings.Contains(rest, ".") {
			return k
		}
	}
	return ""
}
