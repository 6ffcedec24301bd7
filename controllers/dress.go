package controllers

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tlsSecret is the Secret for the certificate that the record holds. Of before, the Secret that stood there until now or
// nil, it keeps the labels and annotations.
func tlsSecret(want *Want, record *Record, before *corev1.Secret) *corev1.Secret {
	made := record.brought()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: want.Name.Namespace, Name: want.Name.Name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: made.Chain, corev1.TLSPrivateKeyKey: made.Key},
	}
	revision := 1
	if before != nil {
		s.ObjectMeta = *before.ObjectMeta.DeepCopy()
		revision = haveOf(before).Revision + 1
	}
	if len(made.CA) > 0 {
		s.Data[caKey] = made.CA
	}
	dress(s, want, record.have(), revision)
	return s
}

// dress puts our labels and annotations on the Secret of a certificate. One that was handed over no longer goes with
// cert-manager's Certificate.
func dress(s *corev1.Secret, want *Want, have *Have, revision int) {
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	want.Template.put(s)
	maker := want.Issuer.Name.String()
	if have.Managed {
		maker = have.Issuer
	}
	s.Labels[LabelManaged] = "true"
	maps.Copy(s.Annotations, map[string]string{
		AnnotationAltNames:          strings.Join(have.Names, ","),
		AnnotationCertificateIssuer: maker,
		AnnotationSerial:            have.Serial,
		AnnotationNotBefore:         have.NotBefore.UTC().Format(time.RFC3339),
		AnnotationNotAfter:          have.NotAfter.UTC().Format(time.RFC3339),
		AnnotationRenewAt:           have.renewAt(want.RenewBefore).UTC().Format(time.RFC3339),
		AnnotationRevision:          strconv.Itoa(revision),
	})
	set(s.Annotations, AnnotationRenewed, have.Renewed, have.Renewed != "")
	set(s.Annotations, AnnotationCommonName, have.CN, have.CN != "")
	set(s.Annotations, AnnotationSync, want.Sync, want.Shared)
	set(s.Annotations, AnnotationInsteadOf, have.InsteadOf, have.Managed && have.InsteadOf == want.first() && have.InsteadOf != maker)
	if s.Annotations[AnnotationAdopt] == "true" {
		s.OwnerReferences = slices.DeleteFunc(s.OwnerReferences, isCertManagers)
	}
	delete(s.Annotations, AnnotationAdopt)
}

// isCertManagers reports whether an object goes when a Certificate of cert-manager does. With its definitions all of these go.
func isCertManagers(owner metav1.OwnerReference) bool {
	return owner.Kind == "Certificate" && strings.HasPrefix(owner.APIVersion, certManagerPrefix)
}

// set puts the key into the map, or takes it out.
func set(m map[string]string, key, value string, present bool) {
	if !present {
		delete(m, key)
		return
	}
	m[key] = value
}

// redressed returns the Secret of a certificate that is right as it should be dressed, or nil if it is so already.
func (v *view) redressed() *corev1.Secret {
	if v.want == nil || v.want.Issuer == nil || v.secret == nil {
		return nil
	}
	have := v.have()
	s := v.secret.DeepCopy()
	dress(s, v.want, have, max(have.Revision, 1))
	if maps.Equal(s.Labels, v.secret.Labels) && maps.Equal(s.Annotations, v.secret.Annotations) {
		return nil
	}
	return s
}
