package controllers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Standing is a standing certificate: a ConfigMap that asks for one, with no Ingress.
type Standing struct {
	By         Asker
	Issuer     string // looked up in its namespace, then in the home namespace
	Names      []string
	SecretName string
	Sync       *string // selector for its copies; nil for the default
	Traits
	Template Template
}

// standingKeys says how the keys of a standing certificate are read that are not among traitKeys.
var standingKeys = map[string]func(*Standing, string) error{
	"issuer":     func(s *Standing, v string) error { s.Issuer = v; return nil },
	"dnsNames":   func(s *Standing, v string) (err error) { s.Names, err = canonicalNames(splitList(v)); return err },
	"secretName": (*Standing).setSecretName,
	"sync":       (*Standing).setSync,
	"commonName": func(s *Standing, v string) error { s.CommonName = v; return nil },
}

// kubedSync is kubed's annotation that makes copies, which the template may put on the Secret.
const kubedSync = "kubed.appscode.com/sync"

// isStanding reports whether a ConfigMap is a standing certificate.
func isStanding(m *corev1.ConfigMap) bool { return m.Labels[LabelCertificate] == "true" }

// ParseStanding reads the ConfigMap of a standing certificate. The error names each faulty key and the remedy, separated
// by "; "; what can be read is there with it.
func ParseStanding(m *corev1.ConfigMap) (*Standing, error) {
	s := &Standing{By: Asker{AskerStanding, nameOf(m), m.UID, m.CreationTimestamp.Time}, SecretName: m.Name, Template: templateFrom(m)}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		if err := s.set(key, strings.TrimSpace(m.Data[key])); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	if len(s.Names)+len(s.IPs)+len(s.URIs) == 0 && s.CommonName == "" && len(faults) == 0 {
		faults = append(faults, errors.New("dnsNames: missing; list the names that the certificate is for"))
	}
	if s.Duration > 0 && s.RenewBefore >= s.Duration {
		faults = append(faults, fmt.Errorf("renewBefore: %s is not shorter than duration, %s", s.RenewBefore, s.Duration))
	}
	return s, inOneLine(faults)
}

func (s *Standing) set(key, v string) error {
	if set, known := standingKeys[key]; known {
		return set(s, v)
	}
	if set, known := traitKeys[key]; known {
		return set(&s.Traits, v)
	}
	known := slices.Concat(slices.Collect(maps.Keys(standingKeys)), slices.Collect(maps.Keys(traitKeys)))
	slices.Sort(known)
	return fmt.Errorf("unknown key; this version knows %s", strings.Join(known, ", "))
}

func (s *Standing) setSecretName(v string) error {
	if fault := checkName(v); fault != "" {
		return errors.New(fault)
	}
	s.SecretName = v
	return nil
}

func (s *Standing) setSync(v string) error {
	s.Sync = &v
	if _, err := syncSelector(strings.ReplaceAll(v, "{name}", "x")); err != nil {
		return fmt.Errorf("%q is not a label selector: %w; write for example %s", v, err, defaultSync)
	}
	return nil
}

// templateFrom is what a standing certificate's labels and annotations ask for on its Secret: all that are neither ours nor
// another tool's.
func templateFrom(m *corev1.ConfigMap) Template {
	chosen := func(from map[string]string) map[string]string {
		to := maps.Clone(from)
		maps.DeleteFunc(to, func(key, _ string) bool { return !templated(key) })
		return to
	}
	return Template{Labels: chosen(m.Labels), Annotations: chosen(m.Annotations)}
}

// certificate is the Secret that it asks for.
func (s *Standing) certificate() types.NamespacedName {
	return types.NamespacedName{Namespace: s.By.Namespace, Name: s.SecretName}
}

// sync is the value of AnnotationSync on the Secret, "false" for none:
//
//	the key sync is there                                its value
//	kubed's annotation is there, which decides then      none
//	in the home namespace                                the issuer's
//	in another namespace                                 none
func (s *Standing) sync(issuer *Issuer, home string) string {
	_, kubeds := s.Template.Annotations[kubedSync]
	switch {
	case s.Sync != nil:
		return strings.ReplaceAll(*s.Sync, "{name}", LabelValue(s.SecretName))
	case kubeds || s.By.Namespace != home:
		return "false"
	}
	return issuer.SyncFor(s.SecretName)
}

// reach selects the namespaces that get a copy, by whichever annotation.
func (s *Standing) reach(issuer *Issuer, home string) string {
	kubeds, found := s.Template.Annotations[kubedSync]
	if s.Sync == nil && found {
		return kubeds
	}
	return s.sync(issuer, home)
}

