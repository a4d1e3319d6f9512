package cron

import "strings"

const masked = "****"

// Mask hides passwords, tokens and keys in a job line for display and leaves the
// rest as it is: --password=x, -pSECRET of mysql, user:pw@ in a URL, *_TOKEN=x,
// Authorization headers, curl -u a:b, sshpass -p x. It knows forms, not secrets:
// what it cannot recognise stays. Words are split at blanks outside quotes, so
// that text which is no shell is masked too. Time is linear.
func Mask(command string) string { return mask(command, 0) }

// maskDepth is how deep quoted commands are looked into: bash -c "sh -c '...'".
const maskDepth = 3

func mask(command string, depth int) string {
	if !mayHoldSecret(command) {
		return command
	}
	var b strings.Builder
	b.Grow(len(command))
	m := masker{depth: depth}
	last := [2]int{strings.LastIndexByte(command, '"'), strings.LastIndexByte(command, '\'')}
	for i := 0; i < len(command); {
		c := command[i]
		if isSpace(c) || strings.IndexByte(";|&()\n", c) >= 0 {
			if !isSpace(c) || c == '\n' {
				m = masker{depth: depth}
			}
			b.WriteByte(c)
			i++
			continue
		}
		end := wordEnd(command, i, last)
		b.WriteString(m.word(command[i:end]))
		i = end
	}
	return b.String()
}

// mayHoldSecret is a quick way past most lines.
func mayHoldSecret(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		switch s[i] {
		case '@', '=', ':':
			return true
		case '-':
			if c := s[i+1]; c == 'p' || c == 'u' || c == '-' || c == 'a' || c == 'H' || c == 'k' || c == 'P' || c == 'U' || c == 'w' {
				return true
			}
		}
	}
	return false
}

// wordEnd returns the end of the word at i; quotes that are closed somewhere hold it
// together. last are the places of the last quotes.
func wordEnd(s string, i int, last [2]int) int {
	var quote byte
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			if c == '"' && last[0] > i || c == '\'' && last[1] > i {
				quote = c
			}
		case isSpace(c) || strings.IndexByte(";|&()", c) >= 0:
			return i
		}
	}
	return i
}

// secretPrograms take a secret as a short option.
var secretPrograms = set(`mysql mysqldump mysqladmin mysqlcheck mysqlimport mysqlshow mariadb mariadb-dump mariadb-admin mariabackup xtrabackup
innobackupex mydumper mycli sshpass 7z 7za 7zr zip unzip rar unrar mongodump mongo mongosh mongorestore ldapsearch ldapadd ldapmodify smbclient
plink pscp clickhouse-client rabbitmqadmin redis-cli curl wget http https xh curlie aria2c lftp ncftpput ncftpget smbget smbmap openssl`)

// masker walks the words of one command.
type masker struct {
	depth int
	name  string // the program
	next  bool   // the next word is a secret
	pair  bool   // the next word is user:password
	head  bool   // the next word is a header
}

// word returns a word, masked where it holds a secret.
func (m *masker) word(w string) string {
	switch {
	case m.next:
		m.next = false
		if !strings.HasPrefix(w, "-") || len(w) > 12 {
			return hide(w)
		}
	case m.pair:
		m.pair = false
		return hidePair(w)
	case m.head:
		m.head = false
		return hideHeader(w)
	}
	bare := unquote(w)
	if base := baseName(bare); secretPrograms[base] {
		m.name = base // also behind sudo, nice and their like
	}
	if bare != "" && bare[0] == '-' {
		return m.option(w, bare)
	}
	if n, v, ok := strings.Cut(w, "="); ok && v != "" && secretName(unquoteFront(n)) {
		return n + "=" + hide(v)
	}
	if m.depth < maskDepth && len(bare) > 24 && (strings.HasPrefix(bare, "sh") || strings.ContainsAny(bare, " \t")) && bare != w {
		// Text in quotes may be a command of its own: bash -c '...'.
		q := w[:1]
		return q + mask(bare, m.depth+1) + q
	}
	return hideURL(w)
}

