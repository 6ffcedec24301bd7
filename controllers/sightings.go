package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
)

// This file keeps in an order's record what the CA says of its authorizations, for those who look and have no key of the
// account to ask the CA with. It goes with the writes that there are anyhow; an order that takes its time costs some more.
//
//	the CA has made the order   their URLs                      with the order's URL
//	the order takes its time    what is known by then           a write, and another one each minute if there is news
//	the order has ended         what is known                   with its failure or its chain

const (
	// slowOrder is when an order takes its time.
	slowOrder = 10 * time.Second
	// newsInterval is how often news of a slow order is written at most.
	newsInterval = time.Minute
)

// sightings are the authorizations of an order under way, in the CA's order.
type sightings struct {
	ended   chan struct{}
	writing sync.WaitGroup

	mu  sync.Mutex
	all []acmeclient.Authorization
}

// sightingsOf begins with what the record of an order knows that is resumed.
func sightingsOf(r *Record) *sightings {
	s := &sightings{ended: make(chan struct{})}
	if r.URL != "" {
		s.all = slices.Clone(r.Authorizations)
	}
	return s
}

// saw enters what is known of one of them by now. An order that is resumed is known by the record, and less is not news.
func (s *sightings) saw(a acmeclient.Authorization) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(b acmeclient.Authorization) bool { return a.URL == b.URL })
	switch {
	case i < 0:
		s.all = append(s.all, a)
	case a.Status != "":
		s.all[i] = a
	}
}

// list returns them as they are now.
func (s *sightings) list() []acmeclient.Authorization {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// see enters authorizations, and reports whether there is news: that the CA was asked again is none. Before the CA has
// made an order, those of the last one may tell why it does not.
func (r *Record) see(all []acmeclient.Authorization) (news bool) {
	if len(all) == 0 {
		return false
	}
	news = !slices.EqualFunc(r.Authorizations, all, sameButSeen)
	r.Authorizations = all
	return news
}

func sameButSeen(a, b acmeclient.Authorization) bool {
	return a.URL == b.URL && a.Status == b.Status && a.TXT == b.TXT && a.Account == b.Account && a.Told.Equal(b.Told)
}

// follow keeps the record up to date while the order takes its time, until it has ended. Nobody else touches the record
// meanwhile.
func (c *Controller) follow(ctx context.Context, v *view, seen *sightings) {
	seen.writing.Go(func() {
		for next := time.After(slowOrder); ; next = time.After(newsInterval) {
			select {
			case <-seen.ended:
				return
			case <-next:
			}
			if v.record.see(seen.list()) && c.keepRecord(ctx, v) != nil {
				return // whoever writes it next says so
			}
		}
	})
}

// end enters what is known at last, when nobody follows any more.
func (s *sightings) end(r *Record) {
	close(s.ended)
	s.writing.Wait()
	r.see(s.list())
}
