package fix

// ByHand are the rules that are left to people with a reason of their own.
func ByHand() (out []string) {
	for rule := range people {
		out = append(out, rule)
	}
	return out
}

// ReadPolicy reads the configuration of a crypto policy.
var ReadPolicy = readPolicy
