package cron

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "/usr/bin/x -a b > /dev/null 2>&1", "/usr/bin/x -a b > /dev/null 2>&1"},
		{"option", "x --password=s3cret -v", "x --password=**** -v"},
		{"option and word", "x --password s3cret -v", "x --password **** -v"},
		{"quoted option", `x --password='s3 cret' -v`, `x --password='****' -v`},
		{"mysql", "mysqldump -u root -ps3cret db > x", "mysqldump -u root -p**** db > x"},
		{"mysql asks", "mysqldump -u root -p db", "mysqldump -u root -p db"},
		{"mysql quoted", `mysql -p"s3cret" db`, `mysql -p**** db`},
		{"ssh port", "ssh -p 2222 host; scp -P 22 a b", "ssh -p 2222 host; scp -P 22 a b"},
		{"mkdir -p", "mkdir -p /srv/x", "mkdir -p /srv/x"},
		{"sudo mysql", "sudo -u x mysql -ps3cret", "sudo -u x mysql -p****"},
		{"URL", "curl https://bob:s3cret@example.org/x", "curl https://bob:****@example.org/x"},
		{"URL user only", "curl https://bob@example.org/x", "curl https://bob@example.org/x"},
		{"URL parameter", "curl 'https://x.org/?a=1&token=abc&b=2'", "curl 'https://x.org/?a=1&token=****&b=2'"},
		{"assignment", "API_TOKEN=abc /usr/bin/x", "API_TOKEN=**** /usr/bin/x"},
		{"exported", "export AWS_SECRET_ACCESS_KEY=abc; x", "export AWS_SECRET_ACCESS_KEY=****; x"},
		{"key", "RESTIC_KEY='a b' x", "RESTIC_KEY='****' x"},
		{"from a variable", "x --token=$TOKEN --password=${PW}", "x --token=$TOKEN --password=${PW}"},
		{"password file", "restic --password-file=/root/.pw x", "restic --password-file=/root/.pw x"},
		{"password file word", "restic --password-file /root/.pw x", "restic --password-file /root/.pw x"},
		{"curl user", "curl -u bob:s3cret https://x.org", "curl -u bob:**** https://x.org"},
		{"curl --user", "curl --user bob:s3cret https://x.org", "curl --user bob:**** https://x.org"},
		{"header", `curl -H "Authorization: Bearer abc.def" x`, `curl -H "Authorization: Bearer ****" x`},
		{"other header", `curl -H "Accept: text/html" x`, `curl -H "Accept: text/html" x`},
		{"api header", `curl -H 'X-Api-Key: abc' x`, `curl -H 'X-Api-Key: ****' x`},
		{"sshpass", "sshpass -p s3cret ssh h", "sshpass -p **** ssh h"},
		{"sshpass glued", "sshpass -ps3cret ssh h", "sshpass -p**** ssh h"},
		{"redis", "redis-cli -a s3cret ping", "redis-cli -a **** ping"},
		{"openssl", "openssl enc -d -k s3cret -in x", "openssl enc -d -k **** -in x"},
		{"nested", `bash -c "mysql -ps3cret -e 'select 1'"`, `bash -c "mysql -p**** -e 'select 1'"`},
		{"working directory", "PWD=/srv x", "PWD=/srv x"},
		{"path", "KEY_PATH=/srv/k x --key-file=/k", "KEY_PATH=/srv/k x --key-file=/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Mask(c.in); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Masking takes away only what follows a sign of a secret: a line without these
// signs comes back as it is, masking twice changes nothing more, and a secret
// behind a known option is gone.
func FuzzMask(f *testing.F) {
	for _, s := range []string{"x --password=a", "mysql -pabc 'x", `bash -c "a --token=b"`, "curl -u a:b", `"""""`, "a=b;c|d&e(f)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Mask(s)
		if len(once) > 5*len(s)+64 {
			t.Fatalf("%d bytes became %d", len(s), len(once))
		}
		if !strings.ContainsAny(s, "@=:-") && once != s {
			t.Fatalf("%q became %q", s, once)
		}
		if got := Mask("x --password=Zq7secretZq7 " + s); strings.Contains(got, "Zq7secretZq7") && !strings.Contains(s, "Zq7") {
			t.Fatalf("the secret is still in %q", got)
		}
	})
}
