package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

var secretsResource = corev1.SchemeGroupVersion.WithResource("secrets")

// newCluster is client-go's fake, which also heeds selectors when Secrets are listed and watched, notes when they were
// made, and counts their states: what is made of an older one is refused.
func newCluster() *fake.Clientset {
	kube := fake.NewClientset()
	states := 1 // the fake has one request after another
	next := func(s *corev1.Secret) {
		states++
		s.ResourceVersion = strconv.Itoa(states)
	}
	kube.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.CreateAction).GetObject().(*corev1.Secret)
		s.CreationTimestamp = metav1.Now()
		next(s)
		return false, nil, nil
	})
	overtaken := func(namespace, name, of string) error {
		held, err := kube.Tracker().Get(secretsResource, namespace, name)
		if err != nil || of == "" || held.(*corev1.Secret).ResourceVersion == of {
			return nil // nothing there is for the fake itself to say
		}
		return apierrors.NewConflict(secretsResource.GroupResource(), name, errors.New("the object has been modified"))
	}
	kube.PrependReactor("update", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.UpdateAction).GetObject().(*corev1.Secret)
		if err := overtaken(s.Namespace, s.Name, s.ResourceVersion); err != nil {
			return true, nil, err
		}
		next(s)
		return false, nil, nil
	})
	kube.PrependReactor("delete", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		d := a.(clienttesting.DeleteAction)
		if p := d.GetDeleteOptions().Preconditions; p != nil {
			err := overtaken(d.GetNamespace(), d.GetName(), ptr.Deref(p.ResourceVersion, ""))
			return err != nil, nil, err
		}
		return false, nil, nil
	})
	kube.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		found, err := kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), a.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		all := found.(*corev1.SecretList)
		only := a.(clienttesting.ListAction).GetListRestrictions()
		kept := &corev1.SecretList{ListMeta: all.ListMeta}
		for _, s := range all.Items {
			if selects(only.Fields, only.Labels, &s) {
				kept.Items = append(kept.Items, s)
			}
		}
		return true, kept, nil
	})
	kube.PrependWatchReactor("secrets", func(a clienttesting.Action) (bool, watch.Interface, error) {
		all, err := kube.Tracker().Watch(secretsResource, a.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		only := a.(clienttesting.WatchAction).GetWatchRestrictions()
		return true, watch.Filter(all, func(e watch.Event) (watch.Event, bool) {
			s, ok := e.Object.(*corev1.Secret)
			return e, ok && selects(only.Fields, only.Labels, s)
		}), nil
	})
	return kube
}

func selects(f fields.Selector, l labels.Selector, s *corev1.Secret) bool {
	return (f == nil || f.Matches(fields.Set{"type": string(s.Type)})) && (l == nil || l.Matches(labels.Set(s.Labels)))
}

// nameserver answers challenges straight in a DNS server, with signed updates.
type nameserver struct{ *acmetest.DNS }

func (n nameserver) Solver([]dns01.Settings, dns01.Waiting) acmeclient.Solver { return n }

func (nameserver) Type(string) string { return acmeclient.DNS01 }

func (n nameserver) Present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	sum := sha256.Sum256([]byte(ch.KeyAuthorization))
	record, err := dns.NewRR(fmt.Sprintf("_acme-challenge.%s. 1 IN TXT %q", ch.Domain, base64.RawURLEncoding.EncodeToString(sum[:])))
	if err != nil {
		return nil, err
	}
	remove := func(ctx context.Context) error {
		return n.update(ctx, func(m *dns.Msg) { m.Remove([]dns.RR{record}) })
	}
	return remove, n.update(ctx, func(m *dns.Msg) { m.Insert([]dns.RR{record}) })
}

func (n nameserver) update(ctx context.Context, change func(*dns.Msg)) error {
	name, secret, algorithm := n.TSIG()
	name, algorithm = dns.Fqdn(name), dns.Fqdn(algorithm)
	m := new(dns.Msg).SetUpdate("a.test.")
	change(m)
	m.SetTsig(name, algorithm, 300, time.Now().Unix())
	client := &dns.Client{TsigSecret: map[string]string{name: secret}}
	answer, _, err := client.ExchangeContext(ctx, m, n.Addr())
	if err == nil && answer.Rcode != dns.RcodeSuccess {
		err = fmt.Errorf("update refused: %s", dns.RcodeToString[answer.Rcode])
	}
	return err
}

// rig is a controller at work between a fake cluster and a real CA.
type rig struct {
	t    *testing.T
	kube *fake.Clientset
	ca   *acmetest.CA
	dns  *acmetest.DNS

	cas     map[string]authority       // by directory, instead of those that issuers' servers lead to
	perCA   int                        // how many orders may be under way at a CA; zero for as many as usual
	config  Config                     // of the controller to run, as far as a test wants it otherwise
	noticed func(types.NamespacedName) // of the controller that runs
	figures prometheus.Collector       // of the controller that runs
	known   func(namespace string) bool
	asked   func(target types.NamespacedName) []Ask
	keeps   func(certificate, target types.NamespacedName) bool
	objects func() Objects
	pages   atomic.Pointer[http.Handler]

	mu     sync.Mutex
	events []string // "Reason note"
}

// newRig sets the scene: namespace infra is selected, issuer le and a solver are there. Nothing runs yet.
func newRig(t *testing.T) *rig { return newRigWith(t, acmetest.CAOptions{}) }

