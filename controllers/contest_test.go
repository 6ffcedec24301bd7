package controllers

import (
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// overwrite puts a certificate with an RSA key into the Secret as cert-manager does, which leaves annotations of others alone.
func (l *life) overwrite() {
	l.t.Helper()
	chain, key := chainFor(l.t, RSA2048, "*.a.test", time.Now(), time.Now().Add(90*day))
	l.change(shared, func(s *corev1.Secret) {
		s.Data = map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
	})
}

func TestACertificateThatIsOverwrittenIsPutBackLessAndLessOften(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Minute)
		made := l.have().Serial
		for i, row := range []struct{ early, late time.Duration }{
			{0, time.Second}, {9 * time.Minute, time.Minute + time.Second}, {98 * time.Minute, 3 * time.Minute}, {22 * time.Hour, 3 * time.Hour}, {20 * time.Hour, 5 * time.Hour},
		} {
			l.overwrite()
			theirs := l.have().Serial
			if row.early > 0 {
				l.pass(row.early)
				if l.have().Serial != theirs {
					t.Errorf("repair %d came within %s", i+1, row.early)
				}
				if !l.said(ReasonContested, "less and less often") {
					t.Error("the owner was not told")
				}
			}
			l.pass(row.late)
			if l.have().Serial != made {
				t.Errorf("repair %d did not come in %s", i+1, row.early+row.late)
			}
		}
		l.pass(3 * day)
		l.overwrite()
		l.pass(time.Second)
		if l.have().Serial != made {
			t.Error("it was not put back at once after three quiet days")
		}
		if len(l.ca.orders) != 1 {
			t.Errorf("there were %d orders", len(l.ca.orders))
		}
	})
}

func TestASecretThatWasHandedOverNoLongerGoesWithItsCertificate(t *testing.T) {
	other := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "mine"}
	owners := []metav1.OwnerReference{{APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: "star"}, other}
	for _, serves := range []bool{true, false} {
		t.Run("it serves: "+strconv.FormatBool(serves), func(t *testing.T) {
			r := newRig(t)
			chain, key := chainFor(t, EC256, "*.a.test", time.Now(), time.Now().Add(90*day))
			s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name, OwnerReferences: owners,
				Annotations: map[string]string{AnnotationAdopt: "true"}}, Type: corev1.SecretTypeTLS,
				Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}}
			if !serves {
				s.Data = nil
			}
			r.add(s)
			r.add(wiki.DeepCopy())
			defer r.run()()
			r.eventually("it is wildcast's", func() bool { return r.secret(shared).Labels[LabelManaged] == "true" })
			if got := r.secret(shared).OwnerReferences; len(got) != 1 || got[0] != other {
				t.Errorf("its owners are %v", got)
			}
		})
	}
}

func TestTheWayToHandASecretOverThatGoesWithItsCertificateIsToStopCertManagerFirst(t *testing.T) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{certManagerPrefix + "certificate-name": "star"}}}
	if note := notOurs(shared, s).Note; !strings.Contains(note, "or remove that Certificate") {
		t.Error(note)
	}
	s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: "star"}}
	if note := notOurs(shared, s).Note; !strings.Contains(note, "Do not remove that Certificate now") || !strings.Contains(note, "stop cert-manager; then") {
		t.Error(note)
	}
}

func TestWhoReplacesACertificateIsNamed(t *testing.T) {
	for writer, want := range map[string]string{
		"":                                  "is kept by another controller too",
		"argocd-controller":                 "is kept by argocd-controller too",
		"cert-manager-certificates-issuing": "cert-manager still runs and keeps Secret cert-manager/wildcard.a.test too, as Certificate star",
	} {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{certManagerPrefix + "certificate-name": "star"}}}
		if writer != "" {
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: writer, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:tls.crt":{}}}`)}}
		}
		if note := contested(&view{name: shared, secret: s}).Note; !strings.Contains(note, want) {
			t.Errorf("%q: %s", writer, note)
		}
	}
}
