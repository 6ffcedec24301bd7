package bind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// errMissing says the remedy.
var errMissing = errors.New("BIND's named and nsupdate are not on this machine, and suites use real ones: install them, " +
	"on Debian and Ubuntu with: apt-get update && apt-get install -y --no-install-recommends bind9 bind9-dnsutils")

// find returns the path of named. Users other than root seldom have sbin in their PATH.
func find() (string, error) {
	if _, err := exec.LookPath("nsupdate"); err != nil {
		return "", errMissing
	}
	for _, name := range []string{"named", "/usr/sbin/named", "/usr/local/sbin/named"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errMissing
}

// Install returns the folder of named. Where it is missing, and the user is root on a machine with apt-get, it is
// installed, once; log tells so. Elsewhere the error says what to install.
func Install(ctx context.Context, log io.Writer) (string, error) {
	if path, err := find(); err == nil {
		return filepath.Dir(path), nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return "", errMissing
	}
	fmt.Fprintln(log, "installing BIND with apt-get, once")
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "bind9", "bind9-dnsutils"}} {
		apt := exec.CommandContext(ctx, "apt-get", args...)
		apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		apt.Stdout, apt.Stderr = log, log
		if err := apt.Run(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w; %w", args[0], err, errMissing)
		}
	}
	path, err := find()
	return filepath.Dir(path), err
}
