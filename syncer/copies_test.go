package syncer

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

var (
	here = policy{cluster: "here", metadata: CopySafe, grace: 5 * time.Second}
	noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	data = payload{Type: "Opaque", Data: map[string][]byte{"a": []byte("1")}}
)

// aSource is the source home/s, marked, in its state 7.
func aSource(changes ...func(*object)) *object {
	o := readObject(metav1.ObjectMeta{
		Namespace: "home", Name: "s", UID: "s-uid", ResourceVersion: "7", CreationTimestamp: metav1.Time{Time: noon},
		Labels: map[string]string{"app": "x"}, Annotations: map[string]string{AnnotationSync: ""},
	}, scope{})
	for _, change := range changes {
		change(o)
	}
	return o
}

// aCopy is the copy blue/s of aSource, as wildcast made it.
func aCopy(changes ...func(*object)) *object {
	labels, annotations := here.dress(&object{ObjectMeta: metav1.ObjectMeta{Namespace: "blue", Name: "s"}}, aSource(), originOf(aSource()).String(), data.hash("s-uid"))
	o := readObject(metav1.ObjectMeta{
		Namespace: "blue", Name: "s", UID: "c-uid", ResourceVersion: "20", Labels: labels, Annotations: annotations,
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: manager, FieldsV1: metav1.NewFieldsV1(
			`{"f:data":{"f:a":{}},"f:metadata":{"f:labels":{"f:app":{}},"f:annotations":{"f:wildcast.dev/hash":{},"f:wildcast.dev/origin":{}}}}`)}},
	}, scope{})
	for _, change := range changes {
		change(o)
	}
	return o
}

