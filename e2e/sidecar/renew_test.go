package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/sidecar"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// under runs a story under load, and returns the serial numbers that clients saw. No connection may fail.
func (p *pod) under(story func(load *sidecar.Load)) map[string]int {
	p.Helper()
	load := sidecar.StartLoad(p.Addr, host, p.authority.pool, 4)
	p.Cleanup(func() { _, _ = load.Stop() }) // also when the story fails
	story(load)
	served, err := load.Stop()
	if err != nil {
		p.Errorf("a client failed: %v", err)
	}
	total := 0
	for _, n := range served {
		total += n
	}
	p.Logf("%d connections, %d certificates", total, len(served))
	return served
}

// sees waits until the clients meet the certificate of that serial number.
func (p *pod) sees(load *sidecar.Load, serial string) {
	p.Helper()
	p.until("clients meet certificate "+serial, func() error {
		if is := load.Last(); is != serial {
			return fmt.Errorf("they meet %s", is)
		}
		return nil
	})
}

func TestHAProxyServesEachRenewalUnderLoadAndNoConnectionFails(t *testing.T) {
	p := open(t, "haproxy", "renew-haproxy")
	p.servesEachRenewal("--check-staged=haproxy -c -f " + p.Config())
}

func TestNginxServesEachRenewalUnderLoadAndNoConnectionFails(t *testing.T) {
	p := open(t, "nginx", "renew-nginx")
	p.servesEachRenewal("--check=nginx -t -q -e stderr -c " + p.Config())
}

// servesEachRenewal renews under load, with a check.
func (p *pod) servesEachRenewal(check string) {
	p.Helper()
	first := p.renew()
	p.start(check)
	p.must(p.StartServer())
	p.serves(first)
	served := p.under(func(load *sidecar.Load) {
		p.sees(load, first)
		for range 5 {
			p.sees(load, p.renew())
		}
	})
	if len(served) != 6 {
		p.Errorf("clients met %d certificates, want 6", len(served))
	}
}

func TestNginxServesWhatWildcastObtainsAndRenews(t *testing.T) {
	p := open(t, "nginx", "acme-nginx")
	st, err := stage.Open(shared, "acme-nginx", stage.Options{Zones: []string{"a.test"}})
	p.must(err)
	t.Cleanup(func() { p.must(st.Close(context.Background())) })
	p.must(st.Issuer(t.Context(), stage.Home, "pebble", map[string]string{"sync": "acme-nginx=web"}))
	p.must(st.Solver(t.Context(), stage.Home, "dns", nil))
	wildcast.New(t, shared, wildcast.Options{})
	p.must(p.StartSidecar(t.Context(), p.kubeconfig, p.namespace)) // before there is a Secret
	p.must(st.Ingress(t.Context(), p.namespace, "web", secret, []string{host}, map[string]string{"wildcast.dev/issuer": "pebble"}))
	p.must(p.Ready(t.Context()))
	p.must(p.StartServer())
	p.authority.pool = st.CA.Root()
	served := p.under(func(load *sidecar.Load) {
		p.sees(load, p.stored())
		for range 3 {
			before := p.stored()
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"wildcast.dev/renew":%q}}}`, time.Now().Format(time.RFC3339Nano))
			_, err := p.kube.CoreV1().Secrets(stage.Home).Patch(t.Context(), "wildcard.a.test", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			p.must(err)
			p.until("the certificate is renewed", func() error {
				if p.stored() == before {
					return errors.New("it is the old one")
				}
				return nil
			})
			p.sees(load, p.stored())
		}
	})
	if len(served) != 4 {
		t.Errorf("clients met %d certificates, want 4", len(served))
	}
}

// stored is the serial number of the certificate in the Secret.
func (p *pod) stored() string {
	p.Helper()
	s, err := p.kube.CoreV1().Secrets(p.namespace).Get(p.Context(), secret, metav1.GetOptions{})
	p.must(err)
	return serialOf(p.T, s.Data["tls.crt"])
}