// option masks an option and its value.
func (m *masker) option(w, bare string) string {
	if strings.HasPrefix(bare, "--") {
		n, v, ok := strings.Cut(w, "=")
		name := strings.TrimLeft(unquoteFront(n), "-")
		if ok && v != "" {
			switch {
			case secretName(name):
				return n + "=" + hide(v)
			case name == "user" || name == "proxy-user" || name == "userpwd":
				return n + "=" + hidePair(v)
			case name == "header":
				return n + "=" + hideHeader(v)
			}
			return n + "=" + hideURL(v)
		}
		switch {
		case secretName(name) && name != "password-file" && !strings.HasPrefix(name, "no-"):
			m.next = true
		case name == "user" || name == "proxy-user":
			m.pair = true
		case name == "header":
			m.head = true
		}
		return w
	}
	if n, v, ok := strings.Cut(w, "="); ok && v != "" && secretName(strings.TrimLeft(unquoteFront(n), "-")) {
		return n + "=" + hide(v)
	}
	switch m.name {
	case "mysql", "mysqldump", "mysqladmin", "mysqlcheck", "mysqlimport", "mysqlshow", "mariadb", "mariadb-dump", "mariadb-admin", "mariabackup", "xtrabackup", "innobackupex", "mydumper", "mycli":
		if strings.HasPrefix(bare, "-p") && len(bare) > 2 {
			return w[:strings.Index(w, "-p")+2] + masked + tail(w)
		}
	case "sshpass", "7z", "7za", "7zr", "zip", "unzip", "rar", "unrar", "mongodump", "mongo", "mongosh", "mongorestore", "ldapsearch", "ldapadd", "ldapmodify", "smbclient", "plink", "pscp", "clickhouse-client", "rabbitmqadmin":
		flag := "-p"
		switch m.name {
		case "zip", "unzip":
			flag = "-P"
		case "ldapsearch", "ldapadd", "ldapmodify":
			flag = "-w"
		case "plink", "pscp":
			flag = "-pw"
		case "smbclient":
			return w // -p is its port
		}
		if bare == flag {
			m.next = true
		} else if strings.HasPrefix(bare, flag) && len(bare) > len(flag) && flag != "-pw" {
			return w[:strings.Index(w, flag)+len(flag)] + masked + tail(w)
		}
	case "redis-cli":
		m.next = bare == "-a"
	case "curl", "wget", "http", "https", "xh", "curlie", "aria2c", "lftp", "ncftpput", "ncftpget", "smbget", "smbmap":
		switch {
		case bare == "-u" || bare == "-U":
			m.pair = true
		case bare == "-p" && strings.HasPrefix(m.name, "ncftp"):
			m.next = true
		case bare == "-H":
			m.head = true
		case strings.HasPrefix(bare, "-u") && strings.IndexByte(bare, ':') > 0:
			return w[:2] + hidePair(w[2:])
		case strings.HasPrefix(bare, "-H") && len(bare) > 2:
			return w[:2] + hideHeader(w[2:])
		}
	case "openssl":
		m.next = bare == "-k" || bare == "-K" || bare == "-pass" || bare == "-passin" || bare == "-passout"
	}
	return w
}

// secretName reports whether a variable, option or parameter of that name holds a
// secret.
func secretName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	low := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if strings.HasSuffix(low, "_file") || strings.HasSuffix(low, "_path") || strings.HasSuffix(low, "_dir") || strings.HasSuffix(low, "_id") && !strings.Contains(low, "secret") {
		return false
	}
	for _, w := range [...]string{"passw", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "access_key", "accesskey", "private_key", "auth_key", "authkey", "credential", "webhook"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	switch low {
	case "pass", "pwd", "pw", "key", "auth", "pgpassword", "mysql_pwd", "rsync_password", "sshpass", "sig", "signature", "bearer", "jwt", "user_pass", "userpass", "http_pass", "ftp_pass":
		return low != "pwd" || name != "PWD" && name != "OLDPWD"
	}
	return strings.HasSuffix(low, "_key") || strings.HasSuffix(low, "_pass") || strings.HasSuffix(low, "_pwd") || strings.HasSuffix(low, "_pw") || strings.HasSuffix(low, "_auth")
}

