package acmeclient_test

import (
	"testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

func TestAWildcardIsIssuedAndItsRecordRemoved(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("*.a.test")
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	w.clean()
	if n := w.dns.Updates(); n != 2 {
		t.Errorf("%d updates, want one to present and one to remove", n)
	}
}

func TestApexAndWildcardAreIssuedTogether(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test", "*.a.test")
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	w.clean()
}
