// Package sshd reads sshd_config(5) as OpenSSH's sshd reads it.
//
// Three steps, each usable alone:
//
//   - [Parse] turns the bytes of one file into a tree that loses nothing:
//     printing it gives the same bytes, and every line and word knows where it
//     stands. The tokeniser depends on the release (sshd 8.7 changed it).
//   - [Load] follows Include through the caller's [Files], checks every line
//     against the keyword table and collects all [Fault]s. Where sshd would
//     refuse to start, [Config.Refused] says why.
//   - [Config.Eval] answers what holds for one login [Context], by the two
//     passes that sshd makes over its files, and [Settings.Get] tells for each
//     value which line set it and which lines it shadows.
//
// [ParseEffective] reads what sshd -T printed and [Compare] names the settings
// on which file and daemon differ.
//
// The package opens no file, runs nothing and keeps no global state. Its input
// is an attacker's: sizes, depth and counts are bounded.
package sshd
