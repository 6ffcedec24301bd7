package acmeclient_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
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

func TestTenNamesInThreeZonesAreIssuedAtOnce(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("a.test", "*.a.test", "b.test", "*.b.test", "c.test", "*.c.test", "x.a.test", "*.x.a.test", "y.b.test", "*.z.c.test")
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	w.clean()
}

func TestEachKindOfKeyIsAccepted(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.must(err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	for _, key := range []crypto.Signer{newKey(t), p384, rsaKey} {
		account := w.register(key)
		req := w.request("a.test")
		if req.Key = newKey(t); key != crypto.Signer(rsaKey) {
			req.Key = rsaKey
		}
		chain, err := w.client.Order(t.Context(), account, req)
		w.must(err)
		w.issued(chain, req)
	}
}

func TestAFifthOfTheNoncesRefusedCostsNoOrder(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: 20})
	req := w.request("a.test", "*.b.test")
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	if n := w.ca.OrderCount(); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
}

func TestBrokenConnectionsAtAnyStepCostNoOrder(t *testing.T) {
	for _, step := range []string{
		acmetest.StepDirectory, acmetest.StepNewNonce, acmetest.StepNewOrder, acmetest.StepAuthz,
		acmetest.StepChallenge, acmetest.StepOrder, acmetest.StepFinalize, acmetest.StepCert,
	} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
			w.client = w.again()
			w.ca.Drop(step, 2)
			req := w.request("a.test")
			chain, err := w.order(req)
			w.must(err)
			w.issued(chain, req)
			w.clean()
			if n := w.ca.OrderCount(); n != 1 {
				t.Errorf("%d orders, want 1", n)
			}
		})
	}
}

func TestLostAnswersAfterTheOrderCostNoOrder(t *testing.T) {
	for _, step := range []string{
		acmetest.StepAuthz, acmetest.StepChallenge, acmetest.StepOrder, acmetest.StepFinalize, acmetest.StepCert,
	} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
			w.ca.DropAnswers(step, 1)
			req := w.request("a.test")
			chain, err := w.order(req)
			w.must(err)
			w.issued(chain, req)
			w.clean()
			if n := w.ca.OrderCount(); n != 1 {
				t.Errorf("%d orders, want 1", n)
			}
		})
	}
}

func TestACAThatIsDownIsNotReached(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	client := w.again()
	w.ca.Close()
	_, err := client.Order(t.Context(), w.account, w.request("a.test"))
	if e := errorOf(t, err); e.Reached || e.Status != 0 || !e.Down {
		t.Errorf("error %+v does not tell that the CA is down and was not reached", e)
	}
}

func TestACAThatGoesDownAfterItsDirectoryWasReadIsNotReached(t *testing.T) {
	for name, fall := range map[string]func(*acmetest.CA){
		"nobody listens": (*acmetest.CA).Close,
		"out of order": func(ca *acmetest.CA) {
			ca.Answer(acmetest.StepNewNonce, acmetest.Problem{Status: 503, Body: "<html>busy</html>"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, acmetest.CAOptions{})
			_, err := w.order(w.request("a.test"))
			w.must(err)
			fall(w.ca)
			_, err = w.order(w.request("b.test"))
			if e := errorOf(t, err); !e.Down || e.Reached != (e.Status == 503) {
				t.Errorf("error is %+v", e)
			}
		})
	}
}

// lego tries again for 20 s with another nonce, and has no time left when the first answer was late.
func TestABadNonceThatIsTheLastWordOfTheCAIsNoRefusal(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepAuthz, acmetest.Problem{Status: http.StatusForbidden, Type: "badNonce", Detail: "stale"})
	_, err := w.order(w.request("a.test"))
	if e := errorOf(t, err); e.Type != "badNonce" || e.Reached {
		t.Errorf("error is %+v", e)
	}
}

func TestARateLimitTellsHowLongToWait(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer429(time.Hour)
	_, err := w.order(w.request("a.test"))
	e := errorOf(t, err)
	if e.Type != "rateLimited" || e.Status != http.StatusTooManyRequests || e.RetryAfter != time.Hour || !e.Reached || e.Down {
		t.Errorf("error is %+v", e)
	}
	says(t, err, "create order", "rateLimited", "too many new orders")
}

func TestServiceUnavailableTellsHowLongToWaitThoughItIsNoProblemDocument(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 503, RetryAfter: 2 * time.Minute, Body: "<html>busy</html>"})
	_, err := w.order(w.request("a.test"))
	if e := errorOf(t, err); e.Status != 503 || e.RetryAfter != 2*time.Minute || !e.Reached || !e.Down {
		t.Errorf("error is %+v", e)
	}
}

