package chromium

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"

	"github.com/wildcast/wildcast/e2e/internal/debian"
)

// shell is what is installed where there is no Chromium.
var shell = debian.Programs{Names: []string{"chromium-headless-shell"}, Packages: []string{"chromium-headless-shell", "fonts-dejavu-core"}}

// find returns the path of a Chromium that needs no screen.
func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return shell.Find()
}

// Install returns the folder of Chromium. Where it is missing, and the user is root on a machine with apt-get, it is
// installed, once; log tells so. Elsewhere the error says what to install.
func Install(ctx context.Context, log io.Writer) (string, error) {
	if path, err := find(); err == nil {
		return filepath.Dir(path), nil
	}
	return shell.Install(ctx, log)
}
