package gateways

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/definitions"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var (
	shared  *cluster.Cluster
	stories int // so far
)

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

// patience is how long anything may take that is bound to happen.
const patience = 2 * time.Minute

// scene is a stage with a wildcast under the shipped rights. Namespaces with the label NAME=yes are selected for the
// certificates of its issuer, which is called as the scene is.
type scene struct {
	*testing.T
	*stage.Stage
	w     *wildcast.Process
	began time.Time
	n     int // barriers so far

	withdrawn bool // a right was taken from wildcast
}

// open begins a story for the zone NAME.test, with these kinds of Gateways installed and no others.
func open(t *testing.T, name string, installed ...definitions.Definition) *scene {
	t.Helper()
	stories++
	name = fmt.Sprint(name, "-", stories) // also when a test runs again
	st, err := stage.Open(shared, name, stage.Options{Zones: []string{name + ".test"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, Stage: st, began: time.Now()}
	t.Cleanup(func() { s.must(st.Close(context.Background())) })
	for _, d := range []definitions.Definition{definitions.Gateway, definitions.Istio} {
		if !slices.Contains(installed, d) {
			s.must(d.Remove(t.Context(), shared))
			continue
		}
		s.must(d.Install(t.Context(), shared))
	}
	s.must(st.Issuer(t.Context(), stage.Home, name, map[string]string{"sync": name}))
	s.must(st.Solver(t.Context(), stage.Home, name+"-dns", nil))
	s.w = wildcast.New(t, shared, wildcast.Options{Args: []string{"--log-level=debug"}})
	t.Cleanup(func() {
		if !s.withdrawn {
			s.permitted()
		}
	})
	return s
}

// permitted checks that nothing was asked for that is not permitted, and that nothing could not be watched.
func (s *scene) permitted() {
	since := cluster.Since(s.began)
	refused, err := shared.Requests(func(r cluster.Request) bool { return r.Denied && since(r) })
	s.must(err)
	for _, r := range refused {
		s.Errorf("wildcast has no right to %s", r)
	}
	log, err := s.w.Logs()
	s.must(err)
	for line := range strings.Lines(log) {
		if strings.Contains(line, "Could not read Gateways") || strings.Contains(line, "Failed to watch") {
			s.Errorf("the log says %s", line)
		}
	}
}

// withdraw takes wildcast's right to read Gateways away. restore gives it back, as the end of the story does.
func (s *scene) withdraw() (restore func()) {
	s.Helper()
	s.withdrawn = true
	restoreRole, err := shared.Withdraw(s.Context(), func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "gateways") })
	s.must(err)
	restore = sync.OnceFunc(func() { s.must(restoreRole(context.Background())) })
	s.Cleanup(restore)
	return restore
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) until(what string, condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		s.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// host is a name in the scene's zone.
func (s *scene) host(label string) string { return label + "." + s.Name + ".test" }

// namespace makes a namespace that is selected, and returns its full name.
func (s *scene) namespace(name string) string {
	s.Helper()
	full := s.unselected(name)
	s.must(s.LabelNamespace(s.Context(), full, s.Name, "yes"))
	return full
}

// unselected makes a namespace.
func (s *scene) unselected(name string) string {
	s.Helper()
	s.must(s.Namespace(s.Context(), s.Name+"-"+name, nil))
	return s.Name + "-" + name
}

// apply applies a manifest to a namespace. ISSUER and ZONE in it are the scene's.
func (s *scene) apply(namespace, manifest string) {
	s.Helper()
	text := strings.NewReplacer("ISSUER", s.Name, "ZONE", s.Name+".test", "\t", "  ").Replace(manifest)
	s.must(shared.ApplyText(s.Context(), namespace, text))
}

func (s *scene) kubectl(args ...string) string {
	s.Helper()
	out, err := shared.Kubectl(s.Context(), args...)
	s.must(err)
	return out
}

func (s *scene) get(namespace, name string) (*corev1.Secret, error) {
	return s.Kube.CoreV1().Secrets(namespace).Get(s.Context(), name, metav1.GetOptions{})
}

// served waits until a Secret holds a certificate of the scene's CA for exactly these names.
func (s *scene) served(namespace, name string, names ...string) *corev1.Secret {
	s.Helper()
	var found *corev1.Secret
	s.until(fmt.Sprintf("%s/%s serves %s", namespace, name, names), func() (err error) {
		if found, err = s.get(namespace, name); err != nil {
			return err
		}
		if got := found.Annotations["wildcast.dev/alt-names"]; got != strings.Join(names, ",") {
			return fmt.Errorf("it is for %s", got)
		}
		return nil
	})
	return found
}

// gone waits until a Secret is no more.
func (s *scene) gone(namespace, name string) {
	s.Helper()
	s.until(namespace+"/"+name+" is gone", func() error {
		_, err := s.get(namespace, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is there"))
	})
}

// event waits for an Event about a Gateway whose note has all the texts.
func (s *scene) event(namespace, gateway, reason string, texts ...string) {
	s.Helper()
	s.until(fmt.Sprintf("%s/%s has Event %s with %q", namespace, gateway, reason, texts), func() error {
		list, err := s.Kube.EventsV1().Events(namespace).List(s.Context(), metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return err
		}
		var notes []string
		for _, e := range list.Items {
			if about(e, gateway) {
				notes = append(notes, e.Note)
			}
		}
		lacks := func(note string) bool {
			return slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(note, text) })
		}
		if !slices.ContainsFunc(notes, func(note string) bool { return !lacks(note) }) {
			return fmt.Errorf("there are %q", notes)
		}
		return nil
	})
}

func about(e eventsv1.Event, gateway string) bool {
	return e.Regarding.Kind == "Gateway" && e.Regarding.Name == gateway
}

// ordered checks the orders made so far, less those of barriers.
func (s *scene) ordered(want ...string) {
	s.Helper()
	var got []string
	for _, o := range s.CA.Orders() {
		if names := strings.Join(o.Names, " "); !strings.Contains(names, "barrier") {
			got = append(got, names)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.Errorf("orders at the CA: %q, want %q", got, want)
	}
}

// barrier asks for a certificate by an Ingress and waits for it: what wildcast was going to do because of anything that
// happened before, it has begun by then.
func (s *scene) barrier() {
	s.Helper()
	s.n++
	name := fmt.Sprint("barrier-", s.n)
	namespace := s.unselected(name)
	s.must(s.Ingress(s.Context(), namespace, name, name, []string{s.host(name)},
		map[string]string{"wildcast.dev/issuer": s.Name, "wildcast.dev/wildcard": "false"}))
	s.served(namespace, name, s.host(name))
}