// TestPlan is the table above policy.plan, row by row.
func TestPlan(t *testing.T) {
	moved := func(o *object) { o.ResourceVersion = "9" }
	remade := func(o *object) { o.UID = "s-uid-2" }
	wrong := func(o *object) { o.rule, o.wrong = nil, &RuleError{Reason: ReasonInvalidSelector} }
	listing := func(o *object) { o.rule = &Rule{Name: "s", Keys: []string{"a"}, Selector: labels.Nothing()} }
	judged := func(o *object) { listing(o); o.judged = true }
	ending := func(o *object) { o.DeletionTimestamp = &metav1.Time{Time: noon} }
	edited := func(o *object) { o.owned.fields = "other" }
	checked := func(o *object) { o.checked = true }
	sealed := func(o *object) { o.owned.immutable = true }
	claimed := func(o *object) { o.owned.claimed = true }
	relabelled := func(o *object) { o.Labels = maps.Clone(o.Labels); o.Labels["app"] = "y" }
	strange := func(o *object) { o.Labels = maps.Clone(o.Labels); o.Labels[LabelOriginCluster] = "there" }
	offered := func(o *object) { o.Annotations = maps.Clone(o.Annotations); o.Annotations[AnnotationAdopt] = "true" }
	unmarked := func(o *object) { o.Labels = maps.Clone(o.Labels); delete(o.Labels, LabelOriginCluster) }
	younger := func(o *object) {
		o.Name, o.UID, o.CreationTimestamp = "t", "t-uid", metav1.Time{Time: noon.Add(time.Second)}
	}
	elder := func(o *object) {
		o.Name, o.UID, o.CreationTimestamp = "t", "t-uid", metav1.Time{Time: noon.Add(-time.Second)}
	}
	offer := &object{ObjectMeta: metav1.ObjectMeta{Namespace: "blue", Name: "s"}, role: roleOffered}
	left := func(from string) *object {
		return readObject(metav1.ObjectMeta{Namespace: "blue", Name: "s", ResourceVersion: "20",
			Annotations: map[string]string{AnnotationKubedOrigin: `{"namespace":"` + from + `","name":"s","uid":"u","resourceVersion":"1"}`}}, scope{})
	}
	read := func(of *object, p payload) *content { return &content{of.ObjectMeta, p} }
	other := payload{Type: "Opaque", Data: map[string][]byte{"a": []byte("2")}}
	retyped := payload{Type: "other", Data: data.Data}
	frozen := payload{Type: "Opaque", Data: data.Data, Immutable: true}
	frozenOther := payload{Type: "Opaque", Data: other.Data, Immutable: true}

	for _, test := range []struct {
		name   string
		wanted *object // the source whose copy is wanted
		held   *object
		origin *object       // the source that held came from
		since  time.Duration // for how long it has been missing
		data   *content
		live   *payload
		want   verb
	}{
		{"not wanted, nothing held", nil, nil, nil, 0, nil, nil, keep},
		{"not wanted, a source held", nil, aSource(), nil, 0, nil, nil, keep},
		{"not wanted, offered", nil, offer, nil, 0, nil, nil, keep},
		{"not wanted, on its way out", nil, aCopy(ending), nil, time.Hour, nil, nil, keep},
		{"not wanted, its source's annotations invalid", nil, aCopy(), aSource(wrong), 0, nil, nil, keep},
		{"not wanted, its source just gone", nil, aCopy(), nil, 4 * time.Second, nil, nil, keep},
		{"not wanted, its source gone", nil, aCopy(), nil, 5 * time.Second, nil, nil, remove},
		{"not wanted, its source selects others", nil, aCopy(), aSource(), 0, nil, nil, remove},
		{"not wanted, its source's list of keys unjudged", nil, aCopy(), aSource(listing), 0, nil, nil, readSource},
		{"not wanted, its source's list of keys judged", nil, aCopy(), aSource(judged), 0, nil, nil, remove},
		{"not wanted, another cluster's", nil, aCopy(strange), nil, time.Hour, nil, nil, keep},
		{"not wanted, another cluster's, of a source of another UID", nil, aCopy(strange), aSource(remade), time.Hour, nil, nil, keep},
		{"not wanted, label of the cluster edited, its source here", nil, aCopy(strange), aSource(), 0, nil, nil, remove},
		{"not wanted, label of the cluster removed", nil, aCopy(unmarked), nil, time.Hour, nil, nil, remove},

		{"wanted, nothing held, source not read", aSource(), nil, nil, 0, nil, nil, readSource},
		{"wanted, nothing held", aSource(), nil, nil, 0, read(aSource(), data), nil, create},
		{"wanted, source read in another state", aSource(moved), nil, nil, 0, read(aSource(), data), nil, readSource},
		{"wanted, a source held", aSource(), aSource(), nil, 0, nil, nil, blocked},
		{"wanted, another cluster's", aSource(), aCopy(strange), nil, 0, nil, nil, blocked},
		{"wanted, another cluster's, offered", aSource(), aCopy(strange, offered), nil, 0, read(aSource(), data), nil, update},
		{"wanted, another cluster's, offered, of another type", aSource(), aCopy(strange, offered), nil, 0, read(aSource(), data), &retyped, replace},
		{"wanted, another cluster's, offered, on its way out", aSource(), aCopy(strange, offered, ending), nil, 0, nil, nil, keep},
		{"not wanted, another cluster's, offered", nil, aCopy(strange, offered), nil, time.Hour, nil, nil, keep},
		{"wanted, offered though it is ours", aSource(), aCopy(offered), aSource(), 0, nil, nil, keep},
		{"wanted, on its way out", aSource(), aCopy(ending), aSource(), 0, nil, nil, keep},
		{"wanted, offered", aSource(), offer, nil, 0, read(aSource(), data), nil, update},
		{"wanted, offered, of another type", aSource(), offer, nil, 0, read(aSource(), data), &retyped, replace},
		{"not wanted, left by kubed", nil, left("home"), aSource(), 0, nil, nil, keep},
		{"not wanted, left by kubed, its source gone", nil, left("home"), nil, time.Hour, nil, nil, keep},
		{"wanted, left by kubed, source not read", aSource(), left("home"), aSource(), 0, nil, nil, readSource},
		{"wanted, left by kubed", aSource(), left("home"), aSource(), 0, read(aSource(), data), nil, update},
		{"wanted, left by kubed, of another type", aSource(), left("home"), aSource(), 0, read(aSource(), data), &retyped, replace},
		{"wanted, left by kubed, of another source", aSource(), left("away"), nil, 0, read(aSource(), data), nil, blocked},
		{"wanted, proved", aSource(), aCopy(), aSource(), 0, nil, nil, keep},
		{"wanted, checked", aSource(), aCopy(edited, checked), aSource(), 0, nil, nil, keep},
		{"wanted, not proved, source not read", aSource(), aCopy(edited), aSource(), 0, nil, nil, readSource},
		{"wanted, not proved, not read", aSource(), aCopy(edited), aSource(), 0, read(aSource(), data), nil, readCopy},
		{"wanted, not proved, read and right", aSource(), aCopy(edited), aSource(), 0, read(aSource(), data), &data, keep},
		{"wanted, not proved, read and wrong", aSource(), aCopy(edited), aSource(), 0, read(aSource(), data), &other, update},
		{"wanted, not proved, read and immutable", aSource(), aCopy(edited), aSource(), 0, read(aSource(), data), &frozen, replace},
		{"wanted, label edited", aSource(), aCopy(relabelled), aSource(), 0, read(aSource(), data), nil, update},
		{"wanted, source moved, not read", aSource(moved), aCopy(), aSource(moved), 0, nil, nil, readSource},
		{"wanted, source moved, content the same", aSource(moved), aCopy(), aSource(moved), 0, read(aSource(moved), data), nil, keep},
		{"wanted, source moved, content the same, origin edited", aSource(moved), aCopy(claimed), aSource(moved), 0, read(aSource(moved), data), nil, update},
		{"wanted, origin edited to what it was", aSource(), aCopy(claimed), aSource(), 0, read(aSource(), data), nil, keep},
		{"wanted, source moved, content other", aSource(moved), aCopy(), aSource(moved), 0, read(aSource(moved), other), nil, update},
		{"wanted, source made again, content the same", aSource(remade), aCopy(), aSource(remade), 0, read(aSource(remade), data), nil, update},
		{"wanted, content other, immutable, not read", aSource(moved), aCopy(sealed), aSource(moved), 0, read(aSource(moved), other), nil, readCopy},
		{"wanted, content other, immutable", aSource(moved), aCopy(sealed), aSource(moved), 0, read(aSource(moved), other), &frozen, replace},
		{"wanted, content the same, immutable, hash edited", aSource(moved), aCopy(sealed), aSource(moved), 0, read(aSource(moved), frozenOther), &frozenOther, update},
		{"wanted of a younger source, that of the copy invalid", aSource(younger), aCopy(), aSource(wrong), 0, nil, nil, keep},
		{"wanted of an older source, that of the copy invalid", aSource(elder), aCopy(), aSource(wrong), 0, read(aSource(elder), data), nil, update},
		{"wanted of a younger source, that of the copy with a list of keys unjudged", aSource(younger), aCopy(), aSource(listing), 0, nil, nil, readSource},
		{"wanted of a younger source, that of the copy with a list of keys judged", aSource(younger), aCopy(), aSource(judged), 0, read(aSource(younger), data), nil, update},
		{"wanted, its own list of keys unjudged", aSource(listing), aCopy(), aSource(listing), 0, nil, nil, keep},
		{"wanted, of another type", aSource(moved), aCopy(), aSource(moved), 0, read(aSource(moved), data), &retyped, keep},
		{"wanted, of another type, content other", aSource(moved), aCopy(), aSource(moved), 0, read(aSource(moved), other), &retyped, replace},
	} {
		v := view{target: place("blue/s"), open: true, held: test.held, origin: test.origin, missing: noon.Add(-test.since), data: test.data, live: test.live}
		if test.wanted != nil {
			v.wants = []*object{test.wanted}
		}
		got := here.plan(v, noon)
		if got.verb != test.want {
			t.Errorf("%s: %v, want %v", test.name, got.verb, test.want)
		}
		if writes := got.verb == create || got.verb == update || got.verb == replace; writes != (got.copy.Type != "") {
			t.Errorf("%s: %v of %+v", test.name, got.verb, got.copy)
		}
		v.open = false
		if got := here.plan(v, noon); got.verb != keep {
			t.Errorf("%s, in a namespace that ends: %v", test.name, got.verb)
		}
	}
}

