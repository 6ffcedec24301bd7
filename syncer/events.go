package syncer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// saying is something that the owner of an object should know. It is said once, and again only after it had ceased to
// be true or its cause has changed.
type saying struct {
	about   corev1.ObjectReference
	related corev1.ObjectReference // repeats of a reason about the same two objects fold into one Event
	reason  string
	cause   string // what makes it another saying
	note    string
}

func (s saying) same(t saying) bool {
	return s.about == t.about && s.related == t.related && s.reason == t.reason && s.cause == t.cause
}

// maxNote is how many bytes of a note are sent; the API server refuses more than 1024.
const maxNote = 1000

func (s *Syncer) say(eventType, action string, what saying) {
	note := what.note
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote], "")
	}
	s.events.Eventf(&what.about, &what.related, eventType, what.reason, action, "%s", note)
}

// invalid is what the owner of a source hears whose annotations are wrong.
func (s *Syncer) invalid(source *object) saying {
	me := s.kind.reference(source.ref(), source.UID)
	return saying{about: me, related: me, reason: source.wrong.Reason, cause: source.wrong.Detail,
		note: source.wrong.Detail + ". Until then the copies stay as they are"}
}

// conflict is what the owner of a source hears whose target an older source has.
func (s *Syncer) conflict(loser, winner *object, target ref) saying {
	return saying{about: s.kind.reference(loser.ref(), loser.UID), related: s.kind.reference(winner.ref(), winner.UID), reason: ReasonConflict,
		note: fmt.Sprintf("%s/%s is older and is copied to the same targets, such as %s/%s. Give one of the two another name there with the annotation %s, or narrow its selector",
			winner.Namespace, winner.Name, target.Namespace, target.Name, AnnotationSyncAs)}
}

// leftByKubed is what the owner of a source hears of a copy that kubed made and that the source does not want, or that of
// the copy if there is no such source.
func (s *Syncer) leftByKubed(left, source *object) saying {
	me := s.kind.reference(left.ref(), left.UID)
	said := saying{about: me, related: me, reason: ReasonLeftByKubed}
	why := "which is not there"
	if source != nil {
		said.about, why = s.kind.reference(source.ref(), source.UID), "which does not select its namespace"
	}
	said.note = fmt.Sprintf("%s has the marks of a copy that kubed made of %s, %s. It was left alone, since it may be somebody's own. If nobody needs it: kubectl -n %s delete %s %s",
		left.ref(), left.origin.ref(), why, left.Namespace, s.kind.word(), left.Name)
	return said
}

// kubedRuns is what the owner of a source hears when kubed writes over its copies.
func (s *Syncer) kubedRuns(source *object, target ref) saying {
	me := s.kind.reference(source.ref(), source.UID)
	return saying{about: me, related: me, reason: ReasonKubedRunning,
		note: fmt.Sprintf("kubed is still running and wrote over copies that wildcast keeps, such as %s, which were repaired. Stop kubed: wildcast has taken over its work", target)}
}

// contested is what the owner of a source hears when somebody goes on changing a copy.
func (s *Syncer) contested(source *object, target ref, c contest) saying {
	who := "Somebody"
	if c.by != "" {
		who = fmt.Sprintf("%q", c.by)
	}
	return saying{about: s.kind.reference(source.ref(), source.UID), related: s.kind.reference(target, ""), reason: ReasonContested, cause: c.by,
		note: fmt.Sprintf("%s goes on changing or deleting %s, and it was repaired %d times. It is repaired less often from now on, until that ends. Stop what does it, or keep the copy out of its way with %s",
			who, target, c.repairs, AnnotationSyncAs)}
}

// hourly limits what is said about a source to once in an hour.
type hourly struct {
	mu   sync.Mutex
	said map[ref]time.Time
}

// due reports whether it is time to say it again, and takes it as said.
func (h *hourly) due(source ref, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last, found := h.said[source]; found && now.Sub(last) < time.Hour {
		return false
	}
	if h.said == nil {
		h.said = map[ref]time.Time{}
	}
	h.said[source] = now
	return true
}

// notOurs is what the owner of a source hears, and those who asked for the copy, when something stands in its way.
func (s *Syncer) notOurs(source *object, target ref) []saying {
	place := s.kind.reference(target, "")
	note := s.obstacle(target)
	said := []saying{{about: s.kind.reference(source.ref(), source.UID), related: place, reason: ReasonTargetNotOurs, note: note}}
	for _, asker := range s.askers(source, target) {
		said = append(said, saying{about: asker, related: place, reason: ReasonNotOurs, note: note})
	}
	return said
}

