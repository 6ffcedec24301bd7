package syncer

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// server is an API server for objects of one kind as far as the syncer can tell: client-go's fakes, which record
// managedFields, and on top of them what they lack: UIDs, resourceVersions and their conflicts, preconditions, immutable
// fields, namespaces that end, writes that change nothing, and metadata. It keeps Secrets, and shows them as ConfigMaps
// if that is its kind.
type server struct {
	t        *testing.T
	name     string // begins its UIDs, for those of two servers never meet
	kind     Kind
	kube     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient

	mu       sync.Mutex
	version  int                             // that of the tracker, which tells it in lists
	requests []string                        // of the syncer: verb and place
	refuse   func(verb string, at ref) error // answers a request of the syncer with an error
	away     error                           // answers every request, also lists and watches
	hidden   string                          // a namespace that the syncer may not list
}

var secretsResource = corev1.SchemeGroupVersion.WithResource("secrets")

func newServer(t *testing.T, name string, of Kind) *server {
	s := &server{t: t, name: name, kind: of, version: 1, kube: fake.NewClientset(), metadata: metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme())}
	resource := strings.ToLower(string(of)) + "s"
	s.kube.PrependReactor("*", resource, s.react)
	s.metadata.PrependReactor("get", resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		at := ref{Namespace: a.GetNamespace(), Name: a.(clienttesting.GetAction).GetName()}
		if err := s.request("metadata", at); err != nil {
			return true, nil, s.worded(err)
		}
		found, err := s.get(at)
		if err != nil {
			return true, nil, s.worded(err)
		}
		return true, partial(found), nil
	})
	s.metadata.PrependReactor("list", resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		if err := s.isAway(); err != nil {
			return true, nil, err
		}
		if s.hides(a.GetNamespace()) {
			return true, nil, apierrors.NewForbidden(secretsResource.GroupResource(), "", fmt.Errorf("no role"))
		}
		all, err := s.kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), a.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		selected := a.(clienttesting.ListAction).GetListRestrictions().Labels
		list := &metav1.List{ListMeta: all.(*corev1.SecretList).ListMeta}
		for _, item := range all.(*corev1.SecretList).Items {
			if selected.Matches(labels.Set(item.Labels)) {
				list.Items = append(list.Items, runtime.RawExtension{Object: partial(&item)})
			}
		}
		return true, list, nil
	})
	s.metadata.PrependWatchReactor(resource, func(a clienttesting.Action) (bool, watch.Interface, error) {
		if err := s.isAway(); err != nil {
			return true, nil, err
		}
		w, err := s.kube.Tracker().Watch(secretsResource, a.GetNamespace(), a.(clienttesting.WatchActionImpl).ListOptions)
		if err != nil {
			return true, nil, err
		}
		return true, partialWatch(w, a.(clienttesting.WatchAction).GetWatchRestrictions().Labels), nil
	})
	return s
}

func (s *server) isAway() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// goAway makes the server answer nothing but an error, and end no watch; with nil it is back.
func (s *server) goAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

func (s *server) hides(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hidden != "" && s.hidden == namespace
}

// hide makes a namespace one that may not be listed, instead of the one before; the empty name is none.
func (s *server) hide(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = namespace
}

// shown is a kept Secret as an object of the server's kind.
func (s *server) shown(kept *corev1.Secret, err error) (bool, runtime.Object, error) {
	if err != nil {
		return true, nil, err
	}
	if s.kind == Secrets {
		return true, kept, nil
	}
	return true, configMap(content{kept.ObjectMeta, payload{Immutable: ptr.Deref(kept.Immutable, false), Data: kept.Data}}), nil
}

// kept is the opposite of shown.
func (s *server) kept(shown runtime.Object) *corev1.Secret {
	m, ok := shown.(*corev1.ConfigMap)
	if !ok {
		return shown.(*corev1.Secret)
	}
	return &corev1.Secret{ObjectMeta: m.ObjectMeta, Type: corev1.SecretTypeOpaque, Immutable: m.Immutable, Data: bytesOf(m.Data)}
}

func partial(s *corev1.Secret) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: *s.ObjectMeta.DeepCopy()}
}

// partialWatch is a watch of the metadata of what is selected. It ends when it is stopped, though nobody reads on.
func partialWatch(w watch.Interface, selected labels.Selector) watch.Interface {
	events := make(chan watch.Event)
	proxy := watch.NewProxyWatcher(events)
	go func() {
		defer w.Stop()
		for {
			select {
			case <-proxy.StopChan():
				return
			case e := <-w.ResultChan():
				secret := e.Object.(*corev1.Secret)
				e.Object = partial(secret)
				if !selected.Matches(labels.Set(secret.Labels)) {
					e.Type = watch.Deleted // it may have been selected before
				}
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
	if s.away != nil {
		return s.away
	}
	if s.refuse != nil {
		return s.refuse(verb, at)
	}
	return nil
}

// react is the typed client of the syncer.
func (s *server) react(action clienttesting.Action) (bool, runtime.Object, error) {
	handled, answer, err := s.answer(action)
	return handled, answer, s.worded(err)
}

// worded has an error speak of objects of the server's kind.
func (s *server) worded(err error) error {
	status, ok := err.(*apierrors.StatusError)
	if !ok || status.ErrStatus.Details == nil || status.ErrStatus.Details.Kind != secretsResource.Resource {
		return err
	}
	said := status.ErrStatus.DeepCopy()
	said.Details.Kind = strings.ToLower(string(s.kind)) + "s"
	return &apierrors.StatusError{ErrStatus: *said}
}

func (s *server) answer(action clienttesting.Action) (bool, runtime.Object, error) {
	switch a := action.(type) {
	case clienttesting.GetActionImpl:
		at := ref{Namespace: a.Namespace, Name: a.Name}
		if err := s.request("get", at); err != nil {
			return true, nil, err
		}
		return s.shown(s.get(at))
	case clienttesting.CreateActionImpl:
		secret := s.kept(a.Object)
		if err := s.request("create", ref{Namespace: a.Namespace, Name: secret.Name}); err != nil {
			return true, nil, err
		}
		return s.shown(s.create(secret, a.CreateOptions.FieldManager))
	case clienttesting.UpdateActionImpl:
		secret := s.kept(a.Object)
		if err := s.request("update", ref{Namespace: a.Namespace, Name: secret.Name}); err != nil {
			return true, nil, err
		}
		return s.shown(s.update(secret, a.UpdateOptions.FieldManager))
	case clienttesting.DeleteActionImpl:
		at := ref{Namespace: a.Namespace, Name: a.Name}
		if err := s.request("delete", at); err != nil {
			return true, nil, err
		}
		return true, nil, s.delete(at, a.DeleteOptions.Preconditions)
	}
	return true, nil, fmt.Errorf("the syncer may not %s", action.GetVerb())
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
	secret.UID = types.UID(fmt.Sprintf("%s-%d", s.name, s.version+1))
	secret.ResourceVersion = strconv.Itoa(s.version + 1)
	secret.CreationTimestamp = metav1.Now()
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	if err := s.kube.Tracker().Create(secretsResource, secret, at.Namespace, metav1.CreateOptions{FieldManager: manager}); err != nil {
		return nil, err
	}
	s.version++
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
		return apierrors.NewConflict(schema.GroupResource{Resource: string(s.kind)}, at.Name, fmt.Errorf("the precondition does not hold"))
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
