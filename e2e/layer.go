//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// layered puts a layer for each entry of packages (Debian package names,
// separated by spaces) on top of the image, built by apt if the cache does not
// hold it. A layer builds on those before it, since dpkg's own database is a
// file of each.
func layered(base image, packages []string) (image, error) {
	for _, names := range packages {
		names = strings.Join(strings.Fields(names), " ")
		if names == "" || strings.HasPrefix(names, "-") || strings.Contains(names, " -") {
			return image{}, fmt.Errorf("layer %q: want Debian package names, separated by spaces", names)
		}
		key := cacheKey(base.key, layerScript, names)
		dir, err := cached("layer-"+key, func(tmp string) error {
			return buildLayer(tmp, base, names)
		})
		if err != nil {
			return image{}, fmt.Errorf("layer %q: %w", names, err)
		}
		base = image{lower: append([]string{filepath.Join(dir, "upper")}, base.lower...), key: key}
	}
	return base, nil
}

// layerScript runs chrooted into the layer's merged view, with package names
// as its arguments. policy-rc.d keeps maintainer scripts from starting daemons
// on the machine.
const layerScript = `set -e
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d`

func buildLayer(tmp string, base image, names string) (err error) {
	for _, d := range []string{"upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(tmp, d), 0o755); err != nil {
			return err
		}
	}
	merged := filepath.Join(tmp, "merged")
	if err := mountOverlay(base.lower, filepath.Join(tmp, "upper"), filepath.Join(tmp, "work"), merged); err != nil {
		return err
	}
	defer func() {
		if e := unix.Unmount(merged, unix.MNT_DETACH); e != nil && err == nil {
			err = fmt.Errorf("unmount %s: %w", merged, e)
		}
		os.RemoveAll(filepath.Join(tmp, "work"))
		os.Remove(merged)
	}()
	if err := unix.Mount("proc", filepath.Join(merged, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	defer unix.Unmount(filepath.Join(merged, "proc"), unix.MNT_DETACH)
	// The machine's name servers, by a mount: the layer must not keep them.
	resolv := filepath.Join(merged, "etc/resolv.conf")
	if err := unix.Mount("/etc/resolv.conf", resolv, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("lend the machine's resolv.conf: %w", err)
	}
	defer unix.Unmount(resolv, unix.MNT_DETACH)

	options, err := machineAptOptions()
	if err != nil {
		return err
	}
	conf := filepath.Join(merged, "etc/apt/apt.conf.d/00machine")
	var text strings.Builder
	for _, o := range options {
		text.WriteString(o + ";\n")
	}
	if err := os.WriteFile(conf, []byte(text.String()), 0o644); err != nil {
		return err
	}
	defer os.Remove(conf)

	cmd := onMachineNetwork("chroot", append([]string{merged, "/bin/sh", "-c", layerScript, "sh"}, strings.Fields(names)...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	return runLogged(cmd)
}

// mountOverlay mounts lower directories (topmost first) under one upper.
func mountOverlay(lower []string, upper, work, at string) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), upper, work)
	if err := unix.Mount("overlay", at, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount overlay at %s (%s): %w", at, options, err)
	}
	return nil
}
