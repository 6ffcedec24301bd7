package syncer

import (
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// three namespaces that can hold copies, of which two are of team web.
var three = map[string]string{"home": "", "blue": "team=web", "red": "team=web", "grey": "team=ops"}

func TestSyncer(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(w *world)
	}{
		{"a marked source is copied into every namespace", func(w *world) {
			w.put("home/s")
			w.start()
			w.wantCopies("")
			w.edit("home/s", syncTo(""))
			w.wantCopies("blue/s grey/s red/s")
			w.wantData("blue/s", "a=1 b=2")
			w.edit("home/s", syncTo("true"))
			w.wantCopies("blue/s grey/s red/s")
		}},
		{"a selector selects", func(w *world) {
			w.start()
			w.put("home/s", syncTo("team in (web,net),!hidden"))
			w.wantCopies("blue/s red/s")
			w.wantTook("create blue/s", "create red/s", "get home/s")
			w.wantSaid()
		}},
		{"a new namespace that matches gets its copy in one write", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.namespace("new", "team=web")
			w.namespace("other", "")
			w.wantCopies("blue/s new/s red/s")
			w.wantTook("create new/s")
		}},
		{"a label added brings the copy, removed takes it away, and others stay", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.relabel("grey", "team=web")
			w.wantCopies("blue/s grey/s red/s")
			w.relabel("blue", "")
			w.wantCopies("grey/s red/s")
		}},
		{"a change of the source arrives: value, key removed, key added", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", key("a", "9"), key("c", "3"), func(s *corev1.Secret) { delete(s.Data, "b") })
			w.wantData("blue/s", "a=9 c=3")
			w.wantData("red/s", "a=9 c=3")
			w.wantTook("get home/s", "update blue/s", "update red/s")
		}},
		{"the annotation removed, or false, takes the copies away at once and keeps the source", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.put("home/t", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s blue/t red/s red/t")
			w.edit("home/s", unannotate(AnnotationSync))
			w.edit("home/t", syncTo("false"))
			w.wantCopies("")
			w.want("home/s")
			w.want("home/t")
		}},
		{"copies follow the selector", func(w *world) {
			w.put("home/s", syncTo(""))
			w.start()
			w.wantCopies("blue/s grey/s red/s")
			w.edit("home/s", syncTo("team=web"))
			w.wantCopies("blue/s red/s")
			w.edit("home/s", syncTo("team=none"))
			w.wantCopies("")
			w.edit("home/s", syncTo(""))
			w.wantCopies("blue/s grey/s red/s")
		}},
		{"a source deleted takes its copies along after the grace", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			time.Sleep(4900 * time.Millisecond)
			w.wantCopies("blue/s red/s")
			time.Sleep(100 * time.Millisecond)
			w.wantCopies("")
		}},
		{"a source deleted and made again within the grace updates its copies in place", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			uid := w.want("blue/s").UID
			w.took()
			w.del("home/s")
			time.Sleep(2 * time.Second)
			w.put("home/s", syncTo("team=web"), key("a", "new"))
			w.wantData("blue/s", "a=new b=2")
			time.Sleep(time.Minute)
			w.wantCopies("blue/s red/s")
			w.wantTook("get home/s", "update blue/s", "update red/s")
			if w.want("blue/s").UID != uid {
				w.t.Error("blue/s is another object")
			}
		}},
		{"a copy edited is restored, a copy deleted is made again", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("blue/s", key("a", "edited"))
			w.wantData("blue/s", "a=1 b=2")
			w.wantTook("get blue/s", "update blue/s")
			w.edit("blue/s", func(s *corev1.Secret) { delete(s.Data, "a") })
			w.wantData("blue/s", "a=1 b=2")
			w.edit("blue/s", key("c", "3"))
			w.wantData("blue/s", "a=1 b=2")
			w.edit("blue/s", label(LabelOriginName, "x"), annotate(AnnotationHash, "x"))
			w.wantData("blue/s", "a=1 b=2")
			w.took()
			w.del("blue/s")
			w.wantData("blue/s", "a=1 b=2")
			w.wantTook("create blue/s")
		}},
		{"a copy made immutable by somebody is replaced", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("blue/s", key("a", "edited"), func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
			w.wantData("blue/s", "a=1 b=2")
			if w.want("blue/s").Immutable != nil {
				w.t.Error("blue/s is immutable")
			}
		}},
		{"labels and annotations that others add stay, also through an update", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("blue/s", label("mine", "1"), annotate("note", "2"))
			w.wantTook()
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/s", "a=9 b=2")
			if got := w.want("blue/s"); got.Labels["mine"] != "1" || got.Annotations["note"] != "2" {
				w.t.Errorf("%v %v", got.Labels, got.Annotations)
			}
		}},
		{"labels follow the source, and go when the source loses them", func(w *world) {
			w.put("home/s", syncTo("team=web"), label("x", "1"), annotate("y", "1"))
			w.start()
			w.edit("blue/s", label("x", "other"))
			w.edit("home/s", annotate("y", "2"))
			if got := w.want("blue/s"); got.Labels["x"] != "1" || got.Annotations["y"] != "2" {
				w.t.Errorf("%v %v", got.Labels, got.Annotations)
			}
			w.edit("home/s", func(s *corev1.Secret) { delete(s.Labels, "x") }, unannotate("y"))
			got := w.want("blue/s")
			if _, found := got.Labels["x"]; found {
				w.t.Error("the label stayed")
			}
			if _, found := got.Annotations["y"]; found {
				w.t.Error("the annotation stayed")
			}
		}},
		{"an object that is not ours is left alone, and its end brings the copy", func(w *world) {
			before := w.put("blue/s", key("a", "mine"))
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetNotOurs home/s")
			if w.want("blue/s").ResourceVersion != before.ResourceVersion {
				w.t.Error("blue/s was written")
			}
			w.edit("home/s", key("a", "9"))
			w.wantSaid()
			w.took()
			w.del("blue/s")
			w.wantData("blue/s", "a=9 b=2")
			w.wantTook("create blue/s")
		}},
		{"an object that is not ours becomes the copy when it is handed over", func(w *world) {
			before := w.put("blue/s", key("a", "mine"), key("c", "mine"), label("their", "1"))
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.edit("blue/s", annotate(AnnotationAdopt, "true"))
			w.wantData("blue/s", "a=1 b=2")
			w.wantCopies("blue/s red/s")
			got := w.want("blue/s")
			if _, found := got.Annotations[AnnotationAdopt]; found || got.UID != before.UID || got.Labels["their"] != "1" {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
			w.edit("home/s", syncTo("false"))
			w.wantCopies("")
		}},
		{"an object of another type is replaced when it is handed over", func(w *world) {
			w.put("blue/s", annotate(AnnotationAdopt, "true"), func(s *corev1.Secret) { s.Type = "example.com/x" })
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
		}},
		{"an object in a namespace that is no target stays when the source goes", func(w *world) {
			w.put("grey/s")
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			time.Sleep(time.Minute)
			w.wantCopies("")
			w.want("grey/s")
		}},
		{"clones of a copy are not copies", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			clone := func(s *corev1.Secret) {
				c := w.want("blue/s")
				s.Labels, s.Annotations, s.Data = c.Labels, c.Annotations, c.Data
			}
			w.put("grey/s", clone)
			w.put("blue/mine", clone)
			w.took()
			w.edit("home/s", key("a", "9"))
			w.del("home/s")
			time.Sleep(time.Minute)
			w.wantData("grey/s", "a=1 b=2")
			w.wantData("blue/mine", "a=1 b=2")
			for _, request := range w.took() {
				if strings.HasSuffix(request, "grey/s") || strings.HasSuffix(request, "blue/mine") {
					w.t.Error(request)
				}
			}
		}},
		{"copies that another cluster's wildcast made are left alone", func(w *world) {
			w.config.ClusterName = "there"
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			w.stop()
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), key("a", "9")) // another object: its UID proves nothing
			w.config.ClusterName = "here"
			w.said()
			w.start()
			time.Sleep(time.Minute)
			w.wantData("blue/s", "a=1 b=2")
			w.wantSaid("TargetNotOurs home/s", "TargetNotOurs home/s")
			w.edit("home/s", syncTo("false"))
			w.wantCopies("blue/s red/s")
		}},
		{"a cluster that gets another name keeps its copies", func(w *world) {
			w.config.ClusterName = "there"
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.config.ClusterName = "here"
			w.start()
			if got := w.want("blue/s").Labels[LabelOriginCluster]; got != "here" {
				w.t.Error(got)
			}
			w.wantSaid()
		}},
		{"a name of more than 63 characters is copied", func(w *world) {
			long := strings.Repeat("long.", 30) + "name"
			w.put("home/"+long, syncTo("team=web"))
			w.start()
			w.wantCopies("blue/" + long + " red/" + long)
			if from := w.want("blue/" + long).Annotations[AnnotationOrigin]; !strings.Contains(from, long) {
				w.t.Error(from)
			}
		}},
		{"a quota in one namespace delays no other, and is retried with back-off", func(w *world) {
			blocked := true
			w.refuse = func(verb string, at ref) error {
				if blocked && at.Namespace == "blue" {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetFailed home/s")
			w.took()
			time.Sleep(time.Hour)
			if n := len(w.took()); n < 12 || n > 22 {
				w.t.Errorf("%d attempts in an hour", n)
			}
			w.wantSaid()
			w.mu.Lock()
			blocked = false
			w.mu.Unlock()
			time.Sleep(5 * time.Minute)
			w.wantCopies("blue/s red/s")
		}},
		{"a quota is tried again when something goes in its namespace", func(w *world) {
			w.put("blue/other")
			w.refuse = func(verb string, at ref) error {
				if _, err := w.get(place("blue/other")); err == nil && at.Namespace == "blue" {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			time.Sleep(10 * time.Minute)
			w.wantCopies("red/s")
			w.del("blue/other")
			w.wantCopies("blue/s red/s")
		}},
		{"a namespace that is being deleted is no failure and gets nothing", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.changeNamespace("blue", func(n *corev1.Namespace) { n.Status.Phase = corev1.NamespaceTerminating })
			w.took()
			w.del("blue/s")
			w.edit("home/s", key("a", "9"))
			time.Sleep(time.Hour)
			w.wantTook("get home/s", "update red/s")
			w.wantSaid()
		}},
		{"a namespace that is being deleted, as only the API server knows yet, is not tried again", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if at.Namespace == "blue" {
					return terminating(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			time.Sleep(time.Hour)
			w.wantTook()
			w.wantSaid()
		}},
		{"an immutable source made again replaces its copies, flag kept", func(w *world) {
			seal := func(s *corev1.Secret) { s.Immutable = ptr.To(true) }
			w.put("home/s", syncTo("team=web"), seal)
			w.start()
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), seal, key("a", "9"))
			w.wantData("blue/s", "a=9 b=2")
			if got := w.want("blue/s").Immutable; got == nil || !*got {
				w.t.Error("blue/s is not immutable")
			}
		}},
		{"a source made again with another type replaces its copies", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), func(s *corev1.Secret) { s.Type = "example.com/x" })
			if got := w.want("blue/s").Type; got != "example.com/x" {
				w.t.Error(got)
			}
		}},
		{"marks of tools, owners and finalizers stay on the source", func(w *world) {
			w.put("home/s", syncTo("team=web"), label("app.kubernetes.io/instance", "x"), label("app", "x"),
				label("wildcast.dev/managed", "true"), annotate("argocd.argoproj.io/tracking-id", "x"), annotate("kubed.appscode.com/sync", ""),
				annotate("meta.helm.sh/release-name", "x"), annotate(corev1.LastAppliedConfigAnnotation, "x"), func(s *corev1.Secret) {
					s.Finalizers = []string{"example.com/x"}
					s.OwnerReferences = []metav1.OwnerReference{{Name: "x"}}
				})
			w.start()
			got := w.want("blue/s")
			want := map[string]string{"app": "x", LabelOriginCluster: "here", LabelOriginNamespace: "home", LabelOriginName: "s"}
			if !maps.Equal(got.Labels, want) || len(got.Annotations) != 3 || got.Finalizers != nil || got.OwnerReferences != nil {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
		}},
		{"of two sources the older wins, the other has an Event, and there is no fight", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			time.Sleep(time.Minute)
			w.put("grey/s", syncTo("team=web"), key("a", "younger"))
			w.start()
			w.wantData("blue/s", "a=1 b=2")
			w.wantSaid("Conflict grey/s", "Conflict grey/s")
			w.took()
			time.Sleep(time.Hour)
			w.wantTook()
			w.del("home/s")
			w.wantData("blue/s", "a=younger b=2")
		}},
		{"nothing changes, nothing is asked, also after a restart", func(w *world) {
			w.put("home/s", syncTo(""), label("x", "1"))
			w.start()
			w.edit("home/s", key("a", "9"))
			w.took()
			time.Sleep(25 * time.Hour)
			w.wantTook()
			w.start()
			time.Sleep(time.Hour)
			w.wantTook()
		}},
		{"a source that is written without a change is read once and nothing is written, also after a restart", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", annotate(corev1.LastAppliedConfigAnnotation, "x"))
			w.wantTook("get home/s")
			w.start()
			w.wantTook("get home/s")
		}},
		{"what changed while wildcast was down is healed at the start", func(w *world) {
			for _, name := range []string{"gone", "unmarked", "edited", "deleted", "narrowed"} {
				w.put("home/"+name, syncTo("team=web"))
			}
			w.start()
			w.stop()
			w.del("home/gone")
			w.edit("home/unmarked", unannotate(AnnotationSync))
			w.edit("blue/edited", key("a", "x"))
			w.del("blue/deleted")
			w.edit("home/narrowed", syncTo("team=none"))
			w.relabel("red", "")
			w.start()
			w.wantData("blue/edited", "a=1 b=2")
			time.Sleep(5 * time.Second)
			w.wantCopies("blue/deleted blue/edited")
		}},
		{"an invalid selector keeps the copies and is reported until it is mended", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", syncTo("team in web"), key("a", "9"))
			w.wantSaid("InvalidSelector home/s")
			w.wantTook()
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantSaid("InvalidSelector home/s")
			w.edit("home/s", syncTo("team=ops"))
			w.wantCopies("grey/s")
			w.wantData("grey/s", "a=9 b=2")
		}},
		{"a source is never written, also where its selector selects its own namespace", func(w *world) {
			before := w.put("blue/s", syncTo("team=web"))
			w.start()
			w.start()
			w.wantCopies("red/s")
			if w.want("blue/s").ResourceVersion != before.ResourceVersion {
				w.t.Error("blue/s was written")
			}
			w.wantSaid()
		}},
		{"a namespace that is deleted takes its copy along, and nothing is made there again", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.changeNamespace("blue", func(n *corev1.Namespace) { n.DeletionTimestamp = ptr.To(metav1.Now()) })
			w.settle()
			w.del("blue/s")
			if err := w.kube.CoreV1().Namespaces().Delete(w.t.Context(), "blue", metav1.DeleteOptions{}); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(time.Hour)
			w.wantTook()
			w.namespace("blue", "team=web")
			w.wantCopies("blue/s red/s")
		}},
		{"what must not leave its place is not reflected", func(w *world) {
			for i, never := range []corev1.SecretType{"kubernetes.io/service-account-token", "helm.sh/release.v1", "bootstrap.kubernetes.io/token", "wildcast.dev/issuer", "wildcast.dev/account"} {
				w.put("home/s"+string(rune('0'+i)), syncTo(""), func(s *corev1.Secret) { s.Type = never })
			}
			w.start()
			w.wantCopies("")
		}},
		{"copies are not reflected", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("blue/s", syncTo(""))
			w.wantCopies("blue/s red/s")
		}},
		{"sync-as and sync-keys give the copies that name and those keys, and a change moves them", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncAs, "t"), annotate(AnnotationSyncKeys, "a, c"))
			w.start()
			w.wantCopies("blue/t red/t")
			w.wantData("blue/t", "a=1")
			w.edit("home/s", annotate(AnnotationSyncAs, "u"), annotate(AnnotationSyncKeys, "b"))
			w.wantCopies("blue/u red/u")
			w.wantData("blue/u", "b=2")
		}},
		{"one key of a TLS Secret makes an Opaque copy", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncKeys, "ca.crt"), func(s *corev1.Secret) {
				s.Type, s.Data = corev1.SecretTypeTLS, map[string][]byte{"ca.crt": []byte("c"), "tls.crt": []byte("c"), "tls.key": []byte("k")}
			})
			w.start()
			w.wantData("blue/s", "ca.crt=c")
			if got := w.want("blue/s").Type; got != corev1.SecretTypeOpaque {
				w.t.Error(got)
			}
		}},
		{"a namespace that opts out gets no copy and loses the one it has", func(w *world) {
			w.put("home/s", syncTo(""))
			w.start()
			w.relabel("blue", "team=web,wildcast.dev/sync=false")
			w.wantCopies("grey/s red/s")
		}},
		{"only sources in the source namespaces count", func(w *world) {
			w.config.SourceNamespaces = []string{"home"}
			w.put("home/s", syncTo("team=web"))
			w.put("grey/t", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
		}},
		{"an Ingress gets the copy under the name that it asks for, beside the other, while its namespace is selected", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			request := Request{Source: place("home/s"), Ingress: &corev1.ObjectReference{Kind: "Ingress", Namespace: "blue", Name: "shop"}}
			w.asked[place("blue/tls")] = []Request{request}
			w.asked[place("grey/tls")] = []Request{request}
			w.syncer.Look(place("blue/tls"), place("grey/tls"))
			w.wantCopies("blue/s blue/tls red/s")
			w.wantSaid("Delivered blue/shop")
			w.wantTook("create blue/tls")
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/tls", "a=9 b=2")
			w.relabel("grey", "team=web")
			w.wantCopies("blue/s blue/tls grey/s grey/tls red/s")
			w.start()
			w.wantCopies("blue/s blue/tls grey/s grey/tls red/s")
			delete(w.asked, place("blue/tls"))
			w.syncer.Look(place("blue/tls"))
			w.wantCopies("blue/s grey/s grey/tls red/s")
		}},
		{"an Ingress hears when the name that it asks for is taken", func(w *world) {
			w.put("blue/tls")
			w.asked[place("blue/tls")] = []Request{{Source: place("home/s"), Ingress: &corev1.ObjectReference{Kind: "Ingress", Namespace: "blue", Name: "shop"}}}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantSaid("NotOurs blue/shop", "TargetNotOurs home/s")
			w.del("blue/tls")
			w.wantCopies("blue/s blue/tls red/s")
			w.wantSaid("Delivered blue/shop")
		}},
		{"a source in the way of a copy is left alone", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.put("blue/s", syncTo("team=none"), annotate(AnnotationAdopt, "true"), key("a", "mine"))
			w.start()
			w.wantCopies("red/s")
			w.wantData("blue/s", "a=mine b=2")
			w.wantSaid("TargetNotOurs home/s")
			time.Sleep(time.Hour)
			w.took()
			w.edit("blue/s", unannotate(AnnotationSync))
			w.wantData("blue/s", "a=1 b=2")
		}},
		{"a source that cannot be read is read again", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if verb == "get" && time.Since(w.began) < time.Second {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("")
			time.Sleep(time.Second)
			w.wantCopies("blue/s red/s")
		}},
		{"an obstacle whose end is not seen is looked at again", func(w *world) {
			w.put("blue/s")
			w.refuse = func(verb string, at ref) error {
				if verb == "create" && at.Namespace == "blue" {
					return apierrors.NewAlreadyExists(secretsResource.GroupResource(), at.Name)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			time.Sleep(later - time.Second)
			w.wantTook()
			time.Sleep(2 * time.Second)
			w.wantTook("create blue/s", "metadata blue/s")
		}},
		{"many namespaces labelled and unlabelled while copies are made end right", func(w *world) {
			w.put("home/s", syncTo("late"))
			w.start()
			for i := range 100 {
				w.namespace(string(rune('a'+i%26))+strings.Repeat("x", i/26+1), "late=1")
			}
			for i := range 100 {
				if i%2 == 0 {
					w.relabel(string(rune('a'+i%26))+strings.Repeat("x", i/26+1), "")
				}
			}
			if n := len(strings.Fields(w.copies())); n != 50 {
				w.t.Errorf("%d copies", n)
			}
		}},
		{"a second syncer that begins to lead looks everywhere", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.put("home/t", syncTo("team=web"))
			w.wantCopies("blue/s blue/t red/s red/t")
			w.stop()
			w.del("blue/t")
			w.start()
			w.wantCopies("blue/s blue/t red/s red/t")
		}},
	} {
		t.Run(test.name, func(t *testing.T) { in(t, three, test.run) })
	}
}
