package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/statuspage"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// app is the controllers and what they share.
type app struct {
	namespaces   coreinformers.NamespaceIndexInformer
	certificates *controllers.Controller
	secrets      *syncer.Syncer
	configMaps   *syncer.Syncer
	reports      *reports
	leads        atomic.Bool // it works
	log          *zap.Logger
}

func newApp(o *options, clients *clients, recorder events.EventRecorder, solvers controllers.Solvers, log *zap.Logger) (*app, error) {
	a := &app{log: log, reports: newReports(o, log)}
	pages, err := o.http01()
	if err != nil {
		return nil, err
	}
	unreadable, err := a.watch(o, clients.kube)
	if err != nil {
		return nil, err
	}
	a.certificates, err = controllers.New(controllers.Config{
		Kube:                   clients.kube,
		Dynamic:                clients.dynamic,
		Namespaces:             a.namespaces,
		Watched:                o.watched(),
		Unreadable:             unreadable,
		Solvers:                solvers,
		Events:                 recorder,
		Log:                    log,
		Home:                   o.namespace,
		DefaultIssuer:          o.defaultIssuer,
		CertManagerAnnotations: o.certManagerAnnotations,
		UserAgent:              userAgent(),
		HTTP01:                 pages,
		SolverPrograms:         o.dns01ExecDir,
		Changed:                func(target types.NamespacedName) { a.secrets.Look(target) },
	})
	if err != nil {
		return nil, err
	}
	reflection := syncer.Config{
		Kind:              syncer.ConfigMaps,
		Clients:           clients.reflection(),
		Namespaces:        a.namespaces,
		WatchedNamespaces: o.watched(),
		Unreadable:        a.reports.unreadable,
		ClusterName:       o.clusterName,
		DeleteGrace:       o.deleteGrace,
		CopyMetadata:      syncer.CopyMetadata(o.copyMetadata),
		SourceNamespaces:  o.sourceNamespaces,
		Contexts:          contexts(o, log),
		Workers:           o.workers,
		Events:            recorder,
		Log:               log,
	}
	if a.configMaps, err = syncer.New(reflection); err != nil {
		return nil, err
	}
	reflection.Kind = syncer.Secrets
	reflection.Requests = requests{a.certificates}
	reflection.Known = a.certificates.Known
	reflection.Noticed = a.certificates.Noticed
	a.secrets, err = syncer.New(reflection)
	return a, err
}

// watch makes the informer of namespaces: of all, or of those that the flags name. What it returns is to be told when one
// of them cannot be read.
func (a *app) watch(o *options, kube kubernetes.Interface) (unreadable func(namespace string, err error), err error) {
	if len(o.namespaces) == 0 {
		a.namespaces, err = controllers.NewNamespaces(kube)
		return nil, err
	}
	watched, err := controllers.NewWatched(controllers.WatchedConfig{
		Kube:       kube,
		Home:       o.namespace,
		Names:      o.watched(),
		Ready:      func(namespace string) []cache.DoneChecker { return a.certificates.SyncedIn(namespace) },
		Unreadable: a.reports.unreadable,
	})
	a.namespaces = watched
	return func(namespace string, err error) {
		a.reports.unreadable(namespace, err)
		watched.GiveUp(namespace)
	}, err
}

// startCaches fills the caches, on every replica, so that a new leader need not. The function it returns ends them.
func (a *app) startCaches(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the work still uses them after the stop signal
	var wg sync.WaitGroup
	wg.Go(func() { a.namespaces.RunWithContext(ctx) })
	a.certificates.Start(ctx, &wg)
	wg.Go(func() { a.secrets.Start(ctx) })
	wg.Go(func() { a.configMaps.Start(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// statusEvery is how old the status page may be: however many look, caches are judged no more often.
const statusEvery = 5 * time.Second

func (a *app) startServers(o *options, status *lookout) (stop func(), err error) {
	for _, c := range []prometheus.Collector{a.certificates, a.secrets, a.configMaps} {
		if err := legacyregistry.Registerer().Register(c); err != nil {
			return nil, err
		}
	}
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", legacyregistry.Handler())
	var stops []func()
	stop = func() {
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	}
	for _, server := range []struct {
		name, address string
		handler       http.Handler
	}{
		{"metrics", o.metricsAddress, metrics},
		{"http01", o.http01Address, a.certificates.Pages()},
		{"health", o.healthAddress, healthHandler(a.ready)},
		{"status", o.statusAddress, statuspage.Handler(statuspage.NewSnapshots(status.look, statusEvery))},
	} {
		stopOne, err := serve(server.name, server.address, server.handler, a.log)
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, stopOne)
	}
	return stop, nil
}

// ready reports whether the caches are filled.
func (a *app) ready() bool {
	for _, checker := range slices.Concat(a.certificates.Synced(), a.secrets.Synced(), a.configMaps.Synced()) {
		if !cache.IsDone(checker) {
			return false
		}
	}
	return true
}

// work runs the controllers until ctx ends. The syncers begin only when it is known what all Ingresses and Gateways ask for,
// since that of Secrets removes copies that nobody asks for.
func (a *app) work(ctx context.Context) error {
	if err := a.certificates.Prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before there was any work
		}
		return err
	}
	a.leads.Store(true)
	defer a.leads.Store(false)
	all, ctx := errgroup.WithContext(ctx) // one that fails stops the others
	all.Go(func() error { return a.certificates.Run(ctx) })
	all.Go(func() error { return a.secrets.Run(ctx) })
	all.Go(func() error { return a.configMaps.Run(ctx) })
	return all.Wait()
}

// requests tells the syncer which copies Ingresses and Gateways ask for.
type requests struct{ certificates asked }

// asked is what a Controller, or a Survey, knows of Ingresses and Gateways.
type asked interface {
	Requested(target types.NamespacedName) []controllers.Ask
	RequestedOf(certificate types.NamespacedName) []types.NamespacedName
	Keeps(certificate, target types.NamespacedName) bool
}

// At returns the requests for the Secret of that name, the oldest asker first.
func (r requests) At(target types.NamespacedName) (out []syncer.Request) {
	for _, ask := range r.certificates.Requested(target) {
		out = append(out, syncer.Request{Source: ask.Certificate, Asker: ask.Object()})
	}
	return out
}

// Of returns the Secrets under which a copy of the source is requested.
func (r requests) Of(source types.NamespacedName) []types.NamespacedName {
	return r.certificates.RequestedOf(source)
}

// Keeps reports whether a copy that is there stays though nobody requests it.
func (r requests) Keeps(source, target types.NamespacedName) bool {
	return r.certificates.Keeps(source, target)
}
