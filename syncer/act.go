package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// rounds is how often one look may plan: reading the source, reading the copy and meeting an unknown object each
	// take one more.
	rounds = 5
	// soon is when to look again after another's write was first, in case its event does not come.
	soon = time.Second
	// later is when to look again at an obstacle whose end is not seen, being of a type that is not watched.
	later = 10 * time.Minute
)

var (
	errAgain   = errors.New("something was learned: plan again")
	errBlocked = errors.New("an object that is not ours is in the way")
)

// attempt is one look at a target: what has been learned from the API server on the way.
type attempt struct {
	target ref
	data   *content // the source, as it was read
	live   *content // what is held, as it was read
}

// reconcile makes the target what it should be.
func (s *Syncer) reconcile(ctx context.Context, target ref) (time.Duration, error) {
	defer s.waves.arrive(target, s.observeLag)
	_, lost := s.lost.LoadAndDelete(target)
	a := attempt{target: target}
	var v view
	var p plan
	var held bool // back, since the copy is contested
	err := errAgain
	for i := 0; i < rounds && errors.Is(err, errAgain); i++ {
		v = s.gather(&a)
		p = s.policy.plan(v, time.Now())
		if wait := s.contests.wait(target, time.Now()); wait > 0 && repairs(p, lost) {
			p, held = plan{source: p.source, losers: p.losers, again: wait}, true
		}
		err = s.do(ctx, &a, v, p)
	}
	switch {
	case lost && (held || apierrors.IsConflict(err)):
		s.lost.Store(target, struct{}{}) // it still has to be repaired
	case err == nil && repairs(p, lost):
		p.again = s.repaired(v, p)
	}
	return s.settle(v, p, err)
}

// repaired takes note of a repair, and tells when to look whether it lasted.
func (s *Syncer) repaired(v view, p plan) time.Duration {
	s.countRepair(p)
	if v.held.is(roleKubed) && s.kubed.due(p.source.ref(), time.Now()) {
		s.say(corev1.EventTypeWarning, "Copy", s.kubedRuns(p.source, v.target))
	}
	return s.contests.repaired(v.target, contestant(v.held), time.Now())
}

// gather collects what is known about a target, from memory.
func (s *Syncer) gather(a *attempt) view {
	v := view{target: a.target, wants: s.wants(a.target), held: s.index.at(a.target), data: a.data}
	namespace, err := s.namespaces.Get(a.target.Namespace)
	v.open = err == nil && open(namespace) && s.index.sees(namespace.Name) && s.known(namespace.Name)
	v.shut = err == nil && shut(namespace.Labels)
	if v.held.is(roleCopy) || v.held.is(roleKubed) {
		from := v.held.origin.ref()
		if o := s.index.at(from); o.is(roleSource) {
			v.origin = o
		}
		if v.unseen = !s.index.sees(from.Namespace); !v.unseen {
			v.missing = s.index.missingSince(from)
		}
	}
	if a.live != nil && v.held != nil && a.live.meta.ResourceVersion == v.held.ResourceVersion {
		v.live = &a.live.payload
	}
	return v
}

// wants are the sources of which a copy should be at the target: by their rule, or because an Ingress asks for it.
func (s *Syncer) wants(target ref) []*object {
	namespace, err := s.namespaces.Get(target.Namespace)
	if err != nil {
		return nil
	}
	candidates := s.index.sourcesNamed(target.Name)
	for _, r := range s.requests.At(target) {
		candidates = append(candidates, s.index.at(r.Source))
	}
	var found []*object
	for _, o := range candidates {
		if o.is(roleSource) && o.rule != nil && o.ref() != target && o.rule.Selects(namespace.Labels) && !slices.Contains(found, o) {
			found = append(found, o)
		}
	}
	return found
}

// do carries out a plan, or takes a step towards a better one: then it returns errAgain.
func (s *Syncer) do(ctx context.Context, a *attempt, v view, p plan) error {
	switch p.verb {
	case readSource:
		return s.readSource(ctx, a, p.source)
	case readCopy:
		return s.readCopy(ctx, a)
	case create:
		return s.create(ctx, p)
	case update:
		err := s.update(ctx, p)
		if apierrors.IsInvalid(err) && v.live == nil {
			return s.readCopy(ctx, a) // the type, which metadata does not tell, may be another
		}
		return err
	case replace:
		if err := s.remove(ctx, v.held); err != nil {
			return err
		}
		return s.create(ctx, p)
	case remove:
		return s.remove(ctx, v.held)
	case blocked:
		return errBlocked
	}
	if v.live != nil && v.held.is(roleCopy) {
		s.index.wrote(a.live.meta) // it was read and is right
	}
	return nil
}

func (s *Syncer) readSource(ctx context.Context, a *attempt, source *object) error {
	data, err := s.contents.get(ctx, source.ref(), source.ResourceVersion)
	if err != nil {
		return fmt.Errorf("read source %s: %w", source.ref(), err)
	}
	if slices.Contains(s.kind.never, data.Type) {
		return nil
	}
	s.index.take(data.meta)
	a.data = &data
	return errAgain
}

