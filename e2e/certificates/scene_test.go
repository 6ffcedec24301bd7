package certificates_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

// patience is how long anything may take that is bound to happen.
const patience = 90 * time.Second

// scene is one story: a stage whose zones, issuer, solver and namespaces carry the story's name, and a process.
type scene struct {
	*stage.Stage
	t        *testing.T
	ctx      context.Context
	w        *wildcast.Process
	status   string // where its status page is, if it has one
	barriers atomic.Int32
}

// open sets up a stage with the zone NAME.test and more of the caller's, an issuer NAME and a solver NAME-dns in the
// home namespace. Every namespace of the scene is selected for its certificates, unless the issuer says otherwise.
func open(t *testing.T, name string, o stage.Options, issuer map[string]string) *scene {
	t.Helper()
	s := openBare(t, name, o)
	keys := map[string]string{"sync": stage.Label + "=" + name}
	maps.Copy(keys, issuer)
	s.must(s.Issuer(s.ctx, stage.Home, name, keys))
	s.must(s.Solver(s.ctx, stage.Home, name+"-dns", nil))
	return s
}

// openBare is open without issuer and solver.
func openBare(t *testing.T, name string, o stage.Options) *scene {
	t.Helper()
	o.Zones = append([]string{name + ".test", "barrier-" + name + ".test"}, o.Zones...)
	opened, err := stage.Open(shared, name, o)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Stage: opened, t: t, ctx: t.Context()}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run starts the scene's process. It leads without a lease, which other suites are about: a machine that stands still for
// 12 s, as one with two cores and 1,500 Ingresses of a neighbour may, would end the process of any story.
func (s *scene) run(args ...string) {
	s.t.Helper()
	s.w = wildcast.New(s.t, shared, wildcast.Options{Args: append([]string{"--log-level=debug", "--leader-elect=false"}, args...)})
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// zone is the scene's own.
func (s *scene) zone() string { return s.Name + ".test" }

// host is a name in the scene's own zone.
func (s *scene) host(label string) string { return label + "." + s.zone() }

// shared is the name of the certificate for the wildcard of the scene's own zone.
func (s *scene) shared() types.NamespacedName { return home("wildcard." + s.zone()) }

func home(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: stage.Home, Name: name}
}

// namespace makes a namespace of the scene and returns its full name.
func (s *scene) namespace(name string, labels map[string]string) string {
	s.t.Helper()
	full := s.Name + "-" + name
	s.must(s.Namespace(s.ctx, full, labels))
	return full
}

// ingress makes an Ingress that opts in to the scene's issuer and asks for the Secret NAME-tls.
func (s *scene) ingress(namespace, name string, hosts []string, annotations map[string]string) {
	s.t.Helper()
	all := map[string]string{"wildcast.dev/issuer": s.Name}
	maps.Copy(all, annotations)
	s.must(s.Ingress(s.ctx, namespace, name, name+"-tls", hosts, all))
}

// exact is the annotation that asks for exactly these hosts.
var exact = map[string]string{"wildcast.dev/wildcard": "false"}

// until waits for what is bound to happen.
func (s *scene) until(what string, condition func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		s.t.Fatalf("waited in vain until %s: %v", what, err)
	}
}

func (s *scene) get(name types.NamespacedName) (*corev1.Secret, error) {
	return s.Kube.CoreV1().Secrets(name.Namespace).Get(s.ctx, name.Name, metav1.GetOptions{})
}

// stored returns a Secret that must be there.
func (s *scene) stored(name types.NamespacedName) *corev1.Secret {
	s.t.Helper()
	secret, err := s.get(name)
	s.must(err)
	return secret
}

// served waits until the Secret holds a certificate for exactly these names, checks it and returns it.
func (s *scene) served(namespace, name string, names ...string) leaf {
	s.t.Helper()
	return s.servedBy(s.CA, namespace, name, names...)
}

