package main

import (
	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
)

func schemaCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "schema",
		Category: aboutPostern,
		Usage:    "print the JSON Schema of --format json",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := s.out.Write(report.Schema())
			return err
		},
	}
}
