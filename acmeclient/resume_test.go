package acmeclient_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// interrupted begins an order and cancels it at a step, before or after the CA acts. It returns the order's URL.
func (w *world) interrupted(req acmeclient.Request, step string, after bool) string {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	stop := errors.New("killed at " + step)
	at := func(s string) {
		if s == step {
			cancel(stop)
		}
	}
	if after { // and no answer comes, which could be faster than the context's end
		w.ca.After(at)
		w.ca.DropAnswers(step, 1)
	} else {
		w.ca.Before(at)
		w.ca.Drop(step, 1)
	}
	var url string
	req.Begun = func(_ context.Context, orderURL string) error { url = orderURL; return nil }
	_, err := w.client.Order(ctx, w.account, req)
	if !errors.Is(err, stop) {
		w.t.Fatalf("order ended with %v, want the cause of its context's end", err)
	}
	w.ca.Before(nil)
	w.ca.After(nil)
	w.pool.Close() // what was on its way when the context ended is taken away by the pool
	w.clean()
	w.pool = w.newPool()
	return url
}

func TestAnOrderIsResumedFromWhereverItStopped(t *testing.T) {
	for _, step := range []string{
		acmetest.StepAuthz, acmetest.StepChallenge, acmetest.StepOrder, acmetest.StepFinalize, acmetest.StepCert,
	} {
		for when, after := range map[string]bool{"before": false, "after": true} {
			t.Run(when+" "+step, func(t *testing.T) {
				w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
				req := w.request("a.test", "*.b.test")
				req.URL = w.interrupted(req, step, after)
				w.client, req.Solver = w.again(), w.solver() // another process
				req.Begun = func(context.Context, string) error { t.Error("Begun called for an old order"); return nil }
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
}

func TestAFinishedOrderGivesItsCertificateAgain(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test")
	var url string
	req.Begun = func(_ context.Context, orderURL string) error { url = orderURL; return nil }
	_, err := w.order(req)
	w.must(err)
	req.URL = url
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	if n := w.ca.OrderCount(); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
}

func TestAnOrderThatCannotBeContinuedIsGone(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test")
	var url string
	req.Begun = func(_ context.Context, orderURL string) error { url = orderURL; return nil }
	_, err := w.order(req)
	w.must(err)
	for name, change := range map[string]func(*acmeclient.Request, *acmeclient.Account){
		"unknown to the CA": func(r *acmeclient.Request, _ *acmeclient.Account) { r.URL = url + "x" },
		"at another CA":     func(r *acmeclient.Request, _ *acmeclient.Account) { r.URL = "https://ca.invalid/order/1" },
		"of another account": func(_ *acmeclient.Request, a *acmeclient.Account) {
			*a = w.register(newKey(t))
		},
		"for other names":  func(r *acmeclient.Request, _ *acmeclient.Account) { r.Names = []string{"b.test"} },
		"with another key": func(r *acmeclient.Request, _ *acmeclient.Account) { r.Key = newKey(t) },
	} {
		t.Run(name, func(t *testing.T) {
			req, account := req, w.account
			req.URL = url
			change(&req, &account)
			if _, err := w.client.Order(t.Context(), account, req); !errors.Is(err, acmeclient.ErrGone) {
				t.Errorf("error is %v, want ErrGone", err)
			}
		})
	}
}

func TestAnOrderThatHasFailedIsInvalidAndSaysWhy(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test")
	var url string
	req.Begun = func(_ context.Context, orderURL string) error { url = orderURL; return nil }
	req.Solver = solverFunc(func(context.Context, acmeclient.Challenge) (func(context.Context) error, error) {
		return func(context.Context) error { return nil }, nil // claims what is not so
	})
	_, err := w.order(req)
	first := errorOf(t, err)
	if !errors.Is(err, acmeclient.ErrInvalid) || first.Name != "a.test" || first.Type != "unauthorized" || !first.Reached {
		t.Errorf("error is %+v", first)
	}
	req.URL = url
	_, err = w.order(req)
	if !errors.Is(err, acmeclient.ErrInvalid) {
		t.Errorf("error is %v, want ErrInvalid", err)
	}
	says(t, err, "a.test", "DNS")
}

func TestAnOrderThatCannotBeRecordedIsNotBegunInEarnest(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test")
	full := errors.New("the disk is full")
	req.Begun = func(context.Context, string) error { return full }
	_, err := w.order(req)
	if !errors.Is(err, full) {
		t.Errorf("error is %v, want Begun's", err)
	}
	if e := errorOf(t, err); !e.Reached {
		t.Error("error tells that another order costs nothing")
	}
	if n := w.dns.Updates(); n != 0 {
		t.Errorf("%d DNS updates, want none", n)
	}
}

func TestASolversErrorLeavesTheOrderToBeResumed(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	req := w.request("a.test", "b.test")
	good := req.Solver
	down := errors.New("the DNS provider is down")
	req.Solver = solverFunc(func(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
		if ch.Domain == "b.test" {
			return nil, down
		}
		return good.Present(ctx, ch)
	})
	req.Begun = func(_ context.Context, orderURL string) error { req.URL = orderURL; return nil }
	_, err := w.order(req)
	e := errorOf(t, err)
	if !errors.Is(err, down) || e.Name != "b.test" || e.Reached || e.Down {
		t.Errorf("error is %+v", e)
	}
	w.clean()
	req.Solver = good
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	if n := w.ca.OrderCount(); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
}

func TestEachAnswerIsTakenBackOnceWithALivingContext(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	var mu sync.Mutex
	removed := map[string]int{}
	req := w.request("a.test", "b.test")
	good := req.Solver
	req.Solver = solverFunc(func(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
		remove, err := good.Present(ctx, ch)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			mu.Lock()
			removed[ch.Domain]++
			mu.Unlock()
			if ctx.Err() != nil {
				t.Errorf("remove of %s got an ended context", ch.Domain)
			}
			return remove(ctx)
		}, nil
	})
	w.interrupted(req, acmetest.StepFinalize, false)
	if removed["a.test"] != 1 || removed["b.test"] != 1 {
		t.Errorf("removed %v, want each once", removed)
	}
}

func TestADeadlineEndsAnOrderThatTheCANeverDecides(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects, RetryAfter: time.Hour})
	release := w.undecided("")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	context.AfterFunc(ctx, release)
	_, err := w.client.Order(ctx, w.account, w.request("a.test"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the deadline's", err)
	}
	w.clean()
}

func TestPollingBeginsAtFiveMillisecondsAndEndsAtFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		pauses := acmeclient.Pauses(t.Context(), 30, 0)
		if pauses[0] != 5*time.Millisecond || pauses[29] != 5*time.Second {
			t.Errorf("pauses are %v", pauses)
		}
		if asked := acmeclient.Pauses(t.Context(), 1, time.Minute); asked[0] != time.Minute {
			t.Errorf("pause is %v though the CA asked for a minute", asked[0])
		}
		if d := time.Since(start); d < time.Minute {
			t.Errorf("took %s", d)
		}
	})
}

