package syncer

import (
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
	met    *object  // what was found there, and counts if the index holds nothing
}

// reconcile makes the target what it should be.
func (k *keeper) reconcile(ctx context.Context, target ref) (time.Duration, error) {
	ctx, cancel := inTime(ctx, k.limit)
	defer cancel()
	changes := k.waves.changes.Load()
	_, lost := k.lost.LoadAndDelete(target)
	a := attempt{target: target}
	var v view
	var p plan
	var held bool // back, since the copy is contested
	err := errAgain
	for i := 0; i < rounds && errors.Is(err, errAgain); i++ {
		v = k.gather(&a)
		p = k.policy.plan(v, time.Now())
		if wait := k.contests.wait(target, time.Now()); wait > 0 && repairs(p, lost) {
			p, held = plan{source: p.source, losers: p.losers, again: wait}, true
		}
		err = k.do(ctx, &a, v, p)
	}
	switch {
	case lost && (held || k.retried(err)):
		k.lost.Store(target, struct{}{}) // it still has to be repaired
	case err == nil && repairs(p, lost):
		p.again = k.repaired(v, p)
	}
	if !k.raced(err) {
		defer k.waves.arrive(target, changes, k.observeLag)
	}
	return k.settle(v, p, err)
}

// retried reports whether the same will be tried again after a failure.
func (k *keeper) retried(err error) bool {
	return err != nil && !errors.Is(err, errBlocked) && (k.abroad() || !endsNamespace(err) && !lacksNamespace(err))
}

// repaired takes note of a repair, and tells when to look whether it lasted.
func (k *keeper) repaired(v view, p plan) time.Duration {
	k.countRepair(p)
	if v.held.is(roleKubed) && k.kubed.due(p.source.ref(), time.Now()) {
		k.say(corev1.EventTypeWarning, "Copy", k.kubedRuns(p.source, v.target))
	}
	return k.contests.repaired(v.target, contestant(v.held), time.Now())
}

// gather collects what is known about a target, from memory.
func (k *keeper) gather(a *attempt) view {
	v := view{target: a.target, wants: k.demand.wants(a.target), held: k.index.at(a.target), data: a.data}
	if v.held == nil {
		v.held = a.met
	}
	v.open, v.shut = k.demand.room(a.target.Namespace)
	if v.held.is(roleCopy) || v.held.is(roleKubed) {
		from := v.held.origin.ref()
		if o := k.sources.at(from); o.is(roleSource) {
			v.origin = o
		}
		if v.unseen = !k.sources.sees(from.Namespace); !v.unseen {
			v.missing = k.index.missingSince(from)
		}
	}
	if a.live != nil && v.held != nil && a.live.meta.ResourceVersion == v.held.ResourceVersion {
		v.live = &a.live.payload
	}
	return v
}

// do carries out a plan, or takes a step towards a better one: then it returns errAgain.
func (k *keeper) do(ctx context.Context, a *attempt, v view, p plan) error {
	switch p.verb {
	case readSource:
		return k.readSource(ctx, a, p.source)
	case readCopy:
		return k.readCopy(ctx, a)
	case create:
		return k.create(ctx, a, p)
	case update:
		err := k.update(ctx, p)
		if apierrors.IsInvalid(err) && v.live == nil {
			return k.readCopy(ctx, a) // the type, which metadata does not tell, may be another
		}
		return err
	case replace:
		if err := k.remove(ctx, v.held); err != nil {
			return err
		}
		return k.create(ctx, a, p)
	case remove:
		return k.remove(ctx, v.held)
	case blocked:
		return errBlocked
	}
	if v.live != nil && v.held.is(roleCopy) && p.source != nil {
		k.index.wrote(a.live.meta) // it was read and is right
	}
	return nil
}

func (k *keeper) readSource(ctx context.Context, a *attempt, source *object) error {
	data, err := k.contents.get(ctx, source.ref(), source.ResourceVersion)
	if err != nil {
		return fmt.Errorf("read source %s: %w", source.ref(), err)
	}
	if slices.Contains(k.kind.never, data.Type) {
		return nil
	}
	k.sources.renew(data.meta)
	k.sources.judge(data)
	a.data = &data
	return errAgain
}

