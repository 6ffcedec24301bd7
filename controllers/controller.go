package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/controllers/loop"
)

// Config is what a Controller uses. All fields without a remark are required.
type Config struct {
	Kube       kubernetes.Interface
	Dynamic    dynamic.Interface                    // reads Gateways; nil: none are read
	Namespaces coreinformers.NamespaceIndexInformer // from NewNamespaces; run by the caller
	Solvers    Solvers
	Events     events.EventRecorder
	Log        *zap.Logger

	// Watched are the namespaces that are read, each by itself, Home among them. Nothing is done in one of them, nor
	// about what is asked for there, before Namespaces holds it; and it must hold it only when SyncedIn it is done.
	// Elsewhere nothing is seen. Empty: all.
	Watched []string
	// Unreadable is told when the API server forbids to read a watched namespace, again and again while it does. It must
	// not block. May be nil.
	Unreadable func(namespace string, err error)

	Home                   string // namespace of the shared certificates and of the issuers for the whole cluster
	DefaultIssuer          string // for kubernetes.io/tls-acme; may be empty
	CertManagerAnnotations bool   // also heed cert-manager's annotations of Ingresses
	UserAgent              string // towards CAs
	HTTP01                 HTTP01
	SolverPrograms         string // folder of the programs that a solver may run; empty: none

	// Changed is told each Secret for which the wish of Ingresses changed, see Requested, and the empty name in a
	// namespace of which all wishes have become known. It must not block. May be nil.
	Changed func(target types.NamespacedName)
}

// Solvers makes DNS-01 challenges answerable with the accounts that solver Secrets describe.
type Solvers interface {
	// Solver answers challenges with the given accounts. It calls waiting when DNS servers lack a record for long.
	Solver(settings []dns01.Settings, waiting dns01.Waiting) acmeclient.Solver
}

// Controller obtains and renews the certificates that Ingresses and Gateways ask for.
//
// Its loops share its caches. Ingresses and Gateways are turned into asks, with no request made. Issuers and solvers are checked, and
// issuers get their account. Certificates are compared with what is asked of them and, where they fall short, ordered.
// Every event, timer and failure only puts a name into one of the queues.
type Controller struct {
	kube    kubernetes.Interface
	solvers Solvers
	cas     *cas

	caches    *caches
	joined    *joined
	asks      *asks
	pages     pages
	turns     *turns
	ledger    *ledger
	places    *places
	contests  *contests
	obstacles sync.Map // names of certificates at which a Secret that is not ours may stand

	askerLoop       *loop.Loop[types.NamespacedName]
	issuerLoop      *loop.Loop[types.NamespacedName]
	solverLoop      *loop.Loop[types.NamespacedName]
	pageLoop        *loop.Loop[types.NamespacedName]
	standingLoop    *loop.Loop[types.NamespacedName]
	certificateLoop *loop.Loop[types.NamespacedName]
	handlers        map[string][]cache.DoneChecker // by namespace, as the caches are

	told    *told
	metrics *metrics
	log     *zap.Logger

	home                   string
	defaultIssuer          string
	certManagerAnnotations bool
	solverPrograms         string
	changed                func(types.NamespacedName)
	surveys                bool // accounts are those that are noted on issuers: see Survey
}