func (s *Syncer) readCopy(ctx context.Context, a *attempt) error {
	live, err := s.kind.read(ctx, a.target)
	if err != nil {
		return fmt.Errorf("read copy %s: %w", a.target, err)
	}
	s.index.take(live.meta)
	a.live = &live
	return errAgain
}

func (s *Syncer) create(ctx context.Context, p plan) error {
	made := ref{Namespace: p.copy.meta.Namespace, Name: p.copy.meta.Name}
	meta, err := s.kind.create(ctx, p.copy)
	if apierrors.IsAlreadyExists(err) {
		return s.meet(ctx, made)
	}
	if err != nil {
		return fmt.Errorf("create copy %s: %w", made, err)
	}
	s.index.wrote(meta)
	s.log.Info("Created copy", zap.Stringer("source", p.source.ref()), zap.Stringer("copy", made))
	return nil
}

// meet finds out what is in the way of a copy: something that the index forgot, or does not know yet.
func (s *Syncer) meet(ctx context.Context, at ref) error {
	there, err := s.metadata.Resource(s.kind.resource).Namespace(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errAgain
	}
	if err != nil {
		return fmt.Errorf("read metadata of %s: %w", at, err)
	}
	o := readObject(there.ObjectMeta, s.index.sources)
	if o.role == roleForeign {
		return errBlocked
	}
	s.index.put(o)
	return errAgain
}

func (s *Syncer) update(ctx context.Context, p plan) error {
	at := ref{Namespace: p.copy.meta.Namespace, Name: p.copy.meta.Name}
	meta, err := s.kind.update(ctx, p.copy)
	if err != nil {
		return fmt.Errorf("update copy %s: %w", at, err)
	}
	s.index.wrote(meta)
	s.log.Info("Updated copy", zap.Stringer("source", p.source.ref()), zap.Stringer("copy", at), zap.Bool("drift", p.drift))
	return nil
}

// remove deletes a copy in exactly the state that proved it ours.
func (s *Syncer) remove(ctx context.Context, held *object) error {
	err := s.kind.remove(ctx, held.ref(), metav1.Preconditions{UID: &held.UID, ResourceVersion: &held.ResourceVersion})
	if err != nil {
		return fmt.Errorf("delete copy %s: %w", held.ref(), err)
	}
	s.index.removed(held)
	s.log.Info("Deleted copy", zap.Stringer("source", held.origin.ref()), zap.Stringer("copy", held.ref()))
	return nil
}

// settle is the one place where outcomes are told apart:
//
//	outcome                                        then
//	done                                           when the plan says
//	not ours in the way                            Event; wait for its end, and look again much later
//	the source went, or somebody else wrote first  wait for the event, and look again soon
//	the namespace went, or is going                wait for it to come back
//	the API server refuses (quota, rights, policy) Event; back off, per target
//	anything else                                  back off, per target
func (s *Syncer) settle(v view, p plan, err error) (time.Duration, error) {
	now := trouble{said: s.sayings(v, p)}
	defer func() {
		for _, fresh := range s.troubles.set(v.target, now) {
			s.say(corev1.EventTypeWarning, "Copy", fresh)
		}
	}()
	reason := apierrors.ReasonForError(err)
	switch {
	case err == nil:
		if delivers(p.verb, v.held) {
			s.deliver(p.source, v.target)
		}
		if p.hurry {
			s.loop.AddUrgentAfter(v.target, p.again)
			return 0, nil
		}
		return p.again, nil
	case errors.Is(err, errBlocked):
		now.reason = ReasonTargetNotOurs
		now.said = append(now.said, s.notOurs(p.source, v.target)...)
		return later, nil
	case errors.Is(err, errAgain), reason == metav1.StatusReasonConflict:
		return soon, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return 0, nil
	case reason == metav1.StatusReasonNotFound:
		return soon, nil
	}
	now.reason = cmp.Or(string(reason), "Unreachable")
	if p.source != nil && (reason == metav1.StatusReasonInvalid || reason == metav1.StatusReasonForbidden) {
		now.said = append(now.said, s.refused(p.source, v.target, now.reason, err))
	}
	return 0, err
}

// delivers reports whether a plan that was carried out has made a copy.
func delivers(done verb, held *object) bool {
	return done == create || done == replace || done == update && !held.is(roleCopy)
}

// sayings are what is wrong at a target by the plan alone.
func (s *Syncer) sayings(v view, p plan) []saying {
	var said []saying
	if v.held.is(roleSource) && v.held.wrong != nil {
		said = append(said, s.invalid(v.held))
	}
	if v.held.is(roleKubed) && p.source == nil && v.open && !v.unseen {
		said = append(said, s.leftByKubed(v.held, v.origin))
	}
	if c := s.contests.at(v.target, time.Now()); c.repairs > freely && c.by != kubed && p.source != nil {
		said = append(said, s.contested(p.source, v.target, c))
	}
	for _, loser := range p.losers {
		said = append(said, s.conflict(loser, p.source, v.target))
	}
	return said
}
