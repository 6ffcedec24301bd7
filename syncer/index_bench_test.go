package syncer

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// copyOfCertificate is the metadata of a copy of a TLS Secret that wildcast issued, in namespace i, as the API server tells
// it: encoded and decoded, so that it shares no string with another.
func copyOfCertificate(tb testing.TB, i int) metav1.ObjectMeta {
	tb.Helper()
	namespace, name := fmt.Sprintf("namespace-%d", i), "wildcard.example.com"
	from := origin{"cert-manager", name, "6f3c0ad0-53c1-4d7b-a4ba-3a3b1b0d3c55", "123456"}
	meta := metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(fmt.Sprintf("6f3c0ad0-53c1-4d7b-a4ba-%012d", i)), ResourceVersion: strconv.Itoa(200000 + i),
		CreationTimestamp: metav1.Now(),
		Labels:            map[string]string{LabelOriginName: from.Name, LabelOriginNamespace: from.Namespace, LabelOriginCluster: "production"},
		Annotations: map[string]string{
			AnnotationTarget: namespace + "/" + name, AnnotationOrigin: from.String(), AnnotationHash: "0123456789abcdef0123456789abcdef-0123456789abcdef",
			Prefix + "issuer-name": "cert-manager/letsencrypt", Prefix + "names": "*.example.com", Prefix + "serial": "04a1b2c3d4e5f60718293a4b5c6d7e8f9001",
			Prefix + "not-before": "2026-01-01T00:00:00Z", Prefix + "not-after": "2026-04-01T00:00:00Z", Prefix + "renew-at": "2026-03-01T00:00:00Z", Prefix + "revision": "7",
		},
	}
	fields := `{"f:data":{".":{},"f:tls.crt":{},"f:tls.key":{}},"f:metadata":{"f:annotations":{".":{}`
	for _, key := range slices.Sorted(maps.Keys(meta.Annotations)) {
		fields += fmt.Sprintf(`,"f:%s":{}`, key)
	}
	fields += `},"f:labels":{".":{}`
	for _, key := range slices.Sorted(maps.Keys(meta.Labels)) {
		fields += fmt.Sprintf(`,"f:%s":{}`, key)
	}
	now := metav1.Now()
	meta.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &now,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields + `}},"f:type":{}}`)}}
	wire, err := meta.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	var told metav1.ObjectMeta
	if err := told.Unmarshal(wire); err != nil {
		tb.Fatal(err)
	}
	return told
}

func BenchmarkReadObjectOfACopy(b *testing.B) {
	meta := copyOfCertificate(b, 1)
	if readObject(meta, scope{}).role != roleCopy {
		b.Fatal("it is no copy")
	}
	b.ReportAllocs()
	for b.Loop() {
		readObject(meta, scope{})
	}
}

// What is kept of each copy, as B/copy.
func BenchmarkMemoryOfCopies(b *testing.B) {
	const copies = 10000
	for b.Loop() {
		x := newIndex(scope{}, func(ref, *object, *object) {}, func(string) {})
		before := heap()
		for i := range copies {
			x.wrote(copyOfCertificate(b, i))
		}
		b.ReportMetric(float64(heap()-before)/copies, "B/copy")
		runtime.KeepAlive(x)
	}
}

// What each event of a namespace asks for, in a cluster with many copies of few sources.
func BenchmarkAllSourcesAmongCopies(b *testing.B) {
	const sources, copies = 10, 100000
	x := newIndex(scope{}, func(ref, *object, *object) {}, func(string) {})
	for i := range sources {
		x.put(readObject(meta(fmt.Sprintf("home/s%d", i), "source", i+1, AnnotationSync, "").ObjectMeta, scope{}))
	}
	for i := range copies {
		x.put(readObject(copyMeta(fmt.Sprintf("namespace-%d/s", i), "copy", i+1).ObjectMeta, scope{}))
	}
	for b.Loop() {
		if n := len(x.allSources()); n != sources {
			b.Fatal(n)
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
