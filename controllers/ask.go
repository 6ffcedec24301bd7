package controllers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Ask is what one tls entry of an Ingress, or one listener of a Gateway, asks for: that SecretName in its namespace serve
// Names.
type Ask struct {
	By          Asker
	Certificate types.NamespacedName // the Secret that wildcast renews; identifies the certificate
	Issuer      types.NamespacedName
	Names       []string // canonical, sorted, irredundant
	SecretName  string
	Traits      // that the asker chooses
	Template    Template
	Sync        string // of a standing certificate: the value of AnnotationSync, "false" for none
	In          string // namespace of SecretName; empty: the asker's own
	Shared      bool   // served by a copy of a certificate in the home namespace
	Held        bool   // the issuer is missing or not valid: nothing new is asked, what is there stays
}

// elsewhere reports whether the Secret shall not be in the asker's namespace.
func (a Ask) elsewhere() bool { return a.In != "" && a.In != a.By.Namespace }

// requestsCopy reports whether a copy is to be made for it. One in another namespace is not while it is held, since
// nobody has judged then whether it may be there.
func (a Ask) requestsCopy() bool { return a.Shared && !(a.Held && a.elsewhere()) }

// Problem is why an asker, or one of its entries, is not served, and what its owner can do about it.
type Problem struct {
	Reason string // an Event's reason
	Note   string
}

// rules is what, beside the asker itself, decides what it asks for.
type rules struct {
	home                   string
	defaultIssuer          string
	certManagerAnnotations bool
	namespaceLabels        labels.Set // of the asker's namespace
	labelsOf               func(namespace string) labels.Set
	watched                bool // not all namespaces are known
	// issuer returns the issuer of that name; nil if there is none, an error if its Secret is not valid.
	issuer func(types.NamespacedName) (*Issuer, error)
	// standing returns the oldest standing certificate for the Secret of that name, and what is wrong with its keys; nil if
	// there is none.
	standing func(types.NamespacedName) (*Standing, error)
}

// asksOf tells what an Ingress or a Gateway asks for. Its entries are judged one by one. Invalid stands for the reason of
// its kind: InvalidIngress, InvalidGateway.
//
//	it names a standing certificate                   see joinStanding
//	no opt-in annotation                              nothing
//	issuer not found or invalid                       IssuerNotFound, IssuerNotReady; held, so that no copy goes
//	no Secret can have the issuer's name              Invalid; held, so that no copy goes
//	entry without hosts or without secretName, or     Invalid
//	a name of wildcast's own state in its place, or
//	no name for a certificate's Secret
//	annotation that cannot be read, or asks for       Invalid; held, so that no copy goes
//	what the issuer cannot do
//	label for the Secret that is none                 Invalid; the other labels are put there
//	host outside the issuer's zones, or annotation    NotAllowed
//	that asks for more than they hold
//	namespace outside the issuer's namespaces         NotAllowed
//	an issuer of the same namespace                   certificate NAMESPACE/secretName with the hosts' wildcards, or in
//	(outside the home namespace)                      exact mode with the hosts
//	exact mode, no host a wildcard                    certificate NAMESPACE/secretName with the hosts
//	a wildcard, the issuer's challenge is http01      Invalid
//	a Gateway, the issuer's challenge is http01 and   Invalid
//	its ingressClass is not named
//	namespace not selected                            NamespaceNotSelected
//	the Secret shall be in another namespace          see gate
//	exact mode, which http01 implies                  certificate NAMESPACE/secretName with the hosts
//	wildcard mode                                     certificate HOME/wildcard.BASE with the hosts' wildcards
func asksOf(q *request, r rules) (asks []Ask, problems []Problem) {
	if standing, fault := r.standingFor(q); standing != nil {
		return r.joinStanding(q, standing, fault)
	}
	name := r.issuerName(q)
	if name == "" {
		return nil, nil
	}
	issuer, problem := r.findIssuer(q.by.Namespace, name)
	if problem != nil && len(validation.IsDNS1123Subdomain(name)) > 0 {
		problem = q.invalid(fmt.Sprintf("Issuer %.253q cannot be the name of a Secret. Write the name alone of an issuer in namespace %s or %s.",
			name, q.by.Namespace, r.home))
	}
	if problem != nil {
		problems = append(problems, *problem)
	}
	held := problem != nil
	chosen, problem := r.chosen(q, issuer)
	if problem != nil {
		problems, held = append(problems, *problem), true
	}
	if problem := permittedTraits(chosen.traits, q.by.Namespace, issuer); !held && problem != nil {
		return nil, append(problems, *problem)
	}
	template, err := parseLabels(q.annotations[AnnotationSecretLabels])
	if err != nil {
		problems = append(problems, *q.invalid(fmt.Sprintf("Annotation %s: %v.", AnnotationSecretLabels, err)))
	}
	for _, entry := range q.entries {
		entry.hosts = slices.Concat(entry.hosts, chosen.names)
		ask, problem := r.ask(q, entry, issuer, held)
		if problem != nil {
			problems = append(problems, problem.at(entry))
			continue
		}
		ask.Traits, ask.Template.Labels = chosen.traits, template
		asks = append(asks, *ask)
	}
	return asks, append(problems, q.lacksEntries()...)
}

