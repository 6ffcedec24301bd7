package syncer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/watch"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
)

// server is an API server for Secrets as far as the syncer can tell: client-go's fakes, which record managedFields, and
// on top of them what they lack: UIDs, resourceVersions and their conflicts, preconditions, immutable fields,
// namespaces that end, writes that change nothing, and metadata.
type server struct {
	t        *testing.T
	kube     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient

	mu       sync.Mutex
	version  int
	requests []string                        // of the syncer: verb and place
	refuse   func(verb string, at ref) error // answers a request of the syncer with an error
}

var secretsResource = corev1.SchemeGroupVersion.WithResource("secrets")

func newServer(t *testing.T) *server {
	s := &server{t: t, kube: fake.NewClientset(), metadata: metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme())}
	s.kube.PrependReactor("*", "secrets", s.react)
	s.metadata.PrependReactor("get", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		at := ref{Namespace: a.GetNamespace(), Name: a.(clienttesting.GetAction).GetName()}
		if err := s.request("metadata", at); err != nil {
			return true, nil, err
		}
		found, err := s.get(at)
		if err != nil {
			return true, nil, err
		}
		return true, partial(found), nil
	})
	s.metadata.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		all, err := s.kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), "")
		if err != nil {
			return true, nil, err
		}
		list := &metav1.List{ListMeta: all.(*corev1.SecretList).ListMeta}
		for _, item := range all.(*corev1.SecretList).Items {
			list.Items = append(list.Items, runtime.RawExtension{Object: partial(&item)})
		}
		return true, list, nil
	})
	s.metadata.PrependWatchReactor("secrets", func(a clienttesting.Action) (bool, watch.Interface, error) {
		w, err := s.kube.Tracker().Watch(secretsResource, "", a.(clienttesting.WatchActionImpl).ListOptions)
		if err != nil {
			return true, nil, err
		}
		return true, partialWatch(w), nil
	})
	return s
}

func partial(s *corev1.Secret) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: *s.ObjectMeta.DeepCopy()}
}

// partialWatch is a watch of the metadata. It ends when it is stopped, though nobody reads on.
func partialWatch(w watch.Interface) watch.Interface {
	events := make(chan watch.Event)
	proxy := watch.NewProxyWatcher(events)
	go func() {
		defer w.Stop()
		for {
			select {
			case <-proxy.StopChan():
				return
			case e := <-w.ResultChan():
				e.Object = partial(e.Object.(*corev1.Secret))
				select {
				case <-proxy.StopChan():
					return
				case events <- e:
				}
			}
		}
	}()
	return proxy
}

// request notes a request of the syncer, and refuses it if the test wants.
func (s *server) request(verb string, at ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, verb+" "+at.String())
	if s.refuse != nil {
		return s.refuse(verb, at)
	}
	return nil
}

// react is the typed client of the syncer.
func (s *server) react(action clienttesting.Action) (bool, runtime.Object, error) {
	switch a := action.(type) {
	case clienttesting.GetActionImpl:
		at := ref{Namespace: a.Namespace, Name: a.Name}
		if err := s.request("get", at); err != nil {
			return true, nil, err
		}
		found, err := s.get(at)
		return true, found, err
	case clienttesting.CreateActionImpl:
		secret := a.Object.(*corev1.Secret)
		if err := s.request("create", ref{Namespace: a.Namespace, Name: secret.Name}); err != nil {
			return true, nil, err
		}
		made, err := s.create(secret, a.CreateOptions.FieldManager)
		return true, made, err
	case clienttesting.UpdateActionImpl:
		secret := a.Object.(*corev1.Secret)
		if err := s.request("update", ref{Namespace: a.Namespace, Name: secret.Name}); err != nil {
			return true, nil, err
		}
		made, err := s.update(secret, a.UpdateOptions.FieldManager)
		return true, made, err
	case clienttesting.DeleteActionImpl:
		at := ref{Namespace: a.Namespace, Name: a.Name}
		if err := s.request("delete", at); err != nil {
			return true, nil, err
		}
		return true, nil, s.delete(at, a.DeleteOptions.Preconditions)
	}
	return true, nil, fmt.Errorf("the syncer may not %s secrets", action.GetVerb())
}

func (s *server) get(at ref) (*corev1.Secret, error) {
	found, err := s.kube.Tracker().Get(secretsResource, at.Namespace, at.Name)
	if err != nil {
		return nil, err
	}
	return found.(*corev1.Secret), nil
}

