package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
)

func TestEventsAreWrittenBeforeTheEndAndFoldedOnlyWhenTheySayTheSame(t *testing.T) {
	kube := fake.NewClientset()
	recorder, flush, err := startEvents(kube)
	if err != nil {
		t.Fatal(err)
	}
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "Secret", Namespace: "ns", Name: "s", UID: "u"}
	for _, note := range []string{"first", "second", "second", strings.Repeat("é", 1000)} {
		recorder.Eventf(about, nil, corev1.EventTypeWarning, "OrderFailed", "Order", "%s", note)
	}
	flush()
	written, err := kube.EventsV1().Events("ns").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(written.Items) != 3 {
		t.Errorf("%d Events were written, want 3", len(written.Items))
	}
	for _, event := range written.Items {
		if !utf8.ValidString(event.Note) {
			t.Errorf("the note was cut within a character: %q", event.Note[longestNote-10:])
		}
		if len(event.Note) > longestNote || len(event.Action) > 128 {
			t.Errorf("the API server would refuse %d characters of note, %d of action", len(event.Note), len(event.Action))
		}
	}
}

// eventServer is an Event sink that answers when it is let.
type eventServer struct {
	events.EventSink
	asked, answer chan struct{}
}

func (s eventServer) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	s.asked <- struct{}{}
	<-s.answer
	return e, nil
}

func TestAFewOfManyEventsAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1500
		server := eventServer{asked: make(chan struct{}, many), answer: make(chan struct{})}
		sink := newSink(fake.NewClientset())
		sink.EventSink = server
		var written sync.WaitGroup
		for range many {
			written.Go(func() {
				if _, err := sink.Create(t.Context(), &eventsv1.Event{}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if under := len(server.asked); under != eventsAtOnce {
			t.Errorf("%d Events are written at once, want %d", under, eventsAtOnce)
		}
		close(server.answer)
		written.Wait()
		if all := len(server.asked); all != many {
			t.Errorf("%d Events were written, want %d", all, many)
		}
	})
}

func TestAnEventIsDroppedWhereTheNamespaceIsGoingAndNowhereElse(t *testing.T) {
	going := apierrors.NewForbidden(eventsv1.Resource("events"), "e", errors.New("namespace ns is being terminated"))
	going.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, row := range []struct {
		answer error
		kept   bool
	}{{going, false}, {apierrors.NewForbidden(eventsv1.Resource("events"), "e", errors.New("no right")), true}, {errors.New("connection refused"), true}} {
		kube := fake.NewClientset()
		kube.PrependReactor("create", "events", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, row.answer })
		_, err := newSink(kube).Create(t.Context(), &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}})
		if (err != nil) != row.kept {
			t.Errorf("%v: got %v", row.answer, err)
		}
	}
}
