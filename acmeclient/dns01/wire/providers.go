package wire

import (
	_ "embed"
	"slices"
	"strings"
)

// Providers are the codes that lego knows, one a line, less manual: a solver must not wait for a person. The parent
// decides whether exec may be used. lego has no list of its own; a test of the child keeps this one in step.
//
//go:embed providers.txt
var Providers string

// Offered reports whether the child has the provider.
func Offered(provider string) bool {
	return slices.Contains(strings.Fields(Providers), provider)
}

// Alike are the codes of providers that begin as this one does: those that share most of its letters, three at least.
func Alike(provider string) (codes []string) {
	for n := len(provider); n >= 3 && len(codes) == 0; n-- {
		for _, code := range strings.Fields(Providers) {
			if strings.HasPrefix(code, provider[:n]) {
				codes = append(codes, code)
			}
		}
	}
	return codes
}
