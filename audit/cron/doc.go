// Package cron reads the tables of cron and its siblings by the grammar of the
// daemon that reads them, and says what each job runs and what is odd about it.
//
// Bytes go in, values come out: the package opens no file, knows no clock and
// runs nothing. What a host knows (accounts, files) comes in through lookups.
// All input is taken to be an attacker's: it is bounded, parsed and never
// evaluated.
//
// The grammars are those of Debian cron 3.0pl1, cronie 1.5 to 1.7, busybox
// crond 1.35 to 1.37, dcron 4.5 and systemd-cron 2.5, as observed on the running
// daemons and read in their sources; where these disagree with crontab(5), the
// daemon is right.
//
// The way through the package:
//
//	ParseTable, ParseAnacrontab, ParseAt, ParseTimers -> Job
//	FileVerdict                                       -> is the file read at all
//	Resolve                                           -> what a job runs
//	Deceptive, Quote                                  -> names that lie to the eye
//	Signs, Severity                                   -> what is odd, and how much
//	Expect                                            -> what is missing
//	Mask                                              -> lines that can be shown
package cron
