// Package triage looks at one host after a breach: what is there, since when, how
// it comes back, how they may have come in, what to keep first. It reads two rounds
// of one connection (see [snapshot.Deepen]), the facts of the first, and nothing
// else; it changes nothing.
//
//	Ask      -> which files and directories the second round looks at
//	Look     -> a Host: things with their evidence, and the story around them
//	Keep     -> files that things name, kept with a manifest
//	Verify   -> whether what was kept is unchanged
//	ParseIOC -> names, addresses, digests and keys to hunt for
//
// All of it is the host's own word. Where an intruder was root it may be a lie; what
// is found is there, and what is not found proves nothing.
package triage

// Schema is the version of what postern triage writes as JSON.
const Schema = "postern-triage-1"
