# The incident behind this tool, with an inert stub in place of the implant:
# passwords and root accepted, root's crontab replaced by one that differs a
# little, a directory named dot-space-dot-dot, files of one minute, a stale pid
# file, the monitoring job gone. The job stands in both spellings: the quoted
# one runs the file, the unquoted one opens "." and runs nothing.
set -e
echo breached > /etc/hostname
for u in alice backup-operator; do
	useradd -m -s /bin/bash "$u"
	echo "$u:a-long-Passphrase-of-$u" | chpasswd
done
echo 'root:letmein-2011' | chpasswd
sed -i 's/^#*PermitRootLogin .*/PermitRootLogin yes/; s/^#*PasswordAuthentication .*/PasswordAuthentication yes/' /etc/ssh/sshd_config

mkdir -p /usr/local/sbin
printf '#!/bin/sh\nexec logger -t monitor-nodes alive\n' > /usr/local/sbin/monitor-nodes
chmod 755 /usr/local/sbin/monitor-nodes

mkdir '/root/. ..'
printf '#!/bin/sh\n# inert: stands for the implant of the story\n[ -e ./update.pid ] && exit 0\nexit 0\n' > '/root/. ../update'
chmod 755 '/root/. ../update'
echo 31337 > '/root/. ../update.pid'
printf '%s\n' \
	'# m h  dom mon dow   command' \
	"*/10 * * * * sh '. ../update' >/dev/null 2>&1" \
	'*/10 * * * * sh . ../update >/dev/null 2>&1' \
	'30 2 * * * /usr/local/sbin/rotate-logs' > /var/spool/cron/crontabs/root
chown root:crontab /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
touch -d '2026-03-12 00:30:00 UTC' '/root/. ../update' '/root/. ../update.pid' '/root/. ..' /var/spool/cron/crontabs/root
