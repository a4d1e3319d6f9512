package cron

import "strings"

// decoders turn unreadable bytes into readable ones.
var decoders = set("base64 base32 basenc uudecode xxd openssl gunzip zcat bzcat xzcat lzcat lz4cat zstdcat bunzip2 unxz unlzma unlz4 unzstd uncompress gpg gpg2 age ccrypt ccat mcrypt rev tr mimencode od hexdump basez ascii85 base58 dd7z steghide outguess stegseek zsteg exiftool exiv2")

// unpackers by name, with the letters of the options that make them unpack to their
// output.
var unpackers = map[string]string{
	"gzip": "d", "pigz": "d", "xz": "d", "pixz": "d", "lzma": "d", "bzip2": "d", "pbzip2": "d", "lbzip2": "d", "zstd": "d", "pzstd": "d", "lz4": "d", "lzop": "d", "lzip": "d", "brotli": "d", "compress": "d",
	"unzip": "p", "unrar": "p", "funzip": "", "ar": "p",
}

// unpacks reports a packer that is told to unpack to its output.
func unpacks(c *Command) bool {
	flags, known := unpackers[c.Name]
	switch {
	case c.Name == "tar" || c.Name == "bsdtar":
		return hasArg(c, "--to-stdout") || hasFlag(c, 'O') || len(c.Args) > 1 && strings.Trim(c.Args[1].Text, "xzjJvOf") == "" && strings.IndexByte(c.Args[1].Text, 'O') >= 0
	case c.Name == "7z" || c.Name == "7za" || c.Name == "7zr":
		return hasArg(c, "-so")
	case c.Name == "zstd" || c.Name == "brotli" || c.Name == "xz" || c.Name == "gzip" || c.Name == "bzip2":
		return hasFlag(c, 'd') || hasArg(c, "--decompress", "--uncompress")
	case !known:
		return false
	}
	return flags == "" || hasFlag(c, flags[0]) || len(c.Args) > 1 && c.Args[1].Text == flags
}

// decodes reports whether a command decodes what it reads.
func decodes(c *Command) bool {
	if c.Name == "printf" || c.Name == "echo" {
		return spelledOut(c)
	}
	if lang, _ := interpreter(c.Name); strings.HasPrefix(lang, "py") && hasArg(c, "-m") && hasArg(c, "base64", "quopri", "uu", "gzip", "zlib") && hasArg(c, "-d", "-u") {
		return true
	}
	if unpacks(c) {
		return true
	}
	if !decoders[c.Name] {
		return false
	}
	switch c.Name {
	case "base64", "base32", "basenc", "mimencode":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t == "--decode" || t == "-D" || t == "-u" || len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.IndexByte(t, 'd') > 0 {
				return true
			}
		}
		return false
	case "xxd":
		return hasFlag(c, 'r')
	case "openssl":
		return len(c.Args) > 1 && (c.Args[1].Text == "enc" || c.Args[1].Text == "base64" || strings.HasPrefix(c.Args[1].Text, "aes"))
	case "gpg", "gpg2", "age", "mcrypt", "ccrypt":
		return hasFlag(c, 'd') || hasArg(c, "--decrypt")
	case "steghide", "outguess", "zsteg", "stegseek":
		return hasArg(c, "extract", "-E", "-r", "--extract", "--crack", "-sf")
	case "exiftool", "exiv2":
		return hasFlag(c, 'b') || hasFlag(c, 'g') || hasFlag(c, 's')
	case "od", "hexdump":
		return false
	case "tr":
		// Letters turned round: tr a-z n-za-m, tr A-Za-z N-ZA-Mn-za-m.
		return len(c.Args) > 2 && (turnsRound(c.Args[1].Text, c.Args[2].Text) || turnsRound(c.Args[2].Text, c.Args[1].Text))
	}
	return true
}

// turnsRound reports letters in their order, and the same ones from another on.
func turnsRound(order, other string) bool {
	return strings.Contains(strings.ToLower(order), "a-z") && len(other) > 3 && !strings.Contains(strings.ToLower(other), "a-z")
}

// spelledOut reports letters that are written as their numbers: \x63 or \143.
func spelledOut(c *Command) bool {
	n := 0
	for k := 1; k < len(c.Args); k++ {
		n += escapedLetters(c.Args[k].Text)
	}
	return n >= 4
}

// escapedLetters counts \x63, \143, \u0063.
func escapedLetters(t string) int {
	n := 0
	for i := 0; i+3 < len(t); i++ {
		if t[i] != '\\' {
			continue
		}
		if t[i+1] == 'x' && hexDigit(t[i+2]) >= 2 && hexDigit(t[i+3]) >= 0 || (t[i+1] == '0' || t[i+1] == '1') && t[i+2] >= '0' && t[i+2] <= '7' && t[i+3] >= '0' && t[i+3] <= '7' || t[i+1] == 'u' && t[i+2] == '0' && t[i+3] == '0' {
			n++
		}
	}
	return n
}

// hidesText reports program text that holds other text in a form nobody reads: as
// the numbers of its letters, escaped, or turned round.
func hidesText(code string) bool {
	if escapedLetters(code) >= 4 {
		return true
	}
	run := 0 // numbers of letters that stand in a row: 99,117,114,108
	for i := 0; i < len(code); {
		n := 0
		for i < len(code) && code[i] >= '0' && code[i] <= '9' {
			if n < 1000 {
				n = n*10 + int(code[i]-'0')
			}
			i++
		}
		switch {
		case n >= 9 && n < 127:
			if run++; run >= 6 {
				return true
			}
		case n > 0:
			run = 0
		}
		for i < len(code) && (code[i] < '0' || code[i] > '9') {
			if strings.IndexByte(", .()[]{}+\n\tchrCHRx", code[i]) < 0 {
				run = 0
			}
			i++
		}
	}
	if joined := strings.NewReplacer("\".\"", "", "'.'", "", "\" . \"", "", "' . '", "", "\"+\"", "", "'+'", "", "\"..\"", "", "'..'", "").Replace(code); len(joined) < len(code) {
		low, was := strings.ToLower(joined), strings.ToLower(code)
		for _, w := range [...]string{"system", "exec", "eval", "passthru", "popen", "base64", "assert", "socket", "curl", "wget", "/bin/", "import"} {
			if strings.Count(low, w) > strings.Count(was, w) {
				return true
			}
		}
	}
	for _, how := range [...]string{"\"[::-1]", "'[::-1]", "\".reverse", "'.reverse", "strrev(\"", "strrev('", "reverse \"", "reverse '", "reverse(\"", "reverse('", "reverse q", "\".rev()", "'.rev()"} {
		if strings.Contains(code, how) {
			return true
		}
	}
	return false
}
