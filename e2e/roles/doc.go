// Package roles is the suite of wildcast without any right in the whole cluster: the real program, with --namespaces and
// with the Roles of manifests/overlays/namespaces alone, on a real API server.
//
// It tells the story in short that the suites certificates and reflection tell at length, then what happens to namespaces
// that cannot be read, and plays the random game of package model with it.
package roles
