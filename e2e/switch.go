package e2e

import (
	"fmt"
	"os"
)

// switchVar is the environment variable that decides whether real hosts start.
const switchVar = "POSTERN_E2E"

// runCommand is what a person types to have the real hosts.
const runCommand = "POSTERN_E2E=require go test ./e2e"

// mode is what the switch asks for. The zero mode leaves real hosts out and
// says so.
type mode int

const (
	modeAnnounce mode = iota // leave host tests out, and say it
	modeRequire              // run them; what is missing is an error
	modeOff                  // leave them out silently
)

// readMode reads the switch. A value that it does not know is an error: a typo
// in a CI file must not turn the host tests off.
func readMode(value string) (mode, error) {
	switch value {
	case "":
		return modeAnnounce, nil
	case "require":
		return modeRequire, nil
	case "off":
		return modeOff, nil
	}
	return modeAnnounce, fmt.Errorf("%s=%q is not a known value: use \"require\" to run the real-host tests, \"off\" to leave them out silently, or leave it unset", switchVar, value)
}

// currentMode is readMode of the environment; Main has refused bad values
// before anything else asks.
func currentMode() mode {
	m, err := readMode(os.Getenv(switchVar))
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		os.Exit(1)
	}
	return m
}
