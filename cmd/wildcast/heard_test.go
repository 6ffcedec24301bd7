package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

func TestTheLastWarningAboutAnObjectIsKeptAndOldOnesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emitted := events.NewFakeRecorder(100)
		h := newHeard(emitted, 10)
		say := func(name, eventType, note string) {
			h.Eventf(&corev1.ObjectReference{Kind: "Secret", Namespace: "a", Name: name}, nil, eventType, "Reason", "Action", "%s", note)
			time.Sleep(time.Second)
		}
		of := func(name string) string { return h.last()[report.Object{Kind: "Secret", Namespace: "a", Name: name}] }
		say("x", corev1.EventTypeWarning, "first")
		say("x", corev1.EventTypeWarning, "it costs 100%s")
		say("x", corev1.EventTypeNormal, "all is well")
		if got := of("x"); got != "it costs 100%s" {
			t.Errorf("kept is %q", got)
		}
		for i := range 10 {
			say(fmt.Sprint(i), corev1.EventTypeWarning, "more")
		}
		if got := of("x"); got != "" || len(h.last()) != 10 {
			t.Errorf("of %d kept is %q", len(h.last()), slices.Collect(maps.Keys(h.last())))
		}
		if n := len(emitted.Events); n != 13 {
			t.Errorf("%d Events were emitted", n)
		}
	})
}

func TestWithoutAStatusPageNoWarningIsKept(t *testing.T) {
	h := newHeard(events.NewFakeRecorder(10), (&options{}).warningsKept())
	h.Eventf(&corev1.ObjectReference{Kind: "Secret", Name: "x"}, nil, corev1.EventTypeWarning, "Reason", "Action", "note")
	if len(h.last()) != 0 {
		t.Error("one is kept")
	}
	for address, want := range map[string]int{"": 0, "0": 0, ":8082": 1000} {
		if got := (&options{statusAddress: address}).warningsKept(); got != want {
			t.Errorf("%q: %d", address, got)
		}
	}
}