// standingAsk is what a standing certificate asks for; fault is that of its keys. It is held with any problem that a
// correction is expected for, so that what is there stays.
//
//	a key is faulty, or the issuer cannot do it           InvalidCertificate; held
//	a wildcard, the issuer's challenge is http01          InvalidCertificate; held
//	issuer not found or invalid                           IssuerNotFound, IssuerNotReady; held
//	name outside the issuer's zones, or more than they    NotAllowed
//	hold
//	namespace outside the issuer's namespaces             NotAllowed, but for the home namespace, whose owner is the issuer's
//	a wildcard of an issuer for all, namespace not        NamespaceNotSelected
//	selected and not the home namespace
//	else                                                  certificate NAMESPACE/secretName with the names
func (r rules) standingAsk(s *Standing, fault error) (*Ask, *Problem) {
	ask := &Ask{By: s.By, Certificate: s.certificate(), SecretName: s.SecretName, Names: irredundant(s.Names), Traits: s.Traits, Template: s.Template, Sync: "false"}
	issuer, problem := r.findIssuer(s.By.Namespace, cmp.Or(s.Issuer, r.defaultIssuer))
	ask.Issuer, ask.Held = issuer.Name, true
	if problem == nil && fault == nil {
		fault = s.fits(issuer.Kind)
	}
	if wrong := checkName(s.SecretName); fault == nil && wrong != "" {
		fault = errors.New(wrong)
	}
	if fault != nil {
		return ask, &Problem{ReasonInvalidCertificate, fault.Error()}
	}
	if problem != nil {
		return ask, problem
	}
	if issuer.Kind == KindACME && s.CommonName != "" {
		names, err := canonicalNames(append(slices.Clone(s.Names), s.CommonName))
		if err != nil {
			return ask, &Problem{ReasonInvalidCertificate, fmt.Sprintf("commonName: %v; an ACME CA certifies DNS names alone", err)}
		}
		ask.Names, ask.CommonName = irredundant(names), ""
	}
	if wrong := issuer.attainable(ask.Names); wrong != "" {
		return ask, &Problem{ReasonInvalidCertificate, wrong}
	}
	ask.Held, ask.Sync = false, s.sync(issuer, r.home)
	return r.standingAllowed(ask, issuer)
}

// standingAllowed is the last part of standingAsk: what the issuer's owner and administrators permit.
func (r rules) standingAllowed(ask *Ask, issuer *Issuer) (*Ask, *Problem) {
	problem := cmp.Or(permittedNames(ask.Names, issuer), permittedTraits(ask.Traits, ask.By.Namespace, issuer))
	elsewhere := ask.By.Namespace != r.home
	if problem == nil && elsewhere {
		problem = r.permittedNamespace(ask.By.Namespace, issuer)
	}
	if problem == nil && elsewhere && issuer.Name.Namespace == r.home && slices.ContainsFunc(ask.Names, isWildcard) {
		name := sharedName(ask.Names)
		problem = r.selected(name, issuer.SyncFor(name), ask.By.Namespace)
	}
	if problem != nil {
		return nil, problem
	}
	return ask, nil
}

// standingFor is the standing certificate that an asker names, nil if it names none, and what is wrong with its keys.
func (r rules) standingFor(q *request) (*Standing, error) {
	name := q.annotations[AnnotationCertificate]
	if name == "" || q.annotations[AnnotationWildcard] == "false" || r.standing == nil {
		return nil, nil
	}
	return r.standing(types.NamespacedName{Namespace: r.home, Name: name})
}

// joinStanding tells what an asker asks for that names a standing certificate of the home namespace. Issuer, names and all
// else are the certificate's; the asker only gets a copy:
//
//	the certificate's ConfigMap is not in order       held, so that no copy goes; its owner is told
//	annotation that cannot be read                    Invalid; held, so that no copy goes
//	it has no copies                                  NamespaceNotSelected
//	namespace not selected                            NamespaceNotSelected; see gate
//	namespace outside the issuer's namespaces         NotAllowed
//	entry without hosts or without secretName         Invalid
//	host that it is not for                           Invalid
func (r rules) joinStanding(q *request, s *Standing, fault error) (asks []Ask, problems []Problem) {
	of, problem := r.standingAsk(s, fault)
	if problem != nil && (of == nil || !of.Held) {
		return nil, []Problem{{ReasonNotAllowed, fmt.Sprintf("Certificate %s is not made: see: kubectl describe -n %s configmap %s",
			s.SecretName, s.By.Namespace, s.By.Name)}}
	}
	if wrong := wildcardFault(q); wrong != nil {
		problems, of.Held = append(problems, *q.invalid(fmt.Sprintf("Annotation %v.", wrong))), true
	}
	if !of.Held {
		if problem := r.mayJoin(q, s, of); problem != nil {
			return nil, []Problem{*problem}
		}
	}
	for _, entry := range q.entries {
		hosts, fault := entry.names()
		if fault == "" && !of.Held && !covers(of.Names, hosts) {
			fault = fmt.Sprintf("Certificate %s is for %s. Name hosts among these, or add to dnsNames of ConfigMap %s.",
				s.SecretName, strings.Join(of.Names, ", "), s.By.NamespacedName)
		}
		if fault != "" {
			problems = append(problems, q.invalid(fault).at(entry))
			continue
		}
		asks = append(asks, Ask{By: q.by, Certificate: of.Certificate, Issuer: of.Issuer, Names: irredundant(hosts),
			SecretName: entry.secretName, In: q.in, Shared: true, Held: of.Held})
	}
	return asks, append(problems, q.lacksEntries()...)
}

// mayJoin is the gate to a standing certificate: its issuer serves the namespace, and its copies go there.
func (r rules) mayJoin(q *request, s *Standing, of *Ask) *Problem {
	issuer, err := r.issuer(of.Issuer)
	if err != nil || issuer == nil {
		return nil // it has just changed: this is about to be looked at again
	}
	if problem := r.permittedNamespace(q.by.Namespace, issuer); problem != nil {
		return problem
	}
	reach := s.reach(issuer, r.home)
	if reach == "false" {
		return &Problem{ReasonNamespaceNotSelected, fmt.Sprintf("Certificate %s is not copied. Its owner can allow it with the key sync of ConfigMap %s.",
			s.SecretName, s.By.NamespacedName)}
	}
	return r.gate(q, issuer, s.SecretName, reach)
}
