package model

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
)

const (
	// patience is how long wildcast may take until everything is as it should be. It covers the back-off of what a
	// quota has refused for a while.
	patience = 90 * time.Second
	// quiet is for how long everything must then stay as it is.
	quiet = 150 * time.Millisecond
)

// Unsettled says what is not as it should be.
type Unsettled struct{ Wrong string }

func (e *Unsettled) Error() string { return e.Wrong }

// Settle waits until everything is as it should be and stays so. Then quotas are taken away, and it waits again. If
// anything remains wrong the error is an *Unsettled.
func (u *Users) Settle(ctx context.Context) error {
	if err := u.Awake(ctx); err != nil {
		return err
	}
	if err := u.Rest(ctx); err != nil || len(u.World.Full) == 0 {
		return err
	}
	for name := range maps.Clone(u.World.Full) {
		if err := u.unfill(ctx, name); err != nil {
			return err
		}
	}
	return u.Rest(ctx)
}

// Rest is Settle with quotas and wildcast as they are.
func (u *Users) Rest(ctx context.Context) error {
	over := time.After(patience)
	var last map[Place]Object
	var since time.Time
	for {
		seen, err := u.look(ctx)
		if err != nil {
			return err
		}
		wrong := u.World.Wrong(seen)
		if changed := !maps.EqualFunc(seen, last, sameState); changed || len(wrong) > 0 {
			last, since = seen, time.Now()
		}
		if len(wrong) == 0 && time.Since(since) > quiet {
			return u.rested(seen)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return &Unsettled{fmt.Sprintf("not at rest after %s:\n%s", patience, strings.Join(wrong, "\n"))}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// rested finds out whether anything was written for no reason.
func (u *Users) rested(seen map[Place]Object) error {
	maps.DeleteFunc(seen, func(at Place, _ Object) bool { return !u.World.open(at) })
	written := u.calm.written(seen)
	u.World.Rest(seen)
	u.calm = newCalm(seen)
	u.Journal = append(u.Journal, fmt.Sprintf("at rest with %d objects", len(seen)))
	if len(written) > 0 {
		return &Unsettled{"written though nothing had changed:\n" + strings.Join(written, "\n")}
	}
	return nil
}

func sameState(a, b Object) bool { return a.UID == b.UID && a.ResourceVersion == b.ResourceVersion }

func (u *Users) look(ctx context.Context) (map[Place]Object, error) {
	objects, err := u.kind.List(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[Place]Object, len(objects))
	for _, o := range objects {
		seen[o.Place] = o
	}
	return seen, nil
}

// calm is what was there at the last rest, and what users have done since that could matter to it.
type calm struct {
	seen       map[Place]Object
	namespaces map[string]bool
	names      map[string]bool // of copies
	places     map[Place]bool
}

func newCalm(seen map[Place]Object) calm {
	return calm{seen: seen, namespaces: map[string]bool{}, names: map[string]bool{}, places: map[Place]bool{}}
}

func (c calm) clone() calm {
	c.namespaces, c.names, c.places = maps.Clone(c.namespaces), maps.Clone(c.names), maps.Clone(c.places)
	return c
}

// Before the first rest there is nothing to disturb.

func (c calm) disturbNamespace(name string) {
	if c.seen != nil {
		c.namespaces[name] = true
	}
}

func (c calm) disturbName(name string) {
	if c.seen != nil {
		c.names[name] = true
	}
}

func (c calm) disturbPlace(at Place) {
	if c.seen != nil {
		c.places[at] = true
	}
}

// written are the copies that were written since, though nothing that could matter to them had happened.
func (c calm) written(seen map[Place]Object) []string {
	var written []string
	for at, was := range c.seen {
		is, there := seen[at]
		disturbed := c.namespaces[at.Namespace] || c.names[at.Name] || c.places[at]
		if _, copied := originOf(was); copied && !disturbed && !(there && sameState(was, is)) {
			written = append(written, at.String())
		}
	}
	return written
}
