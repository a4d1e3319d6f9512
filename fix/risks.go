package fix

// Risks are the names by which a refused plan may be accepted (Refusal.Risk), in
// the order of the alphabet.
func Risks() []string {
	return []string{"carve-out", "disagreement", "lock-out", "managed", "no-use", "pending-edits", "revive-jobs", riskRunning}
}
