package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// outage has the API server of a visit answer with the errors in turn, nil for an answer, and calls end after the last.
func outage(v *visit, end func(), answers ...error) {
	v.kube.(*fake.Clientset).PrependReactor("list", "ingresses", func(clienttesting.Action) (bool, runtime.Object, error) {
		var now error
		now, answers = answers[0], answers[1:]
		if len(answers) == 0 {
			end()
		}
		return now != nil, nil, now
	})
}

func TestAWatchedStatusOutlivesAnAPIServerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away, off := errors.New("connection refused"), errors.New("no route to host")
		ctx, cancel := context.WithCancel(t.Context())
		o := statusOptions{visit: *visitTo(t, "", append(twoTeams(), deployment("run"))...), output: "json", watch: true, interval: 5 * time.Second}
		outage(&o.visit, cancel, nil, nil, away, away, off, nil, nil, away)
		var out, complaints strings.Builder
		if err := o.follow(ctx, &out, &complaints); err != nil {
			t.Fatal(err)
		}
		said := strings.Split(strings.TrimSpace(complaints.String()), "\n")
		if len(said) != 2 || !strings.Contains(said[0], "connection refused; it is tried again every 5s") || !strings.Contains(said[1], "no route to host; ") {
			t.Errorf("it says %q", said)
		}
		if n := countReports(t, out.String()); n != 2 {
			t.Errorf("%d reports, want one before the outage and one after it", n)
		}
	})
}

// countReports is how many there are.
func countReports(t *testing.T, text string) (n int) {
	t.Helper()
	for all := json.NewDecoder(strings.NewReader(text)); ; n++ {
		var r struct{ Problems []any }
		if err := all.Decode(&r); errors.Is(err, io.EOF) {
			return n
		} else if err != nil || len(r.Problems) == 0 {
			t.Fatal(r, err)
		}
	}
}

func TestAStatusOfWhichNothingWasShownFailsAtTheFirstError(t *testing.T) {
	for _, watch := range []bool{false, true} {
		o := statusOptions{visit: *visitTo(t, "", append(twoTeams(), deployment("run"))...), watch: watch, interval: time.Second}
		outage(&o.visit, func() {}, errors.New("connection refused"))
		if err := o.follow(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("watched %t: %v", watch, err)
		}
	}
}
