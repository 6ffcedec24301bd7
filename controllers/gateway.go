package controllers

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// API groups of the two kinds of Gateways.
const (
	gatewayGroup = "gateway.networking.k8s.io"
	istioGroup   = "networking.istio.io"
)

// requestOfGateway is what a Gateway says, of the Gateway API or of Istio. Its listeners, or servers, that end TLS with a
// Secret are entries; those that share a Secret are one.
//
//	listener without tls, or with mode Passthrough            none
//	no Secret is named: files, options of the vendor's        none
//	a reference to another kind than a Secret                 none
//	a Secret of another namespace than the request's          fault
//	no hostname, or one that stands for all                   fault
//	else                                                      an entry for each Secret
func requestOfGateway(u *unstructured.Unstructured) *request {
	q := &request{by: AskerOfGateway(u), annotations: u.GetAnnotations()}
	maps.DeleteFunc(q.annotations, func(key, _ string) bool { return !heeded(key) })
	q.in = q.by.Namespace
	parse := gatewayEntries
	q.none = "It asks for a certificate, and no listener ends TLS with a Secret; add one with protocol HTTPS and tls.certificateRefs."
	if q.by.Kind == AskerIstio {
		q.in = cmp.Or(strings.TrimSpace(q.annotations[AnnotationSecretNamespace]), q.in)
		parse = istioEntries
		q.none = "It asks for a certificate, and no server ends TLS with a Secret; add one with tls.mode SIMPLE and tls.credentialName."
	}
	entries, err := parse(u, q.in)
	if err != nil {
		q.entries = []entry{{at: "spec", fault: fmt.Sprintf("It cannot be read: %v; see: kubectl explain gateway.spec", err)}}
		return q
	}
	q.entries = bySecret(entries, q.annotations[AnnotationDNSNames] != "")
	return q
}

// AskerOfGateway names a Gateway, of the Gateway API or of Istio.
func AskerOfGateway(u *unstructured.Unstructured) Asker {
	kind := AskerGateway
	if u.GroupVersionKind().Group == istioGroup {
		kind = AskerIstio
	}
	return Asker{kind, nameOf(u), u.GetUID(), u.GetCreationTimestamp().Time}
}

// bySecret joins entries for the same Secret. One without hosts stands alone, with its fault, unless names are added to all.
func bySecret(entries []entry, named bool) (joined []entry) {
	at := map[string]int{}
	for _, e := range slices.SortedStableFunc(slices.Values(entries), func(a, b entry) int { return min(len(b.hosts), 1) - min(len(a.hosts), 1) }) {
		i, found := at[e.secretName]
		switch {
		case e.fault != "", !found && len(e.hosts) == 0, found && len(e.hosts) == 0 && !named:
			joined = append(joined, e)
		case found:
			joined[i].hosts = slices.Concat(joined[i].hosts, e.hosts)
		default:
			at[e.secretName] = len(joined)
			joined = append(joined, e)
		}
	}
	return joined
}

