package syncer

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/events"

	"github.com/wildcast/wildcast/controllers/loop"
)

// keeper keeps the copies in one cluster as they should be: it looks at targets (act.go), and remembers what it met there.
// What should be there is the business of its demand.
type keeper struct {
	demand   demand
	kind     kind // reads and writes there
	policy   policy
	metadata metadata.Interface        // watches there, and reads what is in the way
	index    *index                    // of what is there
	sources  *index                    // where sources are: the same in the home cluster
	entered  func(context string) bool // tells whether a context is known; nil where that is not known
	contents *contents
	requests Requests
	answered func(ctx context.Context, namespace string, err error) // is told how each list and watch went
	limit    time.Duration                                          // of a look

	loop     *loop.Loop[ref]
	lost     sync.Map // ref → struct{}: copies that somebody removed, or that kubed wrote over
	contests contests
	waves    waves
	troubles troubles
	kubed    hourly[ref] // sources whose copies kubed wrote over
	wide     hourly[pair]

	events  events.EventRecorder
	metrics metrics
	log     *zap.Logger
}

// demand is what should be in a cluster. It answers from memory.
type demand interface {
	// wants are the sources of which a copy should be at the target.
	wants(target ref) []*object
	// room tells whether copies can be made in a namespace, and whether it has opted out.
	room(namespace string) (open, shut bool)
	// remarks are what is to be said about a target, whatever the plan for it.
	remarks(v view) []saying
}

// stopGrace is how long a look may go on after the stop signal. It is shorter than the 30 s that Kubernetes gives.
const stopGrace = 10 * time.Second

// inTime is the context of a look. One that has begun outlives ctx for a while, since between a deletion and a creation
// there is no copy. One that the API server leaves without an answer ends at the limit, for it keeps a worker.
func inTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })
	return look, func() { forget(); cancel() }
}

// add has targets looked at.
func (k *keeper) add(targets []ref) {
	for _, t := range targets {
		if k.index.at(t).is(roleCopy) && len(k.demand.wants(t)) == 0 {
			k.loop.AddUrgent(t) // a copy that has to go does not wait for those that have to come
		} else {
			k.loop.Add(t)
		}
	}
}

// noted takes note of a change that the index tells of, and gives the targets that it concerns, apart from those of a
// source.
func (k *keeper) noted(at ref, before, after *object) []ref {
	if before == nil && after == nil {
		found := k.troubles.endedBy(at)
		if len(k.demand.wants(at)) > 0 {
			found = append(found, at) // a look may be meeting it now, and have no trouble with it yet
		}
		return found
	}
	if before.is(roleCopy) && (after == nil || after.is(roleKubed)) {
		k.lost.Store(at, struct{}{})
	}
	if after != nil {
		return []ref{at}
	}
	return append(k.troubles.endedBy(at), at)
}
