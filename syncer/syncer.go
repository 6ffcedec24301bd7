package syncer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"

	"github.com/wildcast/wildcast/controllers/loop"
)

// Config is what a Syncer works with. Kind, Clients, Namespaces and Events are required.
type Config struct {
	Kind    Kind
	Clients Clients
	// Namespaces is shared with others, who run it. Names, UIDs, labels, deletionTimestamp and phase suffice.
	Namespaces coreinformers.NamespaceIndexInformer
	// Requests are the names under which Ingresses and Gateways ask for copies. Nil: none. It must know all of them before Run
	// is called, for copies that nobody asks for are removed.
	Requests Requests
	// Noticed is told of each object of the kind that appears, changes or goes, whosever it is, since the watch sees them all. The
	// empty name stands for any number of them, after all were listed anew. It must not block. Nil: nobody is told.
	Noticed func(types.NamespacedName)

	// ClusterName stands in the copies' label and tells them from those that the wildcast of another cluster made
	// here. Empty: no label.
	ClusterName string
	// WatchedNamespaces are the namespaces of which objects are watched, each by itself. Elsewhere nothing is seen, and
	// what is not seen is not taken for gone. Empty: all, in one watch.
	WatchedNamespaces []string
	// Unreadable is told when the API server forbids to list or watch the objects of a watched namespace, again and
	// again while it does. It must not block. Nil: nobody is told.
	Unreadable func(namespace string, err error)
	// Known reports whether it is known what Ingresses and Gateways in a namespace ask for; nothing is done there before. When it
	// has become known, [Syncer.Look] must be called. Nil: it is.
	Known func(namespace string) bool
	// SourceNamespaces are the namespaces whose objects may be sources. Empty: all.
	SourceNamespaces []string
	// DeleteGrace is for how long copies outlive a source that was deleted. Zero: not at all.
	DeleteGrace time.Duration
	// Contexts tells of the other clusters that sources may name. It is called every few seconds while Run runs; after an
	// error, and if one has no name, all stays as it was. It needs a ClusterName that no other cluster has. Nil: there are none.
	Contexts func() (map[string]Context, error)
	// CopyMetadata is CopySafe if empty.
	CopyMetadata CopyMetadata
	// Workers is how many targets are worked on at a time. Zero: 32.
	Workers int

	Events events.EventRecorder
	Log    *zap.Logger // nil: no log
}

// Request asks for a copy of a source at a target, beside the one under the source's own name. It counts only while
// the source selects the target's namespace.
type Request struct {
	Source types.NamespacedName
	// Asker gets an Event when the copy has been made: an Ingress or a Gateway. It may be nil.
	Asker *corev1.ObjectReference
}

// Requests tells what Ingresses and Gateways ask for. It answers from memory, and is called from several goroutines. After a change
// of its answers [Syncer.Look] must be called with the targets concerned.
type Requests interface {
	// At are the requests for the target.
	At(target types.NamespacedName) []Request
	// Of are the targets at which a copy of source is requested, in all namespaces.
	Of(source types.NamespacedName) []types.NamespacedName
	// Keeps reports whether a copy of source that is at the target stays and follows its source though nobody requests it: what
	// is requested in its place is not there yet, or one who cannot be read may request it. When that has ended,
	// [Syncer.Look] must be called.
	Keeps(source, target types.NamespacedName) bool
}

// Syncer reflects objects of one kind: it keeps in each namespace that a source selects an exact copy of the source.
//
// The key of its work is the target, the namespace and name where a copy is or should be. Whatever happens to sources,
// namespaces, Ingresses and copies becomes "look at this target again", and a look starts from nothing: what should be
// here, what is here. So each target has its own retries, and none waits for another.
type Syncer struct {
	keeper
	workers    int
	namespaces corelisters.NamespaceLister
	watched    []string // the namespaces, or one empty name for all
	unreadable func(namespace string, err error)
	known      func(namespace string) bool
	synced     []cache.DoneChecker
	leading    atomic.Bool
	contexts   contexts
}

// looksTake is how long a look may take: as long as an API server works at one request, unless it is told otherwise. Half
// of that is what a webhook may take that does not answer, and fails open.
const looksTake = time.Minute

// contentsKept is how many bytes of sources are kept between the writes of their copies.
const contentsKept = 16 << 20

