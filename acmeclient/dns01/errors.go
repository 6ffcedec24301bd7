package dns01

import (
	"fmt"
	"strings"
	"time"
)

// NoSolverError says that no solver's zones hold a name.
type NoSolverError struct {
	// Domain is the name.
	Domain string
	// Zones are those that there are solvers for.
	Zones []string
}

// Error says the remedy.
func (e *NoSolverError) Error() string {
	if len(e.Zones) == 0 {
		return fmt.Sprintf("no DNS-01 solver for %s: make one", e.Domain)
	}
	return fmt.Sprintf("no DNS-01 solver for %s: make one, or add the domain to the zones of one of those for %s",
		e.Domain, strings.Join(e.Zones, ", "))
}

// Missing is a TXT record that servers lack.
type Missing struct {
	// FQDN is the record's name, with a dot at the end.
	FQDN string
	// Servers are those that lack it, as "ns1.example.com. (192.0.2.1:53)", each with what it said instead.
	Servers []string
	// Create is the text with which an administrator has to create it; empty when its solver creates it.
	Create string
}

// NotVisibleError says that the TXT record did not become visible in time. Nobody has asked the CA to look for it.
type NotVisibleError struct {
	Missing
	// After is how long it was waited for.
	After time.Duration
}

// Error names the servers, and what to create.
func (e *NotVisibleError) Error() string {
	if e.Create != "" {
		return fmt.Sprintf("TXT record %s is missing; create it with the value %q. It was looked for at %s",
			e.FQDN, e.Create, strings.Join(e.Servers, "; "))
	}
	return fmt.Sprintf("TXT record %s is still not visible after %s at %s",
		e.FQDN, e.After.Round(time.Second), strings.Join(e.Servers, "; "))
}

// ProviderError is what the DNS provider, or the child that speaks to it, answered, without the solver's settings and
// without the challenge's secrets.
type ProviderError struct {
	// Solver and Provider name the settings.
	Solver, Provider string
	// Op is what was being done.
	Op string
	// Message is the provider's own text.
	Message string
}

// Error says who said what.
func (e *ProviderError) Error() string {
	return fmt.Sprintf("%s by DNS provider %s (solver %s): %s", e.Op, e.Provider, e.Solver, e.Message)
}
