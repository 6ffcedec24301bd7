package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/pager"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// scene is all that a command shows, read once. Of wildcast's own Secrets, its issuers, solvers, orders and certificates,
// the whole is read, since their state is in it; of all others metadata alone, a page at a time.
type scene struct {
	report.Scene
	namespaces []*corev1.Namespace
	objects    controllers.Objects
	hidden     []string         // what may not be read, and so does not count
	absent     []report.Problem // namespaces in which wildcast is to work, and which do not exist
	guessed    string           // home namespace, if nothing shows that it is the one
}

// look reads the scene.
func (v *visit) look(ctx context.Context) (*scene, error) {
	s := &scene{Scene: report.Scene{Now: time.Now(), Namespace: v.chosen(), Warnings: map[report.Object]string{}}}
	if err := v.readNamespaces(ctx, s); err != nil {
		return nil, err
	}
	if err := v.readObjects(ctx, s); err != nil {
		return nil, err
	}
	s.objects.Namespaces = s.namespaces
	var err error
	s.Certificates, err = controllers.NewSurvey(controllers.Config{
		Home: v.run.namespace, DefaultIssuer: v.run.defaultIssuer, CertManagerAnnotations: v.run.certManagerAnnotations, SolverPrograms: v.run.dns01ExecDir,
	}, s.objects, false)
	if err != nil {
		return nil, err
	}
	s.Copies = map[syncer.Kind]*syncer.Survey{}
	for _, kind := range []syncer.Kind{syncer.Secrets, syncer.ConfigMaps} {
		if s.Copies[kind], err = v.survey(ctx, kind, s); err != nil {
			return nil, err
		}
	}
	if v.lost && s.Running.Leader == "" {
		s.guessed = v.run.namespace
	}
	return s, meet(ctx, v.kube, &s.Scene, s.Copies[syncer.Secrets].Foreign)
}

// pageSize is how many objects are read at a time.
const pageSize = 500

// each lists objects page by page.
func each[T any](ctx context.Context, o metav1.ListOptions, list func(context.Context, metav1.ListOptions) (runtime.Object, error), take func(T)) error {
	pages := pager.New(list)
	pages.PageSize = pageSize
	return pages.EachListItem(ctx, o, func(object runtime.Object) error {
		if taken, ok := object.(T); ok {
			take(taken)
		}
		return nil
	})
}

// tolerated lets pass that something may not be read which the command can do without, and notes it.
func (s *scene) tolerated(err error, what string) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	s.hidden = append(s.hidden, what)
	return nil
}

func (v *visit) forbidden(what string, err error) error {
	if apierrors.IsForbidden(err) {
		remedy := "the ClusterRole wildcast-viewer of manifests/viewer has the rights that it takes"
		if v.chosen() == "" {
			remedy += ", or choose a namespace with -n"
		}
		return fmt.Errorf("list %s: %w; %s", what, err, remedy)
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	return nil
}

// readNamespaces reads the labels of all namespaces, or those of some by their names.
func (v *visit) readNamespaces(ctx context.Context, s *scene) error {
	resource := v.metadata.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
	take := func(m *metav1.PartialObjectMetadata) {
		s.namespaces = append(s.namespaces, &corev1.Namespace{ObjectMeta: m.ObjectMeta})
	}
	scope := v.scope()
	if scope[0] == metav1.NamespaceAll {
		return v.forbidden("namespaces", each(ctx, metav1.ListOptions{}, listing(resource), take))
	}
	for _, name := range scope {
		n, err := resource.Get(ctx, name, metav1.GetOptions{})
		switch {
		case err == nil:
			take(n)
		case apierrors.IsNotFound(err) && name == v.chosen():
			return fmt.Errorf("there is no namespace %s", name)
		case apierrors.IsNotFound(err) && v.must(name):
			s.absent = append(s.absent, unreadable(name, newReports(&v.run, nil).remedy(name, err)))
		case !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err):
			return fmt.Errorf("read namespace %s: %w", name, err)
		default:
			s.hidden = append(s.hidden, "the labels of namespace "+name)
		}
	}
	return nil
}

func listing(r metadata.ResourceInterface) func(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return r.List(ctx, o) }
}

// readObjects reads what certificates depend on.
func (v *visit) readObjects(ctx context.Context, s *scene) error {
	var mu sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	read := func(namespace, what string, list func(context.Context) error) {
		all.Go(func() error {
			err := list(ctx)
			mu.Lock()
			defer mu.Unlock()
			if !v.must(namespace) {
				err = s.tolerated(err, what+" in namespace "+namespace)
			}
			return v.forbidden(what, err)
		})
	}
	for _, namespace := range v.scope() {
		for _, only := range []metav1.ListOptions{
			{FieldSelector: "type=" + string(controllers.TypeIssuer)}, {FieldSelector: "type=" + string(controllers.TypeSolver)},
			{FieldSelector: "type=" + string(controllers.TypeOrder)}, {LabelSelector: controllers.LabelManaged + "=true"},
		} {
			read(namespace, "secrets", func(ctx context.Context) error {
				return each(ctx, only, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
					return v.kube.CoreV1().Secrets(namespace).List(ctx, o)
				}, collect(&mu, &s.objects.Secrets))
			})
		}
		read(namespace, "configmaps", func(ctx context.Context) error {
			return each(ctx, metav1.ListOptions{LabelSelector: controllers.LabelCertificate + "=true"},
				func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
					return v.kube.CoreV1().ConfigMaps(namespace).List(ctx, o)
				}, collect(&mu, &s.objects.ConfigMaps))
		})
		read(namespace, "ingresses", func(ctx context.Context) error {
			return each(ctx, metav1.ListOptions{},
				func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
					return v.kube.NetworkingV1().Ingresses(namespace).List(ctx, o)
				}, collect(&mu, &s.objects.Ingresses))
		})
		for _, versions := range controllers.GatewayVersions() {
			all.Go(func() error {
				err := v.readGateways(ctx, versions, namespace, collect(&mu, &s.objects.Gateways))
				mu.Lock()
				defer mu.Unlock()
				if apierrors.IsForbidden(err) {
					s.objects.Unread = append(s.objects.Unread, controllers.UnreadGateways{Resource: versions[0].GroupResource(), Namespace: namespace, Err: err})
				}
				return s.tolerated(err, "Gateways")
			})
		}
		all.Go(func() error { return v.readWarnings(ctx, namespace, s, &mu) })
	}
	all.Go(func() (err error) {
		if v.alone { // a Lease that is there is an earlier process's
			s.Running = report.Running{Unknown: "wildcast runs without leader election"}
			return nil
		}
		s.Running, err = readLease(ctx, v.kube, v.run.namespace)
		return err
	})
	return all.Wait()
}