// New makes a Syncer. An error says what is wrong with c, and the remedy.
func New(c Config) (*Syncer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Syncer{
		workers:    c.Workers,
		namespaces: corelisters.NewNamespaceLister(c.Namespaces.GetIndexer()),
		watched:    c.WatchedNamespaces,
		unreadable: c.Unreadable,
		known:      c.Known,
	}
	s.contexts.read = c.Contexts
	s.keeper = keeper{
		demand:   s,
		kind:     kinds[c.Kind](c.Clients),
		entered:  s.contexts.entered,
		policy:   policy{cluster: c.ClusterName, metadata: c.CopyMetadata, grace: c.DeleteGrace},
		metadata: c.Clients.Metadata,
		index:    newIndex(scope{namespaces: c.SourceNamespaces}, s.objectChanged, s.refilled),
		requests: c.Requests,
		answered: s.tried,
		limit:    looksTake,
		metrics:  newMetrics(c.Kind),
		events:   c.Events,
		log:      c.Log,
	}
	s.index.noticed = c.Noticed
	s.index.parted = s.parted
	s.sources = s.index
	s.contents = newContents(contentsKept, s.kind.read)
	s.index.reverted = s.contents.clear
	s.loop = loop.New(s.kind.resource.Resource, s.reconcile, loop.Options{Log: c.Log})
	registration, err := c.Namespaces.AddTypedEventHandler(s.namespaceHandler())
	if err != nil {
		return nil, fmt.Errorf("listen to namespaces: %w", err)
	}
	if len(s.watched) == 0 {
		s.watched = []string{metav1.NamespaceAll}
	}
	s.index.divide(s.watched)
	s.synced = []cache.DoneChecker{registration.HasSyncedChecker()}
	for _, namespace := range s.watched {
		s.synced = append(s.synced, part{s.index, namespace})
	}
	return s, nil
}

func (c *Config) complete() error {
	if c.Contexts != nil && c.ClusterName == "" {
		return errors.New("copies in other clusters have to say where they come from: give this cluster a name")
	}
	if kinds[c.Kind] == nil {
		return fmt.Errorf("kind %q: give %s or %s", c.Kind, Secrets, ConfigMaps)
	}
	if c.CopyMetadata == "" {
		c.CopyMetadata = CopySafe
	}
	if c.Workers == 0 {
		c.Workers = 32
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Requests == nil {
		c.Requests = noRequests{}
	}
	if c.Noticed == nil {
		c.Noticed = func(ref) {}
	}
	if c.Unreadable == nil {
		c.Unreadable = func(string, error) {}
	}
	if c.Known == nil {
		c.Known = func(string) bool { return true }
	}
	if wrong := validation.IsValidLabelValue(LabelValue(c.ClusterName)); len(wrong) > 0 {
		return fmt.Errorf("cluster name %q cannot be the value of a label: %s", c.ClusterName, strings.Join(wrong, "; "))
	}
	switch c.CopyMetadata {
	case CopyAll, CopySafe, CopyNone:
	default:
		return fmt.Errorf("copy metadata %q: give %s, %s or %s", c.CopyMetadata, CopyAll, CopySafe, CopyNone)
	}
	if c.DeleteGrace < 0 {
		return errors.New("delete grace is negative: give 0 to remove copies at once")
	}
	return nil
}

type noRequests struct{}

func (noRequests) At(ref) []Request    { return nil }
func (noRequests) Of(ref) []ref        { return nil }
func (noRequests) Keeps(_, _ ref) bool { return false }

// Synced are done once all sources, copies and namespaces are known, but those in watched namespaces that the API server
// forbids to read.
func (s *Syncer) Synced() []cache.DoneChecker { return s.synced }

// Start watches, on every replica, and returns when ctx has ended.
func (s *Syncer) Start(ctx context.Context) {
	var running sync.WaitGroup
	for _, namespace := range s.watched {
		running.Go(func() { s.watch(ctx, part{s.index, namespace}, namespace, "") })
	}
	running.Wait()
}

// tried takes note of the outcome of reading a namespace.
func (s *Syncer) tried(_ context.Context, namespace string, err error) {
	if namespace != metav1.NamespaceAll && apierrors.IsForbidden(err) {
		s.index.fills[namespace].settle()
		s.unreadable(namespace, err)
	}
}

// Run does the work, on the leader, until ctx ends, and returns when its workers have returned, which have 10 s for what
// they have begun. It may run once. It returns an error only if ctx ended before everything was known.
func (s *Syncer) Run(ctx context.Context) error {
	if !cache.WaitFor(ctx, "", s.synced...) {
		return fmt.Errorf("syncer: waiting for caches: %w", context.Cause(ctx))
	}
	s.leading.Store(true)
	defer s.leading.Store(false)
	follow := s.enterContexts(ctx)
	s.lookEverywhere()
	var abroad sync.WaitGroup
	defer abroad.Wait()
	abroad.Go(follow)
	return s.loop.Run(ctx, s.workers)
}
