package controllers

import (
	"cmp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Asker is the object that asks for a certificate. It is told what comes of it, and the older one of two decides.
type Asker struct {
	Kind AskerKind
	types.NamespacedName
	UID     types.UID
	Created time.Time
}

// AskerKind is the kind of an [Asker].
type AskerKind string

// What can ask for a certificate.
const (
	AskerIngress  AskerKind = "Ingress"
	AskerGateway  AskerKind = "Gateway"                     // of the Gateway API
	AskerIstio    AskerKind = "Gateway.networking.istio.io" // as kubectl tells it from the other
	AskerStanding AskerKind = "ConfigMap"                   // a standing certificate
	AskerIssuer   AskerKind = "Secret"                      // an issuer, for the pair that it signs with
)

func (k AskerKind) isGateway() bool { return k == AskerGateway || k == AskerIstio }

// invalid is the Event's reason when what an asker says cannot be followed.
func (k AskerKind) invalid() string {
	switch k {
	case AskerGateway, AskerIstio:
		return ReasonInvalidGateway
	case AskerStanding:
		return ReasonInvalidCertificate
	case AskerIssuer:
		return ReasonInvalidIssuer
	}
	return ReasonInvalidIngress
}

// apiVersion of the asker in Events. Whoever looks for them does so by name, whatever version of Gateways is served.
func (k AskerKind) apiVersion() string {
	switch k {
	case AskerIngress:
		return networkingv1.SchemeGroupVersion.String()
	case AskerGateway:
		return gatewayGroup + "/v1"
	case AskerIstio:
		return istioGroup + "/v1"
	}
	return "v1"
}

// askerID tells askers apart; one that is made again has the same.
type askerID struct {
	kind AskerKind
	name types.NamespacedName
}

func (a Asker) id() askerID { return askerID{a.Kind, a.NamespacedName} }

// compare orders askers: a standing certificate before those that name it, then by age, then by name.
func (a Asker) compare(b Asker) int {
	return cmp.Or(a.rank()-b.rank(), a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}

func (a Asker) rank() int {
	if a.Kind == AskerStanding || a.Kind == AskerIssuer {
		return 0
	}
	return 1
}

// object names the asker in Events.
func (a Asker) object() *corev1.ObjectReference {
	kind, _, _ := strings.Cut(string(a.Kind), ".")
	return &corev1.ObjectReference{APIVersion: a.Kind.apiVersion(), Kind: kind, Namespace: a.Namespace, Name: a.Name, UID: a.UID}
}

// Object is who asks, for Events.
func (a Ask) Object() *corev1.ObjectReference { return a.By.object() }

func askerOf(ing *networkingv1.Ingress) Asker {
	return Asker{AskerIngress, nameOf(ing), ing.UID, ing.CreationTimestamp.Time}
}
