# ---- the second round: what a suspicion asks
#
# These functions stand in the collector's place for run: all above and the frame
# around it are the collector's own. ASKED holds names that the first round raised:
# words of data, decoded by named and never read by a shell.

PROCS=6000   # processes that are looked at
FDS=40000    # open files that are looked at

# named WORD: a name into NAMED. A word with a backslash has each byte in octal.
named() {
  case $1 in
    *'\'*) NAMED=$(printf '%b.' "$1") NAMED=${NAMED%.};;
    *) NAMED=$1;;
  esac
}

# ---- processes. Names below /proc are made of digits: no list of them lies.

processes() {
  set +f
  set -- /proc/[0-9]*
  set -f
  [ $# -le $PROCS ] || gap cap /proc "more than $PROCS processes"
  PROCLIST=
  [ $# -gt $PROCS ] || PROCLIST=$*
  mark "o proc.stat"
  [ $# -eq 0 ] || printf '%s/stat\n' "$@" | head -n $PROCS | limit xargs grep -asH '' 2>/dev/null
  mark "x 0"
  V=$(printf '%s/status\n' "$@" | head -n $PROCS | limit xargs grep -asHE '^(Uid|CapEff|TracerPid):' 2>/dev/null)
  mark "o proc.status"
  printf '%s\n' "$V"
  mark "x 0"
  token || return
  mark "s $TOK"
  for W in exe cwd root ns/pid; do printf "%s/$W\n" "$@"; done | head -n $((PROCS * 4)) | limit xargs stat -c "$TOK $STAT" -- 2>/dev/null
  if [ -n "$NETS" ]; then gap network proc.exes "programs may lie on a network mount: their inodes were not asked for"
  else
    mark "o proc.exes"
    printf '%s/exe\n' "$@" | head -n $PROCS | limit xargs stat -L -c '%f %u %g %s %h %i %d %Y %Z %n' -- 2>/dev/null
    mark "x 0"
  fi
  # Arguments and environment are a process's own memory, which may have no end or
  # never answer: an account at a time, for a little while, in little memory.
  [ -n "$TIMEOUT" ] || gap missing proc.words "no timeout: only root's processes were asked for their words"
  GREPZ=
  case $(printf 'a\0b\0' | grep -acz b) in 1) GREPZ=yes;; esac
  U=$(printf '%s\n' "$V" | sed -n -E 's,^/proc/([0-9]+)/status:Uid:[^0-9]*([0-9]+).*,\2 \1,p' | sort -n)
  mark "o proc.words"
  WU= WN=0
  set --
  IFS=$NL
  for L in $U 'end 0'; do
    IFS=" $TAB$NL"
    if [ "${L%% *}" != "$WU" ]; then
      [ $# -eq 0 ] || words "$@"
      WU=${L%% *}
      set --
    fi
    set -- "$@" "${L#* }"
    IFS=$NL
  done
  IFS=" $TAB$NL"
  mark "x 0"
}
# words PIDS...: of one account, $WU, each word behind the file that it is from, a
# newline in it as \001. A line that does not begin with a file is ours. A word with
# a key in it goes alone: the filter behind would take all the others along.
words() {
  [ -n "$TIMEOUT" ] || [ "$WU" = 0 ] || return 0
  WN=$((WN + 1))
  if [ $WN -gt 100 ] || late; then printf '\nleft %s\n' "$WU"; return; fi
  if [ -z "$GREPZ" ]; then
    for P do
      limit head -c 4096 "/proc/$P/cmdline" </dev/null 2>/dev/null | tr '\n\0' '\001\n' | sed "s,^,/proc/$P/cmdline:,"
      echo # the last word may have no end
    done
    return
  fi
  {
    ulimit -v 300000
    printf '/proc/%s/cmdline\n' "$@" | quick xargs grep -asHz '' --
    [ "$UID0" != yes ] || printf '/proc/%s/environ\n' "$@" | quick xargs grep -asHzE '^LD_(PRELOAD|AUDIT)=' --
  } 2>/dev/null | tr '\n\0' '\001\n' | sed -E 's,^(/proc/[0-9]+/[a-z]+:).*(PRIVATE KEY( BLOCK)?-----|PRIVATE KEY ----|PuTTY-User-Key-File).*,\1postern-withheld,' | {
    head -c 524288
    [ -z "$(head -c 1)" ] || printf '\nleft %s\n' "$WU"
  }
}
# quick COMMAND...: for at most three seconds; says so where they were not enough.
quick() {
  if [ -n "$TIMEOUT" ]; then timeout 3 "$@"; else "$@"; fi
  [ $? != 124 ] || printf '\0left %s\0' "$WU"
}

# descriptors: which process holds which socket, and open files that were deleted.
descriptors() {
  set +f
  set -- /proc/[0-9]*/fd/*
  set -f
  [ $# -le $FDS ] || gap cap proc.fds "more than $FDS open files"
  token || return
  mark "s $TOK"
  printf '%s\n' "$@" | head -n $FDS | limit xargs stat -c "$TOK $STAT" -- 2>/dev/null | grep -aE 'socket:\[|\(deleted\)|memfd:' | head -c 4194304
  [ "$UID0" = yes ] || gap denied proc.fds "only an account's own open files are shown to it"
}

# talks: who talks to whom; connections that are over are left out.
talks() {
  for F in tcp tcp6 udp udp6 raw raw6 packet; do
    [ -r /proc/net/$F ] || continue
    mark "v $CAP"
    printf '/proc/net/%s\0' $F
    limit sed -E '/^ *[0-9]+: [0-9A-F:]+ [0-9A-F:]+ 0[67] /d' /proc/net/$F </dev/null | head -c $((CAP + 1))
  done
  mark "o proc.mounts"
  limit grep -aE ' /proc/[0-9]' /proc/self/mountinfo </dev/null | head -c 65536
  mark "x 0"
  for F in /proc/modules /proc/sys/kernel/core_pattern /proc/sys/kernel/tainted /proc/uptime; do
    [ -r "$F" ] || continue
    mark "v 131072"
    printf '%s\0' "$F"
    limit head -c 131073 "$F" </dev/null
  done
}

# ---- places from which something starts again

PLACES='
/etc/rc.local /etc/rc.d/rc.local /etc/profile /etc/profile.d/* /etc/bash.bashrc /etc/bashrc /etc/bash.bash_logout /etc/csh.login /etc/environment /etc/zsh/*
/etc/update-motd.d/* /etc/init.d/* /etc/inittab /etc/local.d/*.start /etc/ssh/sshrc
/etc/udev/rules.d/* /run/udev/rules.d/* /usr/local/lib/udev/rules.d/*
/etc/ld.so.preload /etc/ld.so.conf /etc/ld.so.conf.d/*
/etc/apt/apt.conf /etc/apt/apt.conf.d/* /etc/dpkg/dpkg.cfg.d/* /etc/dhcp/dhclient-enter-hooks.d/* /etc/dhcp/dhclient-exit-hooks.d/*
/etc/NetworkManager/dispatcher.d/* /etc/NetworkManager/dispatcher.d/*/* /etc/network/if-up.d/* /etc/network/if-pre-up.d/* /etc/network/if-down.d/* /etc/network/if-post-down.d/* /etc/networkd-dispatcher/*/*
/etc/network/interfaces /etc/network/interfaces.d/* /etc/ppp/ip-up /etc/ppp/ip-down /etc/ppp/ip-up.d/* /etc/ppp/ip-down.d/* /etc/dhcpcd.enter-hook /etc/dhcpcd.exit-hook
/etc/logrotate.conf /etc/logrotate.d/* /etc/inetd.conf /etc/xinetd.d/* /etc/rsyslog.conf /etc/rsyslog.d/*.conf /etc/sysctl.conf /etc/sysctl.d/*.conf /etc/ssh/ssh_config /etc/ssh/ssh_config.d/*.conf /etc/ssh/ssh_known_hosts
/etc/environment.d/*.conf /etc/security/pam_env.conf /etc/systemd/system.conf /etc/systemd/system.conf.d/*.conf /etc/X11/Xsession.d/* /etc/kernel/postinst.d/* /etc/initramfs-tools/hooks/* /etc/initramfs-tools/scripts/*/*
/etc/default/* /etc/default/grub.d/* /etc/sysconfig/* /etc/conf.d/* /etc/rc?.d/* /etc/grub.d/* /etc/skel/.[!.]* /etc/bash_completion.d/* /etc/fish/config.fish /etc/fish/conf.d/* /etc/X11/xinit/xinitrc.d/* /etc/X11/xinit/xinitrc
/etc/gitconfig /etc/.git/hooks/*[!e] /etc/.git/hooks/*[!l]e /srv/*/.git/hooks/*[!e] /srv/*/.git/hooks/*[!l]e /opt/*/.git/hooks/*[!e] /opt/*/.git/hooks/*[!l]e /var/www/.git/hooks/*[!e] /var/www/.git/hooks/*[!l]e /var/www/*/.git/hooks/*[!e] /var/www/*/.git/hooks/*[!l]e /srv/git/*/hooks/*[!e] /srv/git/*/hooks/*[!l]e
/etc/binfmt.d/*.conf /run/binfmt.d/*.conf /usr/local/lib/binfmt.d/*.conf /etc/tmpfiles.d/*.conf /run/tmpfiles.d/*.conf /usr/local/lib/tmpfiles.d/*.conf /etc/sysusers.d/*.conf /run/sysusers.d/*.conf /usr/local/lib/sysusers.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /run/modules-load.d/*.conf /usr/local/lib/modules-load.d/*.conf
/etc/polkit-1/rules.d/*.rules /run/polkit-1/rules.d/*.rules /usr/local/share/polkit-1/rules.d/*.rules /etc/polkit-1/localauthority/*/*.pkla /var/lib/polkit-1/localauthority/*/*.pkla /etc/dbus-1/system.d/*.conf /usr/local/share/dbus-1/system-services/*.service
/etc/incron.d/* /var/spool/incron/* /etc/supervisor/supervisord.conf /etc/supervisor/conf.d/* /etc/supervisord.conf /etc/supervisord.d/* /etc/monit/monitrc /etc/monitrc /etc/monit/conf.d/* /etc/monit/conf-enabled/* /etc/monit.d/* /etc/service/*/run /etc/sv/*/run /var/lib/docker/containers/*/hostconfig.json
/etc/acpi/events/* /etc/acpi/*.sh /etc/lightdm/*.conf /etc/lightdm/lightdm.conf.d/*.conf /etc/gdm3/*/Default /etc/gdm/*/Default /etc/sddm.conf /etc/sddm.conf.d/*.conf /etc/vim/vimrc /etc/vim/vimrc.local /etc/gdb/gdbinit /etc/gdb/gdbinit.d/* /etc/inputrc /etc/screenrc /etc/tmux.conf
/etc/procmailrc /etc/postfix/master.cf /etc/postfix/main.cf /etc/postfix/aliases /etc/mail/aliases /etc/aliases.d/* /etc/exim4/exim4.conf /etc/exim4/exim4.conf.localmacros /etc/exim4/conf.d/*/* /etc/exim/exim.conf /etc/snmp/*.conf /etc/openvpn/*.conf /etc/openvpn/*/*.conf /etc/wireguard/*.conf /etc/audit/plugins.d/*.conf /etc/audisp/plugins.d/*.conf /etc/fail2ban/action.d/*.local
/etc/apache2/apache2.conf /etc/apache2/*-enabled/* /etc/httpd/conf/*.conf /etc/httpd/conf.d/*.conf /etc/httpd/conf.modules.d/*.conf /etc/nginx/nginx.conf /etc/nginx/modules-enabled/* /etc/php.ini /etc/php.d/*.ini /etc/php/*/*/php.ini /etc/php/*/*/conf.d/*.ini /etc/dnf/plugins/post-transaction-actions.d/*.action /etc/ssl/openssl.cnf /etc/pki/tls/openssl.cnf /etc/krb5.conf /etc/krb5.conf.d/*
/etc/sudo.conf /etc/hosts.equiv /etc/ssh/shosts.equiv /etc/smartd.conf /etc/mdadm/mdadm.conf /etc/mdadm.conf /etc/keepalived/keepalived.conf /etc/nagios/nrpe.cfg /etc/nagios/nrpe.d/*.cfg /etc/nrpe.d/*.cfg /etc/zabbix/zabbix_agentd.conf /etc/zabbix/zabbix_agentd.d/*.conf /etc/zabbix/zabbix_agent2.conf /etc/rsyncd.conf /etc/samba/smb.conf /etc/crypttab /etc/security/namespace.init
/etc/resolvconf/update.d/* /etc/resolvconf/update-libc.d/* /etc/ifplugd/action.d/* /etc/pm/sleep.d/* /etc/pm/power.d/* /etc/needrestart/hook.d/* /etc/needrestart/restart.d/* /var/lib/cloud/scripts/per-boot/* /var/lib/cloud/scripts/per-instance/* /usr/local/sbin/adduser.local /etc/systemd/user.conf /etc/systemd/user.conf.d/*.conf
/etc/systemd/system.attached/*.service /etc/systemd/system.control/*.service /run/systemd/system.attached/*.service /run/systemd/system.control/*.service /etc/systemd/system-environment-generators/* /etc/systemd/user-environment-generators/* /usr/local/lib/systemd/system-environment-generators/* /usr/local/lib/systemd/user-environment-generators/* /usr/local/lib/systemd/user-generators/* /run/systemd/user-generators/*
/etc/dracut.conf /etc/dracut.conf.d/*.conf /etc/python3*/sitecustomize.py /usr/local/lib/python3*/*-packages/*.pth /usr/local/lib/python3*/*-packages/sitecustomize.py /usr/local/lib/python3*/*-packages/usercustomize.py
/etc/sudoers /etc/sudoers.d/* /etc/modules /etc/modules-load.d/* /etc/modprobe.d/* /etc/pam.d/* /etc/aliases /etc/xdg/autostart/*
/etc/systemd/system/*.service /etc/systemd/system/*.timer /etc/systemd/system/*.path /etc/systemd/system/*.socket /etc/systemd/system/*.d/*.conf
/run/systemd/system/*.service /run/systemd/system/*.timer /run/systemd/system/*.path /run/systemd/system/*.d/*.conf /run/systemd/transient/*.service /run/systemd/transient/*.timer
/usr/local/lib/systemd/system/*.service /usr/local/lib/systemd/system/*.timer /usr/local/lib/systemd/system/*.path /usr/local/lib/systemd/system/*.socket /usr/local/lib/systemd/system/*.d/*.conf
/etc/systemd/user/*.service /etc/systemd/user/*.timer /etc/systemd/user/*.path /etc/systemd/user/*.socket /etc/systemd/user/*.d/*.conf
/etc/systemd/system-generators/* /usr/local/lib/systemd/system-generators/* /run/systemd/system-generators/* /etc/systemd/user-generators/*
'
# Places of packages: of these only names that no package owns are read.
SHARED='
/usr/lib/systemd/system/*.service /usr/lib/systemd/system/*.timer /usr/lib/systemd/system/*.path /usr/lib/systemd/system/*.socket /usr/lib/systemd/system/*.d/*.conf
/usr/lib/systemd/user/*.service /usr/lib/systemd/user/*.timer /usr/lib/systemd/system-generators/* /usr/lib/udev/rules.d/* /usr/lib/systemd/system-sleep/* /usr/lib/systemd/system-shutdown/*
/usr/lib/systemd/user-generators/* /usr/lib/systemd/system-environment-generators/* /usr/lib/systemd/user-environment-generators/* /usr/lib/tmpfiles.d/*.conf /usr/lib/sysusers.d/*.conf /usr/lib/sysctl.d/*.conf /usr/lib/modules-load.d/*.conf /usr/lib/binfmt.d/*.conf
/usr/share/dbus-1/system-services/*.service /usr/share/polkit-1/rules.d/*.rules /usr/share/dbus-1/system.d/*.conf
/usr/lib/python3/dist-packages/*.pth /usr/lib/python3*/sitecustomize.py /usr/lib/python3*/site-packages/*.pth
'
MODULES='/lib/security/*.so /lib64/security/*.so /usr/lib/security/*.so /usr/lib64/security/*.so /lib/*/security/*.so
/lib/libnss_*.so.2 /lib64/libnss_*.so.2 /usr/lib64/libnss_*.so.2 /lib/*/libnss_*.so.2 /usr/lib/sudo/*.so /usr/libexec/sudo/*.so'
ATHOME='.bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile .zlogin .cshrc .tcshrc .xprofile .zlogout .xinitrc .xsession .config/fish/config.fish .config/environment.d/*.conf .ssh/rc .ssh/environment .ssh/config .ssh/known_hosts .forward .pam_environment .cache/crontab/crontab.bak .config/autostart/*.desktop
.gitconfig .config/git/config .git/hooks/*[!e] .git/hooks/*[!l]e */.git/hooks/*[!e] */.git/hooks/*[!l]e .rhosts .shosts .k5login .vimrc .vim/vimrc .vim/plugin/*.vim .vim/after/plugin/*.vim .config/nvim/init.vim .config/nvim/init.lua .gdbinit .config/gdb/gdbinit .inputrc .screenrc .tmux.conf .config/tmux/tmux.conf .psqlrc .my.cnf .procmailrc
.config/plasma-workspace/env/*.sh .config/autostart-scripts/* .config/fish/conf.d/*.fish .xsessionrc .kshrc .mkshrc .local/share/dbus-1/services/*.service
.config/systemd/user/*.service .config/systemd/user/*.timer .config/systemd/user/*.d/*.conf .config/systemd/user/*.wants/* .local/share/systemd/user/*.service .local/share/systemd/user/*.timer .config/systemd/user/*.path .config/systemd/user/*.socket
.local/lib/python3*/site-packages/*.pth .local/lib/python3*/site-packages/sitecustomize.py .local/lib/python3*/site-packages/usercustomize.py'

# Homes that are not a person's: patterns of case.
NOHOMES='/ /dev* /proc* /sys* /bin /sbin /usr/* /nonexistent*'
# Where a program in /usr/local may hide another of its name.
BEHIND='/usr/sbin /usr/bin /sbin /bin'

# Units that are an administrator's, or an intruder's.
OWNUNITS='/etc/systemd/system/*.service /run/systemd/system/*.service /usr/local/lib/systemd/system/*.service /etc/systemd/system/*.d/*.conf'
# What a line of a unit starts, by its first word.
STARTS='^ *Exec[A-Za-z]*=[-@:+!|]*(/[^ ]*)'

# Where programs with others' rights are looked for, four directories deep: with the
# setuid bit, and with capabilities.
SETUIDIN='/bin /sbin /usr/bin /usr/sbin /usr/local /usr/lib/openssh /usr/libexec /lib /tmp /var/tmp /dev/shm /root /home /opt /srv /var/www /var/lib /etc /run'
CAPABLEIN='/bin /sbin /usr/bin /usr/sbin /usr/local /usr/lib /usr/libexec /tmp /var/tmp /dev/shm /root /home /opt /srv /var/www /var/lib'
# What a copy with the setuid bit is compared with.
ASSHELL='/bin/sh /bin/bash /bin/dash /bin/busybox'
# Where everyone may write, three directories deep.
DROPIN='/tmp /var/tmp /dev/shm'
# Names of the files by which a program sees that it runs already.
GUARDS='*.pid *.lock pid lock *.pid.* .*.pid .*.lock .pid .lock *.run'

# Lines of dpkg's md5sums files: what is compared of the packages of VERIFY, and of all.
SUMLINES='^[0-9a-f]{32}  (usr/)?(s?bin/|lib(64)?/([^/]*/)?(security/|openssh/|misc/|systemd/)?[^/]*\.so|lib/openssh/)'
SUMUNITS='^[0-9a-f]{32}  (usr/)?lib/(systemd/(system|user|system-generators|system-sleep|system-shutdown|user-generators|system-environment-generators|user-environment-generators)/|(udev/rules|tmpfiles|sysusers|sysctl|modules-load|binfmt|modprobe)\.d/)|^[0-9a-f]{32}  usr/share/(dbus-1/system-services|dbus-1/system\.d|polkit-1/rules\.d)/'
# A line of dpkg's status that names a file which people edit.
CONFFILES='^ (/[^ ]+ [0-9a-f]{32})( obsolete)?$'
# What of no package is read whole, among the files of packages.
LOOSE='^(/usr)?/lib/(systemd|udev|python3|tmpfiles\.d|sysusers\.d|sysctl\.d|modules-load\.d|binfmt\.d)|^/usr/share/(dbus-1|polkit-1)/'

# Where web servers' pages lie, eight directories deep, which of them may be programs,
# and what the ones that an intruder leaves hold: what a visitor sends is run.
WEBROOTS='/var/www /srv/www /srv/http /usr/share/nginx/html /usr/local/www /usr/local/apache2/htdocs /opt/lampp/htdocs'
WEBPAGES='*.php *.php[0-9] *.phtml *.phar *.inc *.jsp *.jspx *.asp *.aspx *.ashx .htaccess'
WEBRUNS='(eval|assert|system|exec|passthru|popen|proc_open|create_function)[ (@]+[^;]*[$]_(GET|POST|REQUEST|COOKIE|SERVER|FILES)|[$]_(GET|POST|REQUEST|COOKIE) *\[[^]]*\] *\(|(=|echo|print|return|[(]) *`[^`]*[$]_(GET|POST|REQUEST|COOKIE)|(eval|assert)[ (@]+(gzinflate|gzuncompress|str_rot13|base64_decode|strrev|hex2bin)|(exec|ProcessBuilder|Process\.Start) *\([^)]*(getParameter|Request)|(AddType|AddHandler|SetHandler) '
# Scripts of packages have no checksum: which of them are read at all.
INFOSCRIPTS='/var/lib/dpkg/info/*.preinst /var/lib/dpkg/info/*.postinst /var/lib/dpkg/info/*.prerm /var/lib/dpkg/info/*.postrm'
INFOSAYS='(curl|wget|fetch) |/dev/tcp/|/dev/shm/|/tmp/|base64 |authorized_keys|ld[.]so[.]preload|nohup |setsid |(nc|ncat|socat) |/[.][A-Za-z0-9_-]+/|python[0-9]* -c|perl -e|/etc/cron|xxd |openssl enc'

# Lines of logs that tell of accounts, the files that may hold them, and the records
# and logs whose times tell something.
ACCOUNTSAY='(useradd|usermod|userdel|groupadd|gpasswd|passwd|chpasswd|chage)(\[|:)'
ACCOUNTLOGS='/var/log/auth.log /var/log/secure /var/log/messages /var/log/syslog'
RECORDS='/var/log/lastlog /var/log/lastlog2/* /var/lib/lastlog/* /var/lib/wtmpdb/* /var/log/auth.log /var/log/syslog /var/log/secure /var/log/messages /var/log/cron /var/log/cron.log /var/log/journal /var/log /var/lib/systemd/timers/stamp-*'

places() {
  CAPO=$CAP CAP=131072
  set +f
  set -- $PLACES
  set -f
  targets read "$@"
  set +f
  set -- $MODULES
  set -f
  look meta "$@"
  fields /etc/passwd-
  fields /etc/group-
  # Programs that a command's name finds before the packages' own of that name.
  SHADOWS=
  set +f
  for P in /usr/local/sbin/* /usr/local/bin/*; do
    case $P in *"$NL"*) continue;; esac
    B=${P##*/}
    for D in $BEHIND; do
      [ -e "$D/$B" ] && [ -f "$P" ] && [ -x "$P" ] && { SHADOWS=$SHADOWS$P$NL; break; }
    done
  done
  set -f
  IFS=$NL
  set -- $SHADOWS
  IFS=" $TAB$NL"
  [ $# -gt 200 ] || look meta "$@"
  set +f
  set --
  HN=0
  IFS=$NL
  for L in $PEOPLE; do
    IFS=" $TAB$NL"
    set -f
    L=${L#*:} L=${L#*:} H=${L#*:}
    for W in $NOHOMES; do case $H in $W) H=; break;; esac; done
    [ -n "$H" ] || { IFS=$NL; continue; }
    entered "$H" && [ -x "$H" ] || { IFS=$NL; continue; }
    # An account's own bound: what one makes does not push out another's.
    HM=0
    for W in $ATHOME; do
      case $W in
        *[*]*)
          case ${W%/*} in *[*]*) ;; *) [ -d "${H%/}/${W%/*}" ] || continue;; esac
          IFS=
          set +f
          for P in "${H%/}"/$W; do
            set -f
            [ -e "$P" ] || [ -L "$P" ] || continue
            HM=$((HM + 1))
            [ $HM -gt 200 ] || [ $((HN + HM)) -gt 3000 ] || set -- "$@" "$P"
          done
          set -f
          IFS=" $TAB$NL";;
        *)
          P=${H%/}/$W
          [ -e "$P" ] || [ -L "$P" ] || continue
          HM=$((HM + 1))
          [ $HM -gt 200 ] || [ $((HN + HM)) -gt 3000 ] || set -- "$@" "$P";;
      esac
    done
    if [ $HM -gt 200 ]; then
      gap cap "$H" "more than 200 files that shells and sessions read"
      HM=200
    fi
    HN=$((HN + HM))
    IFS=$NL
  done
  IFS=" $TAB$NL"
  set -f
  [ $HN -le 3000 ] || gap cap /home "more than 3000 files that shells and sessions read"
  [ $# -eq 0 ] || targets read "$@"
  CAP=$CAPO
}

# ---- which package a file is of, and whether it is still that package's

# claims NAMES(lines on stdin): those of them that a package has, as PACKAGE TAB NAME.
claims() {
  case $PM in
    dpkg)
      set +f
      sed -n -E -e '/^$/d' -e p -e 's,^/usr/((s?bin|lib[0-9a-z]*)/),/\1,p' -e t -e 's,^/((s?bin|lib[0-9a-z]*)/),/usr/\1,p' |
        limit grep -aFxHf - /var/lib/dpkg/info/*.list | sed -n -E 's,^/var/lib/dpkg/info/([^/:]*)(:[a-z0-9]*)?\.list:,\1	,p'
      set -f;;
    apk)
      limit awk 'NR == FNR { want[$0] = 1; next } /^P:/ { p = substr($0, 3) } /^F:/ { d = "/" substr($0, 3) }
        /^R:/ { f = d "/" substr($0, 3); if (f in want) print p "\t" f }' - /lib/apk/db/installed;;
    rpm)
      while read -r P; do
        late && break
        case $P in /*) R=$(limit rpm -qf --qf '%{NAME}\n' -- "$P" </dev/null 2>/dev/null) && printf '%s\t%s\n' "${R%%"$NL"*}" "$P";; esac
      done;;
  esac
}

owners() {
  PM=
  if [ -f /var/lib/dpkg/status ]; then PM=dpkg
  elif have rpm && { [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; }; then PM=rpm
  elif [ -r /lib/apk/db/installed ]; then PM=apk
  else gap missing owned "no package manager that this collector knows"; return
  fi
  # Hosts whose /lib is no link keep these there.
  ELSE=
  [ -L /lib ] || ELSE=$(printf '%s\n' "$SHARED" | sed 's,/usr/lib/,/lib/,g')
  set +f
  case $PM in rpm) set -- $MODULES;; *) set -- $PLACES $SHARED $ELSE $MODULES /etc/cron.*/*;; esac
  set -f
  C=$({
    printf '%s\n' "$@"
    if [ -n "$READLINKS" ]; then
      printf '%s/exe\n' $PROCLIST | limit xargs readlink --
    else
      for P in $PROCLIST; do readlink "$P/exe"; done
    fi </dev/null | sed -E 's/ \(deleted\)$//'
    for W in $ASKED $ASKEDOWNERS; do named "$W"; printf '%s\n' "$NAMED"; done
    printf '%s\n' "$SETUID" "$CAPABLE" "$SHADOWS"
    # What units start, each by its first word. A link is a name that alternatives
    # make, and no package's.
    set +f
    for P in $OWNUNITS; do [ -f "$P" ] && [ ! -L "$P" ] && printf '%s\0' "$P"; done | limit xargs -0 grep -ahsE "$STARTS" -- |
      sed -n -E "s,$STARTS.*,\\1,p" | head -n 500 | while IFS= read -r P; do
        [ -f "$P" ] && [ ! -L "$P" ] && printf '%s\n' "$P"
      done
    set -f
  } 2>/dev/null | grep -a '^/' | sort -u | head -c 1048576)
  OWNED=$(printf '%s\n' "$C" | claims | head -c 1048576)
  U=$({ printf '%s\n' "$C"; printf '=\n%s\n' "$OWNED"; } | awk '
    function twin(p) { if (p ~ /^\/usr\/(s?bin|lib)/) return substr(p, 5); if (p ~ /^\/(s?bin|lib)/) return "/usr" p; return p }
    $0 == "=" { got = 1; next }
    !got { asked[++n] = $0; next }
    { sub(/^[^\t]*\t/, ""); has[$0] = 1; has[twin($0)] = 1 }
    END { for (i = 1; i <= n; i++) if (!(asked[i] in has)) print asked[i] }')
  mark "o owned"
  printf 'manager\t%s\n%s\n' "$PM" "$OWNED"
  printf '%s\n' "$U" | sed 's/^/-	/'
  mark "x 0"
  # Of what lies among packages' files and is none's, the content.
  [ "$PM" != rpm ] || return 0
  U=$(printf '%s\n' "$U" | grep -aE "$LOOSE")
  IFS=$NL
  set -- $U
  IFS=" $TAB$NL"
  UN=0
  for P do
    UN=$((UN + 1))
    [ $UN -le 200 ] || { gap cap /usr/lib/systemd "more than 200 files of no package"; break; }
    [ -f "$P" ] || [ -L "$P" ] || continue
    targets read "$P"
  done
}

# sums: what packages say that the files by which one logs in are, and what they are.
VERIFY='systemd kmod apt dpkg curl wget hostname sed tar gzip mawk gawk debianutils lsof tcpdump perl-base ncurses-bin libprocps8 libproc2-0 libselinux1 libaudit1 libpam-cap
libgssapi-krb5-2 libkrb5-3 libkrb5support0 libk5crypto3 libcom-err2 libzstd1 liblz4-1 libcap2 libcap-ng0 libgcrypt20 libpcre2-8-0 libwtmpdb0 zlib1g openssh-server openssh-client openssh-sftp-server libpam-modules libpam-modules-bin libpam0g libpam-systemd libpam-runtime
cron cron-daemon-common cronie at coreutils bash dash login passwd util-linux procps psmisc net-tools iproute2 findutils grep sudo
libssl3 libssl3t64 libssl1.1 liblzma5 libsystemd0 libkeyutils1 libwrap0 libcrypt1 libc6 libc-bin libnss-systemd rsyslog'
RPMVERIFY='openssh-server openssh-clients openssh pam cronie crontabs coreutils bash util-linux procps-ng shadow-utils sudo audit-libs keyutils-libs xz-libs openssl-libs'
sums() {
  case $PM in
    dpkg)
      set +f
      VF=
      for W in $VERIFY; do
        for P in /var/lib/dpkg/info/$W.md5sums /var/lib/dpkg/info/$W:*.md5sums; do [ -f "$P" ] && VF="$VF $P"; done
      done
      set -f
      [ -n "$VF" ] && have md5sum || { gap missing sums "no checksums of packages, or no md5sum"; return; }
      V=$(limit grep -asHE "$SUMLINES" $VF </dev/null | head -c 524288)
      # What systemd and udev read of all packages: a line more in one of them is as good
      # as a file of one's own.
      set +f
      set -- /var/lib/dpkg/info/*.md5sums
      set -f
      V=$V$NL$(printf '%s\0' "$@" | limit xargs -0 grep -asHE "$SUMUNITS" | head -c 524288)
      mark "o sums.expected"
      printf '%s\n' "$V"
      mark "x 0"
      mark "o sums.found"
      printf '%s\n' "$V" | sed -E 's/^[^ ]*  //' | tr '\n' '\0' | (cd / && limit xargs -0 md5sum -- 2>&1)
      mark "x 0"
      mark "o conffiles"
      limit sed -n -E "/^Conffiles:/,/^[^ ]/s,$CONFFILES,\\1,p" /var/lib/dpkg/status </dev/null | head -c 1048576
      mark "x 0"
      [ -f /var/lib/dpkg/diversions ] && look read /var/lib/dpkg/diversions;;
    rpm)
      set --
      for W in $RPMVERIFY; do
        rpm -q "$W" </dev/null >/dev/null && set -- "$@" "$W"
      done
      if [ "$UID0" = yes ] && [ -n "$SWITCH" ]; then PMAS="$SWITCH 0 0"; else PMAS=limit; fi
      mark "o sums.rpm"
      [ $# -eq 0 ] || $PMAS rpm -V --nodeps --noscripts --nomtime --nouser --nogroup -- "$@" </dev/null 2>/dev/null | head -c 262144
      mark "x 0";;
    apk)
      mark "o sums.apk"
      limit apk verify openssh-server openssh-server-common linux-pam busybox dropbear </dev/null 2>/dev/null | head -c 65536
      limit apk audit --system </dev/null 2>/dev/null | grep -aE '(s?bin|lib)/' | head -c 65536
      mark "x 0";;
  esac
}

# setuids: programs that run with their owner's rights, in places where a copy may
# be kept: not the whole disk.
setuids() {
  SETUID=
  have find || { gap missing setuid "no find"; return; }
  set --
  for W in $ASKEDROOMS; do
    named "$W"
    entered "$NAMED" && [ -d "$NAMED" ] && [ ! -L "$NAMED" ] && set -- "$@" "$NAMED"
  done
  for D in $SETUIDIN; do
    [ -L "$D" ] || { entered "$D" && [ -d "$D" ] && set -- "$@" "$D"; }
  done
  token || return
  mark "s $TOK"
  SETUID=$(few find "$@" -xdev -maxdepth 4 -type f \( -perm -4000 -o -perm -2000 \) -exec stat -c "$TOK $STAT" -- '{}' + </dev/null 2>/dev/null | head -c 262144)
  printf '%s\n' "$SETUID"
  [ ${#SETUID} -lt 262000 ] || gap cap setuid "more of them than are listed"
  case $SETUID in *"$NL"slow) gap cap setuid "looking for them took all of its time";; esac
  SETUID=$(printf '%s\n' "$SETUID" | sed -E "s,^$TOK ([^ ]+ ){9},,")
  mark "o setuid.sums"
  SHELLNAMES=$(printf '%s\n' $ASSHELL)
  IFS=$NL
  SN=0
  for P in $SHELLNAMES $SETUID; do
    IFS=" $TAB$NL"
    case $P in
      /usr/bin/* | /usr/sbin/* | /usr/lib/* | /usr/libexec/* | /bin/ping* | /bin/su | /bin/*mount) ;; # below, at once
      /*) SN=$((SN + 1)); [ $SN -gt 40 ] || digest "$P";;
    esac
    IFS=$NL
  done
  IFS=" $TAB$NL"
  # Directories that only root writes to.
  ! have sha256sum || printf '%s\n' "$SETUID" | grep -aE '^/(usr/(s?bin|lib|libexec)|bin)/' | head -n 200 | tr '\n' '\0' | limit xargs -0 sha256sum -- 2>/dev/null
  mark "x 0"
}
# empowered: programs that have a part of root's rights without the bit (capabilities(7)).
empowered() {
  CAPABLE=
  have find && have getcap || { gap missing capabilities "no getcap: programs that have a part of root's rights without the setuid bit were not looked for"; return; }
  set --
  for D in $CAPABLEIN; do
    [ -L "$D" ] || { entered "$D" && [ -d "$D" ] && set -- "$@" "$D"; }
  done
  CAPABLE=$(few find "$@" -xdev -maxdepth 4 -type f -perm /111 -exec getcap '{}' + </dev/null 2>/dev/null | head -c 65536)
  [ ${#CAPABLE} -lt 65400 ] || gap cap capabilities "more of them than are listed"
  case $CAPABLE in *"$NL"slow) gap cap capabilities "looking for them took all of its time";; esac
  mark "o capabilities"
  printf '%s\n' "$CAPABLE"
  mark "x 0"
  # A name, then one clause or several of what cap_to_text(3) writes.
  CAPABLE=$(printf '%s\n' "$CAPABLE" | sed -n -E -e ':a' -e 's/ (cap_[a-z0-9_,]+)?[=+-][=+eip-]*$//' -e ta -e '/^\//p')
  IFS=$NL
  set -- $CAPABLE
  IFS=" $TAB$NL"
  look meta "$@"
}
# droppings: programs where everyone may write, and files where only devices belong.
droppings() {
  have find || { gap missing droppings "no find"; return; }
  set --
  for D in $DROPIN; do
    [ -L "$D" ] || { entered "$D" && [ -d "$D" ] && set -- "$@" "$D"; }
  done
  token || return
  mark "s $TOK"
  # What only root puts there comes first: whoever fills /tmp hides none of it.
  D=$({
    few find /dev -xdev -maxdepth 3 -type f -exec stat -c "$TOK $STAT" -- '{}' +
    [ $# -eq 0 ] || few find "$@" -xdev -maxdepth 3 -type f -perm /111 -exec stat -c "$TOK $STAT" -- '{}' +
  } </dev/null 2>/dev/null | head -c 131072)
  printf '%s\n' "$D"
  [ ${#D} -lt 131000 ] || gap cap droppings "more programs in /tmp, /var/tmp and /dev/shm than are listed"
  case $D in *"$NL"slow*) gap cap droppings "looking for them took all of its time";; esac
}
SUSPECTS=150
# suspects: pages of web servers and scripts of packages, of which only those are read
# that hold words which matter.
suspects() {
  set --
  for D in $WEBROOTS; do
    [ -L "$D" ] || { entered "$D" && [ -d "$D" ] && set -- "$@" "$D"; }
  done
  SUS=
  if [ $# -gt 0 ] && have find; then
    WN=
    for W in $WEBPAGES; do WN="$WN -o -name $W"; done
    SUS=$(few find "$@" -xdev -maxdepth 8 -type f -size -400k \( ${WN# -o } \) -exec grep -laE -- "$WEBRUNS" '{}' + </dev/null 2>/dev/null | head -c 65536)
    case $SUS in *"$NL"slow) gap cap webpages "looking through the pages of web servers took all of its time";; esac
  fi
  if [ -d /var/lib/dpkg/info ]; then
    set +f
    set -- $INFOSCRIPTS
    set -f
    SUS=$SUS$NL$(printf '%s\0' "$@" | limit xargs -0 grep -lsaE -- "$INFOSAYS" 2>/dev/null | head -c 65536)
  fi
  IFS=$NL
  set -- $SUS
  IFS=" $TAB$NL"
  [ $# -le $SUSPECTS ] || gap cap suspects "more than $SUSPECTS pages and scripts hold words that matter"
  SUS= SN=0
  for P do
    SN=$((SN + 1))
    [ $SN -le $SUSPECTS ] || break
    case $P in /*) SUS="$SUS \"\${$SN}\"";; esac
  done
  CAPO=$CAP CAP=65536
  eval "targets read $SUS"
  CAP=$CAPO
}
# few COMMAND...: find's own bound; the time of others' directories is not ours.
few() { if [ -n "$TIMEOUT" ]; then timeout 4 "$@"; [ $? != 124 ] || printf '\nslow\n'; else "$@"; fi; }

# program PATH: it is /proc/PID/exe itself, and no name that goes on through a
# process's links to where its user put others.
program() {
  PN=${1#/proc/} PN=${PN%/exe}
  case $1,$PN in /proc/*/exe,*[!0-9]* | /proc/*/exe,) return 1;; /proc/*/exe,*) return 0;; esac
  return 1
}

# digest PATH: SHA-256 and name, with the rights that its path asks for. A name with
# a newline is not looked at.
digest() {
  case $1 in *"$NL"*) return;; esac
  [ -f "$1" ] || return 0
  case $1 in
    /proc/*) program "$1" || return 0; RU=0;;
    *) entered "$1" || return 0; rights "$1"; case $(readlink -f -- "$1" </dev/null) in /proc/* | /sys/* | /dev/[!s]* ) return 0;; esac;;
  esac
  if [ "$RU" = 0 ]; then D=$(limit sha256sum -- "$1" </dev/null 2>/dev/null)
  elif [ -n "$SWITCH" ]; then D=$($SWITCH "$RU" "$RG" sha256sum -- "$1" </dev/null 2>/dev/null)
  else return 0
  fi
  D=${D#\\}
  case $D in ?????*) printf '%s  %s\n' "${D%% *}" "$1";; esac
}

# asked: what the first round raised: content, digest, attributes, neighbours.
asked() {
  set --
  for W in $ASKED; do named "$W"; set -- "$@" "$NAMED"; done
  if [ $# -gt 0 ]; then
    CAPO=$CAP CAP=65536 PART=' part'
    targets read "$@"
    CAP=$CAPO PART=
    mark "o digests"
    have sha256sum && for P do late || digest "$P"; done
    mark "x 0"
    if have lsattr; then
      mark "o attributes"
      limit lsattr -d -- "$@" </dev/null 2>/dev/null | head -c 262144
      mark "x 0"
    fi
  fi
  for W in $ASKEDROOMS; do
    late && break
    named "$W"
    D=${NAMED%/}
    names "$D" 300
    # Of small files that a program guards itself by, the number in them.
    set +f
    set --
    set -f
    for W in $GUARDS; do
      IFS=
      set +f
      set -- "$@" "$D"/$W
      set -f
      IFS=" $TAB$NL"
    done
    CAPO=$CAP CAP=64 PART=' part'
    targets read "$@"
    CAP=$CAPO PART=
  done
  # Programs that run and that no name leads to any more, or from odd places.
  mark "o proc.digests"
  DN=0 XS=$NL
  for P in $PROCLIST; do
    X=$(readlink "$P/exe" </dev/null) || continue
    case $X in
      *"$NL"*) continue;;
      *' (deleted)' | */memfd:*) ;;
      *)
        case $XS in *"$NL$X$NL"*) continue;; esac
        XS=$XS$X$NL;;
    esac
    case $X in
      *' (deleted)' | */memfd:* | /tmp/* | /var/tmp/* | /dev/shm/* | /run/* | /home/* | /root/* | /opt/* | /srv/* | /usr/local/* | */.*) ;;
      *) continue;;
    esac
    DN=$((DN + 1))
    [ $DN -gt 60 ] && break
    digest "$P/exe"
  done
  mark "x 0"
}

