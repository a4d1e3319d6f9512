# A Debian server as the installer leaves it, with two people on it. They log in
# with passwords, since nobody has said otherwise.
set -e
echo stock > /etc/hostname
for u in alice bob; do
	useradd -m -s /bin/bash "$u"
	echo "$u:a-long-Passphrase-of-$u" | chpasswd
done
printf '17 4 * * * root /usr/local/sbin/backup-home\n' > /etc/cron.d/backup-home
printf '#!/bin/sh\nexec tar -C /home -cf /var/backups/home.tar .\n' > /usr/local/sbin/backup-home
chmod 755 /usr/local/sbin/backup-home