// hide masks a value; quotes around it stay, and a value that is only a variable
// or a substitution is none.
func hide(v string) string {
	inner := unquote(v)
	if inner == "" || isVariable(inner) {
		return v
	}
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[:1] + masked + v[:1]
	}
	return masked + tail(v)
}

// isVariable reports $NAME and ${NAME}: the secret stands elsewhere.
func isVariable(s string) bool {
	if s[0] != '$' {
		return false
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s[1:], "{"), "}")
	return isName(s)
}

// tail keeps a closing quote that belongs to a word begun before.
func tail(w string) string {
	if n := len(w); n > 0 && (w[n-1] == '"' || w[n-1] == '\'') && strings.Count(w, w[n-1:])%2 == 1 {
		return w[n-1:]
	}
	return ""
}

// hidePair masks what follows the first colon of user:password.
func hidePair(w string) string {
	i := strings.IndexByte(w, ':')
	if i < 0 || i+1 >= len(w) {
		return w
	}
	rest := w[i+1:]
	end := ""
	if n := len(w); w[n-1] == '"' || w[n-1] == '\'' {
		end = w[n-1:]
		rest = w[i+1 : n-1]
	}
	if rest == "" || isVariable(rest) {
		return w
	}
	return w[:i+1] + masked + end
}

// hideHeader masks the value of a header that authenticates.
func hideHeader(w string) string {
	i := strings.IndexByte(w, ':')
	if i < 0 {
		return w
	}
	name := strings.ToLower(strings.Trim(w[:i], "\"' "))
	if name != "authorization" && name != "proxy-authorization" && name != "cookie" && name != "x-auth-token" && !secretName(name) {
		return w
	}
	end := ""
	if n := len(w); i+1 < n && (w[n-1] == '"' || w[n-1] == '\'') {
		end = w[n-1:]
	}
	scheme := ""
	value := strings.TrimLeft(w[i+1:], " ")
	if s, _, ok := strings.Cut(value, " "); ok && len(s) < 12 {
		scheme = s + " "
	}
	return w[:i+1] + " " + scheme + masked + end
}

// hideURL masks the password and the telling parameters of a URL in a word.
func hideURL(w string) string {
	i := strings.Index(w, "://")
	if i < 0 {
		return w
	}
	rest := w[i+3:]
	host := len(rest)
	if k := strings.IndexAny(rest, "/?#\"' "); k >= 0 {
		host = k
	}
	if at := strings.LastIndexByte(rest[:host], '@'); at >= 0 {
		if c := strings.IndexByte(rest[:at], ':'); c >= 0 && c+1 < at && !isVariable(rest[c+1:at]) {
			w = w[:i+3] + rest[:c+1] + masked + rest[at:]
			rest = w[i+3:]
		}
	}
	q := strings.IndexByte(rest, '?')
	if q < 0 || strings.IndexByte(rest[q:], '=') < 0 {
		return w
	}
	var b strings.Builder
	b.WriteString(w[:i+3+q+1])
	query := rest[q+1:]
	for query != "" {
		end := strings.IndexAny(query, "&;\"' ")
		part := query
		if end >= 0 {
			part = query[:end]
		}
		if n, v, ok := strings.Cut(part, "="); ok && v != "" && secretName(n) && !isVariable(v) {
			part = n + "=" + masked
		}
		b.WriteString(part)
		if end < 0 {
			break
		}
		b.WriteByte(query[end])
		query = query[end+1:]
	}
	return b.String()
}

func unquote(w string) string {
	if len(w) >= 2 && (w[0] == '"' || w[0] == '\'') && w[len(w)-1] == w[0] {
		return w[1 : len(w)-1]
	}
	return w
}

func unquoteFront(w string) string { return strings.TrimLeft(w, "\"'") }
