package chromium

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
var errMissing = errors.New("Chromium's headless shell is not on this machine, and suites open pages in a real browser: install it, " +
	"on Debian with: apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core")

// find returns the path of a Chromium that needs no screen.
func find() (string, error) {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errMissing
}

// Install returns the folder of Chromium. Where it is missing, and the user is root on a machine with apt-get, it is
// installed, once; log tells so. Elsewhere the error says what to install.
func Install(ctx context.Context, log io.Writer) (string, error) {
	if path, err := find(); err == nil {
		return filepath.Dir(path), nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return "", errMissing
	}
	fmt.Fprintln(log, "installing Chromium with apt-get, once")
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "chromium-headless-shell", "fonts-dejavu-core"}} {
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