// chosen is what annotations say about all certificates of an asker.
type chosen struct {
	traits Traits
	names  []string
}

// chosen reads those annotations. With a problem, nothing is chosen.
func (r rules) chosen(q *request, issuer *Issuer) (chosen, *Problem) {
	traits, err := r.traitsOf(q, issuer)
	names, wrong := r.moreNames(q, issuer, traits.CommonName)
	if err = inOneLine([]error{wildcardFault(q), err, wrong}); err != nil {
		return chosen{}, q.invalid(fmt.Sprintf("Annotation %v.", err))
	}
	if issuer.Kind == KindACME {
		traits.CommonName = "" // it is among the names
	}
	return chosen{traits, names}, nil
}

// wildcardFault is that AnnotationWildcard says neither yes nor no. Until it does, the asker is in wildcard mode.
func wildcardFault(q *request) error {
	v := q.annotations[AnnotationWildcard]
	if _, err := parseBool(v); err != nil && v != "" {
		return fmt.Errorf(`%s: %w; write "false" for a certificate with exactly these hosts`, AnnotationWildcard, err)
	}
	return nil
}

// issuerName is the issuer that an asker opts in to, empty if it does not.
func (r rules) issuerName(q *request) string {
	candidates := []string{q.annotations[AnnotationIssuer]}
	if r.certManagerAnnotations {
		candidates = append(candidates, q.annotations[AnnotationClusterIssuer], q.annotations[AnnotationNamespaceIssuer])
	}
	if q.annotations[AnnotationTLSACME] == "true" {
		candidates = append(candidates, r.defaultIssuer)
	}
	return strings.TrimSpace(cmp.Or(candidates...))
}

// findIssuer looks in the asker's namespace, then in the home namespace. With a problem, the issuer has only the name
// under which it should be found.
func (r rules) findIssuer(namespace, name string) (*Issuer, *Problem) {
	for _, ns := range []string{namespace, r.home} {
		key := types.NamespacedName{Namespace: ns, Name: name}
		issuer, err := r.issuer(key)
		if err != nil {
			return &Issuer{Name: key}, &Problem{ReasonIssuerNotReady,
				fmt.Sprintf("Issuer %s/%s is not valid: %v. Its owner must repair that Secret.", ns, name, err)}
		}
		if issuer != nil {
			return issuer, nil
		}
	}
	key := types.NamespacedName{Namespace: r.home, Name: name}
	return &Issuer{Name: key}, &Problem{ReasonIssuerNotFound, fmt.Sprintf("There is no Secret %.253s of type %s in namespace %s or %s; "+
		"create it, or name another issuer.", name, TypeIssuer, namespace, r.home)}
}

