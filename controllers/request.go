package controllers

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// request is what an object says about the certificates that it asks for: an Ingress, or a Gateway of either kind.
type request struct {
	by          Asker
	in          string // namespace of the Secrets: the asker's own, but for Gateways of Istio
	annotations map[string]string
	entries     []entry
	none        string // what an object without entries lacks, and the remedy
}

// entry asks that a Secret serve hosts.
type entry struct {
	at         string // where it stands, such as spec.tls[0]
	hosts      []string
	secretName string
	fault      string // why it cannot be served, and the remedy; empty if it can
	hostless   string // the fault where there are no hosts
}

// names returns the entry's hosts in canonical form, or what is wrong with it.
func (e entry) names() (hosts []string, fault string) {
	switch {
	case e.fault != "":
		return nil, e.fault
	case len(e.hosts) == 0:
		return nil, e.hostless
	}
	if fault = reserved(e.secretName); fault != "" {
		return nil, fault
	}
	hosts, err := canonicalNames(e.hosts)
	if err != nil {
		return nil, fmt.Sprintf("hosts: %v; correct it.", err)
	}
	return hosts, ""
}

// invalid is the problem that what the object says cannot be followed.
func (q *request) invalid(note string) *Problem {
	return &Problem{q.by.Kind.invalid(), note}
}

// elsewhere reports whether the Secrets shall not be in the asker's namespace.
func (q *request) elsewhere() bool { return q.in != q.by.Namespace }

// lacksEntries is the problem of an object that asks, and does not say for what.
func (q *request) lacksEntries() []Problem {
	if len(q.entries) > 0 {
		return nil
	}
	return []Problem{*q.invalid(q.none)}
}

// at says in which entry the problem is.
func (p Problem) at(e entry) Problem {
	return Problem{p.Reason, e.at + ": " + p.Note}
}

// requestOf is what an Ingress says.
func requestOf(ing *networkingv1.Ingress) *request {
	q := &request{by: askerOf(ing), in: ing.Namespace, annotations: ing.Annotations,
		none: "It asks for a certificate and has no spec.tls; add an entry with hosts and secretName."}
	for i, tls := range ing.Spec.TLS {
		e := entry{at: fmt.Sprintf("spec.tls[%d]", i), hosts: tls.Hosts, secretName: tls.SecretName,
			hostless: fmt.Sprintf("The entry for Secret %s has no hosts; add the host names that it shall serve.", tls.SecretName)}
		if tls.SecretName == "" {
			e.fault = fmt.Sprintf("The entry for %s has no secretName; add the name that the certificate's Secret shall have in this namespace.",
				strings.Join(tls.Hosts, ", "))
		}
		q.entries = append(q.entries, e)
	}
	return q
}

// heeded reports whether an annotation may mean something about what is asked for.
func heeded(annotation string) bool {
	return strings.HasPrefix(annotation, "wildcast.dev/") || strings.HasPrefix(annotation, certManagerPrefix) || annotation == AnnotationTLSACME
}
