package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

// The API server asks a webhook when it has read a deletion and not yet carried it out: there somebody makes the copy theirs.
func TestACopyThatSomebodyTakesWhileItsDeletionIsUnderWayStays(t *testing.T) {
	s := play(t, "taken", wildcast.Options{})
	s.namespaces(2)
	source := s.source("a")
	s.settle()
	at := s.at(1, source.Name)
	secrets := s.kube.CoreV1().Secrets(at.Namespace)
	before, err := secrets.Get(t.Context(), at.Name, metav1.GetOptions{})
	s.must(err)
	var asked atomic.Int32
	begun := time.Now()
	s.deletionsAsk(at, func() error {
		if asked.Add(1) > 1 {
			return nil
		}
		theirs := before.DeepCopy()
		delete(theirs.Annotations, syncer.AnnotationOrigin)
		_, err := secrets.Update(t.Context(), theirs, metav1.UpdateOptions{})
		return err
	})
	s.try(model.Op{Verb: "unmark", At: source, Other: source})
	deletions := func(r cluster.Request) bool {
		return r.Verb == "delete" && r.Resource == "secrets" && r.Namespace == at.Namespace
	}
	s.until(func() error {
		if len(s.requests(begun, deletions)) == 0 {
			return errors.New("wildcast has deleted nothing")
		}
		return nil
	})
	for _, r := range s.requests(begun, deletions) {
		if r.Code != http.StatusConflict {
			t.Errorf("the API server has carried out %s", r)
		}
	}
	after, err := secrets.Get(t.Context(), at.Name, metav1.GetOptions{})
	s.must(err)
	if after.UID != before.UID || after.DeletionTimestamp != nil {
		t.Errorf("it has the UID %s, and had %s", after.UID, before.UID)
	}
	s.must(secrets.Delete(t.Context(), at.Name, metav1.DeleteOptions{}))
}

// deletionsAsk has the API server call do before it deletes a Secret in the namespace of the one that is named.
func (s *scene) deletionsAsk(at model.Place, do func() error) {
	s.Helper()
	var heard atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if *review.Request.DryRun {
			heard.Store(true)
		} else if err := do(); err != nil {
			s.Errorf("before the deletion of %s: %v", review.Request.Name, err)
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		_ = json.NewEncoder(w).Encode(review) // the API server tells if it does not get it
	}))
	s.Cleanup(server.Close)
	hooks := s.kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := hooks.Create(s.Context(), &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []registrationv1.ValidatingWebhook{{
			Name: "deletions.example.com",
			ClientConfig: registrationv1.WebhookClientConfig{
				URL:      ptr.To(server.URL),
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.Delete},
				Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: at.Namespace}},
			SideEffects:             ptr.To(registrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	s.must(err)
	s.Cleanup(func() { _ = hooks.Delete(context.Background(), s.name, metav1.DeleteOptions{}) })
	s.until(func() error {
		if heard.Load() {
			return nil
		}
		err := s.kube.CoreV1().Secrets(at.Namespace).Delete(s.Context(), at.Name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		return cmp.Or(err, errors.New("the webhook is not in force"))
	})
}
