package controllers

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// gatewayServer is an API server that may have Gateways, and what is known of those of the Gateway API.
type gatewayServer struct {
	*gateways
	t       *testing.T
	dynamic *dynamicfake.FakeDynamicClient
	log     *observer.ObservedLogs

	mu        sync.Mutex
	served    []string // versions
	failing   map[string]error
	asked     int // how often which versions are served
	watches   []watch.Interface
	told      []string // of Gateways that have changed or gone
	toldLate  []string
	watchedIn []string
}

var gatewayResource = gatewayKinds[AskerGateway]

// newGatewayServer makes one without a definition of Gateways. Nothing reads it yet.
func newGatewayServer(t *testing.T) *gatewayServer {
	t.Helper()
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil // one of them sleeps until a millisecond after the last error, whose time is not the bubble's
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	kinds := map[schema.GroupVersionResource]string{definitions: "CustomResourceDefinitionList"}
	for _, resource := range slices.Concat(GatewayVersions()...) {
		kinds[resource] = "GatewayList"
	}
	s := &gatewayServer{t: t, dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds), failing: map[string]error{}}
	s.dynamic.PrependReactor("list", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetResource() == definitions && !a.(clienttesting.ListAction).GetListRestrictions().Fields.Matches(fields.Set{"metadata.name": gatewayResource.String()}) {
			return true, &unstructured.UnstructuredList{}, nil // the fake heeds no selector
		}
		err := s.answer(a.GetResource())
		return err != nil, nil, err
	})
	s.dynamic.PrependWatchReactor("*", func(a clienttesting.Action) (bool, watch.Interface, error) {
		if err := s.answer(a.GetResource()); err != nil {
			return true, nil, err
		}
		w, err := s.dynamic.Tracker().Watch(a.GetResource(), a.GetNamespace())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watches = append(s.watches, w)
		return true, w, err
	})
	return s
}

// answer is the error of a request for a resource.
func (s *gatewayServer) answer(of schema.GroupVersionResource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failing[of.Resource]; err != nil {
		return err
	}
	if of != definitions && (of.Group != gatewayGroup || !slices.Contains(s.served, of.Version)) {
		return apierrors.NewNotFound(of.GroupResource(), "")
	}
	return nil
}

// source is where the Gateways of this server are read.
func (s *gatewayServer) source() gatewaySource {
	kube := fake.NewClientset()
	kube.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		kube.Resources = nil
		for _, version := range s.served {
			kube.Resources = append(kube.Resources, &metav1.APIResourceList{
				GroupVersion: gatewayGroup + "/" + version, APIResources: []metav1.APIResource{{Name: "gateways"}}})
		}
		return s.failing["discovery"] != nil, nil, s.failing["discovery"]
	})
	return gatewaySource{s.dynamic, kube.Discovery()}
}

// read reads the Gateways of namespaces, all of them under the empty name, until the test ends.
func (s *gatewayServer) read(namespaces ...string) {
	core, log := observer.New(zap.InfoLevel)
	s.log = log
	s.gateways = newGateways(namespaces, s.source(), zap.New(core))[0]
	s.changed = func(name types.NamespacedName) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fate := "+"
		if s.get(name) == nil {
			fate = "-"
		}
		s.told = append(s.told, fate+name.String())
	}
	s.late = func(namespace string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.toldLate = append(s.toldLate, "late "+namespace)
	}
	s.watchedIn = namespaces
	go s.run(s.t.Context())
	synctest.Wait()
}

// serve installs the definition with these versions served, the only ones; with none it is removed, and all Gateways with it.
func (s *gatewayServer) serve(versions ...string) {
	s.t.Helper()
	s.define(versions...)
	synctest.Wait()
}

func (s *gatewayServer) define(versions ...string) {
	s.t.Helper()
	s.mu.Lock()
	before := s.served
	s.served = versions
	s.mu.Unlock()
	var list []any
	for _, v := range versions {
		list = append(list, map[string]any{"name": v, "served": true})
	}
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": gatewayResource.String()},
		"spec":   map[string]any{"versions": list},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}}}
	tracker := s.dynamic.Tracker()
	switch {
	case len(versions) == 0:
		s.must(tracker.Delete(definitions, "", gatewayResource.String()))
	case len(before) == 0:
		s.must(tracker.Create(definitions, crd, ""))
	default:
		s.must(tracker.Update(definitions, crd, ""))
	}
}