// New returns a Controller that does nothing yet.
func New(cfg Config) (*Controller, error) {
	caches, err := newCaches(cfg.Kube, cfg.Namespaces, cfg.Watched)
	if err == nil && cfg.Dynamic != nil {
		caches.readGateways(gatewaySource{cfg.Dynamic, cfg.Kube.Discovery()}, cfg.Log)
	}
	if err != nil {
		return nil, fmt.Errorf("set up caches: %w", err)
	}
	c := &Controller{
		kube:                   cfg.Kube,
		solvers:                cfg.Solvers,
		cas:                    newCAs(cfg.UserAgent),
		caches:                 caches,
		joined:                 newJoined(cfg.Watched),
		handlers:               map[string][]cache.DoneChecker{},
		asks:                   newAsks(),
		pages:                  newPages(cfg.HTTP01),
		turns:                  newTurns(),
		places:                 newPlaces(),
		contests:               newContests(),
		told:                   newTold(cfg.Events),
		metrics:                newMetrics(),
		log:                    cfg.Log,
		home:                   cfg.Home,
		defaultIssuer:          cfg.DefaultIssuer,
		certManagerAnnotations: cfg.CertManagerAnnotations,
		solverPrograms:         cfg.SolverPrograms,
		changed:                cfg.Changed,
	}
	c.ledger = newLedger(c.mayOrder)
	if c.changed == nil {
		c.changed = func(types.NamespacedName) {}
	}
	options := loop.Options{Log: cfg.Log}
	c.askerLoop = loop.New("askers", c.reconcileAsker, options)
	c.issuerLoop = loop.New("issuers", c.onceJoined(c.reconcileIssuer), options)
	c.solverLoop = loop.New("solvers", c.onceJoined(c.reconcileSolver), options)
	c.pageLoop = loop.New("pages", c.reconcilePage, options)
	c.standingLoop = loop.New("standing certificates", c.onceJoined(c.reconcileStanding), options)
	c.certificateLoop = loop.New("certificates", c.onceJoined(c.reconcileCertificate), options)
	if cfg.Unreadable != nil {
		err = c.caches.onForbidden(cfg.Unreadable)
	}
	return c, errors.Join(err, c.listen())
}

// Start runs the caches until ctx ends; wg waits for them. Every replica does this, so that a new leader is ready at once.
func (c *Controller) Start(ctx context.Context, wg *sync.WaitGroup) { c.caches.start(ctx, wg) }

// Synced are done when the caches have been read once and their content was handed to the queues. Of watched namespaces
// this is true of those that Namespaces holds then.
func (c *Controller) Synced() []cache.DoneChecker {
	return append(c.SyncedIn(metav1.NamespaceAll), c.caches.namespaces.HasSyncedChecker())
}

// SyncedIn are done when all that is in a watched namespace has been read once.
func (c *Controller) SyncedIn(namespace string) []cache.DoneChecker {
	done := slices.Clone(c.handlers[namespace])
	for _, informer := range c.caches.in(namespace) {
		done = append(done, informer.HasSyncedChecker())
	}
	return done
}

// Prepare waits for the caches and finds out what is asked for. Only then does Requested tell the truth. Only
// the leader calls it, once, before Run.
func (c *Controller) Prepare(ctx context.Context) error {
	if !cache.WaitFor(ctx, "", c.Synced()...) {
		return fmt.Errorf("waiting for caches: %w", context.Cause(ctx))
	}
	c.joinAll()
	return nil
}

// concurrency is how many certificates are looked at at once, beside those that wait for a CA: see places.
const concurrency = 64

// Run works until ctx ends. Orders in flight then have a while to end; it returns when the last has. Only the leader
// calls it, once, after Prepare.
func (c *Controller) Run(ctx context.Context) error {
	loops := map[*loop.Loop[types.NamespacedName]]int{
		c.askerLoop: 1, c.issuerLoop: 4, c.solverLoop: 1, c.pageLoop: 1, c.standingLoop: 1, c.certificateLoop: concurrency,
	}
	var wg sync.WaitGroup
	ended := make(chan error, len(loops))
	for l, workers := range loops {
		wg.Go(func() { ended <- l.Run(ctx, workers, c.Synced()...) })
	}
	wg.Wait()
	close(ended)
	var errs []error
	for err := range ended {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// grace is how long work in flight may go on after the stop signal. It is shorter than the 30 s that Kubernetes gives.
const grace = 10 * time.Second

// graced returns a context that ends a while after ctx, and before that only with its cancel function.
func graced(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}
