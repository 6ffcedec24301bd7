package acmeclient_test

import (
	"fmt"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"golang.org/x/sync/errgroup"
)

// BenchmarkOneWildcard is a whole order: CA, DNS update in a child, propagation check, removal.
func BenchmarkOneWildcard(b *testing.B) {
	w := newWorld(b, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("*.a.test")
	for b.Loop() {
		if _, err := w.order(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTenNames is one order of ten names in three zones, two of them sharing a TXT name.
func BenchmarkTenNames(b *testing.B) {
	w := newWorld(b, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("a.test", "*.a.test", "b.test", "c.test", "1.a.test", "2.a.test", "3.b.test", "4.b.test", "5.c.test", "6.c.test")
	for b.Loop() {
		if _, err := w.order(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFiftyOrdersAtOnce reports orders by the second.
func BenchmarkFiftyOrdersAtOnce(b *testing.B) {
	w := newWorld(b, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	n := 0
	for b.Loop() {
		var group errgroup.Group
		for i := range 50 {
			req := w.request(fmt.Sprintf("*.d%d.a.test", i))
			group.Go(func() error { _, err := w.order(req); return err })
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		n += 50
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "orders/s")
}