// newRigWith is newRig with another CA.
func newRigWith(t *testing.T, o acmetest.CAOptions) *rig {
	t.Helper()
	r := &rig{t: t, kube: newCluster()}
	var err error
	if r.dns, err = acmetest.StartDNS("a.test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.dns.Close)
	o.DNS = r.dns
	if r.ca, err = acmetest.StartCA(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.ca.Close)
	r.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}})
	r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le", CreationTimestamp: metav1.Now()}, Type: TypeIssuer, Data: map[string][]byte{
		"server": []byte(r.ca.Directory()), "caBundle": r.ca.CABundle()}})
	r.add(solverSecret())
	return r
}

// solverSecret is a solver for all names; rigs answer challenges themselves.
func solverSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "dns"}, Type: TypeSolver, Data: map[string][]byte{"provider": []byte("rfc2136")}}
}

func (r *rig) add(o runtime.Object) {
	r.t.Helper()
	if s, ok := o.(*corev1.Secret); ok && s.ResourceVersion == "" {
		s.ResourceVersion = "1"
	}
	if err := r.kube.Tracker().Add(o); err != nil {
		r.t.Fatal(err)
	}
}

// run starts a controller, and returns the function that stops it and waits.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	namespaces, err := NewNamespaces(r.kube)
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := r.config
	cfg.Kube, cfg.Namespaces, cfg.Events, cfg.Log, cfg.Home = r.kube, namespaces, r, zaptest.NewLogger(r.t), home
	if cfg.Solvers == nil {
		cfg.Solvers = nameserver{r.dns}
	}
	c, err := New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	for server, ca := range r.cas {
		c.cas.clients[server+"\n"] = ca
	}
	c.places.perCA = cmp.Or(r.perCA, c.places.perCA)
	r.noticed, r.known, r.asked, r.keeps, r.objects = c.Noticed, c.Known, c.Requested, c.Keeps, c.Objects
	r.figures = c
	pages := c.Pages()
	r.pages.Store(&pages)
	watched := r.watches()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { namespaces.RunWithContext(ctx) })
	c.Start(ctx, &wg)
	if err := c.Prepare(ctx); err != nil {
		r.t.Fatal(err)
	}
	caches := 1 + 7*max(1, len(cfg.Watched)) // the fake loses what is written between a cache's list and its watch
	r.eventually("all caches watch", func() bool { return r.watches() >= watched+caches })
	wg.Go(func() {
		if err := c.Run(ctx); err != nil {
			r.t.Error(err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// series counts the series of a metric.
func (r *rig) series(metric string) (n int) {
	r.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.figures)
	families, err := registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == metric {
			n = len(family.GetMetric())
		}
	}
	return n
}

// watches counts the watches that were begun.
func (r *rig) watches() (n int) {
	for _, a := range r.kube.Actions() {
		if a.GetVerb() == "watch" {
			n++
		}
	}
	return n
}

// Eventf keeps an Event.
func (r *rig) Eventf(_, _ runtime.Object, _, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, reason+" "+fmt.Sprintf(note, args...))
}

// said reports whether there was an Event with the reason, whose note contains the text.
func (r *rig) said(reason, text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if strings.HasPrefix(e, reason+" ") && strings.Contains(e, text) {
			return true
		}
	}
	return false
}

// secret returns a Secret, nil if there is none.
func (r *rig) secret(name types.NamespacedName) *corev1.Secret {
	o, err := r.kube.Tracker().Get(secretsResource, name.Namespace, name.Name)
	if err != nil {
		return nil
	}
	return o.(*corev1.Secret)
}

// change changes a Secret as somebody does who tries again if the controller was first.
func (r *rig) change(name types.NamespacedName, how func(*corev1.Secret)) {
	r.t.Helper()
	for {
		s := r.secret(name).DeepCopy()
		how(s)
		_, err := r.kube.CoreV1().Secrets(s.Namespace).Update(context.Background(), s, metav1.UpdateOptions{})
		switch {
		case err == nil:
			return
		case !apierrors.IsConflict(err):
			r.t.Fatal(err)
		}
	}
}

// eventually waits for a condition.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.After(time.Minute)
	for ticker := time.Tick(5 * time.Millisecond); !holds(); {
		select {
		case <-deadline:
			r.t.Fatalf("it never came to this: %s; Events: %q", what, r.events)
		case <-ticker:
		}
	}
}

// failOnce makes the first request of that kind on that object fail, and returns how to learn whether it did.
func (r *rig) failOnce(verb string, name types.NamespacedName, failure error, which func(*corev1.Secret) bool) (failed func() bool) {
	var once sync.Once
	var done bool
	var mu sync.Mutex
	r.kube.PrependReactor(verb, "secrets", func(a clienttesting.Action) (handled bool, _ runtime.Object, err error) {
		at, s := actionOn(a)
		if at != name || s != nil && which != nil && !which(s) {
			return false, nil, nil
		}
		once.Do(func() {
			mu.Lock()
			defer mu.Unlock()
			handled, err, done = true, failure, true
		})
		return handled, nil, err
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return done
	}
}

// actionOn tells what a request is about.
func actionOn(a clienttesting.Action) (types.NamespacedName, *corev1.Secret) {
	switch a := a.(type) {
	case clienttesting.UpdateAction: // creates are of this shape too
		s := a.GetObject().(*corev1.Secret)
		return nameOf(s), s
	case clienttesting.GetAction: // deletes are of this shape too
		return types.NamespacedName{Namespace: a.GetNamespace(), Name: a.GetName()}, nil
	}
	return types.NamespacedName{}, nil
}

var _ events.EventRecorder = (*rig)(nil)
