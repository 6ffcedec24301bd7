package report

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/dns01"
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

// Chain is the way from one that asks to what it gets.
type Chain struct {
	Hosts       []string    `json:"hosts,omitempty"`
	SecretName  string      `json:"secretName,omitempty"` // that the asker names
	Certificate Certificate `json:"certificate"`
	Challenges  []Challenge `json:"challenges,omitempty"`
	Copy        *Target     `json:"copy,omitempty"`
}

// Challenge is how a CA is shown that a domain is ours.
type Challenge struct {
	Domain string          `json:"domain"`
	Seen   *dns01.Sighting `json:"seen,omitempty"` // nil if nobody looked
	Fault  string          `json:"fault,omitempty"`
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
	e := Explanation{Object: objectOf(string(kind), name), Is: articles[kind] + " that asks for no certificate", Problems: s.problemsAt(string(kind), name)}
	for _, ask := range s.Certificates.AsksOf(kind, name) {
		chain := Chain{Hosts: s.Certificates.HostsOf(kind, name, ask.SecretName), SecretName: ask.SecretName, Certificate: s.certificate(s.Certificates.Certificate(ask.Certificate, s.Now))}
		if ask.Shared {
			chain.Copy = s.copyAt(ask.Target())
		}
		if chain.Copy == nil && ask.Shared {
			chain.Copy = &Target{ask.Target().Namespace, ask.SecretName, syncer.Missing, "the certificate is not there yet"}
		}
		e.Chains = append(e.Chains, chain)
	}
	switch {
	case len(e.Chains) > 0:
		e.Is = articles[kind] + " that asks for " + plural(len(e.Chains), "certificate")
	case len(e.Problems) > 0:
		e.Is = articles[kind] + " that asks for a certificate, which it does not get"
	}
	return e
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func plural(n int, what string) string { return counted(n, what, what+"s") }

func (s Scene) problemsAt(kind string, name types.NamespacedName) []Problem {
	problems := []Problem{}
	for _, p := range s.Certificates.Problems() {
		if string(p.Object.Kind) == kind && p.Object.NamespacedName == name {
			problems = append(problems, Problem{objectOf(kind, name), p.Reason, p.Note})
		}
	}
	return problems
}

func (s Scene) copyAt(at types.NamespacedName) *Target {
	t, found := s.Copies[syncer.Secrets].At(at)
	if !found {
		return nil
	}
	return &Target{t.At.Namespace, t.At.Name, t.State, t.Why}
}

// Object explains a Secret or a ConfigMap.
func (s Scene) Object(kind syncer.Kind, name types.NamespacedName) Explanation {
	e := Explanation{Object: objectOf(string(kind), name), Is: "an object that is nothing to wildcast", Problems: s.problemsAt(string(kind), name)}
	survey := s.Copies[kind]
	if t, found := survey.At(name); found {
		source := objectOf(string(kind), t.Source)
		e.Is = "a copy of " + source.String()
		if t.State == syncer.Blocked {
			e.Is = "somebody else's object where a copy of " + source.String() + " should be"
		}
		e.Receives = []Receipt{{source, name.Name, t.State, s.whyHere(kind, t)}}
		if kind == syncer.Secrets {
			e.Chains = s.chainOf(t.Source)
		}
	}
	for _, source := range survey.Sources() {
		if source.Name == name {
			e.Is = "a source: " + copies(reflectionOf(kind, source))
			e.Problems = append(e.Problems, s.problemsOf(reflectionOf(kind, source))...)
		}
	}
	if kind == syncer.Secrets && e.Chains == nil {
		if e.Chains = s.chainOf(name); e.Chains != nil {
			e.Is = "a certificate, and " + e.Is
			e.Is = strings.TrimSuffix(e.Is, ", and an object that is nothing to wildcast")
		}
	}
	if asks := s.Certificates.AsksOf(controllers.AskerStanding, name); kind == syncer.ConfigMaps && len(asks) > 0 {
		e.Is, e.Chains = "a standing certificate", s.chainOf(asks[0].Certificate)
	}
	return e
}

func copies(r Reflection) string {
	if r.Invalid != "" {
		return "its copies stay as they are, for its annotations cannot be read"
	}
	where := "every namespace"
	if selector(r) != where {
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
	return []Chain{{Certificate: s.certificate(state)}}
}

// whyHere says why a copy is where it is.
func (s Scene) whyHere(kind syncer.Kind, t syncer.Target) string {
	if t.State != syncer.Synced && t.State != syncer.Behind {
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
		if source.Name == t.Source && source.Rule != nil {
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
		return "every namespace"
	}
	return fmt.Sprintf("%q", source.Text)
}

// NamespaceOf explains what a namespace with these labels receives, and what it does not.
func (s Scene) NamespaceOf(name string, labels map[string]string) Explanation {
	e := Explanation{Object: Object{"Namespace", "", name}, Problems: []Problem{}}
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
				e.Receives = append(e.Receives, Receipt{objectOf(string(kind), t.Source), t.At.Name, t.State, s.whyHere(kind, t)})
			}
		}
	}
	for _, p := range s.Certificates.Problems() {
		if p.Object.Namespace == name {
			e.Problems = append(e.Problems, Problem{objectOf(string(p.Object.Kind), p.Object.NamespacedName), p.Reason, p.Note})
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
	case labels[syncer.LabelSync] == "false":
		return "the namespace has opted out. To end that: kubectl label namespace " + namespace + " " + syncer.LabelSync + "-"
	case source.Rule.Selector.String() == "": // it selects none, or the namespace would be selected
		return "it is copied to other clusters only"
	}
	return fmt.Sprintf("the namespace's labels do not match %q. To have it: %s", source.Text, controllers.LabelCommand(namespace, source.Text))
}

// Domains are what the CA wants to be shown of a certificate by DNS.
func (c Certificate) Domains() (domains []string) {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "*."); !slices.Contains(domains, name) {
			domains = append(domains, name)
		}
	}
	return domains
}

// Pending reports whether a certificate is yet to come.
func (c Certificate) Pending() bool {
	return !slices.Contains([]CertificateState{Ready, Unused, Forgotten, NotOurs, Held}, c.State)
}