func TestAnAnswerThatIsNotJSONIsReportedWithoutItsText(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepAuthz, acmetest.Problem{Status: 200, Body: `<html>token-of-somebody</html>`})
	_, err := w.order(w.request("a.test"))
	says(t, err, "read authorization", "RFC 8555")
	if strings.Contains(err.Error(), "token-of-somebody") {
		t.Errorf("error %q quotes the answer", err)
	}
}

func TestARefusedNameIsReportedInTheCAsWords(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Refuse("a.test")
	_, err := w.order(w.request("*.a.test", "b.test"))
	e := errorOf(t, err)
	if e.Type != "rejectedIdentifier" || !e.Reached {
		t.Errorf("error is %+v", e)
	}
	says(t, err, "forbidden by policy", "*.a.test: The ACME server refuses")
	w.ca.Allow()
	_, err = w.order(w.request("*.a.test", "b.test"))
	w.must(err)
}

func TestAnUnknownProfileIsNotOrderedAndTheOfferedOnesAreListed(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{Profiles: map[string]time.Duration{"classic": time.Hour, "shortlived": time.Minute}})
	req := w.request("a.test")
	req.Profile = "tlsserver"
	_, err := w.order(req)
	says(t, err, `"tlsserver"`, "classic, shortlived")
	if e := errorOf(t, err); e.Type != "invalidProfile" || e.Reached {
		t.Errorf("error is %+v", e)
	}
	req.Profile = "shortlived"
	chain, err := w.order(req)
	w.must(err)
	leaf := w.issued(chain, req)
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > time.Minute {
		t.Errorf("leaf lives %s, want a minute", life)
	}
}

func TestTheEndThatIsAskedForIsTheCertificates(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test")
	req.NotAfter = time.Now().Add(48 * time.Hour).Truncate(time.Second)
	chain, err := w.order(req)
	w.must(err)
	if leaf := w.issued(chain, req); !leaf.NotAfter.Equal(req.NotAfter) {
		t.Errorf("it ends at %s, want %s", leaf.NotAfter, req.NotAfter)
	}
}

func TestThePreferredChainIsChosen(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{AlternateChains: 2})
	for _, root := range w.ca.RootNames() {
		req := w.request("a.test")
		req.PreferredChain = root
		chain, err := w.order(req)
		w.must(err)
		all := certificatesIn(t, chain)
		if top := all[len(all)-1].Issuer.CommonName; top != root {
			t.Errorf("chain ends at %s, want %s", top, root)
		}
	}
}

func TestAnUnknownPreferredChainGivesTheDefaultOne(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{AlternateChains: 1})
	req := w.request("a.test")
	req.PreferredChain = "Nobody's Root"
	chain, err := w.order(req)
	w.must(err)
	all := certificatesIn(t, chain)
	if top := all[len(all)-1].Issuer.CommonName; top != w.ca.RootNames()[0] {
		t.Errorf("chain ends at %s, want the default root", top)
	}
}

func TestTheCAsWishToWaitIsObeyed(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects, RetryAfter: time.Second})
	w.undecided(acmetest.StepAuthz)
	start := time.Now()
	_, err := w.order(w.request("a.test"))
	w.must(err)
	if d := time.Since(start); d < time.Second {
		t.Errorf("order took %s: Retry-After was not obeyed", d)
	}
}

func TestABackdatedCertificateIsAsOldAsTheCAMakesIt(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.SetValidity(-80*24*time.Hour, 90*24*time.Hour)
	req := w.request("a.test")
	chain, err := w.order(req)
	w.must(err)
	leaf := certificatesIn(t, chain)[0]
	if age := time.Since(leaf.NotBefore).Round(time.Hour); age != 80*24*time.Hour {
		t.Errorf("leaf is %s old, want 80 days", age)
	}
}

func TestARequestThatCannotSucceedIsRefusedBeforeTheCAIsAsked(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	whole := w.request("a.test")
	for remedy, change := range map[string]func(*acmeclient.Request){
		"at least one name": func(r *acmeclient.Request) { r.Names = nil },
		"needs a key":       func(r *acmeclient.Request) { r.Key = nil },
		"needs a solver":    func(r *acmeclient.Request) { r.Solver = nil },
	} {
		req := whole
		change(&req)
		_, err := w.order(req)
		says(t, err, remedy)
	}
	if n := w.ca.OrderCount(); n != 0 {
		t.Errorf("%d orders, want none", n)
	}
}
