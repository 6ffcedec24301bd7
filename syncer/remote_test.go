package syncer

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// atlas is a world whose sources can name contexts.
type atlas struct {
	*world
	read     sync.Mutex // guards what follows
	contexts map[string]Context
	failure  error // of reading them
}

// explore gives the world a context "there", which leads into that namespace of another server, or into all of them if it
// is empty. The other server has the namespaces home and blue, and the source of most scenes is home/s.
func explore(w *world, namespace string) (a *atlas, there *world) {
	a = &atlas{world: w, contexts: map[string]Context{}}
	w.config.Contexts = func() (map[string]Context, error) {
		a.read.Lock()
		defer a.read.Unlock()
		return maps.Clone(a.contexts), a.failure
	}
	there = &world{server: newServer(w.t, "there", w.kind), in: scope{context: "there"}}
	there.namespace("home", "")
	there.namespace("blue", "")
	a.lead("there", namespace, there.server)
	return a, there
}

// lead makes a context lead to a server from the next reading on.
func (a *atlas) lead(name, namespace string, to *server) {
	a.set(name, Context{Namespace: namespace, Revision: fmt.Sprint(namespace, to.name), Connect: func() (Clients, error) {
		return Clients{Kube: overREST{to.kube}, Metadata: to.metadata}, nil
	}})
}

func (a *atlas) set(name string, c Context) {
	a.read.Lock()
	defer a.read.Unlock()
	a.contexts[name] = c
}

func (a *atlas) lose(name string) {
	a.read.Lock()
	defer a.read.Unlock()
	delete(a.contexts, name)
}

func (a *atlas) fail(err error) {
	a.read.Lock()
	defer a.read.Unlock()
	a.failure = err
}

// streaming is a metadata client that asks for streamed lists, which the fake alone does not.
type streaming struct{ metadata.Interface }

func contextsTo(list string) func(*corev1.Secret) { return annotate(AnnotationSyncContexts, list) }

// note is the note of the only Event since the last call.
func (w *world) note() string {
	w.t.Helper()
	w.settle()
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	if len(w.recorder.events) != 1 {
		w.t.Fatalf("Events are %v, want one", w.recorder.events)
	}
	note := w.recorder.events[0].note
	w.recorder.events = nil
	return note
}

var errConnectionRefused = errors.New("dial tcp 10.0.0.1:6443: connect: connection refused")

