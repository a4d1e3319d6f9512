package cron

import "strings"

// inputWords are how program text reads what is piped into it, lower case.
var inputWords = [...]string{"sys.stdin", "<stdin>", "stdin.read", "$stdin", "php://stdin", "io.read", "/dev/stdin", "/dev/fd/0", "process.stdin", "gets", "input(", "<>"}

// codeOfOthers judges program text that runs what it does not hold itself: what is
// piped into it from the network, or a file in a place of everybody's or a hidden
// one; and that takes the name of another program.
func (s *signer) codeOfOthers(i int, c *Command, low string) {
	if anyOf(low, inputWords[:]) && runsWhatItReads(low) {
		from := ""
		s.upstream(i, false, func(u *Command) {
			if w, ok := brings(u); ok && from == "" {
				from = w
			}
		})
		if from != "" {
			s.add("fetch-and-run", Critical, "%s code runs what it reads, and that is fetched from %s: %s", q(c.Name), q(from), q(c.Code))
		}
	}
	loads := anyOf(low, []string{"exec(", "eval", "require", "include", "execfile", "runpy", "load_source", "dofile", "loadfile", "cdll", "dlopen", "source_file", "load ", "load(", "do ", "do\"", "do'"})
	for pos := 0; pos < len(c.Code); {
		k := strings.IndexAny(c.Code[pos:], `"'`)
		if k < 0 {
			break
		}
		text, end, ok := literal(c.Code, pos+k)
		if !ok {
			break
		}
		pos = end
		if loads && len(text) > 4 && text[0] == '/' && oddSource(text) && strings.IndexByte(text, ' ') < 0 {
			s.add("temp-exec", High, "%s code runs what lies in %s, a hidden place or one where every account may put files", q(c.Name), q(text))
		}
		if k := kernelThread(text); k != "" || daemons[text] {
			if anyOf(low, []string{"$0", "setproctitle", "process.title", "prctl", "cli_set_process_title", "setprocname", "program_name", "set_name"}) {
				s.add("kernel-name", High, "%s code gives itself the name of another program, %s", q(c.Name), Quote(text))
			}
		}
	}
}

// runsWhatItReads reports a call that runs text, and is not given text that stands
// in it.
func runsWhatItReads(low string) bool {
	for _, call := range [...]string{"os.system(", "exec(", "eval(", "popen(", "system(", "subprocess.run(", "subprocess.call(", "check_output(", "passthru(", "shell_exec(", "getoutput(", "os.execute(", "eval ", "system ", "exec "} {
		if _, arg, ok := strings.Cut(low, call); ok && arg != "" && arg[0] != '"' && arg[0] != '\'' && arg[0] != '[' {
			return true
		}
	}
	return false
}

// Words of program text, lower case.
var (
	fetchWords  = []string{"urlopen", "urllib", "requests.get", "http.client", "httplib", "lwp::", "http::tiny", "file_get_contents('http", "file_get_contents(\"http", "net/http", "open-uri", "net::http", "curl_exec", "fetch(", "https.get", "http.get", "www::mechanize", "socket.http"}
	runWords    = []string{"exec(", "exec ", "eval(", "eval ", "os.system", "subprocess", "popen", "system(", "system ", "passthru", "shell_exec", "pty.spawn", "child_process", "execvp", "execl", "loadstring", "marshal.loads", "os.execute", "spawn(", "instance_eval", "|\"sh\"", "| \"sh\"", "|\"bash\"", "| \"bash\"", "|\"/bin/"}
	decodeWords = []string{"b64decode", "b32decode", "b16decode", "b85decode", "a85decode", "base64", "decompress", "zlib", "lzma", "unpack(", "unpack\"", "unpack ", "unpack'", "unhexlify", "fromhex", "rot13", "rot_13", "gzinflate", "codecs.decode", "marshal.loads", "mime::base64", "pack(", "pack \"", "pack q", "pack'", "tr/a-z", "y/a-z", "tr/n-z", "chr(", "chr}", "map{chr", "&:chr", "chr,", "string.char", "fromcharcode", "fromcodepoint", "atob(", "hex2bin", "convert_uudecode", "gzuncompress", "rawurldecode", "unescape(", "quopri", "uu.decode", "'hex')", "\"hex\")"}
	socketWords = []string{"socket", "fsockopen", "tcpsocket", "/inet/tcp", "net.connect", "net.socket", "require(\"net\")", "require('net')", "require(`net`)"}
	shellWords  = []string{"/bin/sh", "/bin/bash", "dup2", "pty.spawn", "subprocess", "'sh'", "\"sh\"", "/sh -i", "exec(", "exec{", "exec ", "system(", "|&", "spawn(", "popen", "%x(", "system$", "system $", "fdopen", "qx{", "qx(", "exec$", "open(stdin"}
)

func codeFetches(code string) bool {
	low := strings.ToLower(code)
	return anyOf(low, fetchWords) || urlIn(code) != ""
}

