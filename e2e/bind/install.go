package bind

import (
	"context"
	"io"

	"github.com/wildcast/wildcast/e2e/internal/debian"
)

var programs = debian.Programs{Names: []string{"named", "nsupdate"}, Packages: []string{"bind9", "bind9-dnsutils"}}

// Install returns the folder of named. Where it is missing, and the user is root on a machine with apt-get, it is
// installed, once; log tells so. Elsewhere the error says what to install.
func Install(ctx context.Context, log io.Writer) (string, error) { return programs.Install(ctx, log) }
