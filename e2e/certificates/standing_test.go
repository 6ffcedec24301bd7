package certificates_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
)

// standing makes the ConfigMap of a standing certificate.
func (s *scene) standing(namespace, name string, data, labels, annotations map[string]string) {
	s.t.Helper()
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"wildcast.dev/certificate": "true"}, Annotations: annotations}, Data: data}
	maps.Copy(m.Labels, labels)
	_, err := s.Kube.CoreV1().ConfigMaps(namespace).Create(s.ctx, m, metav1.CreateOptions{})
	s.must(err)
	s.t.Cleanup(func() {
		err := s.Kube.CoreV1().ConfigMaps(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) { // its namespace may have gone first
			s.t.Error(err)
		}
	})
}

// shows waits until a standing certificate has this status.
func (s *scene) shows(namespace, name, status string) *corev1.ConfigMap {
	s.t.Helper()
	var m *corev1.ConfigMap
	s.until(fmt.Sprintf("%s/%s is %s", namespace, name, status), func() (err error) {
		if m, err = s.Kube.CoreV1().ConfigMaps(namespace).Get(s.ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		if got := m.Annotations["wildcast.dev/status"]; got != status {
			return fmt.Errorf("it is %q: %s", got, m.Annotations["wildcast.dev/message"])
		}
		return nil
	})
	return m
}

func TestAStandingCertificateWithKubedsAnnotationIsCopiedAsItsTemplateSays(t *testing.T) {
	s := open(t, "standing", stage.Options{}, nil)
	infra := s.namespace("infra", map[string]string{"gateway": s.Name})
	other := s.namespace("other", nil)
	s.run()
	s.standing(stage.Home, "standing-crt", map[string]string{"issuer": s.Name, "dnsNames": s.zone() + ",*." + s.zone()},
		map[string]string{"team": "edge"}, map[string]string{"kubed.appscode.com/sync": "gateway=" + s.Name})
	made := s.served(stage.Home, "standing-crt", s.zone(), "*."+s.zone())
	if copied := s.served(infra, "standing-crt", s.zone(), "*."+s.zone()); !copied.Equal(made.Certificate) {
		t.Error("the copy holds another certificate")
	}
	state := s.shows(stage.Home, "standing-crt", "Ready")
	if state.Annotations["wildcast.dev/not-after"] != made.secret.Annotations["wildcast.dev/not-after"] {
		t.Errorf("its state is %v", state.Annotations)
	}
	s.event(stage.Home, "standing-crt", "Issued", "standing-crt")

	s.change(home("standing-crt"), func(secret *corev1.Secret) {
		delete(secret.Labels, "team")
		delete(secret.Annotations, "kubed.appscode.com/sync")
	})
	s.until("the template is back on the Secret and the copy", func() error {
		for _, namespace := range []string{stage.Home, infra} {
			secret, err := s.Kube.CoreV1().Secrets(namespace).Get(s.ctx, "standing-crt", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if secret.Labels["team"] != "edge" {
				return fmt.Errorf("%s has %v", namespace, secret.Labels)
			}
		}
		return nil
	})
	if annotation := s.stored(home("standing-crt")).Annotations["kubed.appscode.com/sync"]; annotation != "gateway="+s.Name {
		t.Errorf("kubed's annotation is %q", annotation)
	}

	// An Ingress names it: with the label it has a copy under its own name, without it an Event.
	naming := map[string]string{"wildcast.dev/certificate": "standing-crt"}
	s.must(s.Ingress(s.ctx, infra, "wiki", "wiki-tls", []string{s.host("wiki")}, naming))
	s.must(s.Ingress(s.ctx, other, "wiki", "wiki-tls", []string{s.host("wiki")}, naming))
	if copied := s.served(infra, "wiki-tls", s.zone(), "*."+s.zone()); !copied.Equal(made.Certificate) {
		t.Error("the Ingress was given another certificate")
	}
	s.event(other, "wiki", "NamespaceNotSelected", "gateway="+s.Name)
	s.barrier()
	for _, name := range []string{"standing-crt", "wiki-tls"} {
		if _, err := s.get(types.NamespacedName{Namespace: other, Name: name}); !apierrors.IsNotFound(err) {
			t.Errorf("Secret %s where the template sends no copy: %v, want none", name, err)
		}
	}
	s.ordered("*." + s.zone() + " " + s.zone())
	for _, namespace := range []string{infra, other} {
		if _, err := s.Kube.CoreV1().ConfigMaps(namespace).Get(s.ctx, "standing-crt", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the ConfigMap itself was copied to %s: %v", namespace, err)
		}
	}
}

func TestAStandingCertificateOutsideTheHomeNamespaceStaysThereAndItsFaultsAreShown(t *testing.T) {
	s := open(t, "mail", stage.Options{}, map[string]string{"zones": "mail.test"})
	infra := s.namespace("infra", nil)
	s.run()
	s.standing(infra, "smtp", map[string]string{"issuer": s.Name, "dnsNames": s.host("smtp"), "secretName": "smtp-tls", "keyType": "rsa2048"}, nil, nil)
	s.standing(infra, "odd", map[string]string{"issuer": s.Name, "dnsNames": "other.test"}, nil, nil)
	s.standing(infra, "typo", map[string]string{"issuer": s.Name, "dnsname": s.host("typo")}, nil, nil)
	got := s.served(infra, "smtp-tls", s.host("smtp"))
	if describeKey(got) != "2048" || got.secret.Annotations["wildcast.dev/sync"] != "" {
		t.Errorf("got key %s and %v", describeKey(got), got.secret.Annotations)
	}
	s.shows(infra, "smtp", "Ready")
	s.shows(infra, "odd", "Invalid")
	s.standing(infra, "twin", map[string]string{"issuer": s.openAnotherIssuer("mail-other"), "dnsNames": s.host("smtp"), "secretName": "smtp-tls"}, nil, nil)
	s.shows(infra, "twin", "Invalid")
	s.event(infra, "twin", "InvalidCertificate", "comes from issuer cert-manager/mail", "another secretName")
	s.event(infra, "odd", "NotAllowed", "zones are mail.test")
	s.event(infra, "typo", "InvalidCertificate", "dnsname: unknown key")
	s.ordered(s.host("smtp"))
}
