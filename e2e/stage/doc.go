// Package stage sets up what a story about wildcast needs: a CA and a DNS server in this process, an issuer and a solver
// that lead to them, and the real program under the shipped rights on a real control plane. The suites, the demo and
// the benchmarks are played on it.
//
// Everything that a stage makes in the cluster carries its name, and goes when the stage ends, so that stages can follow
// one another on the same control plane.
package stage
