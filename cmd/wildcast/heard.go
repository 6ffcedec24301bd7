package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/reference"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

// heard keeps the last warning about each object that goes through it to a recorder: wildcast may write Events, and not
// read them.
type heard struct {
	events.EventRecorder
	most int // objects; of more, those are forgotten that were warned of longest ago

	mu    sync.Mutex
	notes map[report.Object]warning
}

type warning struct {
	at   time.Time
	note string
}

// warningsKept is of how many objects the last warning is kept, which the status page shows: at most about 1 MiB.
func (o *options) warningsKept() int {
	if !listens(o.statusAddress) {
		return 0
	}
	return 1000
}

func newHeard(to events.EventRecorder, most int) *heard {
	return &heard{EventRecorder: to, most: most, notes: map[report.Object]warning{}}
}

// Eventf emits an Event, and keeps it if it is a warning.
func (h *heard) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	h.EventRecorder.Eventf(regarding, related, eventType, reason, action, note, args...)
	about, err := reference.GetReference(scheme.Scheme, regarding)
	if eventType != corev1.EventTypeWarning || err != nil {
		return
	}
	h.keep(report.Object{Kind: about.Kind, Namespace: about.Namespace, Name: about.Name}, warning{time.Now(), fmt.Sprintf(note, args...)})
}

func (h *heard) keep(about report.Object, w warning) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.notes[about] = w; len(h.notes) <= h.most {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(h.notes), func(a, b report.Object) int { return h.notes[a].at.Compare(h.notes[b].at) })
	for _, o := range oldest[:cmp.Or(h.most/10, 1)] { // many at once, for it takes a sort
		delete(h.notes, o)
	}
}

// last are the last warnings.
func (h *heard) last() map[report.Object]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	notes := make(map[report.Object]string, len(h.notes))
	for about, w := range h.notes {
		notes[about] = w.note
	}
	return notes
}
