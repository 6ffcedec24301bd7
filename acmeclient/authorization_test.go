package acmeclient_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// sightings are what is told of an order's authorizations.
type sightings struct {
	all  []acmeclient.Authorization
	last map[string]acmeclient.Authorization // by name
}

// watch has req tell what it sees.
func (s *sightings) watch(req *acmeclient.Request) {
	s.last = map[string]acmeclient.Authorization{}
	req.Seen = func(a acmeclient.Authorization) {
		s.all = append(s.all, a)
		s.last[a.Name] = a
	}
}

func TestAuthorizationsAreToldByTheirURLsFirstAndThenAsTheCASeesThem(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("a.test", "*.a.test")
	var s sightings
	s.watch(&req)
	atFirst := 0
	req.Begun = func(context.Context, string) error {
		for _, a := range s.all {
			if !strings.HasPrefix(a.URL, "https://") || a.Name != "" || a.Status != "" {
				t.Errorf("before the CA was asked about it: %+v", a)
			}
		}
		atFirst = len(s.all)
		return nil
	}
	before := time.Now().Truncate(time.Second)
	_, err := w.order(req)
	w.must(err)
	if atFirst != 2 {
		t.Errorf("%d authorizations were told before the order's URL, want 2", atFirst)
	}
	answers := map[string]bool{}
	for _, name := range req.Names {
		a := s.last[name]
		answers[a.TXT] = true
		if a.URL == "" || a.Status != "valid" || a.Challenge != acmeclient.DNS01 || a.Seen.Before(before) || a.Told.Before(before) || !a.Expires.After(a.Seen) || a.ErrorType != "" {
			t.Errorf("%s at last: %+v", name, a)
		}
	}
	if answers[""] || len(answers) != 2 {
		t.Errorf("the records' texts are %v, want one for each name", answers)
	}
}

func TestAnAuthorizationThatFailsIsToldWithTheCAsReasonAndWithNoSecret(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("*.a.test")
	var s sightings
	s.watch(&req)
	var ch acmeclient.Challenge
	req.Solver = solverFunc(func(_ context.Context, asked acmeclient.Challenge) (func(context.Context) error, error) {
		ch = asked
		w.dns.AddTXT("_acme-challenge.a.test", "left over")
		return func(context.Context) error { return nil }, nil
	})
	_, err := w.order(req)
	refusal := errorOf(t, err)
	a := s.last["*.a.test"]
	if a.Status != "invalid" || a.Challenge != acmeclient.DNS01 || a.ErrorType != "unauthorized" || a.Detail == "" || a.TXT != ch.TXT() {
		t.Errorf("%+v", a)
	}
	if a.ErrorType != refusal.Type || a.Detail != refusal.Detail {
		t.Errorf("told %q %q, and the error is %v", a.ErrorType, a.Detail, err)
	}
	all, err := json.Marshal(s.all)
	w.must(err)
	if text := string(all); strings.Contains(text, ch.Token) || strings.Contains(text, strings.TrimPrefix(ch.KeyAuthorization, ch.Token)) {
		t.Errorf("it shows the challenge's secrets: %s", text)
	}
}

func TestAnAuthorizationByAPersistentRecordIsToldWithWhatTheRecordNames(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.recorded("a.test")
	req := w.request("*.a.test")
	req.Solver = w.pool.Solver([]dns01.Settings{w.persistent()}, nil)
	var s sightings
	s.watch(&req)
	_, err := w.order(req)
	w.must(err)
	a := s.last["*.a.test"]
	if a.Challenge != acmeclient.DNSPersist01 || a.TXT != "" || a.Account != w.account.URL || !slices.Equal(a.Issuers, []string{acmetest.Identity}) {
		t.Errorf("%+v", a)
	}
}

func TestAResumedOrderTellsOfItsAuthorizations(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("a.test")
	ctx, cancel := context.WithCancel(t.Context())
	req.Begun = func(_ context.Context, url string) error {
		req.URL = url
		cancel()
		return nil
	}
	if _, err := w.client.Order(ctx, w.account, req); err == nil {
		t.Fatal("it goes on when it was cancelled")
	}
	req.Begun = nil
	var s sightings
	s.watch(&req)
	_, err := w.order(req)
	w.must(err)
	if first, last := s.all[0], s.last["a.test"]; first.Status != "" || first.URL != last.URL || last.Status != "valid" {
		t.Errorf("first %+v, last %+v", first, last)
	}
}