// inlineCode judges the program text that an interpreter is given.
func (s *signer) inlineCode(i int, c *Command) {
	if c.Code == "" {
		s.codeOfAnother(c)
		return
	}
	low := strings.ToLower(c.Code)
	if setsModeInCode(low) {
		s.addAs("privilege", "T1548.001", Critical, "%s code makes a file run with its owner's rights: %s", q(c.Name), q(c.Code))
	}
	if flat := strings.NewReplacer(" ", "", "\n", "", ";", "").Replace(low); anyOf(flat, []string{"forkwhilefork", "forkwhile1", "while(1){fork", "while1{fork", "while1:os.fork()", "while(true){fork", "whiletrue:os.fork()", "loop{fork", "forkuntil0"}) {
		s.addAs("destroys", "T1499", High, "%s code starts itself again and again: %s", q(c.Name), q(c.Code))
	}
	s.codeOfOthers(i, c, low)
	switch {
	case anyOf(low, socketWords) && (anyOf(low, shellWords) || strings.IndexByte(low, '`') >= 0 && backticks(c.Name)):
		s.add("reverse-shell", Critical, "%s code ties a shell to a network socket: %s", q(c.Name), q(c.Code))
	case (anyOf(low, fetchWords) || urlIn(c.Code) != "") && anyOf(low, runWords):
		s.add("fetch-and-run", Critical, "%s code fetches something and runs it: %s", q(c.Name), q(c.Code))
	case (anyOf(low, decodeWords) || hidesText(c.Code)) && (anyOf(low, runWords) || strings.HasPrefix(c.Name, "php") && (anyOf(low, []string{"assert(", "create_function", "call_user_func", "array_map("}) || variableCall(low))), strings.HasSuffix(strings.TrimRight(low, "; }"), "eval") && anyOf(low, decodeWords):
		s.add("decode-and-run", Critical, "%s code decodes text and runs it: %s", q(c.Name), q(c.Code))
	}
}

// variableCall reports a call of whatever function a variable names: $a(...).
func variableCall(low string) bool {
	for i := 0; i+1 < len(low); i++ {
		if low[i] != '$' {
			continue
		}
		k := i + 1
		for k < len(low) && (isAlnum(low[k]) || low[k] == '_') {
			k++
		}
		if k > i+1 && k < len(low) && low[k] == '(' {
			return true
		}
	}
	return false
}

// backticks reports an interpreter in whose language they run a command; in others
// they are quotes.
func backticks(name string) bool {
	lang, _ := interpreter(name)
	return hasWord("perl ruby php julia", lang)
}

// setsModeInCode reports chmod 04755, "x" and os.chmod("x", 0o4755) in lower case.
func setsModeInCode(low string) bool {
	_, after, ok := strings.Cut(low, "chmod")
	for ok && after != "" {
		i := strings.IndexAny(after, "0123456789")
		if i < 0 {
			return false
		}
		n := i
		for n < len(after) && (after[n] >= '0' && after[n] <= '9' || after[n] == 'o') {
			n++
		}
		if d := strings.TrimLeft(after[i:n], "0o"); len(d) == 4 && d[0] >= '4' && d[0] <= '7' {
			return true
		}
		after = after[n:]
	}
	return false
}

// codeOfAnother judges program text that a program of another name is given, as an
// interpreter would be: a copy of one, or one that is not known here.
func (s *signer) codeOfAnother(c *Command) {
	if lang, options := interpreter(c.Name); lang != "" && options != ":" || lang == "" && prose[c.Name] || builtins[c.Name] || fetchers[c.Name] {
		return
	}
	if s.holds(indexOf(s.a, c)) {
		return
	}
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		low := strings.ToLower(t)
		asText := hasWord("-c -e -r -E --eval --run", c.Args[k-1].Text) && strings.ContainsAny(t, "(;")
		switch {
		case strings.Contains(low, "/inet/tcp/") && strings.Contains(low, "|&"),
			asText && anyOf(low, []string{"socket"}) && anyOf(low, []string{"dup2", "fdopen", "/bin/sh", "/bin/bash", "pty.spawn", "open(stdin", "exec sh", "exec bash", "exec /bin", "eval exec", "[exec "}):
			s.add("reverse-shell", Critical, "program text that %s is given ties a shell to a network socket: %s", q(c.Name), q(t))
		case asText && (anyOf(low, decodeWords) || hidesText(t)) && anyOf(low, []string{"exec(", "eval(", "system(", "os.system", "popen"}):
			s.add("decode-and-run", Critical, "program text that %s is given decodes text and runs it: %s", q(c.Name), q(t))
		case asText && (anyOf(low, fetchWords) || urlIn(t) != "") && anyOf(low, []string{"exec(", "eval(", "system(", "os.system", "popen"}):
			s.add("fetch-and-run", Critical, "program text that %s is given fetches something and runs it: %s", q(c.Name), q(t))
		}
	}
}
