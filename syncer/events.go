package syncer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// saying is something that the owner of an object should know. It is said once, and again only after it had ceased to
// be true or its cause has changed.
type saying struct {
	about   corev1.ObjectReference
	related corev1.ObjectReference // repeats of a reason about the same two objects fold into one Event
	reason  string
	cause   string // what makes it another saying
	wide    bool   // met at each of a source's targets, and said once an hour
	note    string
}

func (s saying) same(t saying) bool {
	return s.about == t.about && s.related == t.related && s.reason == t.reason && s.cause == t.cause
}

// maxNote is how many bytes of a note are sent; the API server refuses more than 1024.
const maxNote = 1000

func (k *keeper) say(eventType, action string, what saying) {
	note := what.note
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote], "")
	}
	k.events.Eventf(&what.about, &what.related, eventType, what.reason, action, "%s", note)
}

// invalid is what the owner of a source hears whose annotations are wrong.
func (k *keeper) invalid(source *object) saying {
	me := k.kind.reference(source.ref(), source.UID)
	return saying{about: me, related: me, reason: source.wrong.Reason, cause: source.wrong.Detail,
		note: source.wrong.Detail + ". Until then the copies stay as they are"}
}

// conflict is what the owner of a source hears whose target an older source has.
func (k *keeper) conflict(loser, winner *object, target ref) saying {
	return saying{about: k.kind.reference(loser.ref(), loser.UID), related: k.kind.reference(winner.ref(), winner.UID), reason: ReasonConflict, wide: true,
		note: fmt.Sprintf("%s/%s is older and is copied to the same targets, such as %s. Give one of the two another name there with the annotation %s, or narrow its selector",
			winner.Namespace, winner.Name, k.place(target), AnnotationSyncAs)}
}

// leftByKubed is what the owner of a source hears of a copy that kubed made and that the source does not want, or that of
// the copy if there is no such source.
func (k *keeper) leftByKubed(left, source *object) saying {
	me := k.kind.reference(left.ref(), left.UID)
	said := saying{about: me, related: me, reason: ReasonLeftByKubed}
	why := "which is not there, or is not marked to be copied"
	if source != nil {
		said.about, why = k.kind.reference(source.ref(), source.UID), "which does not select its namespace"
	}
	said.note = fmt.Sprintf("%s has the marks of a copy that kubed made of %s, %s. It was left alone, since it may be somebody's own. If nobody needs it: kubectl -n %s delete %s %s",
		left.ref(), left.origin.ref(), why, left.Namespace, k.kind.word(), left.Name)
	return said
}

// kubedRuns is what the owner of a source hears when kubed writes over its copies.
func (k *keeper) kubedRuns(source *object, target ref) saying {
	me := k.kind.reference(source.ref(), source.UID)
	return saying{about: me, related: me, reason: ReasonKubedRunning,
		note: fmt.Sprintf("kubed is still running and wrote over copies that wildcast keeps, such as %s, which were repaired. Stop kubed: wildcast has taken over its work", k.place(target))}
}

// contested is what the owner of a source hears when somebody goes on changing a copy.
func (k *keeper) contested(source *object, target ref, c contest) saying {
	who := "Somebody"
	if c.by != "" {
		who = fmt.Sprintf("%q", c.by)
	}
	return saying{about: k.kind.reference(source.ref(), source.UID), related: k.kind.reference(target, ""), reason: ReasonContested, cause: c.by,
		note: fmt.Sprintf("%s goes on changing or deleting %s, and it was repaired %d times. It is repaired less often from now on, until that ends. Stop what does it, or keep the copy out of its way with %s",
			who, k.place(target), c.repairs, AnnotationSyncAs)}
}

// pair are two objects that something is said about, by their UIDs.
type pair struct{ about, related types.UID }

// tell says what has not been said yet.
func (k *keeper) tell(fresh []saying) {
	for _, s := range fresh {
		if !s.wide || k.wide.due(pair{s.about.UID, s.related.UID}, time.Now()) {
			k.say(corev1.EventTypeWarning, "Copy", s)
		}
	}
}

// hourly limits what is said about something to once in an hour.
type hourly[K comparable] struct {
	mu   sync.Mutex
	said map[K]time.Time
}

