// Package access joins sshd's configuration with the host's accounts: who can
// log in, from where, by which method.
//
// The order of the decision is sshd's own (auth.c, auth2.c, auth-pam.c): the
// account must be allowed at all, a method must be open for it and complete,
// AuthenticationMethods must be satisfied, and PAM's account lines must pass.
// Every term has three values. What cannot be known from what was read stays
// unknown, with what would settle it; it never becomes a no.
package access
