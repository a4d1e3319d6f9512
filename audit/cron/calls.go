package cron

import "strings"

// runners are the functions by which a program text of a language starts a command
// that it is given as text.
var runners = []string{"system", "popen", "popen2", "popen3", "exec", "execSync", "spawn", "spawnSync", "shell_exec", "passthru", "getoutput", "getstatusoutput", "check_output", "check_call", "call", "run", "qx", "backtick", "execv", "execl", "execlp", "execvp"}

// calls follows what a program text (python3 -c, perl -e) starts with words that
// stand in it: system("/opt/x"). The language is not read: what else it runs is
// said not to be known.
func (r *resolver) calls(lang, code string, at []int) []int {
	if len(at) == 0 || strings.HasSuffix(lang, "awk") && !strings.Contains(code, "system") {
		return nil
	}
	var outs []int
	found := 0
	for i := 0; i < len(code) && found < 16; {
		text, next, ok := nextCall(code, i)
		if !ok {
			break
		}
		i = next
		found++
		outs = append(outs, r.nested(text, at, nil)...)
	}
	if name := r.a.Commands[at[0]].Name; found == 0 {
		r.opaque("what the program text does that " + name + " is given is not followed")
	} else {
		r.opaque("what else the program text does that " + name + " is given is not followed")
	}
	return outs
}

// nextCall finds the next call of a runner whose first argument is text in quotes
// without anything to be put in, or a list of such texts.
func nextCall(code string, from int) (text string, next int, ok bool) {
	for i := from; i < len(code); i++ {
		if !isAlpha(code[i]) || i > 0 && (isAlnum(code[i-1]) || code[i-1] == '_') {
			continue
		}
		k := i
		for k < len(code) && (isAlnum(code[k]) || code[k] == '_') {
			k++
		}
		word := code[i:k]
		i = k - 1
		known := false
		for _, f := range runners {
			known = known || f == word
		}
		if !known {
			continue
		}
		for k < len(code) && (code[k] == ' ' || code[k] == '(' || code[k] == '[') {
			k++
		}
		var words []string
		for k < len(code) && (code[k] == '"' || code[k] == '\'') {
			end := strings.IndexByte(code[k+1:], code[k])
			if end < 0 {
				break
			}
			lit := code[k+1 : k+1+end]
			if strings.IndexByte(lit, '\\') >= 0 || code[k] == '"' && strings.ContainsAny(lit, "$@{#") && strings.Contains(code, "#{") {
				break
			}
			words = append(words, lit)
			for k += end + 2; k < len(code) && (code[k] == ',' || code[k] == ' '); k++ {
			}
		}
		if len(words) == 0 {
			continue
		}
		for n := 1; n < len(words); n++ {
			words[n] = "'" + strings.ReplaceAll(words[n], "'", "'\\''") + "'"
		}
		return strings.Join(words, " "), k, true
	}
	return "", len(code), false
}
