package report

import (
	"errors"
	"io"

	"github.com/postern-ssh/postern/audit"
)

// collect keeps the whole stream in memory, in the order in which it came, without
// the snapshots and facts, which live only during the call. Fleet is nil until the
// run ended.
type collect struct {
	Run   *audit.Run
	Hosts []*audit.Host
	Fleet *audit.Fleet
}

// Begin keeps the run.
func (c *collect) Begin(r *audit.Run) error {
	c.Run = r
	return nil
}

// Host keeps the host.
func (c *collect) Host(h *audit.Host) error {
	kept := *h
	kept.Snapshot, kept.Facts = nil, nil
	c.Hosts = append(c.Hosts, &kept)
	return nil
}

// End keeps the run as it ended and the fleet.
func (c *collect) End(r *audit.Run, f *audit.Fleet) error {
	c.Run, c.Fleet = r, f
	return nil
}

// readAll keeps a saved run whole. On [ErrIncomplete] the hosts read so far are
// returned beside the error.
func readAll(r io.Reader) (*collect, error) {
	var c collect
	err := Replay(r, &c)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return nil, err
	}
	return &c, err
}