// listener is what is read of a listener of the Gateway API.
type listener struct {
	Hostname string `json:"hostname"`
	TLS      *struct {
		Mode            string            `json:"mode"` // empty: Terminate
		Options         map[string]string `json:"options"`
		CertificateRefs []struct {
			Group     string `json:"group"` // empty: core
			Kind      string `json:"kind"`  // empty: Secret
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"certificateRefs"`
	} `json:"tls"`
}

func gatewayEntries(u *unstructured.Unstructured, namespace string) (entries []entry, err error) {
	var of struct {
		Spec struct {
			Listeners []listener `json:"listeners"`
		} `json:"spec"`
	}
	if err := readGateway(u, &of); err != nil {
		return nil, err
	}
	for i, l := range of.Spec.Listeners {
		entries = append(entries, l.entries(fmt.Sprintf("spec.listeners[%d]", i), namespace)...)
	}
	return entries, nil
}

// readGateway reads what into has fields for. The error names the field that is of the wrong type, which the converter does
// not.
func readGateway(u *unstructured.Unstructured, into any) error {
	if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into) == nil {
		return nil
	}
	text, err := u.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is of the wrong type, %s", wrong.Field, wrong.Value)
	}
	return err
}

func (l listener) entries(at, namespace string) (entries []entry) {
	if l.TLS == nil || l.TLS.Mode != "" && l.TLS.Mode != "Terminate" {
		return nil
	}
	if len(l.TLS.CertificateRefs) == 0 && len(l.TLS.Options) == 0 {
		return []entry{{at: at, fault: "Its tls has no certificateRefs; add one with the name that the certificate's Secret shall have in this namespace."}}
	}
	for _, ref := range l.TLS.CertificateRefs {
		if ref.Group != "" || ref.Kind != "" && ref.Kind != "Secret" {
			continue
		}
		e := entry{at: at, secretName: ref.Name,
			hostless: "It has no hostname, so it is not known what to certify; add one, such as *.example.com, or names with the annotation " + AnnotationDNSNames + "."}
		if l.Hostname != "" {
			e.hosts = []string{l.Hostname}
		}
		e.fault = strange(ref.Namespace, ref.Name, namespace)
		entries = append(entries, e)
	}
	return entries
}

// strange is the fault of a reference to a Secret of another namespace. A ReferenceGrant lets a Gateway use what is there; it
// is no permission to put something there.
func strange(namespace, name, own string) (fault string) {
	if namespace == "" || namespace == own {
		return ""
	}
	return fmt.Sprintf("It refers to Secret %s of namespace %s, where nothing is put for this Gateway. Refer to a Secret of namespace %s, "+
		"or have the certificate asked for in namespace %s.", name, namespace, own, namespace)
}

// server is what is read of a server of Istio's Gateway.
type server struct {
	Hosts []string `json:"hosts"` // each may have a namespace before it: NS/HOST
	TLS   *struct {
		Mode            string   `json:"mode"` // empty: PASSTHROUGH
		CredentialName  string   `json:"credentialName"`
		CredentialNames []string `json:"credentialNames"`
	} `json:"tls"`
}

// terminating are the modes in which Istio takes the server's certificate from a Secret.
var terminating = []string{"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"}

func istioEntries(u *unstructured.Unstructured, namespace string) (entries []entry, err error) {
	var of struct {
		Spec struct {
			Servers []server `json:"servers"`
		} `json:"spec"`
	}
	if err := readGateway(u, &of); err != nil {
		return nil, err
	}
	for i, s := range of.Spec.Servers {
		entries = append(entries, s.entries(fmt.Sprintf("spec.servers[%d]", i), namespace)...)
	}
	return entries, nil
}

func (s server) entries(at, namespace string) (entries []entry) {
	if s.TLS == nil || !slices.Contains(terminating, s.TLS.Mode) {
		return nil
	}
	names := slices.Concat([]string{s.TLS.CredentialName}, s.TLS.CredentialNames)
	for _, credential := range slices.Compact(slices.DeleteFunc(names, func(n string) bool { return n == "" })) {
		in, name := credentialOf(credential)
		if name == "" {
			continue
		}
		entries = append(entries, entry{at: at, hosts: s.certified(), secretName: name, fault: strange(in, name, namespace),
			hostless: "Its hosts stand for every name, so it is not known what to certify; add a host, such as *.example.com, or names with the annotation " +
				AnnotationDNSNames + "."})
	}
	return entries
}

// certified are the hosts as names of a certificate; * is none.
func (s server) certified() (hosts []string) {
	for _, host := range s.Hosts {
		_, name, found := strings.Cut(host, "/")
		if !found {
			name = host
		}
		if name != "*" {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// credentialOf is the Secret that an Istio credential name refers to: NAME, kubernetes://NAME or kubernetes://NAMESPACE/NAME.
// Other schemes are no Secrets.
func credentialOf(text string) (namespace, name string) {
	rest, found := strings.CutPrefix(text, "kubernetes://")
	if !found && strings.Contains(text, "://") {
		return "", ""
	}
	if namespace, name, found = strings.Cut(rest, "/"); found {
		return namespace, name
	}
	return "", rest
}
