package reflection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return errors.Join(c.Apply(ctx, "manifests/base"), makeMarkers(ctx, c))
	}))
}

const (
	// patience is how long a story waits for what should take milliseconds.
	patience = 90 * time.Second
	// grace is for how long copies outlive their source, unless a story says otherwise.
	grace = "--delete-grace=200ms"
)

// story is one test: what it made in the cluster, and the wildcast that it watches.
type story struct {
	*testing.T
	kind  kind
	name  string // begins the names of all its namespaces
	kube  kubernetes.Interface
	w     *wildcast.Process
	marks int // how often its marker was changed
}

// tell begins a story of Secrets, by a process that leads without a lease: a machine that stands still for 12 s would end
// it otherwise. Its flags come after the suite's own.
func tell(t *testing.T, name string, flags ...string) *story {
	t.Helper()
	return tellOf(t, secrets, name, flags...)
}

func tellOf(t *testing.T, of kind, name string, flags ...string) *story {
	t.Helper()
	s := &story{T: t, kind: of, name: name, kube: kubernetes.NewForConfigOrDie(shared.Admin())}
	s.w = wildcast.New(t, shared, wildcast.Options{Args: append([]string{grace, "--leader-elect=false"}, flags...)})
	t.Cleanup(s.end)
	return s
}

// end removes what the story made, sources first, and waits until their copies have gone from everybody's namespaces.
func (s *story) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.w.Ready(ctx) != nil {
		s.must(s.w.Restart(ctx))
	}
	s.must(s.unmark(ctx))
	mine := metav1.ListOptions{LabelSelector: stage.Label + "=" + s.name}
	namespaces, err := s.kube.CoreV1().Namespaces().List(ctx, mine)
	s.must(err)
	s.must(s.each(ctx, mine, func(secret *corev1.Secret) error {
		if _, copy := secret.Annotations[syncer.AnnotationOrigin]; copy {
			return nil
		}
		err := s.objects(secret.Namespace).Delete(ctx, secret.Name, metav1.DeleteOptions{})
		return ignoreNotFound(err)
	}))
	for _, ns := range namespaces.Items {
		s.must(ignoreNotFound(s.kube.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{})))
	}
	s.must(stage.Until(ctx, func() error {
		return s.each(ctx, mine, func(secret *corev1.Secret) error {
			if strings.HasPrefix(secret.Namespace, s.name+"-") {
				return nil
			}
			return fmt.Errorf("%s/%s is still there", secret.Namespace, secret.Name)
		})
	}))
}

// each calls fn with every object of the kind that which selects, and joins its errors.
func (s *story) each(ctx context.Context, which metav1.ListOptions, fn func(*corev1.Secret) error) error {
	all, err := s.objects("").List(ctx, which)
	if err != nil {
		return err
	}
	for i := range all.Items {
		err = errors.Join(err, fn(&all.Items[i]))
	}
	return err
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits until condition returns no error.
func (s *story) until(condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.must(stage.Until(ctx, condition))
}

// stays checks that condition returns no error, and goes on to return none for so long.
func (s *story) stays(d time.Duration, condition func() error) {
	s.Helper()
	s.must(condition())
	ctx, cancel := context.WithTimeout(s.Context(), d)
	defer cancel()
	err := stage.Until(ctx, func() error {
		if err := condition(); err != nil {
			s.Error(err)
			return nil
		}
		return errors.New("as it should be")
	})
	if err == nil {
		s.FailNow()
	}
}

// place is a namespace of the story, with a name in it.
type place = types.NamespacedName

func (s *story) at(namespace, name string) place {
	return place{Namespace: s.name + "-" + namespace, Name: name}
}

// namespace makes a namespace, whose name the story's own begins, with labels such as "team=web".
func (s *story) namespace(name string, labels ...string) string {
	s.Helper()
	meta := metav1.ObjectMeta{Name: s.name + "-" + name, Labels: map[string]string{stage.Label: s.name}}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		meta.Labels[key] = value
	}
	_, err := s.kube.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
	s.must(err)
	return meta.Name
}

