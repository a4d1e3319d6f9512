package cron

// Squeeze leaves out of a text what an eye passes over: dots, blanks, quotes,
// slashes, backslashes, control and invisible characters; look-alikes become one
// letter. Two texts that give the same differ in nothing that is plain to see.
func Squeeze(s string) string { return squeeze(s) }
