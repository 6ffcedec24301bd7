package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/wildcast/wildcast/controllers/loop"
)

// Context is a way into another cluster.
type Context struct {
	// Namespace is where copies go. Empty: into the namespace that the source is in at home.
	Namespace string
	// Revision differs whenever anything about the context does, credentials included.
	Revision string
	// Connect makes its clients. It makes no request.
	Connect func() (Clients, error)
}

// remote is the keeper of the copies in another cluster, and the demand for them: of sources that name its context. It
// has a queue, workers and a watch of its own, so that a cluster that cannot be reached delays nothing else. Whatever it
// does there, it does to objects whose annotation wildcast.dev/target names the context; so it matters to nobody if two
// contexts, or a context and the home cluster, turn out to be one place.
type remote struct {
	keeper
	namespace string
	revision  string
	stop      func() // and wait until all has ended

	mu      sync.Mutex
	heard   bool  // the server has answered a list or watch, or has failed to
	failure error // of the last list or watch
}

const (
	// requestsTake is how long a look at a target in another cluster may take, or a watch to begin.
	requestsTake = 15 * time.Second
	// remoteWorkers is how many targets in another cluster are worked on at a time: each has one copy of a source.
	remoteWorkers = 8
)

// newRemote makes the keeper of a context. One for which no client can be made fails at every target.
func (s *Syncer) newRemote(name string, c Context) *remote {
	r := &remote{namespace: c.Namespace, revision: c.Revision}
	in := s.policy
	in.at = scope{context: name}
	r.keeper = keeper{
		demand:   r,
		policy:   in,
		index:    newIndex(in.at, r.objectChanged, func(string) { r.lookEverywhere() }),
		sources:  s.sources,
		entered:  s.contexts.entered,
		contents: s.contents,
		requests: noRequests{},
		answered: r.note,
		limit:    requestsTake,
		events:   s.events,
		metrics:  s.metrics,
		log:      s.log.With(zap.String("context", name)),
	}
	r.kind = s.kind
	clients, err := c.Connect()
	if err != nil {
		r.heard, r.failure = true, unusable{err}
	} else {
		r.kind, r.metadata = kinds[Kind(s.kind.kind.Kind)](clients), clients.Metadata
	}
	r.loop = loop.New(r.kind.resource.Resource+"@"+name, r.reconcile, loop.Options{Log: r.log})
	return r
}

// unusable is why no client can be made for a context.
type unusable struct{ error }

// start works until ctx ends or stop is called.
func (r *remote) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	r.stop = func() {
		cancel()
		all.Wait()
	}
	if r.metadata != nil {
		all.Go(func() { r.watch(ctx, r.whole(), r.namespace, LabelOriginCluster+"="+LabelValue(r.policy.cluster)) })
	}
	all.Go(func() { _ = r.loop.Run(ctx, remoteWorkers) }) // fails only for caches, of which it is given none
	r.lookEverywhere()
}

// whole is the index, as one watch fills it.
func (r *remote) whole() part { return part{r.index, metav1.NamespaceAll} }

// reconcile makes the target what it should be, once it is known what is there.
func (r *remote) reconcile(ctx context.Context, target ref) (time.Duration, error) {
	if !cache.IsDone(r.whole()) {
		return r.await(target)
	}
	return r.keeper.reconcile(ctx, target)
}

// await tells those who want something at a target why they have to wait. All is looked at again once it is known what
// is there.
func (r *remote) await(target ref) (time.Duration, error) {
	v := view{target: target, wants: r.wants(target)}
	failure, _ := r.reached()
	if len(v.wants) == 0 || failure == nil {
		return r.settle(v, plan{}, nil)
	}
	return r.settle(v, plan{source: slices.MinFunc(v.wants, older)}, fmt.Errorf("list the copies that are there: %w", failure))
}

// note takes note of how a list or watch went. If that is news, what waits for it is looked at.
func (r *remote) note(ctx context.Context, _ string, err error) {
	if ctx.Err() != nil {
		return
	}
	if whole, ok := errors.AsType[*url.Error](err); ok {
		err = whole.Err // the address of a watch is long, and says nothing here
	}
	r.mu.Lock()
	news := err != nil && !r.heard || (r.failure == nil) != (err == nil)
	r.heard, r.failure = true, err
	r.mu.Unlock()
	switch {
	case news && err == nil:
		r.add(r.troubles.everywhere())
	case news && !cache.IsDone(r.whole()):
		r.lookEverywhere()
	}
}

// reached tells how the last list or watch went, and whether there was one.
func (r *remote) reached() (failure error, heard bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure, r.heard
}

// wants are the sources that name the context and whose copy has its place at the target.
func (r *remote) wants(target ref) []*object {
	var found []*object
	for _, o := range r.sources.sourcesNamed(target.Name) {
		if at, wanted := r.target(o); wanted && at == target {
			found = append(found, o)
		}
	}
	return found
}

// target is where the copy of a source belongs that names the context.
func (r *remote) target(o *object) (at ref, wanted bool) {
	if !o.is(roleSource) || o.rule == nil || !slices.Contains(o.rule.Contexts, r.policy.at.context) {
		return ref{}, false
	}
	return ref{Namespace: cmp.Or(r.namespace, o.Namespace), Name: o.rule.Name}, true
}

// room is assumed: namespaces are not read in other clusters, where that takes a right of its own.
func (r *remote) room(string) (opened, closed bool) { return true, false }

// remarks are none: what is in another cluster is for the wildcast there to judge.
func (r *remote) remarks(view) []saying { return nil }

// sourceChanged looks at where a source wanted its copy and wants it now, and where its copies are.
func (r *remote) sourceChanged(before, after *object) {
	for _, o := range []*object{before, after} {
		if !o.is(roleSource) {
			continue
		}
		r.add(r.index.copiesFrom(o.ref()))
		if at, wanted := r.target(o); wanted {
			r.add([]ref{at})
		}
	}
}

// objectChanged is told by the index.
func (r *remote) objectChanged(at ref, before, after *object) { r.add(r.noted(at, before, after)) }

func (r *remote) lookEverywhere() {
	for _, o := range r.sources.allSources() {
		if at, wanted := r.target(o); wanted {
			r.add([]ref{at})
		}
	}
	r.add(r.index.allCopies())
	r.add(r.troubles.everywhere())
}