func TestPlanLooksAgainWhenTheGraceIsOver(t *testing.T) {
	v := view{target: place("blue/s"), open: true, held: aCopy(), missing: noon.Add(-2 * time.Second)}
	if got := here.plan(v, noon).again; got != 3*time.Second {
		t.Error(got)
	}
}

func TestTheOldestSourceWins(t *testing.T) {
	second := aSource(func(o *object) { o.Namespace = "a"; o.CreationTimestamp.Time = noon.Add(time.Second) })
	first := aSource(func(o *object) { o.Namespace = "b" })
	same := aSource(func(o *object) { o.Namespace = "c" })
	got := here.plan(view{open: true, wants: []*object{second, same, first}}, noon)
	if got.source != first || len(got.losers) != 2 || got.losers[0] != same || got.losers[1] != second {
		t.Errorf("%v, then %v", got.source.ref(), got.losers)
	}
}

func TestAnUpdateKeepsWhatOthersPutOnACopy(t *testing.T) {
	held := aCopy(func(o *object) {
		o.Labels = maps.Clone(o.Labels)
		o.Labels["theirs"] = "1"
		o.Finalizers = []string{"theirs"}
	})
	source := aSource(func(o *object) { o.Labels = nil; o.ResourceVersion = "9" })
	got := here.plan(view{target: held.ref(), open: true, wants: []*object{source}, held: held, origin: source, data: &content{source.ObjectMeta, data}}, noon)
	if got.verb != update || got.copy.meta.ResourceVersion != "20" || got.copy.meta.Labels["theirs"] != "1" || len(got.copy.meta.Finalizers) != 1 {
		t.Fatalf("%+v", got)
	}
	if _, found := got.copy.meta.Labels["app"]; found {
		t.Error("a label that the source lost stayed")
	}
	if held.Labels["app"] != "x" {
		t.Error("what is held was changed")
	}
}