// namespaces makes namespaces alike: a0, a1, a2...
func (s *story) namespaces(n int, prefix string, labels ...string) []string {
	s.Helper()
	var names []string
	for i := range n {
		names = append(names, s.namespace(fmt.Sprint(prefix, i), labels...))
	}
	return names
}

// relabel sets a label of a namespace, or removes it if the value is empty.
func (s *story) relabel(namespace, key, value string) {
	s.Helper()
	on := &stage.Stage{Name: s.name, Cluster: shared, Kube: s.kube}
	s.must(on.LabelNamespace(s.Context(), namespace, key, value))
}

// like changes a Secret before it is made or stored.
type like func(*corev1.Secret)

func annotated(key, value string) like {
	return func(o *corev1.Secret) { o.Annotations = with(o.Annotations, key, value) }
}

func unannotated(key string) like { return func(o *corev1.Secret) { delete(o.Annotations, key) } }

func labelled(key, value string) like {
	return func(o *corev1.Secret) { o.Labels = with(o.Labels, key, value) }
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

func holding(key, value string) like {
	return func(o *corev1.Secret) {
		if o.Data == nil {
			o.Data = map[string][]byte{}
		}
		o.Data[key] = []byte(value)
		delete(o.StringData, key)
	}
}

// binary is holding, for a ConfigMap in its binaryData.
func binary(key, value string) like {
	return func(o *corev1.Secret) {
		holding(key, value)(o)
		o.StringData = with(o.StringData, key, value)
	}
}

func lacking(key string) like { return func(o *corev1.Secret) { delete(o.Data, key) } }

func ofType(t corev1.SecretType) like { return func(o *corev1.Secret) { o.Type = t } }

func immutable(o *corev1.Secret) { o.Immutable = new(true) }

// to marks a source: copies go where the selector says.
func to(selector string) like { return annotated(syncer.AnnotationSync, selector) }

// secret makes an object of the kind. Its namespace must exist.
func (s *story) secret(at place, how ...like) *corev1.Secret {
	s.Helper()
	made, err := s.objects(at.Namespace).Create(s.Context(), s.drawn(at, how...), metav1.CreateOptions{})
	s.must(err)
	return made
}

// drawn is a Secret that is yet to be made.
func (s *story) drawn(at place, how ...like) *corev1.Secret {
	o := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: at.Namespace, Name: at.Name, Labels: map[string]string{stage.Label: s.name},
	}}
	for _, change := range how {
		change(o)
	}
	return o
}

// edit changes a Secret as a user's program does: it reads it whole and puts it back whole.
func (s *story) edit(at place, how ...like) *corev1.Secret {
	s.Helper()
	var put *corev1.Secret
	s.until(func() error {
		o := s.get(at)
		for _, change := range how {
			change(o)
		}
		var err error
		put, err = s.objects(at.Namespace).Update(s.Context(), o, metav1.UpdateOptions{FieldManager: "user"})
		if err != nil && !apierrors.IsConflict(err) {
			s.Fatal(err)
		}
		return err
	})
	return put
}

func (s *story) get(at place) *corev1.Secret {
	s.Helper()
	o, err := s.objects(at.Namespace).Get(s.Context(), at.Name, metav1.GetOptions{})
	s.must(err)
	return o
}

func (s *story) remove(at place) {
	s.Helper()
	s.must(s.objects(at.Namespace).Delete(s.Context(), at.Name, metav1.DeleteOptions{}))
}

// everywhere are all namespaces of the cluster that are not about to go, less these.
func (s *story) everywhere(but ...string) []string {
	s.Helper()
	all, err := s.kube.CoreV1().Namespaces().List(s.Context(), metav1.ListOptions{})
	s.must(err)
	var names []string
	for _, ns := range all.Items {
		if ns.DeletionTimestamp == nil && !slices.Contains(but, ns.Name) {
			names = append(names, ns.Name)
		}
	}
	return names
}

// aSecondAfter tells whether an object made now would be younger: creation is known to the second only.
func (s *story) aSecondAfter(o *corev1.Secret) error {
	if time.Since(o.CreationTimestamp.Time) < time.Second {
		return errors.New("still the same second")
	}
	return nil
}