func (s *server) create(secret *corev1.Secret, manager string) (*corev1.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := ref{Namespace: secret.Namespace, Name: secret.Name}
	namespace, err := s.kube.Tracker().Get(corev1.SchemeGroupVersion.WithResource("namespaces"), "", at.Namespace)
	if err != nil {
		return nil, err
	}
	if !open(namespace.(*corev1.Namespace)) {
		return nil, terminating(at)
	}
	for _, value := range secret.Labels {
		if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
			return nil, invalid(at)
		}
	}
	s.version++
	secret.UID = types.UID(fmt.Sprintf("uid-%d", s.version))
	secret.ResourceVersion = strconv.Itoa(s.version)
	secret.CreationTimestamp = metav1.Now()
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	if err := s.kube.Tracker().Create(secretsResource, secret, at.Namespace, metav1.CreateOptions{FieldManager: manager}); err != nil {
		return nil, err
	}
	return s.get(at)
}

func (s *server) update(secret *corev1.Secret, manager string) (*corev1.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := ref{Namespace: secret.Namespace, Name: secret.Name}
	before, err := s.get(at)
	if err != nil {
		return nil, err
	}
	if secret.ResourceVersion != "" && secret.ResourceVersion != before.ResourceVersion || secret.UID != "" && secret.UID != before.UID {
		return nil, apierrors.NewConflict(secretsResource.GroupResource(), at.Name, fmt.Errorf("the object has been modified"))
	}
	sealed := before.Immutable != nil && *before.Immutable
	if secret.Type != before.Type || sealed && (secret.Immutable == nil || !equality.Semantic.DeepEqual(secret.Data, before.Data)) {
		return nil, invalid(at)
	}
	secret.UID, secret.CreationTimestamp = before.UID, before.CreationTimestamp
	secret.ResourceVersion = before.ResourceVersion
	same := secret.DeepCopy()
	same.ManagedFields = before.ManagedFields
	same.TypeMeta = before.TypeMeta
	if equality.Semantic.DeepEqual(same, before) {
		return before, nil
	}
	s.version++
	secret.ResourceVersion = strconv.Itoa(s.version)
	if err := s.kube.Tracker().Update(secretsResource, secret, at.Namespace, metav1.UpdateOptions{FieldManager: manager}); err != nil {
		return nil, err
	}
	return s.get(at)
}

func (s *server) delete(at ref, p *metav1.Preconditions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, err := s.get(at)
	if err != nil {
		return err
	}
	if p != nil && (*p.UID != before.UID || *p.ResourceVersion != before.ResourceVersion) {
		return apierrors.NewConflict(secretsResource.GroupResource(), at.Name, fmt.Errorf("the precondition does not hold"))
	}
	return s.kube.Tracker().Delete(secretsResource, at.Namespace, at.Name)
}

// What the API server answers.

func terminating(at ref) error {
	err := apierrors.NewForbidden(secretsResource.GroupResource(), at.Name, fmt.Errorf("namespace %s is being terminated", at.Namespace))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	return err
}

func quota(at ref) error {
	return apierrors.NewForbidden(secretsResource.GroupResource(), at.Name, fmt.Errorf("exceeded quota: few"))
}

func invalid(at ref) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Secret").GroupKind(), at.Name, nil)
}

// event is what a recorder was told.
type event struct{ about, related, reason, note string }

// recorder is an events.EventRecorder that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []event
}

func (r *recorder) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := func(o runtime.Object) string {
		at := o.(*corev1.ObjectReference)
		return at.Namespace + "/" + at.Name
	}
	r.events = append(r.events, event{place(regarding), place(related), reason, fmt.Sprintf(note, args...)})
}

// world is a server, a syncer that runs, and what is asked of it.
type world struct {
	*server
	recorder recorder
	asked    requested
	config   Config
	syncer   *Syncer
	began    time.Time
	stop     func()
}

// requested implements Requests.
type requested map[ref][]Request

func (r requested) At(target ref) []Request { return r[target] }

func (r requested) Of(source ref) (targets []ref) {
	for target, requests := range r {
		if slices.ContainsFunc(requests, func(q Request) bool { return q.Source == source }) {
			targets = append(targets, target)
		}
	}
	return targets
}

// in runs a test in a bubble with a world whose namespaces are given as name and labels. The syncer does not run yet.
func in(t *testing.T, namespaces map[string]string, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{server: newServer(t), asked: requested{}, began: time.Now(), stop: func() {}}
		w.config = Config{ClusterName: "here", DeleteGrace: 5 * time.Second, Requests: w.asked, Events: &w.recorder}
		for _, name := range slices.Sorted(maps.Keys(namespaces)) {
			w.namespace(name, namespaces[name])
		}
		defer func() { w.stop() }()
		test(w)
	})
}

