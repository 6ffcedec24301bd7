package report

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// Explanation is all that leads to one object, or to what a namespace has.
type Explanation struct {
	Object   Object    `json:"object"`
	Is       string    `json:"is"` // what the object is to wildcast
	Problems []Problem `json:"problems"`
	Chains   []Chain   `json:"chains,omitempty"`   // of certificates
	Receives []Receipt `json:"receives,omitempty"` // copies that are, or should be, in a namespace
	Lacks    []Receipt `json:"lacks,omitempty"`    // sources that do not select it
}

// Receipt is a source and what becomes of it in a namespace.
type Receipt struct {
	Source Object             `json:"source"`
	Name   string             `json:"name"` // of the copy
	State  syncer.TargetState `json:"state,omitempty"`
	Why    string             `json:"why"`
}

// articles are how the kinds of those who ask are called in a sentence.
var articles = map[controllers.AskerKind]string{
	controllers.AskerIngress: "an Ingress", controllers.AskerGateway: "a Gateway", controllers.AskerIstio: "a Gateway of Istio",
}

// Asker explains an Ingress or a Gateway.
func (s Scene) Asker(kind controllers.AskerKind, name types.NamespacedName) Explanation {
	e := s.explanation(objectOf(string(kind), name), articles[kind]+" that asks for no certificate")
	for _, ask := range s.Certificates.AsksOf(kind, name) {
		chain := s.chain(ask.Certificate)
		chain.Hosts, chain.SecretName = s.Certificates.HostsOf(kind, name, ask.SecretName), ask.SecretName
		if ask.Shared {
			chain.Copy = s.copyAt(ask.Target())
		}
		if chain.Copy == nil && ask.Shared {
			chain.Copy = &Target{ask.Target().Namespace, ask.SecretName, syncer.Missing, chain.Certificate.noCopy()}
		}
		e.Chains = append(e.Chains, chain)
	}
	switch {
	case len(e.Chains) > 0:
		e.Is = articles[kind] + " that asks for " + plural(len(e.Chains), "certificate")
	case slices.ContainsFunc(e.Problems, func(p Problem) bool { return p.Object == e.Object }):
		e.Is = articles[kind] + " that asks for a certificate, which it does not get"
	}
	return e.withChains(e.Chains)
}

// explanation begins one of an object, with the problems that are known of it.
func (s Scene) explanation(of Object, is string) Explanation {
	e := Explanation{Object: of, Is: is, Problems: []Problem{}}
	e.add(s.Running.problem(s.Now)...)
	for _, p := range s.Certificates.Problems() {
		if about := objectOf(string(p.Object.Kind), p.Object.NamespacedName); about == of || of.Kind == "Namespace" && about.Namespace == of.Name {
			e.add(Problem{about, p.Reason, p.Note})
		}
	}
	return e
}

// add adds problems that were not told yet.
func (e *Explanation) add(problems ...Problem) {
	for _, p := range problems {
		if !slices.Contains(e.Problems, p) {
			e.Problems = append(e.Problems, p)
		}
	}
}

// withChains gives it chains, and what is wrong with their certificates.
func (e Explanation) withChains(chains []Chain) Explanation {
	e.Chains = chains
	for _, c := range chains {
		e.add(c.Certificate.problems()...)
	}
	return e
}