// TestContexts: copies in other clusters.
func TestContexts(t *testing.T) {
	play(t, []scene{
		{"a source that names a context is copied there, into its own namespace, and nowhere else", func(w *world) {
			_, there := explore(w, "")
			from := w.put("home/s", contextsTo("there"), label("app", "x"))
			w.start()
			w.wantCopies("")
			there.wantCopies("home/s")
			there.wantData("home/s", "a=1 b=2")
			got := there.want("home/s")
			if got.Annotations[AnnotationTarget] != "there/home/s" || got.Annotations[AnnotationOrigin] != originOf(readObject(from.ObjectMeta, scope{})).String() || len(got.Annotations) != 3 {
				w.t.Error(got.Annotations)
			}
			if got.Labels[LabelOriginCluster] != "here" || got.Labels["app"] != "x" {
				w.t.Error(got.Labels)
			}
			there.wantTook("create home/s")
			w.edit("home/s", key("a", "9"))
			there.wantData("home/s", "a=9 b=2")
			there.wantTook("update home/s")
			w.wantSaid()
		}},
		{"the context's namespace is preferred, and sync-as and sync-keys count there too", func(w *world) {
			_, there := explore(w, "blue")
			w.put("home/s", contextsTo("there"), syncTo("team=web"))
			w.start()
			there.wantCopies("blue/s")
			w.wantCopies("blue/s red/s")
			w.edit("home/s", annotate(AnnotationSyncAs, "t"), annotate(AnnotationSyncKeys, "a"))
			there.wantCopies("blue/t")
			there.wantData("blue/t", "a=1")
			w.wantCopies("blue/t red/t")
		}},
		{"a source in kubed's dialect gives kubed's marks", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", annotate(AnnotationKubedSyncContexts, "there"))
			w.start()
			got := there.want("home/s")
			if got.Annotations[AnnotationKubedOrigin] != got.Annotations[AnnotationOrigin] || len(got.Annotations) != 4 || got.Labels[LabelKubedOriginCluster] != "here" {
				w.t.Error(got.ObjectMeta)
			}
		}},
		{"the copy goes when the context is no more in the list, the annotation goes, or is invalid once and then goes", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", contextsTo("there"))
			w.put("home/t", contextsTo("there,there"), syncTo("team=web"))
			w.start()
			there.wantCopies("home/s home/t")
			w.edit("home/s", contextsTo(" ,"))
			w.wantSaid("InvalidSyncContexts home/s")
			there.wantCopies("home/s home/t")
			w.edit("home/s", unannotate(AnnotationSyncContexts))
			w.edit("home/t", unannotate(AnnotationSyncContexts))
			there.wantCopies("")
			w.wantCopies("blue/t red/t")
		}},
		{"a copy outlives its source for the grace, and is updated in place if that comes back", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", contextsTo("there"))
			w.put("home/t", contextsTo("there"))
			w.start()
			time.Sleep(time.Minute)
			uid := there.want("home/s").UID
			w.del("home/s")
			w.del("home/t")
			time.Sleep(4 * time.Second)
			there.wantCopies("home/s home/t")
			w.put("home/s", contextsTo("there"), key("a", "9"))
			there.wantData("home/s", "a=9 b=2")
			time.Sleep(2 * time.Second)
			there.wantCopies("home/s")
			if there.want("home/s").UID != uid {
				w.t.Error("the copy was made anew")
			}
		}},
		{"nothing changed, nothing asked, also at a restart; what changed meanwhile is healed at it", func(w *world) {
			_, there := explore(w, "")
			for _, name := range []string{"s", "gone", "unmarked", "edited", "deleted"} {
				w.put("home/"+name, contextsTo("there"))
			}
			w.start()
			there.took()
			w.took()
			w.start()
			time.Sleep(time.Hour)
			there.wantTook()
			w.wantTook()
			w.stop()
			w.del("home/gone")
			w.edit("home/unmarked", unannotate(AnnotationSyncContexts))
			there.edit("home/edited", key("a", "9"))
			there.del("home/deleted")
			w.start()
			there.wantCopies("home/deleted home/edited home/gone home/s home/unmarked") // whatever went unseen has its grace
			time.Sleep(6 * time.Second)
			there.wantCopies("home/deleted home/edited home/s")
			there.wantData("home/edited", "a=1 b=2")
			there.wantTook("create home/deleted", "delete home/gone", "delete home/unmarked", "get home/edited", "update home/edited")
		}},
		{"what somebody does to a copy there is repaired", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", contextsTo("there"))
			w.start()
			for _, change := range []func(*corev1.Secret){
				key("a", "9"), label(LabelOriginName, "x"),
				label(LabelOriginCluster, "x"), func(s *corev1.Secret) { delete(s.Labels, LabelOriginCluster) }, // the watch loses sight of it
			} {
				there.edit("home/s", change)
				there.wantData("home/s", "a=1 b=2")
				if got := there.want("home/s").Labels; got[LabelOriginName] != "s" || got[LabelOriginCluster] != "here" {
					w.t.Error(got)
				}
			}
			there.del("home/s")
			there.wantCopies("home/s")
			if changed, removed := w.metric("wildcast_sync_drift_repaired_total", "changed"), w.metric("wildcast_sync_drift_repaired_total", "removed"); changed != 4 || removed != 1 {
				w.t.Error(changed, removed)
			}
			w.wantSaid()
		}},
		{"what is not ours there is left alone and reported, until it goes", func(w *world) {
			_, there := explore(w, "")
			there.put("home/s", key("a", "theirs"))
			w.put("home/s", contextsTo("there"), syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			if note := w.note(); !strings.Contains(note, `home/s in context "there"`) || !strings.Contains(note, "kubectl --context there -n home annotate") {
				w.t.Error(note)
			}
			time.Sleep(time.Hour)
			there.wantData("home/s", "a=theirs b=2")
			w.wantSaid()
			there.del("home/s")
			time.Sleep(5 * time.Minute)
			there.wantData("home/s", "a=1 b=2")
		}},
		{"what is handed over there becomes the copy", func(w *world) {
			_, there := explore(w, "")
			was := there.put("home/s", key("a", "theirs"), key("c", "3"))
			w.put("home/s", contextsTo("there"))
			w.start()
			there.edit("home/s", annotate(AnnotationAdopt, "true"))
			time.Sleep(5 * time.Minute)
			there.wantData("home/s", "a=1 b=2")
			if now := there.want("home/s"); now.UID != was.UID || now.Annotations[AnnotationAdopt] != "" {
				w.t.Error(now.ObjectMeta)
			}
		}},
		{"a source of the wildcast there is in the way like anything else", func(w *world) {
			_, there := explore(w, "")
			there.put("home/s", syncTo(""), annotate(AnnotationAdopt, "true"))
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "itself marked with "+AnnotationSync+".") {
				w.t.Error(note)
			}
		}},
		{"so is one that is marked for kubed, and its own mark is named", func(w *world) {
			_, there := explore(w, "")
			there.put("home/s", annotate(AnnotationKubedSync, ""))
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "itself marked with "+AnnotationKubedSync+".") {
				w.t.Error(note)
			}
		}},
		{"so is one that is copied into other clusters only", func(w *world) {
			_, there := explore(w, "")
			there.put("home/s", syncTo("false"), contextsTo("elsewhere"))
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "itself marked with "+AnnotationSyncContexts+".") {
				w.t.Error(note)
			}
		}},
		{"the wildcast there takes the copy for nobody's", func(w *world) {
			_, there := explore(w, "blue")
			w.put("home/s", contextsTo("there"))
			w.start()
			local := &world{server: there.server, config: w.config, stop: func() {}}
			local.config.Contexts, local.config.Events = nil, &local.recorder // it has the same name even
			local.start()
			defer local.stop()
			local.put("home/s", syncTo(""))
			if note := local.note(); !strings.Contains(note, "through the context") {
				w.t.Error(note)
			}
			time.Sleep(time.Hour)
			there.wantCopies("blue/s")
			there.wantData("blue/s", "a=1 b=2")
		}},
		{"what kubed made there of this very source is adopted, and of a namesake is not", func(w *world) {
			_, there := explore(w, "")
			from := w.put("home/s", annotate(AnnotationKubedSyncContexts, "there"))
			namesake := there.put("blue/t", annotate(AnnotationKubedSync, ""))
			there.edit("blue/t", func(s *corev1.Secret) { byKubed(namesake)(s) })
			was := there.put("home/s", func(s *corev1.Secret) { byKubed(from)(s) })
			w.namespace("any", "")
			w.put("blue/t", annotate(AnnotationKubedSyncContexts, "there"))
			w.start()
			there.wantCopies("home/s")
			if there.want("home/s").UID != was.UID {
				w.t.Error("the copy was made anew")
			}
			w.wantSaid("TargetNotOurs blue/t")
		}},
		{"the older of two sources has the place", func(w *world) {
			_, there := explore(w, "blue")
			w.put("red/s", contextsTo("there"), key("a", "old"))
			time.Sleep(time.Second)
			w.put("home/s", contextsTo("there"), key("a", "new"))
			w.start()
			there.wantData("blue/s", "a=old b=2")
			w.wantSaid("Conflict home/s")
			w.del("red/s")
			there.wantData("blue/s", "a=new b=2")
		}},
	})
}