// ask judges one entry.
func (r rules) ask(q *request, entry entry, issuer *Issuer, held bool) (*Ask, *Problem) {
	hosts, fault := entry.names()
	if fault != "" {
		return nil, q.invalid(fault)
	}
	ask := &Ask{
		By:         q.by,
		Issuer:     issuer.Name,
		SecretName: entry.secretName,
		In:         q.in,
		Names:      irredundant(hosts),
		Held:       held,
	}
	exact := q.annotations[AnnotationWildcard] == "false" || issuer.HTTP01
	if !exact {
		ask.Names = widenAll(hosts)
	}
	own := types.NamespacedName{Namespace: q.in, Name: entry.secretName}
	shared := types.NamespacedName{
		Namespace: r.home,
		Name:      cmp.Or(q.annotations[AnnotationCertificate], sharedName(ask.Names)),
	}
	ours := issuer.Name.Namespace == r.home
	ask.Certificate, ask.Shared = shared, ours && !exact
	if !ask.Shared {
		ask.Certificate = own
	}
	if fault := cmp.Or(checkName(ask.Certificate.Name), issuer.attainable(ask.Names), issuer.unreachable(q.by.Kind)); fault != "" {
		return nil, q.invalid(fault)
	}
	var problem *Problem
	if !held {
		problem = cmp.Or(permittedHosts(ask.Names, hosts, issuer), r.permittedNamespace(q.by.Namespace, issuer))
	}
	if problem == nil && !held && (q.elsewhere() || ours && (ask.Shared || slices.ContainsFunc(ask.Names, isWildcard))) {
		name := shared.Name
		if q.elsewhere() { // whoever may have the wildcard may have its hosts
			name = cmp.Or(q.annotations[AnnotationCertificate], sharedName(widenAll(hosts)))
		}
		problem = r.gate(q, issuer, name, issuer.SyncFor(name))
	}
	return ask, problem
}

// attainable tells which name the issuer's challenge cannot be met for, empty if it can for all.
func (i *Issuer) attainable(names []string) (fault string) {
	at := slices.IndexFunc(names, isWildcard)
	if !i.HTTP01 || at < 0 {
		return ""
	}
	return fmt.Sprintf("Issuer %s cannot certify %s: with challenge http01 there are no wildcards. "+
		"Name the hosts, or an issuer with challenge dns01.", i.Name, names[at])
}

// unreachable is that the pages of challenge http01, which stand on an Ingress, may not be where a Gateway answers: the
// cluster's default class need not have an Ingress controller at all. Who names a class has one that does.
func (i *Issuer) unreachable(asker AskerKind) (fault string) {
	if !asker.isGateway() || !i.HTTP01 || i.IngressClass != "" {
		return ""
	}
	return fmt.Sprintf("Issuer %s answers the CA through an Ingress, and this is a Gateway. Name an issuer with challenge dns01; "+
		"or, if an Ingress controller answers at port 80 of these hosts, its owner can name that one's class with ingressClass.", i.Name)
}

// checkName says why a certificate's Secret, beside which its record is kept, cannot have a name, empty if it can.
func checkName(name string) (fault string) {
	if len(validation.IsDNS1123Subdomain(recordName(types.NamespacedName{Name: name}).Name)) > 0 {
		return fmt.Sprintf("%.100q cannot be the name of a certificate's Secret: write lower case letters, digits, \"-\" and \".\", "+
			"beginning and ending with a letter or digit, 247 characters at most. Give another name.", name)
	}
	return reserved(name)
}

// reserved says that a Secret cannot have a name because it is one of those under which wildcast keeps its own state, empty
// if it can.
func reserved(name string) (fault string) {
	for _, suffix := range []string{recordSuffix, accountSuffix, authoritySuffix} {
		if strings.HasSuffix(name, suffix) {
			return fmt.Sprintf("%q cannot be the name of a certificate's Secret: wildcast keeps its own state "+
				"under names that end in %s. Give another name.", name, suffix)
		}
	}
	return ""
}