// LookedAtDNS adds the problems that DNS shows, once the challenges of all chains have been looked at.
func (e *Explanation) LookedAtDNS() {
	for _, c := range e.Chains {
		e.add(c.problems()...)
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func plural(n int, what string) string { return counted(n, what, what+"s") }

func (s Scene) copyAt(at types.NamespacedName) *Target {
	t, found := s.Copies[syncer.Secrets].At(at)
	if !found {
		return nil
	}
	return &Target{t.At.Namespace, t.At.Name, t.State, t.Why}
}

// Object explains a Secret or a ConfigMap.
func (s Scene) Object(kind syncer.Kind, name types.NamespacedName) Explanation {
	e := s.explanation(objectOf(string(kind), name), "an object that is nothing to wildcast")
	survey := s.Copies[kind]
	var chains []Chain
	if t, found := survey.At(name); found {
		e.Is = "a copy of " + objectOf(string(kind), t.Source).String()
		if t.State == syncer.Blocked {
			e.Is = "somebody else's object where a copy of " + objectOf(string(kind), t.Source).String() + " should be"
		}
		e.receive(s, kind, t)
		if kind == syncer.Secrets {
			chains = s.chainOf(t.Source)
		}
	}
	for _, source := range survey.Sources() {
		if source.Name == name {
			e.Is = "a source: " + copies(reflectionOf(kind, source))
			e.add(s.problemsOf(reflectionOf(kind, source))...)
		}
	}
	if kind == syncer.Secrets && chains == nil {
		if chains = s.chainOf(name); chains != nil {
			e.Is = "a certificate, and " + e.Is
			e.Is = strings.TrimSuffix(e.Is, ", and an object that is nothing to wildcast")
		}
	}
	if asks := s.Certificates.AsksOf(controllers.AskerStanding, name); kind == syncer.ConfigMaps && len(asks) > 0 {
		e.Is, chains = "a standing certificate", s.chainOf(asks[0].Certificate)
	}
	for _, c := range chains {
		if by := c.Certificate.AskedBy; c.Certificate.State == Held && len(by) > 0 { // why is known of those who ask
			e.add(s.explanation(by[0], "").Problems...)
		}
	}
	return e.withChains(chains)
}

// receive adds what becomes of a copy.
func (e *Explanation) receive(s Scene, kind syncer.Kind, t syncer.Target) {
	source := objectOf(string(kind), t.Source)
	e.Receives = append(e.Receives, Receipt{source, t.At.Name, t.State, s.whyHere(kind, t)})
	if reason := reasons[t.State]; reason != "" {
		why := t.Why
		if last := s.Warnings[source]; t.State == syncer.Missing && strings.Contains(last, t.At.String()) {
			why = last // which names the API server's reason
		}
		e.add(Problem{objectOf(string(kind), t.At), reason, why})
	}
}

func copies(r Reflection) string {
	if r.Invalid != "" {
		return "its copies stay as they are, for its annotations cannot be read"
	}
	where := r.Where()
	if r.Away {
		return "it is copied to " + where + ": " + strings.Join(r.Contexts, ", ")
	}
	if where == r.Selector {
		where = fmt.Sprintf("the namespaces that match %q", r.Selector)
	}
	return fmt.Sprintf("it is copied to %s. Copies there: %d, behind: %d, lacking: %d", where, r.Copies, r.Behind, r.Failing)
}

// chainOf is that of a certificate's Secret, none if it is no certificate.
func (s Scene) chainOf(name types.NamespacedName) []Chain {
	state := s.Certificates.Certificate(name, s.Now)
	if state.Want == nil && (state.Have == nil || !state.Have.Managed) {
		return nil
	}
	return []Chain{s.chain(name)}
}

// whyHere says why a copy is where it is.
func (s Scene) whyHere(kind syncer.Kind, t syncer.Target) string {
	switch {
	case reasons[t.State] != "":
		return "" // a problem says it
	case t.State != syncer.Synced && t.State != syncer.Behind:
		return t.Why
	}
	var why []string
	if kind == syncer.Secrets {
		for _, ask := range s.Certificates.Requested(t.At) {
			if ask.Certificate == t.Source {
				why = append(why, fmt.Sprintf("%s %s asks for it", ask.By.Kind, ask.By.NamespacedName))
			}
		}
	}
	for _, source := range s.Copies[kind].Sources() {
		if source.Name == t.Source && source.Rule != nil && !source.Away {
			why = append(why, "the labels of its namespace match "+quoted(source))
		}
	}
	if t.Why != "" {
		why = append(why, t.Why)
	}
	return strings.Join(why, "; ")
}

func quoted(source syncer.Source) string {
	if source.Text == "" || source.Text == "true" {
		return everywhere
	}
	return fmt.Sprintf("%q", source.Text)
}

// NamespaceOf explains what a namespace with these labels receives, and what it does not.
func (s Scene) NamespaceOf(name string, labels map[string]string) Explanation {
	e := s.explanation(Object{"Namespace", "", name}, "")
	if labels[syncer.LabelSync] == "false" {
		e.Is = "a namespace that keeps all copies out, with the label " + syncer.LabelSync + ": \"false\""
	}
	for _, kind := range []syncer.Kind{syncer.Secrets, syncer.ConfigMaps} {
		survey := s.Copies[kind]
		targets := survey.Strays()
		for _, source := range survey.Sources() {
			targets = append(targets, source.Targets...)
			if source.Rule != nil && source.Name.Namespace != name && !source.Rule.Selects(labels) {
				e.Lacks = append(e.Lacks, Receipt{Source: objectOf(string(kind), source.Name), Name: source.Rule.Name, Why: whyNot(source, name, labels)})
			}
		}
		for _, t := range targets {
			if t.At.Namespace == name {
				e.receive(s, kind, t)
			}
		}
	}
	for _, state := range s.Certificates.Certificates(s.Now) {
		if slices.ContainsFunc(asksOf(state), func(a controllers.Ask) bool { return a.By.Namespace == name }) {
			e.add(s.certificate(state).problems()...)
		}
	}
	slices.SortStableFunc(e.Receives, func(a, b Receipt) int { return strings.Compare(a.Name, b.Name) })
	if e.Is == "" {
		e.Is = fmt.Sprintf("a namespace for which %s meant, and %s not", counted(len(e.Receives), "copy is", "copies are"), counted(len(e.Lacks), "source is", "sources are"))
	}
	return e
}

// whyNot says why a source does not select a namespace, and what would change that.
func whyNot(source syncer.Source, namespace string, labels map[string]string) string {
	switch {
	case source.Away:
		return "it is copied to " + elsewhere
	case labels[syncer.LabelSync] == "false":
		return "the namespace has opted out. To end that: kubectl label namespace " + namespace + " " + syncer.LabelSync + "-"
	}
	return fmt.Sprintf("the namespace's labels do not match %q. To have it: %s", source.Text, controllers.LabelCommand(namespace, source.Text))
}

// noCopy is why there is no copy of it.
func (c Certificate) noCopy() string {
	if c.Expires.IsZero() {
		return "the certificate is not there yet"
	}
	return "it is not there yet"
}

// Pending reports whether a certificate is yet to come.
func (c Certificate) Pending() bool {
	return !slices.Contains([]CertificateState{Ready, Unused, Forgotten, NotOurs, Held}, c.State)
}
