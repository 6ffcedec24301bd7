package certificates_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// guard sees to it that a Secret serves a host without a gap, until the function that it returns is called.
func (s *scene) guard(name types.NamespacedName, host string) (end func()) {
	s.t.Helper()
	secret := s.stored(name)
	w, err := s.Kube.CoreV1().Secrets(name.Namespace).Watch(s.ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", name.Name).String(), ResourceVersion: secret.ResourceVersion})
	s.must(err)
	var watching sync.WaitGroup
	watching.Go(func() {
		for event := range w.ResultChan() {
			if gap := s.gap(event, host); gap != "" {
				s.t.Errorf("%s: %s", name, gap)
			}
			if o, ok := event.Object.(*corev1.Secret); ok && o.Annotations["end"] != "" {
				return
			}
		}
		s.t.Error("the watch has ended")
	})
	return func() {
		s.t.Helper()
		s.change(name, func(o *corev1.Secret) { metav1.SetMetaDataAnnotation(&o.ObjectMeta, "end", "yes") }) // the last event
		watching.Wait()
		w.Stop()
	}
}

// gap is what an event shows that leaves a host unserved.
func (s *scene) gap(event watch.Event, host string) string {
	o, ok := event.Object.(*corev1.Secret)
	if !ok || event.Type == watch.Deleted {
		return fmt.Sprintf("event %s", event.Type)
	}
	found, err := readLeaf(o, s.CA.Root())
	if err != nil {
		return err.Error()
	}
	if err := found.VerifyHostname(host); err != nil {
		return err.Error()
	}
	return ""
}

func TestAnIngressThatTurnsToAnotherCertificateIsServedWithoutAGap(t *testing.T) {
	s := open(t, "turn", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.served(infra, "wiki-tls", s.host("wiki"))
	s.CA.Delay(acmetest.StepFinalize, time.Second) // an order takes longer than all else
	end := s.guard(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}, s.host("wiki"))
	turn := func(key, value string) {
		t.Helper()
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, key, value)
		_, err := s.Kube.NetworkingV1().Ingresses(infra).Patch(t.Context(), "wiki", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		s.must(err)
	}
	turn("wildcast.dev/wildcard", "null")
	first := s.served(infra, "wiki-tls", "*."+s.zone())
	turn("wildcast.dev/certificate", `"turn-crt"`)
	s.until("it is another wildcard", func() error {
		if s.served(infra, "wiki-tls", "*."+s.zone()).serial() == first.serial() {
			return fmt.Errorf("it is the same")
		}
		return nil
	})
	turn("wildcast.dev/wildcard", `"false"`)
	s.served(infra, "wiki-tls", s.host("wiki"))
	turn("wildcast.dev/dns-names", fmt.Sprintf("%q", s.host("new"))) // what is in its record does not do
	s.served(infra, "wiki-tls", s.host("new"), s.host("wiki"))
	end()
	s.ordered(s.host("wiki"), "*."+s.zone(), "*."+s.zone(), s.host("new")+" "+s.host("wiki"))
	if notes := s.events(infra, "wiki", "NotOurs"); len(notes) > 0 {
		t.Errorf("the Ingress is told that its own Secret stands in its way: %s", notes[0].Note)
	}
	if from := s.stored(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}).Labels["wildcast.dev/origin.name"]; from != "" {
		t.Errorf("the certificate is labelled as a copy of %s", from)
	}
}