// collect returns a function that appends to a list, from any goroutine.
func collect[T any](mu *sync.Mutex, to *[]T) func(T) {
	return func(o T) {
		mu.Lock()
		defer mu.Unlock()
		*to = append(*to, o)
	}
}

// readGateways reads the Gateways of a kind in a namespace, in the version that wildcast would.
func (v *visit) readGateways(ctx context.Context, versions []schema.GroupVersionResource, namespace string, take func(*unstructured.Unstructured)) error {
	for _, version := range versions {
		err := each(ctx, metav1.ListOptions{}, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return v.dynamic.Resource(version).Namespace(namespace).List(ctx, o)
		}, take)
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// readWarnings reads wildcast's last warnings about objects. Whoever may not read Events does without.
func (v *visit) readWarnings(ctx context.Context, namespace string, s *scene, mu *sync.Mutex) error {
	latest := map[report.Object]time.Time{}
	err := each(ctx, metav1.ListOptions{FieldSelector: "type=Warning,reportingController=" + reportingController},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return v.kube.EventsV1().Events(namespace).List(ctx, o)
		},
		func(e *eventsv1.Event) {
			about := report.Object{Kind: e.Regarding.Kind, Namespace: e.Regarding.Namespace, Name: e.Regarding.Name}
			at := e.EventTime.Time
			if e.Series != nil {
				at = e.Series.LastObservedTime.Time
			}
			if at.Before(latest[about]) {
				return
			}
			latest[about] = at
			mu.Lock()
			defer mu.Unlock()
			s.Warnings[about] = e.Note
		})
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// readLease finds out who leads.
func readLease(ctx context.Context, kube kubernetes.Interface, namespace string) (report.Running, error) {
	lease, err := kube.CoordinationV1().Leases(namespace).Get(ctx, leaseName, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return report.Running{Unknown: "the Lease may not be read"}, nil
	case apierrors.IsNotFound(err):
		return report.Running{Unknown: "there is no Lease: wildcast has not run here, or runs without leader election"}, nil
	case err != nil:
		return report.Running{}, fmt.Errorf("read lease %s: %w", leaseName, err)
	}
	var running report.Running
	if lease.Spec.HolderIdentity != nil {
		running.Leader = *lease.Spec.HolderIdentity
	}
	if lease.Spec.RenewTime != nil {
		running.Renewed = lease.Spec.RenewTime.UTC().Truncate(time.Second)
	}
	return running, nil
}

// survey reads the metadata of all objects of a kind.
func (v *visit) survey(ctx context.Context, kind syncer.Kind, s *scene) (*syncer.Survey, error) {
	cfg := syncer.Config{
		Kind: kind, Clients: syncer.Clients{Kube: v.kube}, ClusterName: v.run.clusterName, CopyMetadata: syncer.CopyMetadata(v.run.copyMetadata), SourceNamespaces: v.run.sourceNamespaces,
	}
	if kind == syncer.Secrets {
		cfg.Requests = requests{s.Certificates}
	}
	scope := v.scope()
	if scope[0] != metav1.NamespaceAll {
		cfg.WatchedNamespaces = scope
	}
	survey, err := syncer.NewSurvey(cfg, s.namespaces)
	if err != nil {
		return nil, err
	}
	resource := survey.Resource()
	for _, namespace := range scope {
		err := each(ctx, metav1.ListOptions{FieldSelector: survey.FieldSelector()}, listing(v.metadata.Resource(resource).Namespace(namespace)), survey.Take)
		if !v.must(namespace) && apierrors.IsForbidden(err) {
			continue // noted already, and not filled: what is not seen is not gone
		}
		if err := v.forbidden(resource.Resource, err); err != nil {
			return nil, err
		}
		if err := survey.Fill(namespace); err != nil {
			return nil, err
		}
	}
	return survey, survey.Read(ctx)
}

// meet shows the survey Secrets that stand where certificates should be and are not wildcast's, as wildcast looks before it
// orders. It looks where that is worthwhile.
func meet(ctx context.Context, kube kubernetes.Interface, s *report.Scene, worthwhile func(types.NamespacedName) bool) error {
	for _, state := range s.Certificates.Certificates(s.Now) {
		if state.Want == nil || state.Have != nil || !worthwhile(state.Name) {
			continue
		}
		secret, err := kube.CoreV1().Secrets(state.Name.Namespace).Get(ctx, state.Name.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read secret %s: %w", state.Name, err)
		}
		if err := s.Certificates.Meet(secret); err != nil {
			return err
		}
	}
	return nil
}
