package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// verb is what happened to an object.
type verb string

const (
	added   verb = "added"
	changed verb = "changed"
	removed verb = "removed"
)

// event is something that was seen in the cluster.
type event struct {
	at     time.Time
	verb   verb
	object metav1.Object // a Secret, an Ingress or a Namespace
}

// sight remembers everything that happens to Secrets, Ingresses and Namespaces, in the order in which it was seen.
type sight struct {
	watches sync.WaitGroup

	mu     sync.Mutex
	events []event
	news   chan struct{} // closed and replaced with each event
}

// look begins to watch and returns when what is there has been seen. The watches end with ctx; wait waits for that.
func look(ctx context.Context, kube kubernetes.Interface) (*sight, error) {
	s := &sight{news: make(chan struct{})}
	factory := informers.NewSharedInformerFactory(kube, 0)
	var done []cache.DoneChecker
	for _, informer := range []cache.SharedIndexInformer{
		factory.Core().V1().Secrets().Informer(),
		factory.Core().V1().Namespaces().Informer(),
		factory.Networking().V1().Ingresses().Informer(),
	} {
		handled, err := informer.AddEventHandler(s)
		if err != nil {
			return nil, fmt.Errorf("watch the cluster: %w", err)
		}
		done = append(done, handled.HasSyncedChecker())
		s.watches.Go(func() { informer.RunWithContext(ctx) })
	}
	if !cache.WaitFor(ctx, "", done...) {
		return nil, fmt.Errorf("watch the cluster: %w", context.Cause(ctx))
	}
	return s, nil
}

// OnAdd implements [cache.ResourceEventHandler].
func (s *sight) OnAdd(object any, _ bool) { s.add(added, object) }

// OnUpdate implements [cache.ResourceEventHandler].
func (s *sight) OnUpdate(_, object any) { s.add(changed, object) }

// OnDelete implements [cache.ResourceEventHandler].
func (s *sight) OnDelete(object any) {
	if last, missed := object.(cache.DeletedFinalStateUnknown); missed {
		object = last.Obj
	}
	s.add(removed, object)
}

func (s *sight) add(what verb, object any) {
	now := time.Now()
	meta, ok := object.(metav1.Object)
	if !ok {
		return // the informers hold nothing else
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event{now, what, meta})
	close(s.news)
	s.news = make(chan struct{})
}

// now is a mark: events to come have a number from it on.
func (s *sight) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// since returns the events from a mark on, and what is closed when there are more.
func (s *sight) since(mark int) ([]event, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[mark:len(s.events):len(s.events)], s.news
}

// first returns the first event since the mark that is what is looked for, and waits for it until ctx ends. The error
// says what.
func (s *sight) first(ctx context.Context, mark int, what string, is func(event) bool) (event, error) {
	for {
		seen, news := s.since(mark)
		for _, e := range seen {
			if is(e) {
				return e, nil
			}
		}
		mark += len(seen)
		select {
		case <-news:
		case <-ctx.Done():
			return event{}, fmt.Errorf("waiting to see %s: %w", what, context.Cause(ctx))
		}
	}
}

// last is the newest event of those.
func last(events ...event) event {
	var newest event
	for _, e := range events {
		if e.at.After(newest.at) {
			newest = e
		}
	}
	return newest
}