// due reports whether it is time to say it again, and takes it as said.
func (h *hourly[K]) due(about K, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last, found := h.said[about]; found && now.Sub(last) < time.Hour {
		return false
	}
	if h.said == nil {
		h.said = map[K]time.Time{}
	}
	maps.DeleteFunc(h.said, func(_ K, last time.Time) bool { return now.Sub(last) >= time.Hour })
	h.said[about] = now
	return true
}

// notOurs is what the owner of a source hears, and those who asked for the copy, when something stands in its way.
func (k *keeper) notOurs(source *object, v view) []saying {
	place := k.kind.reference(v.target, "")
	note := k.inTheWay(source, v)
	said := []saying{{about: k.kind.reference(source.ref(), source.UID), related: place, reason: ReasonTargetNotOurs, cause: note, note: note}}
	for _, asker := range k.askers(source, v.target) {
		said = append(said, saying{about: asker, related: place, reason: ReasonNotOurs, cause: note, note: note})
	}
	return said
}

// inTheWay says what stands where a copy should be, and the remedy.
func (k *keeper) inTheWay(source *object, v view) string {
	place := k.place(v.target)
	if v.held.UID == source.UID {
		return fmt.Sprintf("%s is the source itself, for the context leads to this cluster. Give the context another namespace, or the copies another name with %s", place, AnnotationSyncAs)
	}
	context, made := k.policy.madeBy(v.held)
	if made && k.keeps(context) {
		return fmt.Sprintf("%s is a copy that is kept there %s, since both ways lead to the same place: it was left alone. Ask for one of the two only, or give the copies another name with %s", place, way(context), AnnotationSyncAs)
	}
	if v.unseen && v.held.is(roleCopy) && k.policy.ours(v.held, nil) {
		from := v.held.origin.ref()
		return fmt.Sprintf("%s is a copy of %s, which wildcast cannot see, since it cannot read namespace %s: it was left alone. "+
			"Let wildcast read that namespace, or delete the copy: %s delete %s %s",
			place, from, from.Namespace, k.kubectl(v.target), k.kind.word(), v.target.Name)
	}
	note := place + " exists and is no copy that wildcast made: it was left alone. "
	if made {
		note = fmt.Sprintf("%s is a copy that was made %s, which is not in --contexts-kubeconfig: it was left alone. ", place, way(context))
	}
	if v.held.is(roleSource) {
		mark, syncs := syncOf(v.held.Annotations)
		if !syncs {
			mark, _ = contextsOf(v.held.Annotations)
		}
		return note + fmt.Sprintf("It is itself marked with %s. Give the copies another name with %s", mark.key, AnnotationSyncAs)
	}
	return note + fmt.Sprintf("Delete it, or hand it over: %s annotate %s %s %s=true", k.kubectl(v.target), k.kind.word(), v.target.Name, AnnotationAdopt)
}

// place names a target.
func (k *keeper) place(target ref) string {
	if k.abroad() {
		return fmt.Sprintf("%s in context %q", target, k.policy.at.context)
	}
	return target.String()
}

// kubectl is how a user's command begins that is about a target.
func (k *keeper) kubectl(target ref) string {
	if k.abroad() {
		return fmt.Sprintf("kubectl --context %s -n %s", k.policy.at.context, target.Namespace)
	}
	return "kubectl -n " + target.Namespace
}

// deliver tells those who asked for a copy under its name that it has been made.
func (k *keeper) deliver(source *object, target ref) {
	for _, asker := range k.askers(source, target) {
		k.say(corev1.EventTypeNormal, "Copy", saying{about: asker, related: k.kind.reference(target, ""), reason: ReasonDelivered,
			note: fmt.Sprintf("%s %s is here, a copy of %s/%s", k.kind.kind.Kind, target.Name, source.Namespace, source.Name)})
	}
}

// askers are those that ask for a copy of source at the target.
func (k *keeper) askers(source *object, target ref) []corev1.ObjectReference {
	var found []corev1.ObjectReference
	for _, r := range k.requests.At(target) {
		if r.Source == source.ref() && r.Asker != nil {
			found = append(found, *r.Asker)
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
