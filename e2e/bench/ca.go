package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/e2e/stage"
)

// issuerName is the issuer of a group's stage, in the home namespace.
const issuerName = "bench"

// acme is a stage, and a bare acmeclient on it with an account and a DNS child of its own.
type acme struct {
	*world
	*stage.Stage
	client  *acmeclient.Client
	account acmeclient.Account
	pool    *dns01.Pool
	solver  acmeclient.Solver
}

// acme opens a stage with an issuer and a solver for the zones. The CA does not refuse good nonces: how often it does
// would be luck.
func (w *world) acme(ctx context.Context, name string, zones []string) (*acme, error) {
	s, err := stage.Open(w.cluster, name, stage.Options{Zones: zones, CA: acmetest.CAOptions{RejectNonces: acmetest.NoRejects}})
	if err != nil {
		return nil, err
	}
	a := &acme{world: w, Stage: s}
	if err := a.prepare(ctx); err != nil {
		_ = a.end(ctx)
		return nil, err
	}
	return a, nil
}

func (a *acme) prepare(ctx context.Context) (err error) {
	a.pool = dns01.NewPool(dns01.Config{Command: filepath.Join(a.programs, "wildcast-dns01")})
	a.solver = a.pool.Solver([]dns01.Settings{{
		Name: "bare", Provider: "rfc2136", Env: a.DNS.SolverEnv(), Nameservers: a.DNS.Addrs()}}, nil)
	if err := a.Issuer(ctx, stage.Home, issuerName, nil); err != nil {
		return err
	}
	if err := a.Solver(ctx, stage.Home, "dns", nil); err != nil {
		return err
	}
	a.client, err = acmeclient.New(acmeclient.Config{Directory: a.CA.Directory(), CABundle: a.CA.CABundle(), UserAgent: bareAgent})
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	url, err := a.client.Register(ctx, key, acmeclient.Registration{})
	a.account = acmeclient.Account{Key: key, URL: url}
	return err
}

// end takes the stage down, and waits until its namespaces have gone: their end would disturb what is measured next.
func (a *acme) end(ctx context.Context) error {
	a.pool.Close()
	if err := a.Close(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	return stage.Until(ctx, func() error {
		left, err := a.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: stage.Label + "=" + a.Name, Limit: 1})
		if err == nil && len(left.Items) > 0 {
			return fmt.Errorf("namespace %s is still there", left.Items[0].Name)
		}
		return err
	})
}

// order makes a bare order for a domain's wildcard, with a key of its own as every certificate has.
func (a *acme) order(ctx context.Context, domain string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, err = a.client.Order(ctx, a.account, acmeclient.Request{Names: []string{"*." + domain}, Key: key, Solver: a.solver})
	return err
}

// domainsOf makes names of n domains.
func domainsOf(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d.test", prefix, i)
	}
	return all
}

// permit makes a namespace that may have the certificate of a domain.
func (a *acme) permit(ctx context.Context, namespace, domain string) error {
	return a.Namespace(ctx, namespace, map[string]string{"cert-manager-tls": "wildcard." + domain})
}

// secretName is what every Ingress calls its Secret, but for a suffix.
const secretName = "web-tls"

// annotated are an Ingress's annotations that ask for a certificate.
var annotated = map[string]string{"wildcast.dev/issuer": issuerName}

// ask makes an Ingress for a host of a domain.
func (a *acme) ask(ctx context.Context, namespace, domain, suffix string, annotations map[string]string) error {
	return a.Ingress(ctx, namespace, "web"+suffix, secretName+suffix, []string{"web" + suffix + "." + domain}, annotations)
}
