package roles_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

// teams are the namespaces of the shipped overlay; outside is another one, in which wildcast has no right.
var teams = []string{"team-a", "team-b"}

const outside = "outside"

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		for _, name := range append([]string{outside}, teams...) {
			if _, err := c.Kubectl(ctx, "create", "namespace", name); err != nil {
				return err
			}
		}
		for range 2 { // the second changes nothing, and conflicts with nobody
			if err := c.Apply(ctx, "manifests/overlays/namespaces"); err != nil {
				return err
			}
		}
		return nil
	}))
}

// patience is longer than client-go waits between two attempts to read what it may not.
const patience = 3 * time.Minute

// scene is what a test has made, and the wildcast that it watches.
type scene struct {
	*testing.T
	kube kubernetes.Interface
	w    *wildcast.Process
	from time.Time // when it began
	n    int       // barriers so far
}

func admin() kubernetes.Interface { return kubernetes.NewForConfigOrDie(shared.Admin()) }

// open runs wildcast in the home namespace and these. Both teams are labelled team=web, and so is the namespace outside.
func open(t *testing.T, namespaces string, args ...string) *scene {
	t.Helper()
	s := &scene{T: t, kube: admin(), from: time.Now()}
	for _, name := range append([]string{outside}, teams...) {
		s.kubectl("label", "--overwrite", "namespace", name, "team=web")
	}
	s.w = wildcast.New(t, shared, wildcast.Options{Args: append([]string{"--namespaces=" + namespaces, "--delete-grace=200ms"}, args...)})
	t.Cleanup(s.end)
	return s
}

// end waits until the copies of what the test made have gone, so that no other test finds them.
func (s *scene) end() {
	s.until("no copy is left", func() error {
		if err := s.w.Ready(context.Background()); err != nil {
			return s.w.Restart(context.Background())
		}
		for _, kind := range []model.Kind{model.Secrets(s.kube), model.ConfigMaps(s.kube)} {
			all, err := kind.List(context.Background())
			if err != nil {
				return err
			}
			for _, o := range all {
				if _, copy := o.Annotations["wildcast.dev/target"]; copy && slices.Contains(teams, o.Namespace) {
					return fmt.Errorf("there is %s of the %s", o.Place, kind.Name)
				}
			}
		}
		return nil
	})
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) kubectl(args ...string) {
	s.Helper()
	_, err := shared.Kubectl(context.WithoutCancel(s.Context()), args...) // also when the test has ended
	s.must(err)
}

// stage is a CA and a DNS server for NAME.test, with an issuer of that name whose certificates go to team web.
func (s *scene) stage(name string) *stage.Stage {
	s.Helper()
	st, err := stage.Open(shared, name, stage.Options{Zones: []string{name + ".test"}})
	s.must(err)
	s.Cleanup(func() { s.must(st.Close(context.Background())) })
	s.must(st.Issuer(s.Context(), stage.Home, name, map[string]string{"sync": "team=web"}))
	s.must(st.Solver(s.Context(), stage.Home, name+"-dns", nil))
	return st
}

// ingress asks the stage's issuer for the certificate NAME.STAGE.test in the Secret NAME-tls, until the test ends.
func (s *scene) ingress(st *stage.Stage, namespace, name string) {
	s.Helper()
	optIn := map[string]string{"wildcast.dev/issuer": st.Name}
	s.must(st.Ingress(s.Context(), namespace, name, name+"-tls", []string{name + "." + st.Name + ".test"}, optIn))
	s.Cleanup(func() { s.kubectl("delete", "ingress", name, "--namespace", namespace) })
}

// grant gives wildcast the shipped Role in a namespace.
func (s *scene) grant(namespace string) {
	s.Helper()
	checkout, err := cluster.Checkout()
	s.must(err)
	s.kubectl("apply", "--namespace", namespace, "--server-side", "--kustomize", filepath.Join(checkout, "manifests/overlays/namespaces/role"))
}

func (s *scene) revoke(namespace string) {
	s.Helper()
	s.kubectl("delete", "rolebinding", "wildcast-namespace", "--namespace", namespace)
}