func (k *keeper) readCopy(ctx context.Context, a *attempt) error {
	live, err := k.kind.read(ctx, a.target)
	if err != nil {
		return fmt.Errorf("read copy %s: %w", a.target, err)
	}
	a.live = &live
	if !k.index.renew(live.meta) {
		a.met = readObject(live.meta, k.index.scope)
	}
	return errAgain
}

func (k *keeper) create(ctx context.Context, a *attempt, p plan) error {
	made := ref{Namespace: p.copy.meta.Namespace, Name: p.copy.meta.Name}
	meta, err := k.kind.create(ctx, p.copy)
	if apierrors.IsAlreadyExists(err) && !denied(err) {
		return k.meet(ctx, a, made)
	}
	if err != nil {
		return fmt.Errorf("create copy %s: %w", made, err)
	}
	k.index.wrote(meta)
	k.log.Info("Created copy", zap.Stringer("source", p.source.ref()), zap.Stringer("copy", made))
	return nil
}

// meet finds out what is in the way of a copy: something that the index forgot, does not follow, or does not know yet.
func (k *keeper) meet(ctx context.Context, a *attempt, at ref) error {
	there, err := k.metadata.Resource(k.kind.resource).Namespace(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errAgain
	}
	if err != nil {
		return fmt.Errorf("read metadata of %s: %w", at, err)
	}
	a.met = readObject(there.ObjectMeta, k.index.scope)
	return errAgain
}

// abroad reports whether this is another cluster.
func (k *keeper) abroad() bool { return k.policy.at.context != "" }

func (k *keeper) update(ctx context.Context, p plan) error {
	at := ref{Namespace: p.copy.meta.Namespace, Name: p.copy.meta.Name}
	meta, err := k.kind.update(ctx, p.copy)
	if err != nil {
		return fmt.Errorf("update copy %s: %w", at, err)
	}
	k.index.wrote(meta)
	k.log.Info("Updated copy", zap.Stringer("source", p.source.ref()), zap.Stringer("copy", at), zap.Bool("drift", p.drift))
	return nil
}

// remove deletes a copy in exactly the state that proved it ours.
func (k *keeper) remove(ctx context.Context, held *object) error {
	k.index.willDelete(held)
	if err := k.kind.remove(ctx, &held.ObjectMeta); err == nil {
		k.index.wasDeleted(held)
	} else if gone := k.index.notDeleted(held); !gone || apierrors.IsConflict(err) {
		return fmt.Errorf("delete copy %s: %w", held.ref(), err)
	}
	k.log.Info("Deleted copy", zap.Stringer("source", held.origin.ref()), zap.Stringer("copy", held.ref()))
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
//
// In another cluster no end of an obstacle and no namespace is seen: there is an Event on all but a lost race, and all is
// tried again with back-off.
func (k *keeper) settle(v view, p plan, err error) (time.Duration, error) {
	now := trouble{said: k.sayings(v, p)}
	defer func() {
		k.tell(k.troubles.set(v.target, now))
	}()
	switch {
	case err == nil:
		if delivers(p) {
			k.deliver(p.source, v.target)
		}
		if p.hurry {
			k.loop.AddUrgentAfter(v.target, p.again)
			return 0, nil
		}
		return p.again, nil
	case errors.Is(err, errBlocked):
		now.reason = ReasonTargetNotOurs
		now.said = append(now.said, k.notOurs(p.source, v)...)
		if k.abroad() {
			return 0, err
		}
		return later, nil
	case k.raced(err):
		return soon, nil
	case !k.abroad() && endsNamespace(err):
		return 0, nil
	case !k.abroad() && lacksNamespace(err):
		return soon, nil
	}
	now.reason = reasonOf(err)
	if refuses(err) || k.abroad() && p.verb != readSource { // a source is read at home
		now.said = append(now.said, k.failed(v, p, err))
	}
	return 0, err
}

// delivers reports whether a plan that was carried out has made a copy.
func delivers(done plan) bool {
	return done.verb == create || done.verb == replace || done.verb == update && done.given
}

// sayings are what is wrong at a target whatever comes of the plan.
func (k *keeper) sayings(v view, p plan) []saying {
	said := k.demand.remarks(v)
	if c := k.contests.at(v.target, time.Now()); c.repairs > freely && c.by != kubed && p.source != nil {
		said = append(said, k.contested(p.source, v.target, c))
	}
	for _, loser := range p.losers {
		said = append(said, k.conflict(loser, p.source, v.target))
	}
	return said
}
