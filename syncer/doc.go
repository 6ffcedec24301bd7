// Package syncer reflects Secrets and ConfigMaps: of each one that carries the annotation wildcast.dev/sync it keeps an
// exact copy in every namespace whose labels the annotation selects. There is a Syncer for each kind; they differ in how
// objects are read and written (kind.go), and share nothing.
//
// # Budget
//
// N copies take N writes and no reads; a start at which nothing has changed takes no write, and no read of any copy.
// The cache holds metadata only, and only of sources and copies, so that other people's objects cost nothing. A source's
// data is read live, once for each state of the source.
//
// # A look at a target
//
// The queue holds targets: the namespace and name where a copy is or should be. Any event becomes a look at the targets
// that it may concern (look.go), and a look starts from nothing:
//
//	gather  what should be here, what is here               memory   act.go
//	plan    keep, create, update, replace, remove, blocked  pure     copies.go
//	act     at most one write, two for replace              API      act.go
//
// If the plan cannot tell without data, it says so, and is made again once that has been read. What the API server
// answers to a write goes straight into the index, where the newer resourceVersion wins.
//
// # Ownership
//
// A copy is an object whose annotation wildcast.dev/origin names a source, whose wildcast.dev/target names the object
// itself, and whose label wildcast.dev/origin.cluster, if any, is this cluster's name or whose origin has the UID of a
// source here. A clone that somebody makes of a copy names another target than itself and is not touched; nor is a copy
// that another cluster's wildcast made here. Deletions carry the UID and the resourceVersion that were judged.
//
// Whatever else stands where a copy should be is left alone and reported, also a copy from which somebody took the two
// annotations. The annotation wildcast.dev/adopt hands it over, also another cluster's copy.
//
// # Kubed
//
// The annotation kubed.appscode.com/sync marks a source as kubed reads it, unless ours is there too, which decides then.
// Copies of such a source also carry kubed's labels and annotation. What kubed made is recognized by that annotation and
// by its name, the source's, and becomes our copy where its source selects the namespace: one PUT, no deletion. Elsewhere
// it cannot be told from a clone that somebody made, and is left alone.
//
// # When a source goes
//
// A source that loses its annotation, or no longer selects a namespace, loses its copies at once. One that is deleted
// loses them after a grace, so that one which is made again in the meantime finds them in place; the grace of one that
// was deleted while nobody watched begins with the start. A source whose annotations are invalid keeps them as they are; so
// does one that has none of the keys that it lists (keys.go).
//
// # Other clusters
//
// A source that names contexts is copied into other clusters too. There is a keeper for the home cluster, whose demand for
// copies are rules and Ingresses (demand.go), and one for each context (remote.go), with a queue, workers, and a watch of
// its own that the server restricts to copies from this cluster: a cluster that is slow or away delays no other. All
// keepers plan and act alike, and read sources from the same index. They follow the contexts as these change (contexts.go).
//
// On a copy in another cluster wildcast.dev/target begins with the context. So no wildcast there takes the copy for its
// own, whatever the clusters are called; and where two contexts, or a context and the home cluster, are one place, each
// keeper sees what the other made as somebody else's. Neither needs to know which servers are the same.
//
// # Changes by others
//
// Whether somebody changed a copy's data is learned from metadata.managedFields, which a metadata watch carries: see
// fields.go. Labels and annotations that others put on a copy stay; an update is a PUT over the metadata that is there.
// Who changes a copy again and again is not fought: see contest.go.
package syncer
