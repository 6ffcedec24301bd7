package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// distance is how long the CA takes for each of an order's five answers, a short one for a public CA. Without it the order
// takes less than the writes that record, store and copy the certificate, and what would be measured is how the CA, the
// DNS server and the API server share this machine.
const distance = 100 * time.Millisecond

// ordersAtOnce is how many certificates wildcast works on at once, so that the bare side does too.
const ordersAtOnce = 64

// measureDomains has many domains certified at once.
func measureDomains(ctx context.Context, w *world) (err error) {
	var zones []string
	for round := range w.rounds {
		for _, side := range sides() {
			mine := domainsOf(fmt.Sprintf("%s-%d-", side, round), w.domains)
			zones = slices.Concat(zones, mine, []string{"first-" + mine[0]})
		}
	}
	a, err := w.acme(ctx, "domains", zones)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.end(ctx)) }()
	for _, step := range []string{acmetest.StepNewOrder, acmetest.StepAuthz, acmetest.StepChallenge, acmetest.StepFinalize, acmetest.StepCert} {
		a.CA.Delay(step, distance)
	}
	var ratios, stored, rates []float64
	for round := range w.rounds {
		took, err := a.domainsRound(ctx, round)
		if err != nil {
			return err
		}
		rates = append(rates, float64(w.domains)/took["wild"].Seconds())
		ratios = append(ratios, took["bare"].Seconds()/took["wild"].Seconds())
		stored = append(stored, took["kept"].Seconds()/took["wild"].Seconds())
	}
	w.report.atLeast(0.8, "ratio", fmt.Sprintf("domains-%d-at-once", w.domains), median(ratios))
	w.report.remark("%.0f certificates a second; ratios %.2f", median(rates), ratios)
	w.report.remark("to bare orders that are recorded, stored and copied: %.2f", stored)
	return nil
}

// sides are wildcast, bare orders, and bare orders with the writes that keep what comes of them.
func sides() []string { return []string{"wild", "bare", "kept"} }

func (a *acme) domainsRound(ctx context.Context, round int) (took map[string]time.Duration, err error) {
	took = map[string]time.Duration{}
	for i := range sides() {
		side := sides()[(round+i)%len(sides())]
		domains := domainsOf(fmt.Sprintf("%s-%d-", side, round), a.domains)
		switch side {
		case "wild":
			took[side], err = a.wildcastDomains(ctx, domains)
		case "bare":
			took[side], err = a.bareDomains(ctx, domains, a.order)
		case "kept":
			took[side], err = a.bareDomains(ctx, domains, a.keptOrder)
		}
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// namespaceOf is the namespace that may have a domain's certificate.
func namespaceOf(domain string) string { return strings.ReplaceAll(domain, ".", "-") }

func (a *acme) permitAll(ctx context.Context, domains []string) error {
	all := make(fields, len(domains))
	for i, domain := range domains {
		all[i] = namespaceOf(domain)
	}
	if err := each(len(domains), 32, func(i int) error { return a.permit(ctx, all[i], domains[i]) }); err != nil {
		return err
	}
	return a.settled(ctx, all)
}

// wildcastDomains makes all Ingresses and waits until the last one's Secret is there.
func (a *acme) wildcastDomains(ctx context.Context, domains []string) (time.Duration, error) {
	p, err := a.run(ctx)
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	if err := a.permitAll(ctx, domains); err != nil {
		return 0, err
	}
	// Once before for the DNS child, which stays for as long as it has work.
	first := "first-" + domains[0]
	if _, _, err := a.request(ctx, namespaceOf(first), first); err != nil {
		return 0, err
	}
	start := time.Now()
	err = each(len(domains), 32, func(i int) error { return a.ask(ctx, namespaceOf(domains[i]), domains[i], "", annotated) })
	if err != nil {
		return 0, err
	}
	last, err := a.await(ctx, start, len(domains), done("create", secretName).and(ours))
	return last.Sub(start), err
}

// bareDomains makes as many Ingresses, which ask for nothing, and a bare order as soon as each is there.
func (a *acme) bareDomains(ctx context.Context, domains []string, order func(context.Context, string) error) (time.Duration, error) {
	if err := a.permitAll(ctx, domains); err != nil {
		return 0, err
	}
	if err := a.order(ctx, "first-"+domains[0]); err != nil { // starts the DNS child
		return 0, err
	}
	start := time.Now()
	asked := make(chan string, len(domains))
	var orders errgroup.Group
	for range ordersAtOnce {
		orders.Go(func() error {
			for domain := range asked {
				if err := order(ctx, domain); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := each(len(domains), 32, func(i int) error {
		err := a.ask(ctx, namespaceOf(domains[i]), domains[i], "", nil)
		asked <- domains[i]
		return err
	})
	close(asked)
	if failed := orders.Wait(); err == nil {
		err = failed
	}
	return time.Since(start), err
}

// keptOrder is a bare order with the six writes without which it could not be resumed, and nobody be served: its record is
// made, then gets the order's URL, then the chain; the certificate is stored and copied under two names.
func (a *acme) keptOrder(ctx context.Context, domain string) error {
	data, err := pair()
	if err != nil {
		return err
	}
	home, there := a.bare.CoreV1().Secrets(stage.Home), a.bare.CoreV1().Secrets(namespaceOf(domain))
	named := func(name string) *corev1.Secret {
		return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{stage.Label: a.Name}}}
	}
	record, err := home.Create(ctx, named("kept."+domain+".record"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for _, step := range []string{"ordered", "issued"} {
		if step == "issued" {
			if err := a.order(ctx, domain); err != nil {
				return err
			}
		}
		record.Annotations = map[string]string{"step": step}
		if record, err = home.Update(ctx, record, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if _, err := home.Create(ctx, named("kept."+domain), metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, name := range []string{"kept", secretName} {
		if _, err := there.Create(ctx, named(name), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
