package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	clienttesting "k8s.io/client-go/testing"

	"github.com/wildcast/wildcast/acmeclient"
)

// tellingCA is a CA on paper that tells of its authorizations: before and after it has told the order's URL.
type tellingCA struct {
	*paperCA
	before, after func(tell func(acmeclient.Authorization))
}

func (ca *tellingCA) Order(ctx context.Context, account acmeclient.Account, req acmeclient.Request) ([]byte, error) {
	ca.before(req.Seen)
	begun := req.Begun
	req.Begun = func(ctx context.Context, url string) error {
		err := begun(ctx, url)
		ca.after(req.Seen)
		return err
	}
	return ca.paperCA.Order(ctx, account, req)
}

// authorization is one in a state.
func authorization(status string) acmeclient.Authorization {
	return acmeclient.Authorization{URL: "https://ca.test/authz/1", Name: "*.a.test", Status: status, Challenge: acmeclient.DNS01, Seen: time.Now().UTC().Truncate(time.Second)}
}

// telling has the CA tell of an authorization: its URL, and what after does.
func (l *life) telling(after func(tell func(acmeclient.Authorization))) {
	l.c.cas.clients["https://ca.test/dir\n"] = &tellingCA{l.ca, func(tell func(acmeclient.Authorization)) {
		tell(acmeclient.Authorization{URL: "https://ca.test/authz/1"})
	}, after}
}

// recorded is the authorization's state in each write of the record so far, "none" for no authorization.
func (l *life) recorded() (states []string) {
	for _, a := range l.kube.Actions() {
		write, ok := a.(clienttesting.UpdateAction) // creates are of this shape too
		if !ok {
			continue
		}
		if name, s := actionOn(write); name == recordName(shared) {
			state := "none"
			for _, seen := range recordOf(s).Authorizations {
				state = seen.URL + " " + seen.Status
			}
			states = append(states, state)
		}
	}
	return states
}

// wrote checks the authorization's state in each write of the record.
func (l *life) wrote(want ...string) {
	l.t.Helper()
	if got := l.recorded(); !slices.Equal(got, want) {
		l.t.Errorf("the record was written with %q, want %q", got, want)
	}
}

func TestWhatTheCASaysOfAuthorizationsGoesWithTheWritesOfAnOrderThatThereAreAnyhow(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.telling(func(tell func(acmeclient.Authorization)) {
			tell(authorization("pending"))
			time.Sleep(slowOrder - time.Second)
			tell(authorization("valid"))
		})
		l.pass(time.Minute)
		l.wrote("none", "https://ca.test/authz/1 ", "https://ca.test/authz/1 valid")
	})
}

func TestASlowOrderIsWrittenOfOnceAndAgainWhenThereIsNews(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.telling(func(tell func(acmeclient.Authorization)) {
			for range 100 { // the CA is asked again and again, and says the same
				tell(authorization("pending"))
				time.Sleep(5 * time.Second)
			}
			told := authorization("pending")
			told.Told = time.Now()
			tell(told)
			time.Sleep(2 * newsInterval)
			tell(authorization("valid"))
		})
		l.pass(time.Hour)
		const at = "https://ca.test/authz/1 "
		l.wrote("none", at, at+"pending", at+"pending", at+"valid")
	})
}

func TestWhyAnAuthorizationHasFailedIsRecordedUntilThereIsAnotherOrder(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		fails := func(tell func(acmeclient.Authorization)) {
			a := authorization("invalid")
			a.ErrorType, a.Detail = "dns", "no TXT record found"
			tell(a)
		}
		l.telling(fails)
		l.ca.refuse = func(int) error {
			return &acmeclient.Error{Op: "authorization", Name: "*.a.test", Type: "dns", Reached: true, Err: acmeclient.ErrInvalid}
		}
		l.pass(30 * time.Second)
		failed := recordOf(l.secret(recordName(shared)))
		if all := failed.Authorizations; len(all) != 1 || all[0].Detail != "no TXT record found" || all[0].ErrorType != "dns" || failed.URL != "" {
			t.Errorf("after the failure: %+v", failed)
		}
		l.ca.down = true // it makes no order, and what it said of the last one stands
		l.c.cas.clients["https://ca.test/dir\n"] = l.ca
		l.pass(10 * time.Minute)
		if last := recordOf(l.secret(recordName(shared))); len(last.Authorizations) != 1 || last.LastError == failed.LastError {
			t.Errorf("while the CA is down: %+v", last)
		}
		l.ca.down, l.ca.refuse = false, nil
		l.telling(func(tell func(acmeclient.Authorization)) { tell(authorization("valid")) })
		l.pass(time.Hour)
		if all := recordOf(l.secret(recordName(shared))).Authorizations; len(all) != 1 || all[0].Status != "valid" {
			t.Errorf("after another order: %+v", all)
		}
	})
}

func TestAResumedOrderIsKnownByTheRecordUntilTheCAWasAsked(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.telling(func(tell func(acmeclient.Authorization)) { tell(authorization("pending")) })
		l.ca.killed = errors.New("killed")
		l.pass(100 * time.Millisecond)
		l.restart()
		resumed := false
		l.c.cas.clients["https://ca.test/dir\n"] = &tellingCA{l.ca, func(tell func(acmeclient.Authorization)) {
			tell(acmeclient.Authorization{URL: "https://ca.test/authz/1"})
			resumed = true
		}, nil}
		l.kube.ClearActions()
		l.ca.killed = errors.New("killed again")
		l.pass(100 * time.Millisecond)
		if !resumed {
			t.Fatal("the order was not resumed")
		}
		l.wrote("https://ca.test/authz/1 pending")
	})
}
