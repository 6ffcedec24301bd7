package controllers

import (
	"cmp"
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
	AskerStanding AskerKind = "ConfigMap" // a standing certificate
	AskerIssuer   AskerKind = "Secret"    // an issuer, for the pair that it signs with
)

// askerID tells askers apart; one that is made again has the same.
type askerID struct {
	kind AskerKind
	name types.NamespacedName
}

func (a Asker) id() askerID { return askerID{a.Kind, a.NamespacedName} }

// compare orders askers: a standing certificate before Ingresses that name it, then by age, then by name.
func (a Asker) compare(b Asker) int {
	return cmp.Or(a.rank()-b.rank(), a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func (a Asker) rank() int {
	if a.Kind == AskerIngress {
		return 1
	}
	return 0
}

// object names the asker in Events.
func (a Asker) object() *corev1.ObjectReference {
	apiVersion := "v1"
	if a.Kind == AskerIngress {
		apiVersion = networkingv1.SchemeGroupVersion.String()
	}
	return &corev1.ObjectReference{APIVersion: apiVersion, Kind: string(a.Kind), Namespace: a.Namespace, Name: a.Name, UID: a.UID}
}

// Object is who asks, for Events.
func (a Ask) Object() *corev1.ObjectReference { return a.By.object() }

func askerOf(ing *networkingv1.Ingress) Asker {
	return Asker{AskerIngress, nameOf(ing), ing.UID, ing.CreationTimestamp.Time}
}
