package syncer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// contexts are the other clusters that are known just now.
type contexts struct {
	read func() (map[string]Context, error) // nil: there are none

	mu      sync.RWMutex
	remotes map[string]*remote
	failure error // of the last reading
}

// reread is how often it is looked whether contexts have changed.
const reread = 5 * time.Second

// enterContexts begins to keep the copies in other clusters. What it gives keeps up with the contexts until ctx ends, and
// returns when all work there has ended.
func (s *Syncer) enterContexts(ctx context.Context) (follow func()) {
	if s.contexts.read == nil {
		return func() {}
	}
	s.readContexts(ctx)
	return func() {
		ticker := time.NewTicker(reread)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-ticker.C:
				s.readContexts(ctx)
			}
		}
		for _, r := range s.contexts.list() {
			r.stop()
		}
	}
}

// readContexts makes the keepers those of the contexts that there are now.
func (s *Syncer) readContexts(ctx context.Context) {
	found, err := s.contexts.read()
	if _, nameless := found[""]; nameless { // which stands for the home cluster
		err = errors.New("a context in --contexts-kubeconfig has no name: give it one, or take it out")
	}
	news := s.contexts.fail(err)
	switch {
	case err == nil:
		news = s.takeContexts(ctx, found) || news
	case news:
		s.log.Error("Could not read the contexts of other clusters, and left all as it was", zap.Error(err))
	}
	if news {
		s.look(s.naming())
	}
}

// takeContexts ends the keepers of contexts that are no more, or no more the same, begins those of new ones, and reports
// whether there are other names now.
func (s *Syncer) takeContexts(ctx context.Context, found map[string]Context) (news bool) {
	var leaving sync.WaitGroup // together, for each may have to wait for a server that is silent
	var entered []*remote
	for _, r := range s.contexts.list() {
		name := r.policy.at.context
		switch c, known := found[name]; {
		case !known:
			leaving.Go(r.stop)
			s.contexts.set(name, nil)
			s.log.Info("Left context", zap.String("context", name))
			news = true
		case c.Revision == r.revision:
			delete(found, name)
		default:
			leaving.Go(r.stop)
		}
	}
	leaving.Wait()
	for name, c := range found {
		r := s.newRemote(name, c)
		news = s.contexts.set(name, r) || news
		entered = append(entered, r)
	}
	for _, r := range entered { // when all are known, for they may meet each other's copies
		r.start(ctx)
		s.log.Info("Entered context", zap.String("context", r.policy.at.context), zap.String("namespace", r.namespace))
	}
	return news
}

// naming are the sources that name contexts, as targets: that is where they are told what is wrong with them.
func (s *Syncer) naming() []ref {
	var found []ref
	for _, o := range s.index.allSources() {
		if o.rule != nil && o.rule.Contexts != nil {
			found = append(found, o.ref())
		}
	}
	return found
}

// parted tells the other clusters of a source that has gone. It is called with the index of the home cluster locked.
func (s *Syncer) parted(source ref, when time.Time) {
	for _, r := range s.contexts.list() {
		r.index.missed(source, when)
	}
}

// unknownContexts is what the owner of a source hears that names contexts which are not known.
func (s *Syncer) unknownContexts(source *object) []saying {
	unknown, known, failure := s.contexts.missing(source.rule.Contexts)
	if len(unknown) == 0 {
		return nil
	}
	list, _ := first(source.Annotations, AnnotationSyncContexts, AnnotationKubedSyncContexts)
	note := fmt.Sprintf("%s names %s, ", list.key, quoted(unknown))
	switch {
	case s.contexts.read == nil:
		note += "and this wildcast knows no other cluster: give it --contexts-kubeconfig"
	case failure != nil:
		note += fmt.Sprintf("and the contexts could not be read: %v", failure)
	case len(known) == 0:
		note += "and there is no context in --contexts-kubeconfig"
	default:
		note += fmt.Sprintf("which is not among the contexts in --contexts-kubeconfig: %s", quoted(known))
	}
	me := s.kind.reference(source.ref(), source.UID)
	return []saying{{about: me, related: me, reason: ReasonUnknownContext, cause: note, note: note + ". Copies that were made there earlier stay as they are"}}
}

// madeBy tells through which context this very cluster's wildcast made a copy that is none of this keeper's. The empty name
// stands for the home cluster.
func (p policy) madeBy(held *object) (context string, made bool) {
	context, made = strings.CutSuffix("/"+held.Annotations[AnnotationTarget], "/"+scope{}.target(held.Namespace, held.Name))
	context = strings.TrimPrefix(context, "/")
	made = made && context != p.at.context && held.Labels[LabelOriginCluster] == LabelValue(p.cluster)
	return context, made
}

// keeps reports whether copies are still kept that were made through a context, as far as it is known here which there are.
func (k *keeper) keeps(context string) bool {
	return context == "" || k.entered == nil || k.entered(context)
}

// way is how a copy came to its place.
func way(context string) string {
	if context == "" {
		return "for a namespace selector"
	}
	return fmt.Sprintf("through the context %q", context)
}

func quoted(names []string) string {
	var list []string
	for _, name := range names {
		list = append(list, fmt.Sprintf("%q", name))
	}
	return strings.Join(list, ", ")
}

// list are the keepers.
func (c *contexts) list() []*remote {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Values(c.remotes))
}

// entered reports whether there is a keeper of a context, or might be, the contexts being unreadable.
func (c *contexts) entered(name string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.remotes[name] != nil || c.failure != nil
}

// set makes r the keeper of the context of that name, nil for none, and reports whether there was none.
func (c *contexts) set(name string, r *remote) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == nil {
		delete(c.remotes, name)
		return true
	}
	if c.remotes == nil {
		c.remotes = map[string]*remote{}
	}
	news = c.remotes[name] == nil
	c.remotes[name] = r
	return news
}

// fail notes how the last reading went, and reports whether that is news.
func (c *contexts) fail(err error) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.failure
	c.failure = err
	return (before == nil) != (err == nil) || err != nil && before.Error() != err.Error()
}

// missing are those of the names that are not known, those that are, and how the last reading went.
func (c *contexts) missing(names []string) (unknown, known []string, failure error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, name := range names {
		if c.remotes[name] == nil {
			unknown = append(unknown, name)
		}
	}
	return unknown, slices.Sorted(maps.Keys(c.remotes)), c.failure
}