// obstacle says what stands in the way at a target, and the remedy.
func (s *Syncer) obstacle(target ref) string {
	held := s.index.at(target)
	if held.is(roleCopy) && s.policy.ours(held, nil) && !s.index.sees(held.origin.Namespace) {
		return fmt.Sprintf("%s is a copy of %s, which wildcast cannot see, since it cannot read namespace %s: it was left alone. "+
			"Let wildcast read that namespace, or delete the copy: kubectl -n %s delete %s %s",
			target, held.origin.ref(), held.origin.Namespace, target.Namespace, s.kind.word(), target.Name)
	}
	note := fmt.Sprintf("%s exists and is no copy that wildcast made: it was left alone. ", target)
	if held.is(roleSource) {
		return note + fmt.Sprintf("It is itself marked with %s. Give the copies another name with %s", AnnotationSync, AnnotationSyncAs)
	}
	return note + fmt.Sprintf("Delete it, or hand it over: kubectl -n %s annotate %s %s %s=true", target.Namespace, s.kind.word(), target.Name, AnnotationAdopt)
}

// refused is what the owner of a source hears when the API server refuses a copy.
func (s *Syncer) refused(source *object, target ref, cause string, err error) saying {
	return saying{about: s.kind.reference(source.ref(), source.UID), related: s.kind.reference(target, ""), reason: ReasonTargetFailed, cause: cause,
		note: fmt.Sprintf("Copy %s/%s: %v", target.Namespace, target.Name, err)}
}

// deliver tells those who asked for a copy under its name that it has been made.
func (s *Syncer) deliver(source *object, target ref) {
	for _, asker := range s.askers(source, target) {
		s.say(corev1.EventTypeNormal, "Copy", saying{about: asker, related: s.kind.reference(target, ""), reason: ReasonDelivered,
			note: fmt.Sprintf("%s %s is here, a copy of %s/%s", s.kind.kind.Kind, target.Name, source.Namespace, source.Name)})
	}
}

// askers are the Ingresses that ask for a copy of source at the target.
func (s *Syncer) askers(source *object, target ref) []corev1.ObjectReference {
	var found []corev1.ObjectReference
	for _, r := range s.requests.At(target) {
		if r.Source == source.ref() && r.Ingress != nil {
			found = append(found, *r.Ingress)
		}
	}
	return found
}

// trouble is why a target is not as it should be, and what has been said at it.
type trouble struct {
	reason string // for metrics; "" if the target is as it should be
	said   []saying
}

// troubles are kept by namespace, since what changes there may end them.
type troubles struct {
	mu  sync.Mutex
	all map[string]map[string]trouble
}

// set notes what is the matter at a target now, and gives what has not been said yet.
func (t *troubles) set(at ref, now trouble) (fresh []saying) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.all[at.Namespace][at.Name]
	for _, s := range now.said {
		if !slices.ContainsFunc(before.said, s.same) {
			fresh = append(fresh, s)
		}
	}
	if now.reason == "" && now.said == nil {
		delete(t.all[at.Namespace], at.Name)
		if len(t.all[at.Namespace]) == 0 {
			delete(t.all, at.Namespace)
		}
		return nil
	}
	if t.all == nil {
		t.all = map[string]map[string]trouble{}
	}
	if t.all[at.Namespace] == nil {
		t.all[at.Namespace] = map[string]trouble{}
	}
	t.all[at.Namespace][at.Name] = now
	return fresh
}

// in are the targets in a namespace that are not as they should be.
func (t *troubles) in(namespace string) []ref {
	return t.where(namespace, func(ref, trouble) bool { return true })
}

// endedBy are the targets whose trouble may end with an object that went: it stood in the way, or left room for what
// the API server refused.
func (t *troubles) endedBy(gone ref) []ref {
	return t.where(gone.Namespace, func(at ref, why trouble) bool { return at == gone || why.reason != ReasonTargetNotOurs })
}

func (t *troubles) where(namespace string, match func(ref, trouble) bool) []ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []ref
	for name, why := range t.all[namespace] {
		if at := (ref{Namespace: namespace, Name: name}); why.reason != "" && match(at, why) {
			found = append(found, at)
		}
	}
	return found
}

// everywhere are all targets that are not as they should be.
func (t *troubles) everywhere() []ref {
	t.mu.Lock()
	namespaces := slices.Collect(maps.Keys(t.all))
	t.mu.Unlock()
	var found []ref
	for _, namespace := range namespaces {
		found = append(found, t.in(namespace)...)
	}
	return found
}

// reasons are why targets are not as they should be.
func (t *troubles) reasons() map[ref]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	reasons := map[ref]string{}
	for namespace, names := range t.all {
		for name, trouble := range names {
			if trouble.reason != "" {
				reasons[ref{Namespace: namespace, Name: name}] = trouble.reason
			}
		}
	}
	return reasons
}
