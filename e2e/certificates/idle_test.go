package certificates_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

func TestWhileNothingChangesNothingIsAskedOrWrittenForAnyCertificate(t *testing.T) {
	s := open(t, "idle", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	began := time.Now()
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.ingress(infra, "alone", []string{s.host("alone")}, exact)
	s.standing(infra, "smtp", map[string]string{"issuer": s.Name, "dnsNames": s.host("smtp")}, nil, nil)
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.served(infra, "smtp", s.host("smtp"))
	alone := types.NamespacedName{Namespace: infra, Name: "alone-tls"}
	first := s.served(infra, alone.Name, s.host("alone"))
	s.annotate(alone, "wildcast.dev/renew", "now")
	s.renewed(alone, first)

	// What is said last.
	s.shows(infra, "smtp", "Ready")
	for object, reason := range map[string]string{"wiki": "Delivered", "alone": "Renewed", "smtp": "Issued"} {
		s.event(infra, object, reason)
	}
	s.noTXT()
	before := s.quiet(began)
	s.stays(5*time.Second, func() error {
		if now := s.requests(began); len(now) > before {
			return fmt.Errorf("while nothing changed: %v", now[before:])
		}
		return nil
	})
}

// requests are those of the shipped ServiceAccount since then, without watches that go on where another has ended.
func (s *scene) requests(since time.Time) []cluster.Request {
	s.t.Helper()
	found, err := shared.Requests(func(r cluster.Request) bool {
		return cluster.Since(since)(r) && (r.Verb != "watch" || r.Lists())
	})
	s.must(err)
	return found
}

// quiet waits until no request has come for a second, and returns how many there were.
func (s *scene) quiet(since time.Time) int {
	s.t.Helper()
	count, last := -1, time.Now()
	s.until("there are no more requests", func() error {
		if now := len(s.requests(since)); now != count {
			count, last = now, time.Now()
		}
		if time.Since(last) < time.Second {
			return fmt.Errorf("%d requests, and more may come", count)
		}
		return nil
	})
	return count
}

// stays checks that condition returns no error, and goes on to return none for so long.
func (s *scene) stays(d time.Duration, condition func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	var wrong error
	_ = stage.Until(ctx, func() error {
		if wrong = condition(); wrong == nil {
			return errors.New("as it should be")
		}
		return nil
	})
	s.must(wrong)
}
