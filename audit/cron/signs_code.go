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
