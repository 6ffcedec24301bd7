package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/wildcast/wildcast/controllers"
)

// visitTo is a visit with these flags to a cluster of these objects. It knows how wildcast is run there.
func visitTo(t *testing.T, flags string, objects ...runtime.Object) *visit {
	t.Helper()
	t.Setenv("POD_NAMESPACE", "")
	var v visit
	v.add(pflag.NewFlagSet("", pflag.ContinueOnError))
	if err := v.flags.Parse(strings.Fields(flags)); err != nil {
		t.Fatal(err)
	}
	gateways := map[schema.GroupVersionResource]string{}
	for _, versions := range controllers.GatewayVersions() {
		for _, version := range versions {
			gateways[version] = "GatewayList"
		}
	}
	v.clients = &clients{
		kube: fake.NewClientset(objects...), metadata: metadataOf(t, objects),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), gateways),
	}
	if err := v.learn(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return &v
}

func metadataOf(t *testing.T, objects []runtime.Object) *metadatafake.FakeMetadataClient {
	t.Helper()
	known := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(known); err != nil {
		t.Fatal(err)
	}
	var all []runtime.Object
	for _, o := range objects {
		kinds, _, err := scheme.Scheme.ObjectKinds(o)
		if err != nil {
			t.Fatal(err)
		}
		only := meta.AsPartialObjectMetadata(o.(metav1.Object))
		only.SetGroupVersionKind(kinds[0])
		all = append(all, only)
	}
	return metadatafake.NewSimpleMetadataClient(known, all...)
}

func objectMeta(namespace, name string, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), ResourceVersion: "1", Annotations: annotations}
}

func namespaces(names ...string) (all []runtime.Object) {
	for _, name := range names {
		all = append(all, &corev1.Namespace{ObjectMeta: objectMeta("", name, nil)})
	}
	return all
}

// twoTeams are namespaces a and b with an Ingress each, whose issuer nobody knows, and a source that is copied to all
// namespaces.
func twoTeams() []runtime.Object {
	objects := append(namespaces("cert-manager", "a", "b"), &corev1.Secret{ObjectMeta: objectMeta("cert-manager", "pull", map[string]string{"wildcast.dev/sync": ""})})
	for _, namespace := range []string{"a", "b"} {
		ingress := &networkingv1.Ingress{ObjectMeta: objectMeta(namespace, "web", map[string]string{"wildcast.dev/issuer": "nobody"})}
		ingress.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"www.a.test"}, SecretName: "web-tls"}}
		objects = append(objects, ingress)
	}
	return objects
}

// facts are the problems of a report, and the targets that are not right.
func facts(t *testing.T, v *visit) (facts []string) {
	t.Helper()
	s, err := v.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := s.report()
	for _, p := range r.Problems {
		facts = append(facts, p.Object.String()+" "+p.Reason)
	}
	for _, reflection := range r.Reflections {
		for _, target := range reflection.Targets {
			facts = append(facts, target.Namespace+"/"+target.Name+" "+string(target.State))
		}
	}
	return facts
}

func TestAReportIsOfTheNamespacesThatWildcastWorksIn(t *testing.T) {
	pull := "Secret cert-manager/pull TargetFailed"
	for _, row := range []struct {
		name, flags string
		there       []string
		want        []string
	}{
		{"all", "", []string{"run"}, []string{"Ingress a/web IssuerNotFound", "Ingress b/web IssuerNotFound", pull, "a/pull missing", "b/pull missing"}},
		{"as the Deployment has it", "", []string{"run", "--namespaces=a"}, []string{"Ingress a/web IssuerNotFound", pull, "a/pull missing"}},
		{"as the flag has it", "-A --namespaces=b", []string{"run", "--namespaces=a"}, []string{"Ingress b/web IssuerNotFound", pull, "b/pull missing"}},
		{"one does not exist", "", []string{"run", "--namespaces=a,c"}, []string{"Namespace /c Unreadable", "Ingress a/web IssuerNotFound", pull, "a/pull missing"}},
		{"the chosen one of them", "-n a", []string{"run", "--namespaces=a,b"}, []string{"Ingress a/web IssuerNotFound", pull, "a/pull missing"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := visitTo(t, row.flags, append(twoTeams(), deployment(row.there...))...)
			same(t, "facts", facts(t, v), row.want)
		})
	}
}

func TestNothingIsSaidOfANamespaceThatWildcastDoesNotWorkIn(t *testing.T) {
	for flags, want := range map[string]string{
		"": "", "-n a": "", "-n cert-manager": "", "-n b -A": "",
		"-n b": "wildcast does not work in namespace b, but only in a, cert-manager: add it to its --namespaces, and give wildcast's ServiceAccount the Role",
	} {
		v := visitTo(t, flags, deployment("run", "--namespaces=a"))
		err := v.worksIn(v.chosen())
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v", flags, err)
		}
	}
}
