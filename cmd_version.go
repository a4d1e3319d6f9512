package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func versionCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "version",
		Category: aboutPostern,
		Usage:    "print the versions of postern, collector and schema",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "postern %s\ncollector %s (sha256 %s)\nschema %s\n",
				toolVersion(), snapshot.CollectorVersion, snapshot.ScriptSHA256(), audit.Schema)
			return nil
		},
	}
}

// toolVersion is the module's version as the Go toolchain stamped it.
func toolVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.1.0-dev"
	}
	return info.Main.Version
}

// noArguments refuses what a command does not take.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s takes no argument, %q was given", strings.TrimPrefix(c.Command.HelpName, "postern "), c.Args().First()).hint("see %s --help", c.Command.HelpName)
	}
	return nil
}
