package cron

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// usualHidden are hidden names that occur in jobs of honest people: the folders of
// version managers, package managers, editors and backup programs. A usual name
// whitens the name, never the job.
var usualHidden = set(`.git .config .cache .local .npm .nvm .rbenv .rvm .pyenv .venv .virtualenvs .cargo .rustup .gem .bundle
.composer .m2 .gradle .sdkman .nodenv .asdf .deno .bun .pm2 .acme.sh .getssl .duckdns .steampipe .powerpipe .certbot .lego .ssh
.gnupg .aws .kube .docker .terraform.d .ansible .bash_profile .bashrc .profile .zshrc .env .dotfiles .oh-my-zsh .password-store
.mozilla .thunderbird .wine .steam .dropbox-dist .rclone .borg .restic .snapshots .zfs .well-known .snakemake .conda .mambaforge
.jenkins .gitlab-runner .ghcup .cabal .stack .opam .julia .nix-profile .linuxbrew .vscode-server .trash
.bin .scripts .cron .crontab .crontabs .cronjobs .dots .vim .vimrc .emacs.d .i3 .sway .hammerspoon .tmux .fish .zsh .zshenv
.zprofile .bash_login .bash_aliases .aliases .screenlayout .fehbg .mutt .msmtprc .mbsyncrc .offlineimap .newsboat .newsbeuter .weechat .irssi
.hg .svn .bzr .direnv .envrc .tox .nox .poetry .pixi .micromamba .miniconda .miniconda3 .anaconda3 .pyenv-virtualenv .plenv .perlbrew .perl5 .luarocks
.goenv .gvm .go .jenv .jabba .volta .fnm .n .yarn .pnpm .pnpm-store .fzf .krew .helm .minikube .gcloud .azure .oci .boto .s3cfg .pgpass .my.cnf .netrc
.vagrant.d .vault .step .acme .dehydrated .ddclient .ddns .inadyn .cloudflared .tor .bitcoin .lnd .ethereum .home-assistant .homeassistant .homebridge
.node-red .octoprint .pihole .kodi .plex .xbmc .mythtv .rtorrent .flexget .transmission .sonarr .arduino15 .platformio .eclipse .idea .vscode
    .xsession .xinitrc .xprofile .Xauthority .Xresources      .etckeeper .backup .backups .duply .duplicity .tarsnap
.gitolite .gitosis .gitconfig .gitea .forgejo .drush .wp-cli .symfony .laravel .rails .flyctl .netlify .heroku .serverless .sops .age
.spack .easybuild .singularity .apptainer .galaxy .jupyter .ipython .matplotlib .R .Rprofile .julia_pkgdir .sage .octave .matlab .wakatime .task .timewarrior
.logrotate .keychain .znc .foundry .mise .rye .uv .phpbrew .phpenv .nodebrew .wasmtime .krew .swiftly .jbang .byobu .tmuxinator .homesick .yadm .chezmoi .procmail .getmail .fetchmail .keys .credentials .secrets .env.local .env.production .environment .nix-defexpr .guix-profile .swiftpm .swiftenv .mix .hex .kerl .evm .erlang.cookie .dotnet .nuget .openclaw .claude .codex .gemini .ollama .cpanm .cpanplus .terraform .tfenv .pulumi .chef .chefdk .puppet .puppetlabs .salt .cfengine .rancher .k3s .k9s .okteto .lima .colima .orbstack .podman .containers .buildkit`)

// usualHiddenSystem are those that occur outside of homes, below the directories of
// the system: a .cache or .ssh has no business there.
var usualHiddenSystem = set(`.git .svn .hg .etckeeper .snapshots .zfs .well-known .venv .virtualenvs .nvm .rbenv .rvm .pyenv .composer .npm .acme.sh .lego
.getssl .dehydrated .steampipe .nodenv .asdf .cargo .rustup .bundle .conda`)

