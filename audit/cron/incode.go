package cron

import "strings"

// shellCalls are functions by which program text has a shell, or a program, run
// what they are given, lower case. exec is one outside of Python, where it takes
// program text.
var shellCalls = [...]string{"system", "popen", "popen2", "popen3", "shell_exec", "passthru", "proc_open", "exec", "execsync", "execfile", "execfilesync", "spawn", "spawnsync", "check_output", "check_call", "subprocess.call", "subprocess.run", "getoutput", "getstatusoutput", "os.execute", "pcntl_exec", "execv", "execvp", "execve", "execl", "execlp", "execle"}

// shellTexts returns what program text has a shell run, as far as it stands there
// as text: os.system("..."), exec('...'), `...`, subprocess.run(["a", "b"]).
func shellTexts(lang, code string) []string {
	var out []string
	low := strings.ToLower(code)
	for pos := 0; pos < len(low) && len(out) < 8; {
		at, name := -1, ""
		for _, call := range shellCalls {
			if call == "exec" && (strings.HasPrefix(lang, "py") || strings.HasSuffix(lang, "awk")) {
				continue
			}
			if i := strings.Index(low[pos:], call); i >= 0 && (at < 0 || pos+i < at || pos+i == at && len(call) > len(name)) {
				at, name = pos+i, call
			}
		}
		if at < 0 {
			break
		}
		pos = at + len(name)
		if at > 0 && (isAlnum(low[at-1]) || low[at-1] == '_') {
			continue
		}
		if text, end := callText(code, pos, strings.HasPrefix(name, "execl") || strings.HasPrefix(name, "execv")); text != "" {
			out = append(out, text)
			pos = end
		}
	}
	if lang == "expect" {
		// Tcl has no brackets: spawn COMMAND, to the end of the command.
		if i := strings.Index(code, "spawn "); i >= 0 && (i == 0 || !isAlnum(code[i-1])) {
			text := code[i+len("spawn "):]
			if k := strings.IndexAny(text, ";\n"); k >= 0 {
				text = text[:k]
			}
			out = append(out, strings.TrimPrefix(strings.TrimSpace(text), "-noecho "))
		}
	}
	if lang == "perl" || lang == "ruby" || lang == "php" || lang == "julia" {
		if i := strings.IndexByte(code, '`'); i >= 0 {
			if k := strings.IndexByte(code[i+1:], '`'); k > 0 {
				out = append(out, code[i+1:i+1+k])
			}
		}
	}
	return out
}

// callText reads the text that a call is given: one literal, or a list of them,
// which is joined as a shell would have to be told it. named: the second one is what
// the program is to be called, as exec(3) has it.
func callText(code string, pos int, named bool) (text string, end int) {
	var parts []string
	list := false
	for pos < len(code) && len(parts) < 32 {
		switch c := code[pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '(' || c == ',':
			pos++
		case c == '[':
			list = true
			pos++
		case c == '"' || c == '\'':
			s, next, ok := literal(code, pos)
			if !ok {
				return "", pos
			}
			parts, pos = append(parts, s), next
		default:
			if len(parts) == 0 {
				return "", pos
			}
			return joinParts(parts, list, named), pos
		}
	}
	if len(parts) == 0 {
		return "", pos
	}
	return joinParts(parts, list, named), pos
}

func joinParts(parts []string, list, named bool) string {
	if named && len(parts) > 1 {
		parts = append(parts[:1:1], parts[2:]...)
	}
	if len(parts) == 1 && !list {
		return parts[0]
	}
	for i := range parts {
		parts[i] = shellQuote(parts[i])
	}
	return strings.Join(parts, " ")
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// literal reads a quoted literal at pos.
func literal(code string, pos int) (text string, end int, ok bool) {
	quote := code[pos]
	var b strings.Builder
	for i := pos + 1; i < len(code); i++ {
		switch c := code[i]; {
		case c == quote:
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(code):
			i++
			switch code[i] {
			case 'n':
				b.WriteByte('\n')
			case quote, '\\', '$':
				b.WriteByte(code[i])
			default:
				b.WriteByte('\\')
				b.WriteByte(code[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", len(code), false
}

// inCode follows what program text has a shell run, by the command at at[0]. The
// language is not read: what else it runs is said not to be known.
func (r *resolver) inCode(lang, code string, at []int) (outs []int) {
	if len(at) == 0 || strings.HasSuffix(lang, "awk") && !strings.Contains(code, "system") {
		return nil
	}
	for _, text := range shellTexts(lang, code) {
		if _, _, why := parseShell(text); why == "" {
			outs = append(outs, r.nested(text, at[:1], nil)...)
		}
	}
	what := "what"
	if len(outs) > 0 {
		what = "what else"
	}
	r.opaque(what + " the program text does that " + r.a.Commands[at[0]].Name + " is given is not followed")
	return outs
}
