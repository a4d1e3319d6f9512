// Package compare says what differs: between a job and the one that it was, or
// that it is elsewhere; between what files say of themselves and what their
// times say; between what a scheduler has in memory and what lies on disk.
//
// It works on values and knows no clock, no file and no network. What a host
// sent is an attacker's: every search here is bounded, and what was left out
// because of a bound is said.
//
//	FormOf, Differ, Pair   one job and another
//	Peers                  one host and the others of its group
//	Timeline, Bursts ...   one file and the others of its host
package compare