// daemons are programs whose names intruders borrow, and that nobody installs in
// a home or below /var.
var daemons = set(`sshd crond cron atd anacron systemd systemd-journald systemd-logind systemd-udevd systemd-resolved systemd-networkd
systemd-timesyncd systemd-journal systemd-login udevd udisksd dbus-daemon dbus-broker polkitd rsyslogd syslogd syslog-ng klogd auditd agetty getty mingetty
init login acpid irqbalance chronyd ntpd cupsd avahi-daemon networkmanager wpa_supplicant dhclient dhcpcd lvmetad lvmpolld mdadm multipathd
rpcbind inetd xinetd accounts-daemon gdm lightdm smartd thermald tuned firewalld bash-daemon bioset hald messagebus portmap statd nscd nslcd sssd`)

// honestNear are programs of their own whose names are one letter off another's.
var honestNear = set("chronyc mysqlimport postgrey iptable ip6tables pythonw systemd-cat")

// readable are names that a homoglyph or a near miss may copy.
var readable = set(`sshd crond cron atd anacron systemd systemctl systemd-journald systemd-logind systemd-udevd systemd-resolved systemd-networkd systemd-timesyncd
udevd dbus-daemon polkitd rsyslogd syslogd auditd agetty init login acpid irqbalance chronyd ntpd cupsd avahi-daemon freshclam clamd clamscan
logrotate mysqld mysqldump mariadb postgres nginx httpd apache2 php-fpm postfix dovecot exim4 sendmail named dnsmasq unbound haproxy redis-server
mongod memcached docker dockerd containerd kubelet monitor monitoring update updater backup watchdog cleanup rsync certbot fail2ban iptables
ssh-agent ssh-keygen bash sudo perl python python3 curl wget crontab run-parts monit nagios zabbix munin puppet chef-client ansible
vmstat iostat free-space backup-database update-notifier unattended-upgrade apt-get dpkg gnome-keyring networkmanager wpa_supplicant dhclient ddclient updates updated`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// skeleton maps a name to what the eye reads: letters of other alphabets and
// signs that look like a Latin letter become that letter (Unicode TR 39, the part
// that matters for ASCII names).
func skeleton(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch r {
		case 'а', 'ɑ', 'α', 'ａ':
			b.WriteByte('a')
		case 'Ь', 'ｂ':
			b.WriteByte('b')
		case 'с', 'ϲ', 'ⅽ', 'ｃ':
			b.WriteByte('c')
		case 'ԁ', 'ⅾ', 'ｄ':
			b.WriteByte('d')
		case 'е', 'ҽ', '℮', 'ｅ':
			b.WriteByte('e')
		case 'ƒ', 'ｆ':
			b.WriteByte('f')
		case 'ɡ', 'ｇ':
			b.WriteByte('g')
		case 'һ', 'ｈ':
			b.WriteByte('h')
		case 'і', 'ι', 'ı', 'ɩ', 'ｉ':
			b.WriteByte('i')
		case 'ј', 'ϳ', 'ｊ':
			b.WriteByte('j')
		case 'κ', 'ｋ':
			b.WriteByte('k')
		case 'I', '1', '|', 'ӏ', 'Ӏ', 'ⅼ', 'ǀ', 'Ι', 'І', 'ｌ':
			b.WriteByte('l')
		case 'ⅿ', 'ｍ':
			b.WriteByte('m')
		case 'ո', 'ｎ':
			b.WriteByte('n')
		case '0', 'о', 'ο', 'օ', 'ｏ':
			b.WriteByte('o')
		case 'р', 'ρ', 'ｐ':
			b.WriteByte('p')
		case 'ԛ', 'ｑ':
			b.WriteByte('q')
		case 'г', 'ｒ':
			b.WriteByte('r')
		case 'ѕ', 'ｓ':
			b.WriteByte('s')
		case 'т', 'τ', 'ｔ':
			b.WriteByte('t')
		case 'υ', 'ս', 'ｕ':
			b.WriteByte('u')
		case 'ν', 'ѵ', 'ｖ':
			b.WriteByte('v')
		case 'ѡ', 'ｗ':
			b.WriteByte('w')
		case 'х', 'ⅹ', 'ｘ':
			b.WriteByte('x')
		case 'у', 'γ', 'ｙ':
			b.WriteByte('y')
		case 'ｚ':
			b.WriteByte('z')
		case '‐', '‑', '‒', '–', '—', '−', '－':
			b.WriteByte('-')
		case '＿':
			b.WriteByte('_')
		case '．', '․':
			b.WriteByte('.')
		default:
			if r > 0x7f && unicode.Is(unicode.Mn, r) {
				continue // a mark on the letter before it
			}
			b.WriteRune(r)
		}
	}
	s := b.String()
	for _, mark := range [...]string{"--", "__"} {
		if i := strings.Index(s, mark); i > 0 {
			s = s[:i] + s[i+1:]
		}
	}
	if strings.Contains(s, "rn") {
		s = strings.ReplaceAll(s, "rn", "m")
	}
	if strings.Contains(s, "vv") {
		s = strings.ReplaceAll(s, "vv", "w")
	}
	return s
}

