package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// match chooses requests.
type match func(cluster.Request) bool

func (m match) and(n match) match {
	return func(r cluster.Request) bool { return m(r) && n(r) }
}

// ours are wildcast's requests, without those that keep its lease.
func ours(r cluster.Request) bool {
	return strings.HasPrefix(r.UserAgent, "wildcast/") && r.Resource != "leases"
}

func bares(r cluster.Request) bool { return r.UserAgent == bareAgent }

func writes(r cluster.Request) bool { return r.Write() }

// reads are those of an object or a list, at once or as a stream that begins with it.
func reads(r cluster.Request) bool { return r.Verb == "get" || r.Lists() }

// done are requests with this verb about Secrets of this name that have succeeded.
func done(verb, name string) match {
	return func(r cluster.Request) bool {
		return r.Verb == verb && r.Resource == "secrets" && r.Name == name && r.Code < 300
	}
}

// since are the requests from a moment on. What was before, which is most of a long log, is passed over first.
func (w *world) since(moment time.Time, m match) ([]cluster.Request, error) {
	return w.cluster.Requests(match(cluster.Since(moment)).and(m))
}

// count counts requests from a moment on.
func (w *world) count(since time.Time, m match) (int, error) {
	found, err := w.since(since, m)
	return len(found), err
}

// await waits until there are n such requests since a moment, and returns when the last of them was answered.
func (w *world) await(ctx context.Context, since time.Time, n int, m match) (last time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+time.Duration(n)*10*time.Millisecond)
	defer cancel()
	// Reading the log takes time that the others need.
	pause := 200 * time.Millisecond
	switch {
	case n == 1:
		pause = 20 * time.Millisecond
	case n > 10000:
		pause = 2 * time.Second
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		found, err := w.since(since, m)
		if err != nil {
			return last, err
		}
		if len(found) >= n {
			for _, r := range found {
				if r.Completed.After(last) {
					last = r.Completed
				}
			}
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("only %d of %d requests came: %w", len(found), n, ctx.Err())
		case <-ticker.C:
		}
	}
}

// calm waits until there was no such request for a while.
func (w *world) calm(ctx context.Context, m match, quiet time.Duration) error {
	for {
		since := time.Now()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(quiet):
		}
		if n, err := w.count(since, m); n == 0 || err != nil {
			return err
		}
	}
}

// in are requests about objects in a namespace.
func in(namespace string) match {
	return func(r cluster.Request) bool { return r.Namespace == namespace }
}
