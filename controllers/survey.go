package controllers

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// Objects are what a [Survey] looks at. Secrets and ConfigMaps that mean nothing to wildcast may be among them.
type Objects struct {
	Namespaces []*corev1.Namespace
	Ingresses  []*networkingv1.Ingress
	Gateways   []*unstructured.Unstructured // of the Gateway API or of Istio
	Secrets    []*corev1.Secret             // issuers, solvers, records of orders, certificates
	ConfigMaps []*corev1.ConfigMap
	Unread     []UnreadGateways // for what may be asked for by Gateways that are not among them

	read []*request // what Gateways say that a Controller has read, which keeps no more of them
}

// Survey is what a [Controller] makes of some objects, with nothing watched and nothing done: the same judgments, for
// those who only look. It is not safe for concurrent use.
type Survey struct {
	c        *Controller
	partial  bool
	problems []Finding
}

// Finding is a [Problem] of an object.
type Finding struct {
	Object Asker
	Problem
}

// NewSurvey looks at the objects as a Controller with this configuration, of which Home, DefaultIssuer,
// CertManagerAnnotations and SolverPrograms count. A partial survey takes it that there is more than it is shown: an
// issuer that is not among the objects is no problem, and a Namespace that is not among them is one that may have
// everything.
func NewSurvey(cfg Config, o Objects, partial bool) (*Survey, error) {
	namespaces, err := NewNamespaces(nil)
	if err != nil {
		return nil, err
	}
	caches, err := newCaches(nil, namespaces, nil)
	if err != nil {
		return nil, err
	}
	caches.readGateways(gatewaySource{}, zap.NewNop())
	s := &Survey{partial: partial, c: &Controller{
		caches: caches, joined: newJoined(nil), asks: newAsks(),
		home: cfg.Home, defaultIssuer: cfg.DefaultIssuer, certManagerAnnotations: cfg.CertManagerAnnotations,
		solverPrograms: cfg.SolverPrograms, surveys: true,
	}}
	s.c.ledger = newLedger(s.c.mayOrder)
	if err := caches.fill(o); err != nil {
		return nil, err
	}
	s.judge()
	return s, nil
}

// fill puts the objects where the informers would.
func (c *caches) fill(o Objects) error {
	var errs []error
	add := func(into cache.SharedIndexInformer, object any) { errs = append(errs, into.GetIndexer().Add(object)) }
	for _, ns := range o.Namespaces {
		add(c.namespaces, ns)
	}
	for _, ing := range o.Ingresses {
		add(c.ingresses[metav1.NamespaceAll], ing)
	}
	for _, u := range o.Gateways {
		c.gatewaysOf(AskerOfGateway(u).Kind).put(u)
	}
	for _, g := range c.gateways {
		g.parts[metav1.NamespaceAll].known = true
		for _, u := range o.Unread {
			if u.Resource == g.resource && !u.Known {
				g.parts[u.Namespace] = newGatewayPart(g, u.Namespace)
			}
		}
	}
	for _, q := range o.read {
		c.gatewaysOf(q.by.Kind).keep(q)
	}
	for _, m := range o.ConfigMaps {
		if isStanding(m) {
			add(c.standing[metav1.NamespaceAll], m)
		}
	}
	byType := map[corev1.SecretType]secretCaches{TypeIssuer: c.issuers, TypeSolver: c.solvers, TypeOrder: c.orders}
	for _, s := range o.Secrets {
		if into := byType[s.Type]; into != nil {
			add(into[metav1.NamespaceAll], s)
		}
		if s.Labels[LabelManaged] == "true" {
			add(c.managed[metav1.NamespaceAll], s)
		}
	}
	return errors.Join(errs...)
}

// judge finds out what is asked for, and what is wrong.
func (s *Survey) judge() {
	c := s.c
	for _, secret := range inOrder(c.caches.issuers) {
		s.judgeIssuer(secret)
	}
	for _, secret := range inOrder(c.caches.solvers) {
		_, err := ParseSolver(secret, c.home, c.solverPrograms)
		s.faults(askerOfSecret(secret), ReasonInvalidSolver, err)
	}
	for _, m := range inOrder(c.caches.standing) {
		s.judgeStanding(m)
	}
	for _, q := range slices.SortedFunc(slices.Values(c.caches.requests(metav1.NamespaceAll)), inTurn) {
		asks, problems := asksOf(q, s.rulesFor(q.by.Namespace))
		c.asks.set(q.by.id(), asks)
		s.found(q.by, problems...)
	}
	for _, order := range c.caches.orders.all() {
		c.ledger.note(certificateOf(nameOf(order)), attemptsOf(order.Data))
	}
	for _, name := range c.asks.certificatesFrom(anyIssuer) {
		_, refused := wantOf(c.asks.forCertificate(name), c.issuer)
		for _, r := range refused {
			s.found(r.Ask.By, r.Problem)
		}
	}
}