var skeletons = sync.OnceValue(func() map[string]string {
	m := make(map[string]string, len(readable))
	for name := range readable {
		m[skeleton(name)] = name
	}
	return m
})

// reads returns the known program that a name looks like without being it, or "".
func reads(c string) string {
	if len(c) > 64 || readable[c] {
		return ""
	}
	base := strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(c, ".sh"), ".py"), ".")
	if readable[base] {
		return ""
	}
	if known := skeletons()[skeleton(base)]; known != "" && known != base {
		return known
	}
	return ""
}

// readableByLength gives the names of a length in their order, so that the same
// name is near to the same one each time.
var readableByLength = sync.OnceValue(func() map[int][]string {
	m := map[int][]string{}
	for _, name := range slices.Sorted(maps.Keys(readable)) {
		m[len(name)] = append(m[len(name)], name)
	}
	return m
})

// nearMiss returns the known program that is one substituted or swapped letter
// away, or "". Added and missing letters make too many honest names.
func nearMiss(c string) string {
	if len(c) < 7 || len(c) > 32 || readable[c] || daemons[c] || honestNear[c] {
		return ""
	}
	byLength := readableByLength()
	for _, length := range [...]int{len(c) - 1, len(c) + 1} {
		for _, known := range byLength[length] {
			if oneLetter(known, c) {
				return known
			}
		}
	}
	for _, known := range byLength[len(c)] {
		diff, first := 0, -1
		for i := range len(c) {
			if c[i] != known[i] {
				if diff++; diff == 1 {
					first = i
				}
				if diff > 2 {
					break
				}
			}
		}
		letters := first >= 0 && isLower(c[first]) && isLower(known[first])
		switch {
		case diff == 1 && letters,
			diff == 2 && first+1 < len(c) && c[first] == known[first+1] && c[first+1] == known[first]:
			return known
		}
	}
	return ""
}

// oneLetter reports a long name with a hyphen, of a daemon, that lacks a letter or has
// one too many. Of short names, and of plurals and numbers, honest ones are made so.
func oneLetter(known, c string) bool {
	long, short := known, c
	if len(c) > len(known) {
		long, short = c, known
	}
	if len(known) < 9 || len(long) != len(short)+1 || strings.IndexByte(known, '-') < 0 || !daemons[known] && !hasWord("ssh-agent ssh-keygen redis-server gnome-keyring", known) {
		return false
	}
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	return isLower(long[i]) && long[i+1:] == short[i:] && !(i == len(short) && long[i] == 's')
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// daemonElsewhere returns the daemon whose name stands outside the directories
// that packages and their builders use, or "".
func daemonElsewhere(before, c string) string {
	name := strings.ToLower(strings.TrimLeft(c, "."))
	if !daemons[name] || before == "" {
		return ""
	}
	if hasWord("cron init login", name) && c[0] != '.' && (!strings.HasPrefix(before, "/var/") || strings.HasPrefix(before, "/var/www/")) {
		return "" // words by which people call their own scripts
	}
	for _, p := range [...]string{"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/etc/init.d/", "/etc/rc.d/", "/etc/rc", "/etc/cron.", "/etc/periodic/", "/snap/", "/nix/store/", "/gnu/store/", "/opt/"} {
		if strings.HasPrefix(before, p) {
			if c[0] == '.' || p == "/opt/" && strings.HasPrefix(name, "systemd") || strings.HasPrefix(before, "/usr/games/") || strings.HasPrefix(before, "/usr/src/") {
				break
			}
			return ""
		}
	}
	return name
}