func TestCopyMetadata(t *testing.T) {
	from := map[string]string{}
	for _, key := range []string{"app", "example.com/a", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "argocd.argoproj.io/x",
		"helm.sh/chart", "meta.helm.sh/release-name", "kubectl.kubernetes.io/last-applied-configuration", "kubed.appscode.com/sync",
		"wildcast.dev/sync", "wildcast.dev/sync-as", "wildcast.dev/sync-keys", "wildcast.dev/sync-contexts", "wildcast.dev/adopt", "wildcast.dev/origin", "wildcast.dev/origin.name",
		"wildcast.dev/target", "wildcast.dev/hash", "wildcast.dev/kept", "wildcast.dev/managed", "wildcast.dev/renew", "wildcast.dev/alt-names", "wildcast.dev/not-after"} {
		from[key] = "x"
	}
	for metadata, want := range map[CopyMetadata]int{CopyNone: 0, CopySafe: 5, CopyAll: 11} {
		if got := (policy{metadata: metadata}).carried(from); len(got) != want {
			t.Errorf("%s: %v", metadata, got)
		}
	}
}

func TestLabelValue(t *testing.T) {
	long := strings.Repeat("a", 64)
	if got := LabelValue(long); len(got) != 63 || !strings.HasPrefix(got, strings.Repeat("a", 54)+"-") || got == LabelValue(long+"b") {
		t.Error(got)
	}
	if got := LabelValue(long[:63]); got != long[:63] {
		t.Error(got)
	}
}

