package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"

	eventsv1 "k8s.io/api/events/v1"
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

// flushable is an Event sink that tells whether it is busy.
type flushable struct {
	events.EventSink
	last atomic.Int64 // when a write began or ended last
	busy atomic.Int64 // writes under way
}

func (s *flushable) mark(by int64) {
	s.busy.Add(by)
	s.last.Store(time.Now().UnixNano())
}

func (s *flushable) Create(ctx context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	s.mark(1)
	defer s.mark(-1)
	return s.EventSink.Create(ctx, e)
}

func (s *flushable) Patch(ctx context.Context, e *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	s.mark(1)
	defer s.mark(-1)
	return s.EventSink.Patch(ctx, e, data)
}

// startEvents returns a recorder, and the function that ends it once the Events under way are written: when none was
// for 50 ms, at most 2 s.
func startEvents(kube kubernetes.Interface) (events.EventRecorder, func(), error) {
	ctx, cancel := context.WithCancel(context.Background()) // outlives the work, which emits Events to its last moment
	sink := &flushable{EventSink: &events.EventSinkImpl{Interface: kube.EventsV1()}}
	broadcaster := events.NewBroadcaster(sink)
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		cancel()
		return nil, nil, fmt.Errorf("start recording events: %w", err)
	}
	flush := func() {
		sink.mark(0)
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if sink.busy.Load() == 0 && time.Since(time.Unix(0, sink.last.Load())) > 50*time.Millisecond {
				break
			}
		}
		broadcaster.Shutdown()
		cancel()
	}
	return recorder{broadcaster.NewRecorder(scheme.Scheme, reportingController)}, flush, nil
}