// TestAResumedOrderTakesAwayWhatADeadProcessLeft: that process, and its solver with it, ended at once after the CA had
// been told to look.
func TestAResumedOrderTakesAwayWhatADeadProcessLeft(t *testing.T) {
	for _, step := range []string{acmetest.StepChallenge, acmetest.StepFinalize, acmetest.StepCert} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
			req := w.request("a.test", "*.b.test")
			dead := dns01.NewPool(dns01.Config{Command: testchild.Command(), Timeout: 30 * time.Second})
			alive := dead.Solver([]dns01.Settings{{Name: "dead", Provider: "rfc2136", Env: w.dns.SolverEnv(), Nameservers: w.dns.Addrs()}}, nil)
			defer dead.Close()
			req.Solver = solverFunc(func(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
				_, err := alive.Present(ctx, ch)
				return func(context.Context) error { return nil }, err
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.ca.After(func(s string) {
				if s == step {
					cancel()
				}
			})
			w.ca.DropAnswers(step, 1)
			req.Begun = func(_ context.Context, orderURL string) error { req.URL = orderURL; return nil }
			if _, err := w.client.Order(ctx, w.account, req); !errors.Is(err, context.Canceled) {
				t.Fatalf("order ended with %v, want its context's end", err)
			}
			w.ca.After(nil)
			if len(w.dns.Records()) == 0 {
				t.Fatal("nothing was left behind")
			}
			req.Solver = w.solver()
			chain, err := w.order(req)
			w.must(err)
			w.issued(chain, req)
			w.clean()
		})
	}
}
