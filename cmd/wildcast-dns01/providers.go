package main

import (
	_ "embed"
	"slices"
	"strings"
)

// providers are the codes that lego knows, one a line, less manual: a solver must not wait for a person. The parent
// decides whether exec may be used. lego has no list of its own; a test keeps this one in step.
//
//go:embed providers.txt
var providers string

func offered(provider string) bool {
	return slices.Contains(strings.Fields(providers), provider)
}