// start runs the syncer, in place of the one that ran, and waits until it has nothing to do.
func (w *world) start() {
	w.t.Helper()
	w.stop()
	ctx, cancel := context.WithCancel(context.Background())
	w.config.Kube, w.config.Metadata = w.kube, w.metadata
	w.config.Namespaces = coreinformers.NewTypedNamespaceInformer(w.kube, 0, nil)
	s, err := New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { w.config.Namespaces.RunWithContext(ctx) })
	running.Go(func() { s.Start(ctx) })
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.syncer, w.stop = s, func() { cancel(); running.Wait(); w.stop = func() {} }
	w.settle()
}

func (w *world) settle() {
	time.Sleep(10 * time.Millisecond) // the queue hands on what is added after a time on a timer
	synctest.Wait()
}

// took are the requests of the syncer since the last call, sorted.
func (w *world) took() []string {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	took := w.requests
	w.requests = nil
	slices.Sort(took)
	return took
}

// said are the Events since the last call, as "reason about".
func (w *world) said() []string {
	w.settle()
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	var said []string
	for _, e := range w.recorder.events {
		said = append(said, e.reason+" "+e.about)
	}
	w.recorder.events = nil
	slices.Sort(said)
	return said
}

// place reads "namespace/name".
func place(text string) ref {
	namespace, name, _ := strings.Cut(text, "/")
	return ref{Namespace: namespace, Name: name}
}

// What users do. Labels are written "a=b,c=d".

func (w *world) namespace(name, text string) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labelSet(text)}}
	if _, err := w.kube.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func labelSet(text string) map[string]string {
	set, _ := labels.ConvertSelectorToLabelsMap(text)
	return set
}

func (w *world) relabel(name, text string) {
	w.changeNamespace(name, func(n *corev1.Namespace) { n.Labels = labelSet(text) })
}

func (w *world) changeNamespace(name string, change func(*corev1.Namespace)) {
	namespaces := w.kube.CoreV1().Namespaces()
	namespace, err := namespaces.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	change(namespace)
	if _, err := namespaces.Update(context.Background(), namespace, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// put makes a Secret with the keys a and b.
func (w *world) put(at string, changes ...func(*corev1.Secret)) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: place(at).Namespace, Name: place(at).Name},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{"a": []byte("1"), "b": []byte("2")},
	}
	for _, change := range changes {
		change(secret)
	}
	made, err := w.create(secret, "kubectl-create")
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// edit changes a Secret.
func (w *world) edit(at string, changes ...func(*corev1.Secret)) {
	w.t.Helper()
	secret := w.want(at).DeepCopy()
	secret.ManagedFields = nil
	for _, change := range changes {
		change(secret)
	}
	if _, err := w.update(secret, "kubectl-edit"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) del(at string) {
	w.t.Helper()
	if err := w.delete(place(at), nil); err != nil {
		w.t.Fatal(err)
	}
}

func annotate(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, key, value) }
}

func unannotate(key string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { delete(s.Annotations, key) }
}

func label(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { metav1.SetMetaDataLabel(&s.ObjectMeta, key, value) }
}

func key(name, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { s.Data[name] = []byte(value) }
}

func syncTo(selector string) func(*corev1.Secret) { return annotate(AnnotationSync, selector) }

// What there is.

// there is the Secret at a place, or nil.
func (w *world) there(at string) *corev1.Secret {
	w.settle()
	found, err := w.get(place(at))
	if err != nil {
		return nil
	}
	return found
}

func (w *world) want(at string) *corev1.Secret {
	w.t.Helper()
	found := w.there(at)
	if found == nil {
		w.t.Fatalf("there is no %s", at)
	}
	return found
}

// copies are the places of all copies, sorted, with blanks between.
func (w *world) copies() string {
	w.settle()
	all, err := w.kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), "")
	if err != nil {
		w.t.Fatal(err)
	}
	var found []string
	for _, secret := range all.(*corev1.SecretList).Items {
		if readObject(secret.ObjectMeta, nil).role == roleCopy {
			found = append(found, secret.Namespace+"/"+secret.Name)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

func (w *world) wantCopies(want string) {
	w.t.Helper()
	if got := w.copies(); got != want {
		w.t.Fatalf("copies are %q, want %q", got, want)
	}
}

func (w *world) wantTook(want ...string) {
	w.t.Helper()
	if got := w.took(); !slices.Equal(got, want) {
		w.t.Fatalf("requests were %q, want %q", got, want)
	}
}

func (w *world) wantSaid(want ...string) {
	w.t.Helper()
	if got := w.said(); !slices.Equal(got, want) {
		w.t.Fatalf("Events were %q, want %q", got, want)
	}
}

// wantData checks a Secret's keys and values, written "a=1 b=2".
func (w *world) wantData(at, want string) {
	w.t.Helper()
	var got []string
	for key, value := range w.want(at).Data {
		got = append(got, key+"="+string(value))
	}
	slices.Sort(got)
	if strings.Join(got, " ") != want {
		w.t.Fatalf("data of %s is %q, want %q", at, got, want)
	}
}
