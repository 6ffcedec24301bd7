package sidecar

import (
	"context"
	"io"

	"github.com/wildcast/wildcast/e2e/internal/debian"
)

var programs = debian.Programs{Names: []string{"nginx", "haproxy"}, Packages: []string{"nginx", "haproxy"}}

// Install returns the folder of nginx. Where it or HAProxy is missing, and the user is root on a machine with apt-get, they
// are installed, once; log tells so. Elsewhere the error says what to install.
func Install(ctx context.Context, log io.Writer) (string, error) { return programs.Install(ctx, log) }
