// Package reflection holds the suite of stories about copies of Secrets and ConfigMaps. They are played on a real control plane by the
// real program, which has the rights of the shipped ServiceAccount and no others; requests are counted where they
// arrive, in the API server's audit log.
//
// The stories follow one another on one control plane. Each has namespaces and names of its own, runs a wildcast of its
// own, and ends when the last of its copies has gone, so that none finds what another left.
package reflection