func TestOriginIsWrittenAsKubedDoes(t *testing.T) {
	const want = `{"namespace":"src","name":"omni","uid":"u","resourceVersion":"219"}`
	if got := (origin{"src", "omni", "u", "219"}).String(); got != want {
		t.Error(got)
	}
}

func TestOnlyAnObjectThatNamesItselfIsACopy(t *testing.T) {
	origin := origin{Namespace: "home", Name: "s"}.String()
	for _, test := range []struct {
		target, origin string
		want           role
	}{
		{"blue/s", origin, roleCopy},
		{"blue/t", origin, roleForeign},
		{"red/s", origin, roleForeign},
		{"", origin, roleForeign},
		{"blue/s", "", roleForeign},
		{"blue/s", "{}", roleForeign},
		{"blue/s", "null", roleForeign},
		{"blue/s", `{"name":"s"}`, roleForeign},
	} {
		meta := metav1.ObjectMeta{Namespace: "blue", Name: "s", Annotations: map[string]string{AnnotationTarget: test.target, AnnotationOrigin: test.origin}}
		if got := readObject(meta, scope{}).role; got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestWhatKubedMarkedIsASourceOrACopyThatItLeft(t *testing.T) {
	from := func(namespace, name string) string {
		return origin{Namespace: namespace, Name: name, UID: "u"}.String()
	}
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        role
	}{
		{"a copy", map[string]string{AnnotationKubedOrigin: from("home", "s")}, roleKubed},
		{"a clone of a copy under another name", map[string]string{AnnotationKubedOrigin: from("home", "t")}, roleForeign},
		{"a source once, stamped as its own copy", map[string]string{AnnotationKubedOrigin: from("blue", "s")}, roleForeign},
		{"a source stamped as its own copy", map[string]string{AnnotationKubedOrigin: from("blue", "s"), AnnotationKubedSync: ""}, roleSource},
		{"a source over which kubed wrote another", map[string]string{AnnotationKubedOrigin: from("home", "s"), AnnotationKubedSync: ""}, roleSource},
		{"a copy of a source that is marked in both ways", map[string]string{AnnotationKubedOrigin: from("home", "s"), AnnotationSync: ""}, roleKubed},
		{"a source of ours, stamped as its own copy", map[string]string{AnnotationKubedOrigin: from("blue", "s"), AnnotationSync: ""}, roleSource},
		{"a copy that is handed over", map[string]string{AnnotationKubedOrigin: from("home", "s"), AnnotationAdopt: "true"}, roleOffered},
		{"a copy of ours", map[string]string{AnnotationKubedOrigin: from("home", "s"), AnnotationOrigin: from("home", "s"), AnnotationTarget: "blue/s"}, roleCopy},
		{"a clone of a copy of ours", map[string]string{AnnotationKubedOrigin: from("home", "s"), AnnotationOrigin: from("home", "s"), AnnotationTarget: "red/s"}, roleKubed},
		{"nonsense", map[string]string{AnnotationKubedOrigin: "x"}, roleForeign},
	} {
		if got := readObject(metav1.ObjectMeta{Namespace: "blue", Name: "s", Annotations: test.annotations}, scope{}).role; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// BenchmarkPlan decides about 5,000 copies that are as they should be.
func BenchmarkPlan(b *testing.B) {
	source, held := aSource(), make([]*object, 5000)
	for i := range held {
		held[i] = aCopy(func(o *object) { o.UID = types.UID(fmt.Sprint(i)) })
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, o := range held {
			v := view{target: o.ref(), open: true, wants: []*object{source}, held: o, origin: source}
			if here.plan(v, noon).verb != keep {
				b.Fatal("a copy is not as it should be")
			}
		}
	}
}
