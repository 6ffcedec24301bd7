package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

// reportingController names us in Events.
const reportingController = "wildcast"

// longestNote is the most that the API server takes in an Event's note.
const longestNote = 1024

// recorder emits Events whose repeats are folded only when they say the same: the API's series are formed by reason and
// action, not by note, so a hash of the note stands in the action.
type recorder struct {
	events.EventRecorder
}

// Eventf emits an Event. A note over the API's limit is cut.
func (r recorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	text := fmt.Sprintf(note, args...)
	if len(text) > longestNote {
		text = strings.ToValidUTF8(text[:longestNote-3], "") + "..." // the cut may fall into a character
	}
	hash := fnv.New32a()
	hash.Write([]byte(text))
	r.EventRecorder.Eventf(regarding, related, eventType, reason, fmt.Sprintf("%s-%08x", action, hash.Sum32()), "%s", text)
}

// eventsAtOnce is how many Events are written at the same time. An issuer that is missing is told to each of thousands of
// Ingresses, each in a goroutine of client-go's: the API server has more urgent things to do.
const eventsAtOnce = 8

// sink is an Event sink that writes a few Events at once, and tells whether it is busy. An Event in a namespace that is
// going is dropped: nobody will read it, and client-go would log each as an error.
type sink struct {
	events.EventSink
	places chan struct{} // one is taken by each write
	last   atomic.Int64  // when a write was asked for or ended last
	busy   atomic.Int64  // writes asked for or under way
}

func newSink(kube kubernetes.Interface) *sink {
	return &sink{EventSink: &events.EventSinkImpl{Interface: kube.EventsV1()}, places: make(chan struct{}, eventsAtOnce)}
}

func (s *sink) mark(by int64) {
	s.busy.Add(by)
	s.last.Store(time.Now().UnixNano())
}

// Create implements events.EventSink.
func (s *sink) Create(ctx context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	return s.write(func() (*eventsv1.Event, error) { return s.EventSink.Create(ctx, e) })
}

// Patch implements events.EventSink.
func (s *sink) Patch(ctx context.Context, e *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	return s.write(func() (*eventsv1.Event, error) { return s.EventSink.Patch(ctx, e, data) })
}

func (s *sink) write(write func() (*eventsv1.Event, error)) (*eventsv1.Event, error) {
	s.mark(1)
	defer s.mark(-1)
	s.places <- struct{}{}
	defer func() { <-s.places }()
	e, err := write()
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil, nil
	}
	return e, err
}

// flush waits until no Event was written for 50 ms, at most 2 s.
func (s *sink) flush() {
	s.mark(0)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s.busy.Load() == 0 && time.Since(time.Unix(0, s.last.Load())) > 50*time.Millisecond {
			return
		}
	}
}

// startEvents returns a recorder, and the function that ends it once the Events under way are written.
func startEvents(kube kubernetes.Interface) (events.EventRecorder, func(), error) {
	ctx, cancel := context.WithCancel(context.Background()) // outlives the work, which emits Events to its last moment
	sink := newSink(kube)
	broadcaster := events.NewBroadcaster(sink)
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		cancel()
		return nil, nil, fmt.Errorf("start recording events: %w", err)
	}
	end := func() {
		sink.flush()
		broadcaster.Shutdown()
		cancel()
	}
	return recorder{broadcaster.NewRecorder(scheme.Scheme, reportingController)}, end, nil
}
