// Package inventory says which hosts there are: from postern's YAML and from
// plain arguments. It keeps where each thing was written, so that whoever finds
// a mistake later can name file, line and column. What waivers, expectations,
// carve-outs and keeps mean is judged elsewhere; here is their form.
//
// [Load] reads a file, [ParseArg] one argument, [Inventory.Select] finds what
// patterns on a command line mean. None of them looks at the clock, the
// environment or the network; only [LoadFile] opens a file.
//
// # The file
//
// The smallest inventory is a list of hosts, written as arguments are:
//
//	hosts: [web01, admin@web02:2222, "[2001:db8::7]:22"]
//
// The whole form (testdata/example.yaml is a complete one, and a test loads it):
//
//	defaults:                  # for every host
//	  user: root
//	  port: 22
//	  key: ~/.ssh/id_ed25519   # or keys: [a, b]; beside this file unless absolute or ~/
//	  sudo: auto               # auto: nothing for root, else sudo -n; sudo; none
//	  labels: {site: east}
//
//	groups:
//	  prod: {children: [web], labels: {env: prod}}
//	  web:                     # any setting of defaults, and:
//	    hosts: [web01, web02]  # hosts of this group
//	    waive: []              # the four lists below, for its hosts
//
//	hosts:                     # a list, or a mapping by name:
//	  web01: {address: 10.0.0.1, groups: [web], labels: {role: frontend}}
//	  web02: {}                # address: its name
//	  # any setting of defaults, and the four lists for this host alone
//
//	waive:                     # findings that are accepted for a while
//	  - rule: no-root-login
//	    owner: dba             # required, as are rule, reason, created and expires
//	    approver: security     # optional, as is ticket
//	    ticket: OPS-1234
//	    reason: the backup logs in as root until its account exists
//	    created: 2026-01-31    # days in UTC
//	    expires: 2026-07-31    # it holds before this day; at most a year after created
//
//	expect:                    # what has to be there
//	  jobs:
//	    - {match: "*/monitor*", user: root}     # pattern over the command: * and ?
//	    - {match: "*backup*", line: "0 3 * * * root /usr/local/bin/backup"}
//	    - {line: "0 4 * * * root /usr/local/bin/check"}   # the pattern is the line's command
//
//	allow:                     # logins that are meant to stay possible: all keys required
//	  - user: scanner
//	    addresses: [10.0.0.5, 2001:db8::/64]
//	    method: password       # publickey, password, keyboard-interactive
//	    owner: facility
//	    reason: the scanner cannot do keys
//	    expires: 2026-06-30
//
//	keep:                      # logins that fix must never break
//	  - {user: admin, from: 10.0.0.0/8, key: "SHA256:..."}   # or the file of a public key
//	  - {user: scanner, from: 10.0.0.5, method: password}    # without: by a key where one opens the account
//
// # Groups
//
// A host is in the groups that it names under groups, in those that name it
// under hosts, and in all that contain these through children. A group may hold
// no host. Where hosts stands at the top of the file it is the whole list, and a
// group that names another host is a fault: else a slip of the finger would take
// a host out of the rules that were meant for it. Without it, or with settings
// beside the name, the groups themselves define hosts.
//
// # What holds
//
// A setting of the host beats one of its groups, these beat defaults; a group
// beats the groups around it. key and keys replace, labels are taken one by one.
// Two groups of a host that give different values, neither within the other, are
// a fault unless the host settles it. The lists waive, expect, allow and keep
// add up: top level, groups from the outside in, host. [Inventory.Explain] says
// for every setting where it comes from.
//
// # Mistakes
//
// All are collected, each with file:line:column and a way out: unknown keys
// with the near name, keys and hosts that occur twice, wrong types, unknown
// groups, circles, bad ports, dates and networks. With any of them there is no
// inventory: an audit of the hosts that happened to be readable would look like
// an audit of all. Broken YAML ends the reading, so that one is reported alone.
//
// YAML anchors, aliases and "<<" work. A file is at most [MaxSize] bytes, in
// UTF-8, one document; aliases may expand to two million values, and hosts may
// inherit a million entries.
package inventory