func (s *scene) until(what string, condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), patience) // also when the test has ended
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		s.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// source makes a Secret that is copied to the namespaces of team web, and removes it at the end.
func (s *scene) source(namespace, name, value string) {
	s.Helper()
	o := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{"wildcast.dev/sync": "team=web"}},
		StringData: map[string]string{"key": value},
	}
	_, err := s.kube.CoreV1().Secrets(namespace).Create(s.Context(), o, metav1.CreateOptions{})
	s.must(err)
	s.Cleanup(func() { s.remove(namespace, name) })
}

// remove deletes a Secret of that name in the namespace, if there is one.
func (s *scene) remove(namespace, name string) {
	s.Helper()
	err := s.kube.CoreV1().Secrets(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		s.must(err)
	}
}

func (s *scene) get(namespace, name string) (*corev1.Secret, error) {
	return s.kube.CoreV1().Secrets(namespace).Get(s.Context(), name, metav1.GetOptions{})
}

// holds reports whether a Secret has the value.
func (s *scene) holds(namespace, name, value string) error {
	o, err := s.get(namespace, name)
	if err == nil && string(o.Data["key"]) != value {
		err = fmt.Errorf("%s/%s holds %q", namespace, name, o.Data["key"])
	}
	return err
}

// copied waits until there are copies with that value.
func (s *scene) copied(name, value string, namespaces ...string) {
	s.Helper()
	for _, namespace := range namespaces {
		s.until(fmt.Sprintf("%s/%s holds %s", namespace, name, value), func() error { return s.holds(namespace, name, value) })
	}
}

// gone waits until a Secret is not there.
func (s *scene) gone(namespace, name string) {
	s.Helper()
	s.until(fmt.Sprintf("%s/%s is gone", namespace, name), func() error { return s.absent(namespace, name) })
}

func (s *scene) absent(namespace, name string) error {
	_, err := s.get(namespace, name)
	return absence(err)
}

// absence takes what came of an attempt to read an object that should not be there.
func absence(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, errors.New("it is there"))
}

// edit changes a Secret's value, as a user who should not.
func (s *scene) edit(namespace, name, value string) {
	s.Helper()
	s.kubectl("patch", "secret", name, "--namespace", namespace, "--type=merge", "--patch", fmt.Sprintf(`{"stringData":{"key":%q}}`, value))
}

// barrier makes a source and waits for its copies in the namespaces: what wildcast was going to do before, it has begun.
// It takes as many writes as there are namespaces.
func (s *scene) barrier(namespaces ...string) {
	s.Helper()
	s.n++
	name := fmt.Sprintf("barrier-%d", s.n)
	s.source(cluster.HomeNamespace, name, "x")
	s.copied(name, "x", namespaces...)
}

// writes counts what wildcast has written since, by verb and kind, but for its lease.
func (s *scene) writes(since time.Time) map[string]int {
	s.Helper()
	count := map[string]int{}
	for _, r := range s.requests(since) {
		if r.Write() && r.Resource != "leases" {
			count[r.Verb+" "+r.Resource]++
		}
	}
	return count
}

func (s *scene) wrote(since time.Time, want map[string]int) {
	s.Helper()
	if got := s.writes(since); !maps.Equal(got, want) {
		s.Errorf("wildcast wrote %v, want %v", got, want)
	}
}

// nothingOutside checks that wildcast has not asked for anything outside its namespaces, let alone in the whole cluster.
func (s *scene) nothingOutside(namespaces ...string) {
	s.Helper()
	all := append([]string{cluster.HomeNamespace}, namespaces...)
	for _, r := range s.requests(s.from) {
		if r.Resource != "" && !slices.Contains(all, r.Namespace) {
			s.Errorf("wildcast asked for %s: %s", r, r.URI)
		}
	}
}

// requests are those of wildcast since then.
func (s *scene) requests(since time.Time) []cluster.Request {
	s.Helper()
	after := cluster.Since(since)
	found, err := shared.Requests(func(r cluster.Request) bool { return strings.HasPrefix(r.UserAgent, "wildcast/") && after(r) })
	s.must(err)
	return found
}
