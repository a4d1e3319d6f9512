package main

import (
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/inventory"
)

type panics struct{}

func (panics) Snapshot(context.Context) (*snapshot.Snapshot, error) { panic("a\x1b[2Jparser") }

// TestFactsOfPanic: one host that brings a parser down does not end the others.
func TestFactsOfPanic(t *testing.T) {
	c := cli.NewContext(nil, flag.NewFlagSet("facts", flag.ContinueOnError), nil)
	line := factsOf(c, audit.Target{Host: inventory.Host{Name: "web1"}, Source: panics{}})
	if line.Host != "web1" || line.Facts != nil || !strings.Contains(line.Error, "web1: postern failed") || strings.Contains(line.Error, "\x1b") {
		t.Errorf("%+v", line)
	}
}
