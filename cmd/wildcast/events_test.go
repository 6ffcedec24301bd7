package main

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
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
