package cron

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// FirstBytes says what a file is by its first bytes, at most 512 of which are
// looked at: "program" (ELF), "script of /bin/sh", "text", "archive", "data" or
// "empty".
func FirstBytes(head []byte) string {
	head = head[:min(len(head), 512)]
	switch {
	case len(head) == 0:
		return "empty"
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "program"
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := bytes.Cut(head[2:], []byte("\n"))
		words := strings.Fields(string(line))
		if len(words) == 0 {
			return "script"
		}
		if baseName(words[0]) == "env" && len(words) > 1 {
			w := words[1:]
			for len(w) > 1 && (strings.HasPrefix(w[0], "-") || strings.Contains(w[0], "=")) {
				w = w[1:]
			}
			return "script of " + w[0]
		}
		return "script of " + words[0]
	case bytes.HasPrefix(head, []byte("\x1f\x8b")), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ")), bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "archive"
	}
	for len(head) > 0 && len(head) >= 509 && !utf8.RuneStart(head[len(head)-1]) {
		head = head[:len(head)-1] // the cut may have parted a character
	}
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && n == 1 && len(head)-i > 3 || r < 0x20 && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b {
			return "data"
		}
		i += n
	}
	return "text"
}
