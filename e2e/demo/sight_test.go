package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

func secretNamed(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func TestWhatWasSeenBeforeTheMarkDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sight{news: make(chan struct{})}
		s.OnAdd(secretNamed("app", "tls"), true)
		mark := s.now()
		go func() {
			time.Sleep(time.Second)
			s.OnUpdate(nil, secretNamed("app", "other"))
			time.Sleep(time.Second)
			s.OnUpdate(nil, secretNamed("app", "tls"))
		}()
		begun := time.Now()
		e, err := s.first(t.Context(), mark, "the Secret", secret("app/tls", nil))
		if err != nil || e.verb != changed || e.at.Sub(begun) != 2*time.Second {
			t.Errorf("%v after %s, %v", e.verb, e.at.Sub(begun), err)
		}
	})
}

func TestWhoWaitsInVainSaysForWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sight{news: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.first(ctx, 0, "a copy at app/tls", secret("app/tls", nil))
		if err == nil || !strings.Contains(err.Error(), "waiting to see a copy at app/tls") {
			t.Errorf("error %v", err)
		}
	})
}

func TestADeletionIsSeenAlsoWhenItsEventWasMissed(t *testing.T) {
	s := &sight{news: make(chan struct{})}
	s.OnDelete(cache.DeletedFinalStateUnknown{Key: "app/tls", Obj: secretNamed("app", "tls")})
	e, err := s.first(t.Context(), 0, "the deletion", gone("app/tls"))
	if err != nil || e.verb != removed {
		t.Errorf("%v, %v", e.verb, err)
	}
	if secret("app/tls", nil)(e) {
		t.Error("what is gone counts as a state of the Secret")
	}
}

func TestTheNewestOfSomeEventsIsTheLast(t *testing.T) {
	at := func(second int64) event { return event{at: time.Unix(second, 0)} }
	if got := last(at(2), at(3), at(1)); got.at.Unix() != 3 {
		t.Errorf("got %s", got.at)
	}
}