// inTurn orders requests by kind, namespace and name.
func inTurn(a, b *request) int {
	turn := func(q *request) int { return slices.Index(requesting, q.by.Kind) }
	return cmp.Or(turn(a)-turn(b), strings.Compare(a.by.String(), b.by.String()))
}

func anyIssuer(types.NamespacedName) bool { return true }

func (s *Survey) judgeIssuer(secret *corev1.Secret) {
	by := askerOfSecret(secret)
	issuer, err := s.c.parseIssuer(secret)
	if err != nil {
		s.faults(by, ReasonInvalidIssuer, err)
		return
	}
	asks, problems := s.rulesFor(secret.Namespace).authorityAsk(by, issuer)
	s.c.asks.set(by.id(), asks)
	if root := s.c.caches.issuers.get(types.NamespacedName{Namespace: by.Namespace, Name: issuer.Root}); root != nil || !s.partial {
		s.found(by, problems...)
	}
}

func (s *Survey) judgeStanding(m *corev1.ConfigMap) {
	standing, fault := ParseStanding(m)
	ask, problem := s.rulesFor(m.Namespace).standingAsk(standing, fault)
	if ask != nil {
		s.c.asks.set(standing.By.id(), []Ask{*ask})
	}
	if fault != nil {
		s.faults(standing.By, ReasonInvalidCertificate, fault)
	} else if problem != nil {
		s.found(standing.By, *problem)
	}
}

func askerOfSecret(s *corev1.Secret) Asker {
	return Asker{AskerIssuer, nameOf(s), s.UID, s.CreationTimestamp.Time}
}

// faults notes each of several faults by itself.
func (s *Survey) faults(of Asker, reason string, err error) {
	if err == nil {
		return
	}
	faults, several := errors.AsType[Faults](err)
	if !several {
		faults = Faults{err}
	}
	for _, fault := range faults {
		s.found(of, Problem{reason, fault.Error()})
	}
}

// found notes problems, but for those that a partial survey cannot know of, and faults of an issuer that are its own
// already.
func (s *Survey) found(of Asker, problems ...Problem) {
	for _, p := range problems {
		unknown := p.Reason == ReasonIssuerNotFound || p.Reason == ReasonIssuerNotReady || p.Reason == ReasonNamespaceNotSelected && s.c.namespace(of.Namespace) == nil
		if !s.partial || !unknown {
			s.problems = append(s.problems, Finding{of, p})
		}
	}
}

// rulesFor are the Controller's, but that a Namespace that a partial survey does not know is let through every gate.
func (s *Survey) rulesFor(namespace string) rules {
	r := s.c.rulesFor(namespace)
	if !s.partial || s.c.namespace(namespace) != nil {
		return r
	}
	known := r.issuer
	r.issuer = func(name types.NamespacedName) (*Issuer, error) {
		issuer, err := known(name)
		if issuer != nil {
			issuer.Namespaces, issuer.Sync = labels.Everything(), "true"
		}
		return issuer, err
	}
	return r
}

// inOrder are the objects by namespace and name.
func inOrder[T object, I cache.SharedIndexInformer](c informers[T, I]) []T {
	return slices.SortedFunc(slices.Values(c.all()), func(a, b T) int { return strings.Compare(nameOf(a).String(), nameOf(b).String()) })
}

// Problems are those of all objects, by kind, namespace and name: issuers and solvers first.
func (s *Survey) Problems() []Finding { return s.problems }

// Requested is [Controller.Requested].
func (s *Survey) Requested(target types.NamespacedName) []Ask { return s.c.Requested(target) }

// RequestedOf is [Controller.RequestedOf].
func (s *Survey) RequestedOf(certificate types.NamespacedName) []types.NamespacedName {
	return s.c.RequestedOf(certificate)
}

// Keeps is [Controller.Keeps].
func (s *Survey) Keeps(certificate, target types.NamespacedName) bool {
	return s.c.Keeps(certificate, target)
}

// HostsOf are the hosts that an Ingress or a Gateway wants served by a Secret.
func (s *Survey) HostsOf(kind AskerKind, name types.NamespacedName, secretName string) (hosts []string) {
	q := s.c.caches.request(askerID{kind, name})
	if q == nil {
		return nil
	}
	for _, e := range q.entries {
		if e.secretName == secretName {
			hosts = append(hosts, e.hosts...)
		}
	}
	return hosts
}

