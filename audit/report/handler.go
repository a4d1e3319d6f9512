package report

import (
	"errors"

	"github.com/postern-ssh/postern/audit"
)

// Multi gives each record of the stream to all handlers in their order. One that
// fails does not keep the others from the record; the errors are joined.
func Multi(handlers ...audit.Handler) audit.Handler { return multi(handlers) }

type multi []audit.Handler

func (m multi) Begin(r *audit.Run) error {
	return m.each(func(h audit.Handler) error { return h.Begin(r) })
}

func (m multi) Host(host *audit.Host) error {
	return m.each(func(h audit.Handler) error { return h.Host(host) })
}

func (m multi) End(r *audit.Run, f *audit.Fleet) error {
	return m.each(func(h audit.Handler) error { return h.End(r, f) })
}

func (m multi) each(call func(audit.Handler) error) error {
	var errs []error
	for _, h := range m {
		if err := call(h); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
