package cron

// Level is a severity. The zero value says that there is none.
type Level uint8

// The levels, in the order of weight.
const (
	None Level = iota
	Info
	Low
	Medium
	High
	Critical
)

var levelNames = [...]string{"none", "info", "low", "medium", "high", "critical"}

// String returns the level as reports spell it.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "none"
}