// TestContextsThatFail: what cannot be reached, or is wrong.
func TestContextsThatFail(t *testing.T) {
	play(t, []scene{
		{"one that leads to something else than an API server is reported", func(w *world) {
			_, there := explore(w, "")
			there.goAway(apierrors.NewGenericServerResponse(404, "list", secretsResource.GroupResource(), "", "page not found", 0, true))
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "Check that the context's server runs") {
				w.t.Error(note)
			}
			if got := w.metric("wildcast_sync_targets_failing", "there"); got != 1 {
				w.t.Error(got)
			}
		}},
		{"one that cannot be reached from the start delays nothing, is reported, and is served when it is back", func(w *world) {
			a, there := explore(w, "")
			fine := &world{server: newServer(w.t, "fine", w.kind), in: scope{context: "fine"}}
			fine.namespace("home", "")
			a.lead("fine", "", fine.server)
			there.goAway(errConnectionRefused)
			w.put("home/s", contextsTo("there,fine"), syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			fine.wantCopies("home/s")
			if note := w.note(); !strings.Contains(note, `home/s in context "there"`) || !strings.Contains(note, "connection refused") {
				w.t.Error(note)
			}
			if got := w.metric("wildcast_sync_targets_failing", "there"); got != 1 {
				w.t.Error(got)
			}
			if there, fine := w.metric("wildcast_sync_context_reachable", "there"), w.metric("wildcast_sync_context_reachable", "fine"); there != 0 || fine != 1 {
				w.t.Error(there, fine)
			}
			time.Sleep(time.Hour)
			w.wantSaid()
			there.goAway(nil)
			time.Sleep(2 * time.Minute)
			there.wantCopies("home/s")
			if failing, reachable := w.metric("wildcast_sync_targets_failing", "there"), w.metric("wildcast_sync_context_reachable", "there"); failing != 0 || reachable != 1 {
				w.t.Error(failing, reachable)
			}
		}},
		{"one that goes away later is reported to those who want something of it", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", contextsTo("there"), syncTo("team=web"))
			w.put("home/t", contextsTo("there"))
			w.start()
			there.goAway(errConnectionRefused)
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/s", "a=9 b=2")
			w.wantSaid("TargetFailed home/s")
			w.edit("home/t", unannotate(AnnotationSyncContexts))
			if note := w.note(); !strings.HasPrefix(note, `Copy home/t in context "there" was not removed: `) {
				w.t.Error(note)
			}
			there.goAway(nil)
			time.Sleep(5 * time.Minute)
			there.wantCopies("home/s")
			there.wantData("home/s", "a=9 b=2")
		}},
		{"what it refuses is reported with what can be done there", func(w *world) {
			_, there := explore(w, "")
			forbidden := func(why string) error {
				return apierrors.NewForbidden(secretsResource.GroupResource(), "s", errors.New(why))
			}
			var refusal error
			there.refuse = func(string, ref) error { return refusal }
			w.start()
			for i, c := range []struct {
				refusal error
				remedy  string
			}{
				{quota(place("home/s")), "Raise the quota"},
				{terminating(place("home/s")), "Wait until the namespace home has gone there"},
				{forbidden(`User "w" cannot create resource "secrets"`), "Grant the context's user what it lacks"},
				{forbidden("ValidatingAdmissionPolicy 'p' denied request: no"), "Change what refuses it"},
				{apierrors.NewUnauthorized("expired"), "Renew the context's credentials"},
			} {
				there.mu.Lock()
				refusal = c.refusal
				there.mu.Unlock()
				name := fmt.Sprintf("home/s%d", i)
				w.put(name, contextsTo("there"))
				if note := w.note(); !strings.HasPrefix(note, "Copy "+name+` in context "there" was not written: `) || !strings.Contains(note, c.remedy) {
					w.t.Error(note)
				}
			}
		}},
		{"one that cannot stream a list is no failure: it is listed", func(w *world) {
			a, there := explore(w, "")
			resource := strings.ToLower(string(w.kind)) + "s"
			there.metadata.PrependWatchReactor(resource, func(action clienttesting.Action) (bool, watch.Interface, error) {
				if ptr.Deref(action.(clienttesting.WatchActionImpl).ListOptions.SendInitialEvents, false) {
					return true, nil, apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", nil)
				}
				return false, nil, nil
			})
			there.metadata.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
				time.Sleep(time.Second) // all that time the context has not been read
				return false, nil, nil
			})
			a.set("there", Context{Revision: "streams", Connect: func() (Clients, error) {
				return Clients{Kube: overREST{there.kube}, Metadata: streaming{there.metadata}}, nil
			}})
			w.put("home/s", contextsTo("there"))
			w.start()
			time.Sleep(time.Minute)
			there.wantCopies("home/s")
			w.wantSaid()
		}},
		{"it is not blamed for a source that cannot be read at home", func(w *world) {
			explore(w, "")
			w.refuse = func(verb string, _ ref) error { return apierrors.NewInternalError(errors.New("etcd is away")) }
			w.put("home/s", contextsTo("there"))
			w.start()
			w.wantSaid()
			if got := w.metric("wildcast_sync_targets_failing", "InternalError"); got != 1 {
				w.t.Error(got)
			}
		}},
		{"a namespace that is not there is reported, and used when it is", func(w *world) {
			_, there := explore(w, "")
			w.put("red/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "Create the namespace red") {
				w.t.Error(note)
			}
			there.namespace("red", "")
			time.Sleep(5 * time.Minute)
			there.wantCopies("red/s")
		}},
		{"a context that nobody knows is reported with those that are known, and served when it is there", func(w *world) {
			a, there := explore(w, "")
			w.put("home/s", contextsTo("nowhere,there"))
			w.start()
			there.wantCopies("home/s")
			if note := w.note(); !strings.Contains(note, `names "nowhere", which is not among the contexts in --contexts-kubeconfig: "there"`) {
				w.t.Error(note)
			}
			other := &world{server: newServer(w.t, "other", w.kind), in: scope{context: "nowhere"}}
			other.namespace("home", "")
			a.lead("nowhere", "", other.server)
			time.Sleep(reread)
			other.wantCopies("home/s")
			w.wantSaid()
			a.lose("nowhere")
			time.Sleep(reread)
			w.wantSaid("UnknownContext home/s")
			w.edit("home/s", unannotate(AnnotationSyncContexts))
			other.wantCopies("home/s") // nothing is done there any more
			there.wantCopies("")
			a.lead("nowhere", "", other.server)
			time.Sleep(reread + 6*time.Second)
			other.wantCopies("")
		}},
		{"an Event about unknown contexts names the annotation that the source has", func(w *world) {
			w.put("home/s", annotate(AnnotationKubedSyncContexts, "there"))
			w.start()
			if note := w.note(); !strings.HasPrefix(note, AnnotationKubedSyncContexts+` names "there"`) {
				w.t.Error(note)
			}
		}},
		{"a copy of a context that has got another name is handed over as its Event says", func(w *world) {
			a, there := explore(w, "blue")
			w.put("home/s", contextsTo("there"))
			w.start()
			was := there.want("blue/s").UID
			w.edit("home/s", contextsTo("renamed,there"))
			a.lead("renamed", "blue", there.server)
			time.Sleep(reread)
			w.recorder.mu.Lock()
			w.recorder.events = nil // it is unknown at first
			w.recorder.mu.Unlock()
			w.start()
			if note := w.note(); !strings.Contains(note, "both ways lead to the same place") {
				w.t.Error(note)
			}
			a.lose("there")
			w.stop()
			w.edit("home/s", contextsTo("renamed"))
			w.start()
			if note := w.note(); !strings.Contains(note, `through the context "there", which is not in`) || !strings.Contains(note, "kubectl --context renamed -n blue annotate") {
				w.t.Error(note)
			}
			there.edit("blue/s", annotate(AnnotationAdopt, "true"))
			if got := there.want("blue/s"); got.UID != was || got.Annotations[AnnotationTarget] != "renamed/blue/s" || got.Annotations[AnnotationAdopt] != "" {
				w.t.Error(got.ObjectMeta)
			}
		}},
		{"without a kubeconfig no context is known", func(w *world) {
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "give it --contexts-kubeconfig") {
				w.t.Error(note)
			}
		}},
		{"a file that cannot be read leaves all as it was, or says so at the start", func(w *world) {
			a, there := explore(w, "")
			w.put("home/s", contextsTo("there"))
			w.start()
			a.fail(errors.New("half written"))
			time.Sleep(reread)
			w.edit("home/s", key("a", "9"))
			there.wantData("home/s", "a=9 b=2")
			w.wantSaid()
			w.start()
			if note := w.note(); !strings.Contains(note, "half written") {
				w.t.Error(note)
			}
			a.fail(nil)
			w.edit("home/s", key("a", "8"))
			time.Sleep(reread)
			there.wantData("home/s", "a=8 b=2")
		}},
		{"a context without a name is not taken for the home cluster, and all stays as it was until it has one", func(w *world) {
			a, there := explore(w, "")
			there.put("home/t", label(LabelOriginCluster, "here"), annotate(AnnotationTarget, "home/t"), annotate(AnnotationOrigin, origin{"home", "gone", "u", "1"}.String()))
			w.put("home/s", contextsTo("there"))
			a.lead("", "", there.server)
			w.start()
			if note := w.note(); !strings.Contains(note, "has no name: give it one") {
				w.t.Error(note)
			}
			time.Sleep(time.Minute)
			there.want("home/t")
			there.wantCopies("")
			a.lose("")
			time.Sleep(reread)
			there.wantCopies("home/s")
			a.lead("", "", there.server)
			time.Sleep(reread)
			w.edit("home/s", key("a", "9"))
			there.wantData("home/s", "a=9 b=2")
			there.want("home/t")
			w.wantSaid()
		}},
		{"other credentials or another server are used without a restart", func(w *world) {
			a, there := explore(w, "")
			there.goAway(apierrors.NewUnauthorized("Unauthorized"))
			w.put("home/s", contextsTo("there"))
			w.start()
			if note := w.note(); !strings.Contains(note, "Renew the context's credentials") {
				w.t.Error(note)
			}
			other := &world{server: newServer(w.t, "other", w.kind), in: scope{context: "there"}}
			other.namespace("home", "")
			a.lead("there", "", other.server)
			time.Sleep(reread)
			other.wantCopies("home/s")
			w.wantSaid()
		}},
		{"a context without clients fails by itself", func(w *world) {
			a, there := explore(w, "")
			a.set("wrong", Context{Connect: func() (Clients, error) { return Clients{}, errors.New("no server") }})
			w.put("home/s", contextsTo("there,wrong"))
			w.start()
			there.wantCopies("home/s")
			if note := w.note(); !strings.HasSuffix(note, "no server. It is tried again by itself. Correct the context in the kubeconfig") {
				w.t.Error(note)
			}
		}},
		{"a context that leads home does not fight with the home cluster", func(w *world) {
			a, _ := explore(w, "")
			a.lead("self", "", w.server)
			a.lead("blue", "blue", w.server)
			w.put("home/s", contextsTo("self"), syncTo("team=web"))
			w.put("home/t", contextsTo("blue"))
			w.put("home/u", contextsTo("blue"), syncTo("team=web"))
			w.start()
			w.took()
			time.Sleep(time.Hour)
			w.want("home/s")
			w.wantCopies(map[bool]string{true: "blue/s red/s red/u", false: "blue/s blue/u red/s red/u"}[w.want("blue/u").Annotations[AnnotationTarget] == "blue/blue/u"])
			if got := w.want("blue/t").Annotations[AnnotationTarget]; got != "blue/blue/t" {
				w.t.Error(got)
			}
			w.wantSaid("TargetNotOurs home/s", "TargetNotOurs home/u")
			w.edit("home/t", unannotate(AnnotationSyncContexts))
			w.edit("home/s", unannotate(AnnotationSync), unannotate(AnnotationSyncContexts))
			if w.there("blue/t") != nil || w.there("blue/s") != nil || w.there("home/s") == nil {
				w.t.Error("the copies did not go, or the source did")
			}
		}},
		{"two contexts that lead to one place do not fight", func(w *world) {
			a, there := explore(w, "blue")
			a.lead("again", "blue", there.server)
			w.put("home/s", contextsTo("there,again"))
			w.put("home/t", contextsTo("again"))
			w.start()
			if note := w.note(); !strings.Contains(note, "both ways lead to the same place") {
				w.t.Error(note)
			}
			there.took()
			uid := there.want("blue/s").UID
			time.Sleep(time.Hour)
			if there.want("blue/s").UID != uid || there.want("blue/t").Annotations[AnnotationTarget] != "again/blue/t" {
				w.t.Error("a copy was made anew")
			}
			w.edit("home/s", contextsTo("there"))
			w.edit("home/s", contextsTo("again"))
			time.Sleep(5 * time.Minute)
			if there.want("blue/s").Annotations[AnnotationTarget] != "again/blue/s" {
				w.t.Error("the copy was not handed on")
			}
		}},
	})
}

