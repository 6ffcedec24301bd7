package acmeclient_test

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

// The first row is the example of RFC 9773 §4.1.
func TestACertificateIsIdentifiedByTheKeyOfItsIssuerAndItsSerialNumber(t *testing.T) {
	for _, row := range []struct{ aki, serial, want string }{
		{"69885b6b87464041e1b37b847bd0ae2cde01c8d4", "8765432100", "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyEA"},
		{"69885b6b87464041e1b37b847bd0ae2cde01c8d4", "7f", "aYhba4dGQEHhs3uEe9CuLN4ByNQ.fw"},
		{"69885b6b87464041e1b37b847bd0ae2cde01c8d4", "00", ""},
		{"", "7f", ""},
	} {
		aki, err := hex.DecodeString(row.aki)
		if err != nil {
			t.Fatal(err)
		}
		serial, _ := new(big.Int).SetString(row.serial, 16)
		if got := acmeclient.CertificateID(&x509.Certificate{AuthorityKeyId: aki, SerialNumber: serial}); got != row.want {
			t.Errorf("serial %s of %q: got %q, want %q", row.serial, row.aki, got, row.want)
		}
	}
}

// certificate orders one and returns its leaf.
func (w *world) certificate(names ...string) *x509.Certificate {
	w.t.Helper()
	req := w.request(names...)
	chain, err := w.order(req)
	w.must(err)
	return w.issued(chain, req)
}

func TestTheCASaysWhenToRenew(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	leaf := w.certificate("a.test")
	info, err := w.client.RenewalInfo(t.Context(), acmeclient.CertificateID(leaf))
	w.must(err)
	third := leaf.NotAfter.Sub(leaf.NotBefore) / 3
	if at := leaf.NotAfter.Add(-third); !info.Start.Before(at) || !info.End.After(at) || info.RetryAfter != 6*time.Hour {
		t.Errorf("got %+v, want a window around %s", info, at)
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	w.ca.AnswerRenewal(leaf, acmetest.Window(from, to, time.Minute))
	info, err = w.client.RenewalInfo(t.Context(), acmeclient.CertificateID(leaf))
	w.must(err)
	if !info.Start.Equal(from) || !info.End.Equal(to) || info.RetryAfter != time.Minute {
		t.Errorf("got %+v, want %s to %s", info, from, to)
	}
}

func TestWhatIsNoRenewalInformationIsAnError(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name   string
		answer acmetest.Problem
		says   string
	}{
		{"not found", acmetest.Problem{Status: 404, Type: "malformed", Detail: "no such certificate"}, "no such certificate"},
		{"not found, with a window", acmetest.Problem{Status: 404, Body: acmetest.Window(now, now.Add(time.Hour), 0).Body}, "404"},
		{"no content", acmetest.Problem{Status: 202, Body: "{}"}, "202"},
		{"a failure", acmetest.Problem{Status: 500, Type: "serverInternal", Detail: "oops"}, "oops"},
		{"a page", acmetest.Problem{Status: 200, Body: "<html>Welcome</html>"}, "not what RFC 9773 describes"},
		{"nothing", acmetest.Problem{Status: 200, Body: " "}, "not what RFC 9773 describes"},
		{"no window", acmetest.Problem{Status: 200, Body: "{}"}, "lacks a time"},
		{"zeros", acmetest.Window(time.Time{}, time.Time{}, 0), "lacks a time"},
		{"only a start", acmetest.Problem{Status: 200, Body: `{"suggestedWindow": {"start": "2026-01-02T04:00:00Z"}}`}, "lacks a time"},
		{"no times", acmetest.Problem{Status: 200, Body: `{"suggestedWindow": {"start": "soon", "end": "later"}}`}, "not what RFC 9773 describes"},
		{"the end first", acmetest.Window(now.Add(time.Hour), now, 0), "ends before it begins"},
		{"an instant", acmetest.Window(now, now, 0), "ends before it begins"},
		{"endless", acmetest.Problem{Status: 200, Body: `{"x": "` + strings.Repeat("x", 1<<20) + `"}`}, "not what RFC 9773 describes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, acmetest.CAOptions{})
			row.answer.RetryAfter = 2 * time.Hour
			w.ca.Answer(acmetest.StepRenewalInfo, row.answer)
			info, err := w.client.RenewalInfo(t.Context(), "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyEA")
			says(t, err, "read renewal information", row.says)
			if e := errorOf(t, err); e.RetryAfter != 2*time.Hour || e.Status != row.answer.Status || info != (acmeclient.RenewalInfo{}) {
				t.Errorf("got %+v and %+v", info, e)
			}
		})
	}
}

func TestACAWithoutRenewalInformationSaysSoAndOneThatIsDownIsNotReached(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepDirectory, acmetest.Problem{Status: 200, Body: `{"newOrder": "https://ca.test/order"}`})
	fresh := w.again()
	if _, err := fresh.RenewalInfo(t.Context(), "x.y"); !errors.Is(err, acmeclient.ErrNoRenewalInfo) {
		t.Errorf("got %v", err)
	}
	w.ca.Close()
	if _, err := w.client.RenewalInfo(t.Context(), "x.y"); err == nil || errorOf(t, err).Reached {
		t.Errorf("got %v, want an error that did not reach the CA", err)
	}
}

func TestARenewalSaysWhatItReplacesAndASecondOneIsOrderedOnceMoreWithout(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	id := acmeclient.CertificateID(w.certificate("a.test"))
	var asked []string
	w.ca.Before(func(step string) {
		if step == acmetest.StepNewOrder {
			asked = append(asked, step)
		}
	})
	for range 2 {
		req := w.request("a.test")
		req.Replaces = id
		chain, err := w.order(req)
		w.must(err)
		w.issued(chain, req)
	}
	var replaced []string
	for _, o := range w.ca.Orders() {
		replaced = append(replaced, o.Replaces)
	}
	if want := []string{"", id, ""}; !slices.Equal(replaced, want) || len(asked) != 3 {
		t.Errorf("orders replaced %q, want %q; the CA was asked for %d", replaced, want, len(asked))
	}
}

func TestACAThatGoesOnSayingAlreadyReplacedIsAskedTwice(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	w.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 409, Type: "alreadyReplaced", Detail: "it was"})
	asked := 0
	w.ca.Before(func(step string) {
		if step == acmetest.StepNewOrder {
			asked++
		}
	})
	req := w.request("a.test")
	req.Replaces = "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyEA"
	_, err := w.order(req)
	if e := errorOf(t, err); e.Type != "alreadyReplaced" || !e.Reached || asked != 2 {
		t.Errorf("got %v after %d requests", err, asked)
	}
}
