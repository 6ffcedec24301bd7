// Package bind runs BIND, Debian's named, as the authoritative servers of a story's zones: RFC 2136 updates by a server
// that wildcast's authors did not write, with TSIG keys, journals and zone transfers.
//
//	b, err := bind.Start(ctx, bind.Options{Zones: []string{"a.test"}, Dir: t.TempDir(), Secondary: true})
//	env := b.SolverEnv()          // for lego's provider rfc2136
//	err = b.Transfer()            // until then the secondary lacks what was updated
//
// named comes from the machine. Nothing is skipped where it is missing: Start fails and says what to install, and
// Install, which "make e2e" calls, installs it where it may.
package bind
