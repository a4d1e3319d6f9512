# A host as its owner wants it: keys only, no root, few algorithms, the monitor
# in its place.
set -e
echo hardened > /etc/hostname
useradd -m -s /bin/bash alice
cat > /etc/ssh/sshd_config.d/00-hardening.conf <<'CONF'
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowUsers alice audit
MaxAuthTries 3
LoginGraceTime 30
X11Forwarding no
Compression no
AllowTcpForwarding no
AllowAgentForwarding no
AllowStreamLocalForwarding no
LogLevel VERBOSE
ClientAliveInterval 300
HostKey /etc/ssh/ssh_host_ed25519_key
KexAlgorithms sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
CONF
awk '$1 ~ /^#/ || $5 >= 3071' /etc/ssh/moduli > /etc/ssh/moduli.safe
mv /etc/ssh/moduli.safe /etc/ssh/moduli
mkdir -p /usr/local/sbin
printf '#!/bin/sh\nexec logger -t monitor-nodes alive\n' > /usr/local/sbin/monitor-nodes
chmod 755 /usr/local/sbin/monitor-nodes
printf '*/5 * * * * /usr/local/sbin/monitor-nodes --mail ops\n' | crontab -u root -
