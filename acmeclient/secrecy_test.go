package acmeclient_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

func TestNoErrorShowsATokenOrAKeyAuthorization(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	req := w.request("a.test")
	var seen acmeclient.Challenge
	good := req.Solver
	req.Solver = solverFunc(func(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
		seen = ch
		w.ca.Answer(acmetest.StepChallenge, acmetest.Problem{
			Status: 400, Type: "unauthorized", Detail: "expected " + ch.KeyAuthorization + " for " + ch.Token,
		})
		return good.Present(ctx, ch)
	})
	_, err := w.order(req)
	says(t, err, "answer challenge of a.test", "unauthorized", "expected [redacted] for [redacted]")
	thumbprint := strings.TrimPrefix(seen.KeyAuthorization, seen.Token)
	if strings.Contains(err.Error(), seen.Token) || strings.Contains(err.Error(), thumbprint) {
		t.Errorf("error %q shows the challenge's secrets", err)
	}
	w.clean()
}

func TestACAsTextIsOneShortLine(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{
		Status: 403, Type: "unauthorized", Detail: "no\r\n\x1b[31mred " + strings.Repeat("long ", 1000),
	})
	_, err := w.order(w.request("a.test"))
	if text := err.Error(); strings.ContainsAny(text, "\r\n\x1b") || len(text) > 1000 {
		t.Errorf("error is %q", text)
	}
}

func TestOrdersLeaveNoGoroutineBehind(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	down := errors.New("down")
	for i := range 10 {
		req := w.request("a.test", "b.test", "*.c.test")
		if i%2 == 0 {
			req.Solver = solverFunc(func(context.Context, acmeclient.Challenge) (func(context.Context) error, error) {
				return nil, down
			})
		}
		if _, err := w.order(req); err != nil && !errors.Is(err, down) {
			t.Fatal(err)
		}
	}
	w.pool.Close()
	w.client.Close()
	deadline := time.Now().Add(30 * time.Second)
	for ours() != "" && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if left := ours(); left != "" {
		t.Errorf("goroutines left:\n%s", left)
	}
}

// ours returns the stacks of goroutines that run this module's code outside of tests and test servers.
func ours() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "wildcast/acmeclient") &&
			!strings.Contains(stack, "acmetest") && !strings.Contains(stack, "testing.tRunner") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
