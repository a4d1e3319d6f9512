package cron

import "strconv"

// Quote returns name in double quotes as printable ASCII, with every other byte
// escaped, so that two different names never look the same and no name can act on
// a terminal.
func Quote(name string) string { return strconv.QuoteToASCII(name) }