// gate lets a wildcard's key through to where the asker wants it. In another namespace than the asker's it wants more, since
// that is a wish about what is somebody else's:
//
//	the asker's own namespace                         selected
//	another, of which not all askers are known        Invalid
//	another, an issuer of the asker's namespace       NotAllowed: its owner would decide what goes to others
//	the home namespace                                NotAllowed: its Secrets are all certificates
//	another, the issuer names its namespaces          that one is selected; the asker's is among those
//	another, the issuer names none                    both are selected
func (r rules) gate(q *request, issuer *Issuer, certificate, sync string) *Problem {
	if !q.elsewhere() {
		return r.selected(certificate, sync, q.in)
	}
	switch {
	case r.watched:
		return q.invalid(fmt.Sprintf("Annotation %s: where wildcast is run with --namespaces it puts Secrets beside the Gateway only. Move the Gateway "+
			"to namespace %s.", AnnotationSecretNamespace, q.in))
	case issuer.Name.Namespace != r.home:
		return &Problem{ReasonNotAllowed, fmt.Sprintf("Issuer %s serves its own namespace only. Name one of namespace %s, or remove the annotation %s.",
			issuer.Name, r.home, AnnotationSecretNamespace)}
	case q.in == r.home:
		return &Problem{ReasonNotAllowed, fmt.Sprintf("Namespace %s is wildcast's own. Name another one in annotation %s.", q.in, AnnotationSecretNamespace)}
	}
	if issuer.Namespaces.Empty() {
		if problem := r.selected(certificate, sync, q.by.Namespace); problem != nil {
			return problem
		}
	}
	there := r
	there.namespaceLabels = r.labelsOf(q.in)
	return there.selected(certificate, sync, q.in)
}

// selected is the label gate: a wildcard's key, shared or not, goes only where an administrator sent it.
func (r rules) selected(certificate, sync, namespace string) *Problem {
	if r.namespaceLabels[LabelSync] == "false" {
		return &Problem{ReasonNamespaceNotSelected, fmt.Sprintf("Namespace %s may not receive certificate %s: its label %s opts out. "+
			"An administrator can allow it: kubectl label namespace %s %s-", namespace, certificate, LabelSync, namespace, LabelSync)}
	}
	selector, err := syncSelector(sync)
	if err == nil && selector.Matches(r.namespaceLabels) {
		return nil
	}
	return &Problem{ReasonNamespaceNotSelected, fmt.Sprintf("Namespace %s may not receive certificate %s: "+
		"its labels do not match %q. An administrator can allow it: %s",
		namespace, certificate, sync, labelCommand(namespace, sync))}
}

// labelCommand is the command that makes a namespace match the selector.
func labelCommand(namespace, sync string) string {
	requirements, err := labels.ParseToRequirements(sync)
	if err != nil {
		return "kubectl label namespace " + namespace + " ..."
	}
	var set []string
	for _, r := range requirements {
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			set = append(set, r.Key()+"="+slices.Min(r.ValuesUnsorted()))
		case selection.Exists:
			set = append(set, r.Key()+"=true")
		case selection.DoesNotExist, selection.NotEquals, selection.NotIn:
			set = append(set, r.Key()+"-")
		}
	}
	slices.Sort(set)
	return "kubectl label --overwrite namespace " + namespace + " " + strings.Join(set, " ")
}

// sharedName is the name of the certificate for these names: wildcard.BASE, and with several base domains the first
// one and a hash of all. It is a valid name of a Secret.
func sharedName(names []string) string {
	const most = 253 - len(recordSuffix) // the order's record has a longer name
	domains := bases(names)
	name := "wildcard." + domains[0]
	if len(domains) == 1 && len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(strings.Join(domains, ",")))
	tail := "-" + hex.EncodeToString(sum[:])[:8]
	return strings.TrimRight(name[:min(len(name), most-len(tail))], "-.") + tail
}