// AsksOf is what an Ingress, a Gateway or a standing certificate asks for.
func (s *Survey) AsksOf(kind AskerKind, name types.NamespacedName) []Ask {
	return s.c.asks.byAsker[askerID{kind, name}]
}

// Solvers are the accounts at DNS vendors that an issuer's challenges are answered with.
func (s *Survey) Solvers(issuer types.NamespacedName) []dns01.Settings {
	solvers, _ := s.c.solversIn(issuer.Namespace)
	return solvers
}

// Meet shows the survey a Secret that stands where a certificate should be, and is not ours.
func (s *Survey) Meet(secret *corev1.Secret) error {
	return s.c.caches.managed[metav1.NamespaceAll].GetIndexer().Add(secret)
}

// State is all that is known about one certificate.
type State struct {
	Name   types.NamespacedName
	Want   *Want   // nil if nobody asks for it
	Have   *Have   // nil if there is no Secret
	Record *Record // of the order in flight, or the last one
	Plan   Plan    // what the controller does about it now
	Spent  Spent   // the CA's limit that puts an order off, if one does
	Due    time.Time
	Begun  bool   // an order is at the CA, which is carried on with
	Lacks  string // what is missing for an order, and the remedy
}

// Certificates are all that are asked for or there, by name.
func (s *Survey) Certificates(now time.Time) (all []State) {
	names := map[types.NamespacedName]struct{}{}
	for _, name := range append(s.c.asks.certificatesFrom(anyIssuer), namesOf(s.c.caches.managed.all())...) {
		names[name] = struct{}{}
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) }) {
		all = append(all, s.Certificate(name, now))
	}
	return all
}

// Certificate is the state of one of them.
func (s *Survey) Certificate(name types.NamespacedName, now time.Time) State {
	v := s.c.gather(name)
	v.now = now
	plan, spent := s.c.decide(v)
	state := State{Name: name, Want: v.want, Have: v.have(), Record: v.record, Plan: plan, Spent: spent}
	if state.Have.isCertificate() {
		state.Due = state.Have.renewAt(0)
	}
	if v.want == nil || v.want.Issuer == nil {
		return state
	}
	if state.Have.isCertificate() {
		state.Due = state.Have.renewAt(v.want.RenewBefore)
	}
	if plan.Do == Lack {
		state.Lacks = lacksSolver(v.want.Issuer.Name, unserved(v.want.Issuer, v.solvers, v.want.Names)).Note
	}
	state.Begun = v.carriesOn() && v.record.URL != ""
	return state
}

// Account is the URL of an issuer's account as its Secret shows it, empty if it has none.
func (s *Survey) Account(issuer types.NamespacedName) string {
	if secret := s.c.caches.issuers.get(issuer); secret != nil {
		return secret.Annotations[AnnotationAccount]
	}
	return ""
}

// IssuerState is what is known about one issuer.
type IssuerState struct {
	Name    types.NamespacedName
	Issuer  *Issuer // nil if its Secret is not valid
	Fault   string  // why it is not
	Status  string  // as the controller has noted it on the Secret
	Message string
	Account string
}

// Issuers are all issuers, by name.
func (s *Survey) Issuers() (all []IssuerState) {
	for _, secret := range inOrder(s.c.caches.issuers) {
		state := IssuerState{
			Name: nameOf(secret), Account: secret.Annotations[AnnotationAccount],
			Status: secret.Annotations[AnnotationStatus], Message: secret.Annotations[AnnotationMessage],
		}
		issuer, err := s.c.issuer(state.Name)
		if state.Issuer = issuer; err != nil {
			state.Issuer, state.Fault = nil, err.Error()
		}
		all = append(all, state)
	}
	return all
}

// Left is what is left of a limit of a CA.
type Left struct {
	CA    string // URL of the directory
	Limit string // as in the metric wildcast_ca_budget_left
	Of    string // an account, a domain, a set of names
	Left  int
	Most  int // that the CA allows
}

// Budget is what is left of each limit of which something was used, as far as records tell.
func (s *Survey) Budget(now time.Time) (all []Left) {
	s.c.ledger.left(now, func(ca, limit, of string, left, most int) { all = append(all, Left{ca, limit, of, left, most}) })
	slices.SortFunc(all, func(a, b Left) int {
		return strings.Compare(a.CA+"\n"+a.Limit+"\n"+a.Of, b.CA+"\n"+b.Limit+"\n"+b.Of)
	})
	return all
}

// LabelCommand is the command that makes a namespace match a selector.
func LabelCommand(namespace, selector string) string { return labelCommand(namespace, selector) }
