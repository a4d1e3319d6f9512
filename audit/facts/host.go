package facts

import (
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

func (b *builder) host() {
	h := &b.f.Host
	h.Name, h.Labels = b.opt.Name, b.opt.Labels
	if h.Labels == nil {
		h.Labels = map[string]string{}
	}
	h.Source, h.Privilege = string(b.snap.Source), string(b.snap.Privilege)
	if !b.snap.HostClock.IsZero() {
		h.ClockSkew = int64(b.snap.HostClock.Sub(b.snap.Start).Round(time.Second) / time.Second)
	} else {
		b.unknown("host.clock_offset", "the host's clock was not seen")
	}
	id, missing := b.identity()
	if missing != "" {
		b.unknown("host.hostname", missing)
		b.unknown("host.boot_id", missing)
	}
	h.Hostname, h.BootID = id["hostname"], id["boot-id"]
	if h.BootID == "" {
		b.unknown("host.boot_id", "no running kernel was seen")
	}
	b.release()
	switch pid1 := id["pid1"]; {
	case pid1 != "":
		h.Systemd = pid1 == "systemd"
	case b.fs.resolve("/run/systemd/system") != nil:
		h.Systemd = true
	default:
		b.unknown("host.systemd", "process 1 was not seen")
	}
}

// identity is the collector's list of KEY=VALUE lines.
func (b *builder) identity() (map[string]string, string) {
	if b.id != nil {
		return b.id, b.idLacks
	}
	data, missing := b.whole(snapshot.OutIdentity)
	id := map[string]string{}
	lines(data, func(line string) {
		if k, v, ok := strings.Cut(line, "="); ok {
			id[k] = v
		}
	})
	b.id, b.idLacks = id, missing
	return id, missing
}

// release reads os-release(5).
func (b *builder) release() {
	data, ok := b.fs.read("/etc/os-release")
	if !ok {
		data, ok = b.fs.read("/usr/lib/os-release")
	}
	if !ok {
		r := b.why("/etc/os-release")
		if r == "" {
			r = "the host has no os-release"
		}
		b.unknown("host.os", r)
		b.unknown("host.version", r)
		return
	}
	lines(data, func(line string) {
		k, v, _ := strings.Cut(line, "=")
		v = strings.Trim(strings.TrimSpace(v), `"'`)
		switch k {
		case "ID":
			b.f.Host.OS = v
		case "VERSION_ID":
			b.f.Host.Version = v
		}
	})
}
