package sshd

// Unlike is a way in which a running sshd does otherwise than its own sshd -T -C
// says of the same files. [Settings.Text] answers as -T -C does; who judges logins
// has to know these.
type Unlike struct {
	Name   string // of the test on a live daemon
	Where  string
	Test   string // what sshd -T -C says
	Daemon string // what the daemon does
	Seen   string // where it was run
}

// Differences are all that are known.
var Differences = []Unlike{
	{
		Name:   "emptied",
		Where:  "Ciphers, MACs or KexAlgorithms that \"-\" empties (Ciphers -*)",
		Test:   "the default list",
		Daemon: "offers nothing: nobody can connect",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "host",
		Where:  "Match Host with UseDNS no, the default since 6.8",
		Test:   "compares the host= that it is told",
		Daemon: "has no name and compares the address: Match Host *.example.com never holds",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "mapped",
		Where:  "an address ::ffff:10.0.0.1",
		Test:   "addr=::ffff:10.0.0.1 lies in no IPv4 network",
		Daemon: "takes it for 10.0.0.1 before any Match is read",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "invalid user",
		Where:  "Match invalid-user, since 9.9",
		Test:   "holds where -C says invalid-user, whether the account exists or not",
		Daemon: "holds for every name that is no account",
		Seen:   "10.0, 10.6",
	},
	{
		Name:   "methods",
		Where:  "AuthenticationMethods in a block, of which no method is switched on",
		Test:   "prints it and ends with 0",
		Daemon: "ends the login: no authentication methods enabled",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "lport",
		Where:  "Match LocalPort without lport= in -C",
		Test:   "ends with 255",
		Daemon: "knows the port of every connection",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "block ends",
		Where:  "a list of algorithms in a block of which nothing is left",
		Test:   "ends with 255",
		Daemon: "lives on and closes the connections for which the block holds",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "subsystem",
		Where:  "more Subsystems in a block than among the globals, 9.5 to 10.2",
		Test:   "ends in a segmentation fault; postern config prints what would hold",
		Daemon: "ends the connection in the same way, and punishes the address for it",
		Seen:   "10.0",
	},
	{
		Name:   "reload",
		Where:  "files that changed after the daemon read them",
		Test:   "reads them anew",
		Daemon: "keeps to what it read when it was started or reloaded",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
	{
		Name:   "wildcard order",
		Where:  "the order of [::] and 0.0.0.0 without ListenAddress",
		Test:   "what getaddrinfo of that host gives; postern config prints [::] first",
		Daemon: "listens on both",
		Seen:   "8.4, 9.2, 10.0, 10.6",
	},
}
