package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestAWatchedNamespaceIsLeftAloneUntilItCanBeReadAndThenItsWishesAreKnownFirst(t *testing.T) {
	r := newRig(t)
	late := types.NamespacedName{Namespace: "late", Name: "shop-tls"}
	own := types.NamespacedName{Namespace: "late", Name: "own"}
	joined := make(chan int, 1)
	r.config.Watched = []string{"infra", "late", home}
	r.config.Changed = func(at types.NamespacedName) {
		if at == (types.NamespacedName{Namespace: "late"}) {
			joined <- len(r.asked(late))
		}
	}
	r.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}})
	r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: own.Namespace, Name: own.Name}, Type: TypeIssuer,
		Data: map[string][]byte{"server": []byte(r.ca.Directory()), "caBundle": r.ca.CABundle()}})
	r.add(wiki)
	r.add(ingress("late/shop", "shop-tls", "shop.a.test", by("le")))
	r.add(ingress("unwatched/blog", "blog-tls", "blog.a.test", by("le")))
	defer r.run()()
	r.eventually("the others' certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	if r.known("late") || !r.known("infra") || len(r.asked(late)) > 0 || r.secret(own).Annotations[AnnotationStatus] != "" {
		t.Error("something was done in a namespace that cannot be read")
	}

	r.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "late", Labels: selected}})
	if asks := <-joined; asks != 1 || !r.known("late") {
		t.Errorf("%d asks when it is said that they are known", asks)
	}
	r.eventually("its issuer is ready", func() bool { return r.secret(own).Annotations[AnnotationStatus] == StatusReady })
	if r.known("unwatched") || len(r.asked(types.NamespacedName{Namespace: "unwatched", Name: "blog-tls"})) > 0 {
		t.Error("something was asked for in a namespace that is not watched")
	}
	if n := r.ca.OrderCount(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestAllWatchedNamespacesHaveJoinedBeforeAnythingIsAskedForByNobody(t *testing.T) {
	j := newJoined([]string{"a", "b"})
	if j.has("a") || j.complete() {
		t.Error("nothing has joined yet")
	}
	j.add("a")
	j.add("a")
	if !j.has("a") || j.has("b") || j.complete() {
		t.Error("one has joined")
	}
	j.add("b")
	if !j.complete() {
		t.Error("both have joined")
	}
	if all := newJoined(nil); !all.has("any") || !all.complete() {
		t.Error("of a whole cluster nothing joins")
	}
}
