// Package wire is what the DNS child and its parent say to each other: one JSON object a line.
//
// The child speaks first, with a [Hello]. Then each [Request] on its standard input gets one [Reply] on its standard
// output, in any order. A request for [Stop] has no reply: it tells the child to take everything back and to exit.
// Standard input closing without it means that the parent has died: the child does the same a little later, since the
// CA may just then be looking at the records.
package wire

import "time"

// Operations of a Request.
const (
	// Present makes the challenge's TXT record.
	Present = "present"
	// CleanUp takes it away again.
	CleanUp = "cleanup"
	// Stop ends the child.
	Stop = "stop"
)

// Names of the environment variables that tell the child what to do, beside the provider's own settings.
const (
	// EnvProvider is lego's code of the provider.
	EnvProvider = "WILDCAST_DNS01_PROVIDER"
	// EnvNameservers are the resolvers for finding zones and CNAMEs, host:port, comma-separated; empty: the system's.
	EnvNameservers = "WILDCAST_DNS01_NAMESERVERS"
)

// Hello is the child's first line.
type Hello struct {
	// Error says why the provider's settings do not do; the child then exits.
	Error string `json:"error,omitempty"`
	// Sequential tells that the provider replaces a name's TXT records instead of adding to them.
	Sequential bool `json:"sequential,omitempty"`
	// Timeout is how long the provider's records may take to become visible, or 0 where the provider does not say.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Request asks for one operation. Domain, Token and KeyAuthorization are as lego's providers take them.
type Request struct {
	ID               uint64 `json:"id"`
	Op               string `json:"op"`
	Domain           string `json:"domain"`
	Token            string `json:"token"`
	KeyAuthorization string `json:"keyAuthorization"`
}

// Reply answers the request of the same ID. An empty Error means that it is done.
type Reply struct {
	ID    uint64 `json:"id"`
	Error string `json:"error,omitempty"`
}