// servedBy is served by another CA than the scene's own.
func (s *scene) servedBy(ca *acmetest.CA, namespace, name string, names ...string) leaf {
	s.t.Helper()
	var found leaf
	s.until(fmt.Sprintf("%s/%s serves %s", namespace, name, names), func() error {
		secret, err := s.get(types.NamespacedName{Namespace: namespace, Name: name})
		if err != nil {
			return err
		}
		if found, err = readLeaf(secret, ca.Root()); err != nil {
			return err
		}
		if !slices.Equal(slices.Sorted(slices.Values(found.DNSNames)), slices.Sorted(slices.Values(names))) {
			return fmt.Errorf("it is for %s", found.DNSNames)
		}
		return nil
	})
	return found
}

// event waits for an Event about an object whose note has all the texts, and returns it.
func (s *scene) event(namespace, object, reason string, texts ...string) eventsv1.Event {
	s.t.Helper()
	var found eventsv1.Event
	s.until(fmt.Sprintf("%s/%s has Event %s with %q", namespace, object, reason, texts), func() error {
		events := s.events(namespace, object, reason)
		for _, found = range events {
			lacks := func(text string) bool { return !strings.Contains(found.Note, text) }
			if !slices.ContainsFunc(texts, lacks) {
				return nil
			}
		}
		return fmt.Errorf("it has %d of that reason, the last of which says %q", len(events), found.Note)
	})
	return found
}

func (s *scene) events(namespace, object, reason string) []eventsv1.Event {
	s.t.Helper()
	list, err := s.Kube.EventsV1().Events(namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
	s.must(err)
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.Name != object })
}

// orders are those made at the CA, each as its names joined by blanks, without those of barriers.
func (s *scene) orders() []string {
	var all []string
	for _, o := range s.CA.Orders() {
		if names := strings.Join(o.Names, " "); !strings.Contains(names, "barrier-") {
			all = append(all, names)
		}
	}
	return all
}

// ordered checks the orders made so far.
func (s *scene) ordered(want ...string) {
	s.t.Helper()
	if got := s.orders(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		s.t.Errorf("orders at the CA: %q, want %q", got, want)
	}
}

// noTXT waits until no challenge's record is left.
func (s *scene) noTXT() {
	s.t.Helper()
	s.until("no TXT record is left", func() error {
		if left := s.DNS.Records(); len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}
		return nil
	})
}

// barrier asks for a certificate of its own and waits for it: what the process was going to do because of anything that
// happened before, it has begun by then.
func (s *scene) barrier() {
	s.t.Helper()
	name := fmt.Sprintf("barrier-%d", s.barriers.Add(1))
	namespace := s.namespace(name, nil)
	host := fmt.Sprintf("%s.barrier-%s", name, s.zone())
	s.ingress(namespace, name, []string{host}, exact)
	s.served(namespace, name+"-tls", host)
}

// metric waits until the sum of a metric's series is as wanted.
func (s *scene) metric(want float64, name string, labels ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("metric %s %v is %v", name, labels, want), func() error {
		if got := s.sum(name, labels...); got != want {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

// metricAfter waits until a metric that is a time is later than this one.
func (s *scene) metricAfter(when time.Time, name string, labels ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("metric %s %v is after %s", name, labels, when), func() error {
		if got := s.sum(name, labels...); got < float64(when.Unix()) {
			return fmt.Errorf("it is %s", time.Unix(int64(got), 0))
		}
		return nil
	})
}

func (s *scene) sum(name string, labels ...string) float64 {
	s.t.Helper()
	metrics, err := s.w.Metrics(s.ctx)
	s.must(err)
	return metrics.Sum(name, labels...)
}

// change updates a Secret.
func (s *scene) change(name types.NamespacedName, how func(*corev1.Secret)) {
	s.t.Helper()
	s.until("Secret "+name.String()+" is changed", func() error {
		secret, err := s.get(name)
		if err != nil {
			return err
		}
		how(secret)
		_, err = s.Kube.CoreV1().Secrets(name.Namespace).Update(s.ctx, secret, metav1.UpdateOptions{})
		return err
	})
}