// put makes a Gateway that asks for a certificate, in each version that is understood, as a server stores it once.
func (s *gatewayServer) put(name string) {
	s.t.Helper()
	s.add(name)
	synctest.Wait()
}

func (s *gatewayServer) add(name string) {
	s.t.Helper()
	s.each(func(at schema.GroupVersionResource, tracker clienttesting.ObjectTracker) error {
		u := gatewayFrom(s.t, `listeners: [{hostname: w.a.test, tls: {certificateRefs: [{name: s}]}}]`, by("le"))
		u.SetAPIVersion(at.GroupVersion().String())
		u.SetNamespace(key(name).Namespace)
		u.SetName(key(name).Name)
		return tracker.Create(at, u, u.GetNamespace())
	})
}

func (s *gatewayServer) del(name string) {
	s.t.Helper()
	s.each(func(at schema.GroupVersionResource, tracker clienttesting.ObjectTracker) error {
		return tracker.Delete(at, key(name).Namespace, key(name).Name)
	})
	synctest.Wait()
}

func (s *gatewayServer) each(do func(schema.GroupVersionResource, clienttesting.ObjectTracker) error) {
	s.t.Helper()
	for _, version := range gatewayVersions {
		s.must(do(gatewayResource.WithVersion(version), s.dynamic.Tracker()))
	}
}

func (s *gatewayServer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// fail makes requests for a resource fail from now on, or succeed again, and ends all watches.
func (s *gatewayServer) fail(resource string, err error) {
	s.breakOff(resource, err)
	synctest.Wait()
}

func (s *gatewayServer) breakOff(resource string, err error) {
	s.mu.Lock()
	s.failing[resource] = err
	watches := s.watches
	s.watches = nil
	s.mu.Unlock()
	for _, w := range watches {
		w.Stop()
	}
}

// questions is how often it was asked which versions are served, since the last time.
func (s *gatewayServer) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked
	s.asked = 0
	return n
}

var (
	noRight = apierrors.NewForbidden(schema.GroupResource{Resource: "gateways"}, "", nil)
	broken  = apierrors.NewInternalError(apierrors.NewTimeoutError("conversion", 0))
)

// soon is after all that failed was tried again.
func soon() { time.Sleep(2 * time.Minute); synctest.Wait() }

// holds checks which Gateways are known to ask for something, and whether all of them are known in the sense of gatewayPart.
func (s *gatewayServer) holds(when, want string, settled, read bool) {
	s.t.Helper()
	var names []string
	for _, q := range s.in("") {
		names = append(names, q.by.String())
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != want {
		s.t.Errorf("%s: Gateways are %q, want %q", when, got, want)
	}
	for _, namespace := range s.watchedIn {
		if got := cache.IsDone(s.parts[namespace]); got != settled {
			s.t.Errorf("%s: settled is %t", when, got)
		}
	}
	if got := len(s.readIn("")) == len(s.parts); got != read {
		s.t.Errorf("%s: read is %t", when, got)
	}
}

// was checks what was told since the last time.
func (s *gatewayServer) was(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := append(slices.Compact(s.told), s.toldLate...)
	if !slices.Equal(got, want) {
		s.t.Errorf("told was %q, want %q", got, want)
	}
	s.told, s.toldLate = nil, nil
}

// complained checks how often the log says since the last time that roles are to be applied.
func (s *gatewayServer) complained(want int) {
	s.t.Helper()
	n := 0
	for _, entry := range s.log.TakeAll() {
		if entry.Level == zap.ErrorLevel && strings.Contains(entry.Message, "apply the roles of this version of wildcast") {
			n++
		}
	}
	if n != want {
		s.t.Errorf("the log says %d times which roles to apply, want %d", n, want)
	}
}

func inGatewayServer(t *testing.T, test func(s *gatewayServer)) {
	synctest.Test(t, func(t *testing.T) { test(newGatewayServer(t)) })
}
