package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/wildcast/wildcast/e2e/stage"
)

// What the story is about.
const (
	domain      = "example.test"
	certificate = "wildcard." + domain
	permission  = "cert-manager-tls=" + certificate
	issuerName  = "demo-ca"
	solverName  = "demo-dns"
	home        = stage.Home
	twelfth     = "shop"
)

// others are the namespaces of the story beside the one that every cluster has.
var others = []string{
	"app", "dev-app", "dev-infra", "dev-wly", "infra", "istio-system", "uat-app", "uat-wly", "wly", "kubesphere-controls-system",
}

// eleven are the namespaces that the administrator labels first.
var eleven = append([]string{corev1.NamespaceDefault}, others...)

// story is what is played.
var story = []step{
	{"The administrator installs wildcast.", install},
	{"The administrator names a CA: an issuer is a Secret.", nameIssuer},
	{"The administrator names an account at a DNS vendor: a solver is a Secret.", nameSolver},
	{"The administrator permits eleven namespaces to have the certificate: a permission is a label.", permit},
	{"A user asks for a certificate: a request is an annotation.", ask},
	{"The user looks at what came.", inspect},
	{"Another user asks for another host under the same domain.", askAgain},
	{"The administrator permits a twelfth namespace.", permitOne},
	{"Somebody edits a copy, and somebody deletes another.", meddle},
	{"The administrator takes a permission back.", forbid},
	{"The certificate comes near its end.", renew},
	{"What the CA and the API server saw of all this.", count},
}

// copyIn is the copy under the certificate's own name.
func copyIn(namespace string) string { return namespace + "/" + certificate }

// copiesOf are the copies under the certificate's own name in some namespaces.
func copiesOf(namespaces ...string) []string {
	var names []string
	for _, namespace := range namespaces {
		names = append(names, copyIn(namespace))
	}
	return names
}

// secret accepts what happens to the Secret namespace/name, if is does; nil accepts any state that is not its end.
func secret(name string, is func(*corev1.Secret) bool) func(event) bool {
	return func(e event) bool {
		s, ok := e.object.(*corev1.Secret)
		return ok && e.verb != removed && s.Namespace+"/"+s.Name == name && (is == nil || is(s))
	}
}

// gone accepts the end of the Secret namespace/name.
func gone(name string) func(event) bool {
	return func(e event) bool {
		s, ok := e.object.(*corev1.Secret)
		return ok && e.verb == removed && s.Namespace+"/"+s.Name == name
	}
}

// sameAs accepts a Secret with the same type and data.
func sameAs(source *corev1.Secret) func(*corev1.Secret) bool {
	return func(s *corev1.Secret) bool {
		return s.Type == source.Type && len(s.Data) == len(source.Data) &&
			bytes.Equal(s.Data[corev1.TLSCertKey], source.Data[corev1.TLSCertKey]) &&
			bytes.Equal(s.Data[corev1.TLSPrivateKeyKey], source.Data[corev1.TLSPrivateKeyKey])
	}
}

// annotated accepts a Secret whose annotation has the value.
func annotated(key, value string) func(*corev1.Secret) bool {
	return func(s *corev1.Secret) bool { return s.Annotations[key] == value }
}

func ingress(namespace, name string) func(event) bool {
	return func(e event) bool {
		i, ok := e.object.(*networkingv1.Ingress)
		return ok && i.Namespace == namespace && i.Name == name
	}
}

func labelled(namespace string, with bool) func(event) bool {
	return func(e event) bool {
		ns, ok := e.object.(*corev1.Namespace)
		return ok && ns.Name == namespace && (ns.Labels["cert-manager-tls"] == certificate) == with
	}
}

// arrived waits until each of the Secrets is the same as source, and returns when the last became so.
func (s *scene) arrived(ctx context.Context, mark int, source *corev1.Secret, names []string) (event, error) {
	var newest event
	for _, name := range names {
		e, err := s.sight.first(ctx, mark, "a copy at "+name, secret(name, sameAs(source)))
		if err != nil {
			return event{}, err
		}
		newest = last(newest, e)
	}
	return newest, nil
}

// stored waits until the certificate's own Secret holds another certificate than before.
func (s *scene) stored(ctx context.Context, mark int, before string) (event, *corev1.Secret, error) {
	e, err := s.sight.first(ctx, mark, "a new certificate in "+copyIn(home), secret(copyIn(home), func(s *corev1.Secret) bool {
		return s.Annotations["wildcast.dev/serial"] != before
	}))
	if err != nil {
		return event{}, nil, err
	}
	return e, e.object.(*corev1.Secret), nil
}

// holders are the Secrets outside the home namespace that should have the certificate at the story's end.
func holders() []string {
	stay := slices.DeleteFunc(slices.Clone(eleven), func(namespace string) bool { return namespace == forbidden })
	return append(copiesOf(append(stay, twelfth)...), wikiSecret, blogSecret)
}

// expectOrders checks how many orders the CA has seen.
func (s *scene) expectOrders(want int) error {
	if got := s.stage.CA.OrderCount(); got != want {
		return fmt.Errorf("the CA has seen %d orders, where %d suffice", got, want)
	}
	return nil
}
