package roles_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheWholeStoryTakesNoRightOutsideTheListedNamespaces(t *testing.T) {
	s := open(t, "team-a,team-b")
	st := s.stage("roles")
	for _, namespace := range append([]string{outside}, teams...) {
		s.ingress(st, namespace, "web")
	}
	for _, namespace := range teams {
		s.served(namespace, "web-tls", "*.roles.test")
		s.served(namespace, "wildcard.roles.test", "*.roles.test")
	}
	if orders := st.CA.Orders(); len(orders) != 1 {
		t.Errorf("%d orders for one certificate", len(orders))
	}

	s.must(st.LabelNamespace(t.Context(), "team-b", "team", ""))
	s.gone("team-b", "web-tls")
	s.gone("team-b", "wildcard.roles.test")
	s.must(st.LabelNamespace(t.Context(), "team-b", "team", "web"))
	s.served("team-b", "web-tls", "*.roles.test")
	s.served("team-b", "wildcard.roles.test", "*.roles.test")

	s.source("team-a", "mine", "1")
	s.source(outside, "theirs", "1")
	s.copied("mine", "1", "team-b")
	s.edit("team-b", "mine", "2")
	s.copied("mine", "1", "team-b")
	s.edit("team-a", "mine", "3")
	s.copied("mine", "3", "team-b")
	s.kubectl("create", "configmap", "settings", "--namespace=team-b", "--from-literal=key=1")
	s.kubectl("annotate", "configmap", "settings", "--namespace=team-b", "wildcast.dev/sync=team=web")
	s.until("the ConfigMap is copied", func() error { return s.set("team-a", "1") })
	s.kubectl("patch", "configmap", "settings", "--namespace=team-b", `--patch={"data":{"key":"2"}}`)
	s.until("its copy follows it", func() error { return s.set("team-a", "2") })

	s.barrier(teams...)
	s.must(s.absent("team-a", "theirs"))
	s.must(s.unset(outside))
	for _, name := range []string{"mine", "web-tls", "wildcard.roles.test", "barrier-1"} {
		s.must(s.absent(outside, name))
	}
	s.until("an Event is there in the Ingress's namespace", func() error {
		events, err := s.kube.EventsV1().Events("team-a").List(t.Context(), metav1.ListOptions{FieldSelector: "reason=Delivered"})
		if err == nil && len(events.Items) == 0 {
			err = errors.New("there is none")
		}
		return err
	})

	s.w.Stop()
	stopped := time.Now()
	s.must(s.w.Restart(t.Context()))
	s.barrier(teams...)
	s.wrote(stopped, map[string]int{"create secrets": len(teams)})
	if orders := st.CA.Orders(); len(orders) != 1 {
		t.Errorf("%d orders after a restart", len(orders))
	}

	s.kubectl("delete", "configmap", "settings", "--namespace=team-b")
	s.remove("team-a", "mine")
	s.gone("team-b", "mine")
	s.until("the ConfigMap's copy has gone", func() error { return s.unset("team-a") })
	s.nothingOutside(teams...)
	s.noneForbidden()
}

// set reports whether the ConfigMap settings has the value.
func (s *scene) set(namespace, value string) error {
	o, err := s.kube.CoreV1().ConfigMaps(namespace).Get(s.Context(), "settings", metav1.GetOptions{})
	if err == nil && o.Data["key"] != value {
		err = fmt.Errorf("%s/settings holds %q", namespace, o.Data["key"])
	}
	return err
}

// unset reports whether there is no ConfigMap settings.
func (s *scene) unset(namespace string) error {
	_, err := s.kube.CoreV1().ConfigMaps(namespace).Get(s.Context(), "settings", metav1.GetOptions{})
	return absence(err)
}

// served waits until a Secret holds a certificate for exactly these names.
func (s *scene) served(namespace, name string, names ...string) {
	s.Helper()
	s.until(namespace+"/"+name+" holds a certificate", func() error {
		secret, err := s.get(namespace, name)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(secret.Data["tls.crt"])
		if block == nil {
			return errors.New("it holds no certificate")
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err == nil && !slices.Equal(leaf.DNSNames, names) {
			err = errors.New("it is for other names")
		}
		return err
	})
}

// noneForbidden checks that the shipped Roles were enough.
func (s *scene) noneForbidden() {
	s.Helper()
	for _, r := range s.requests(s.from) {
		if r.Denied {
			s.Errorf("forbidden: %s: %s", r, r.URI)
		}
	}
}
