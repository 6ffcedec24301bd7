package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
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
		for _, side := range []string{"wild", "bare"} {
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
	var ratios, rates []float64
	for round := range w.rounds {
		took, base, err := a.domainsRound(ctx, round)
		if err != nil {
			return err
		}
		rates, ratios = append(rates, float64(w.domains)/took.Seconds()), append(ratios, base.Seconds()/took.Seconds())
	}
	w.report.atLeast(0.8, "ratio", fmt.Sprintf("domains-%d-at-once", w.domains), median(ratios))
	w.report.remark("%.0f certificates a second; ratios %.2f", median(rates), ratios)
	return nil
}

func (a *acme) domainsRound(ctx context.Context, round int) (took, base time.Duration, err error) {
	wild, bare := fmt.Sprintf("wild-%d-", round), fmt.Sprintf("bare-%d-", round)
	turns := []func() error{
		func() (err error) { took, err = a.wildcastDomains(ctx, domainsOf(wild, a.domains)); return err },
		func() (err error) { base, err = a.bareDomains(ctx, domainsOf(bare, a.domains)); return err },
	}
	for i := range turns {
		if err := turns[(round+i)%2](); err != nil {
			return 0, 0, err
		}
	}
	return took, base, nil
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
func (a *acme) bareDomains(ctx context.Context, domains []string) (time.Duration, error) {
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
				if err := a.order(ctx, domain); err != nil {
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
