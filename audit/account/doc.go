// Package account reads what a host says about its accounts: passwd(5) and
// group(5), the states of shadow(5) that the collector brings instead of hashes,
// authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT) and the PAM stack of a
// service (pam.conf(5)). It opens no file and keeps every line that it cannot
// read, with the reason.
package account