# ---- what logs say of accounts and logins

history() {
  if [ "$SYSTEMD" = yes ] && have journalctl; then
    out log.accounts/reverse journalctl -q --no-pager -o short-iso -r -n 200 -t useradd -t usermod -t userdel -t groupadd -t gpasswd -t passwd -t chpasswd -t chage
  else
    logfile log.accounts "$ACCOUNTSAY" . $ACCOUNTLOGS
  fi
  for F in wtmp btmp; do
    [ -e /var/log/$F ] || continue
    [ -r /var/log/$F ] || { gap denied log.$F "no permission to read /var/log/$F"; continue; }
    look meta /var/log/$F
    mark "o log.$F"
    limit tail -c 49152 /var/log/$F </dev/null | od -An -v -tx1
    mark "x 0"
  done
  set +f
  set -- $RECORDS
  set -f
  look meta "$@"
}

# ---- in this order

section() {
  if late; then gap cap "$1" "the time was over before it was looked at"; return; fi
  "$1"
}

# fetch: files that findings name, whole where they are small enough.
fetch() {
  set --
  for W in $ASKED; do
    named "$W"
    case $NAMED in
      /proc/*/exe)
        program "$NAMED" || continue
        mark "v $CAP"
        printf '%s\0' "$NAMED"
        limit head -c $((CAP + 1)) -- "$NAMED" </dev/null;;
      /proc/*/*/*) gap unsafe "$NAMED" "a name that goes through a process's links: not opened";;
      /proc/*/cmdline)
        mark "v 65536"
        printf '%s\0' "$NAMED"
        few head -c 65537 -- "$NAMED" </dev/null;;
      *) set -- "$@" "$NAMED";;
    esac
  done
  targets read "$@"
  mark "o digests"
  for W in $ASKED; do named "$W"; late || case $NAMED in /proc/*/exe | /[!p]* | /p[!r]*) digest "$NAMED";; esac; done
  mark "x 0"
}

run() {
  if [ "$FETCH" = yes ]; then
    mark "start 1"
    identity
    mounts
    SAFE=$NL UP=$NL NEW= FINALS=$NL SLOW=' ' RLINK= STAY=
    IDS=$NL
    [ ! -r /etc/passwd ] || while IFS=: read -r _ _ I G _; do case $I$G in *[!0-9]* | '') ;; *) IDS=$IDS$I:$G$NL;; esac; done </etc/passwd
    section fetch
    mark end
    return
  fi
  mark "start 1"
  identity
  mounts
  SAFE=$NL UP=$NL NEW= FINALS=$NL SLOW=' ' RLINK= STAY= PROCLIST= SETUID= CAPABLE= SHADOWS= PM=
  accounts
  section processes
  section talks
  section descriptors
  section setuids
  section empowered
  section droppings
  section places
  section owners
  section sums
  section asked
  section history
  section suspects
  mark end
}

