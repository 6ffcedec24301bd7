// Package wildcast runs the real program as a child process, as a cluster would: with the shipped
// ServiceAccount's rights, its own ports, client-go's cache mutation detector on, and its DNS program
// beside it.
//
//	w := wildcast.New(t, c, wildcast.Options{Args: []string{"--delete-grace=1s"}})
//	w.Kill()                  // as a node that loses its power
//	w.Restart(ctx)
//	before, err := w.Metrics(ctx)
//
// Both programs are built from this checkout, once for each process that asks, into the cache folder of
// package cluster. With WILDCAST_RACE=1 wildcast is built with the race detector, and a race that it finds
// makes the test fail.
package wildcast