// TestEveryRequestToAnotherClusterMayFail: each is made again.
func TestEveryRequestToAnotherClusterMayFail(t *testing.T) {
	secret := secretsResource.GroupResource()
	faults := map[string]func(ref) error{
		"conflict": func(at ref) error { return apierrors.NewConflict(secret, at.Name, errors.New("modified")) },
		"missing":  func(at ref) error { return apierrors.NewNotFound(secret, at.Name) },
		"internal": func(ref) error { return apierrors.NewInternalError(errors.New("etcd is away")) },
		"quota":    quota,
		"ending":   terminating,
		"refused":  func(ref) error { return errConnectionRefused },
	}
	for _, test := range []struct {
		verb   string
		change func(w, there *world)
		want   string
	}{
		{"create", func(w, _ *world) { w.put("home/s", contextsTo("there")) }, "a=1 b=2"},
		{"metadata", func(w, there *world) {
			there.put("home/s", annotate(AnnotationAdopt, "true"))
			w.put("home/s", contextsTo("there"))
		}, "a=1 b=2"},
		{"update", func(w, _ *world) { w.put("home/s", contextsTo("there")); w.edit("home/s", key("a", "9")) }, "a=9 b=2"},
		{"get", func(w, there *world) { w.put("home/s", contextsTo("there")); there.edit("home/s", key("a", "9")) }, "a=1 b=2"},
		{"delete", func(w, _ *world) {
			w.put("home/s", contextsTo("there"))
			w.edit("home/s", unannotate(AnnotationSyncContexts))
		}, ""},
	} {
		for name, fault := range faults {
			t.Run(test.verb+"/"+name, func(t *testing.T) {
				in(t, Secrets, three, func(w *world) {
					_, there := explore(w, "")
					refused := true
					there.refuse = func(verb string, at ref) error {
						if !refused || verb != test.verb || at != place("home/s") {
							return nil
						}
						refused = false
						return fault(at)
					}
					w.start()
					test.change(w, there)
					time.Sleep(3 * time.Second)
					there.wantSettled("home", test.want)
					if refused {
						t.Error("the request was never made")
					}
					w.took()
					there.took()
					time.Sleep(10 * time.Minute)
					w.wantTook()
					there.wantTook()
				})
			})
		}
	}
}
