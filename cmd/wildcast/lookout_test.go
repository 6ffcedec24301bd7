package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/statuspage"
	"github.com/wildcast/wildcast/controllers"
)

// post is a lookout on a wildcast that does not lead, and what it asks of the API server.
type post struct {
	*lookout
	kube     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient
}

// stand runs the caches of a wildcast in a cluster with an issuer, an Ingress that asks for a certificate, and a source with
// one copy that is somebody else's object and one that is missing.
func stand(t *testing.T, o options) *post {
	t.Helper()
	meta := func(namespace, name string, annotations map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name), ResourceVersion: "1", Annotations: annotations}
	}
	source := meta("home", "source", map[string]string{"wildcast.dev/sync": "tls=yes"})
	mine := meta("mine", "source", nil)
	ingress := &networkingv1.Ingress{ObjectMeta: meta("mine", "web", map[string]string{"wildcast.dev/issuer": "le"})}
	ingress.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"www.a.test"}, SecretName: "web-tls"}}
	lease := &coordinationv1.Lease{ObjectMeta: meta("home", leaseName, nil)}
	lease.Spec.HolderIdentity, lease.Spec.RenewTime = ptr.To("another_1"), ptr.To(metav1.NewMicroTime(time.Now()))
	p := &post{kube: fake.NewClientset(ingress, lease,
		&corev1.Secret{ObjectMeta: meta("home", "le", nil), Type: controllers.TypeIssuer, Data: map[string][]byte{"server": []byte("letsencrypt"), "sync": []byte("tls=yes")}},
		&corev1.Secret{ObjectMeta: source}, &corev1.Secret{ObjectMeta: mine},
	)}
	for name, labels := range map[string]map[string]string{"home": nil, "mine": {"tls": "yes"}, "empty": {"tls": "yes"}} {
		if err := p.kube.Tracker().Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, ResourceVersion: "1"}}); err != nil {
			t.Fatal(err)
		}
	}
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	kind := metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	p.metadata = metadatafake.NewSimpleMetadataClient(scheme,
		&metav1.PartialObjectMetadata{TypeMeta: kind, ObjectMeta: source}, &metav1.PartialObjectMetadata{TypeMeta: kind, ObjectMeta: mine})

	o.namespace, o.clusterName, o.http01Service, o.workers = "home", "kubernetes", "wildcast-http01:80", 1
	app, err := newApp(&o, &clients{kube: p.kube, copies: p.kube, metadata: p.metadata}, events.NewFakeRecorder(100), nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	p.lookout = newLookout(&o, app, p.kube, newHeard(events.NewFakeRecorder(1), 10))
	t.Cleanup(app.startCaches(t.Context()))
	deadline := time.After(time.Minute)
	for ticker := time.Tick(5 * time.Millisecond); !app.ready(); {
		select {
		case <-deadline:
			t.Fatal("the caches do not fill")
		case <-ticker:
		}
	}
	return p
}

// seen is what is found out, and which requests that took.
func (p *post) seen(t *testing.T) (s statuspage.Snapshot, facts, requests []string) {
	t.Helper()
	p.kube.ClearActions()
	p.metadata.ClearActions()
	s, err := p.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range slices.Concat(p.kube.Actions(), p.metadata.Actions()) {
		name := ""
		if get, ok := a.(clienttesting.GetAction); ok {
			name = get.GetName()
		}
		requests = append(requests, fmt.Sprintf("%s %s %s/%s", a.GetVerb(), a.GetResource().Resource, a.GetNamespace(), name))
	}
	slices.Sort(requests) // of one source, places come in any order
	for _, problem := range s.Report.Problems {
		facts = append(facts, problem.Object.String()+" "+problem.Reason)
	}
	return s, facts, requests
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant\n%s", what, g, w)
	}
}

func TestAStatusPageOfAReplicaThatDoesNotLeadIsMadeOfItsCaches(t *testing.T) {
	p := stand(t, options{leaderElect: true})
	s, facts, requests := p.seen(t)
	same(t, "problems", facts, []string{"Secret home/wildcard.a.test NotReady", "Secret home/source TargetNotOurs", "Secret home/source TargetFailed"})
	same(t, "requests", requests, []string{
		"get leases home/wildcast", "get secrets empty/source", "get secrets home/wildcard.a.test", "get secrets mine/source",
	})
	if s.Leads || s.Report.Running.Leader != "another_1" {
		t.Errorf("it leads: %t; it says of the leader: %+v", s.Leads, s.Report.Running)
	}
	same(t, "namespaces", s.Namespaces, []string{"empty", "home", "mine"})
}

func TestAStatusPageSaysWhatTheAPIServerDoesNotAnswerAndShowsWhatIsKnown(t *testing.T) {
	p := stand(t, options{leaderElect: true})
	p.kube.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no route to host")
	})
	s, facts, _ := p.seen(t)
	if len(facts) != 3 || facts[0] != "Lease home/wildcast NotAnswered" || !strings.Contains(s.Report.Problems[0].Message, "no route to host") {
		t.Errorf("problems: %q, %q", facts, s.Report.Problems)
	}
	if len(s.Report.Certificates) != 1 || len(s.Report.Reflections) != 1 || s.Report.Running.Unknown == "" {
		t.Errorf("shown is %+v", s.Report)
	}
}

func TestAStatusPageNamesTheNamespacesThatCannotBeRead(t *testing.T) {
	p := &post{lookout: newLookout(&options{namespace: "home", namespaces: []string{"a", "b"}}, &app{reports: &reports{home: "home"}}, nil, nil)}
	problems := p.unreadable([]*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "home"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}})
	if len(problems) != 1 || problems[0].Object.Name != "a" || !strings.Contains(problems[0].Message, "or drop it from --namespaces") {
		t.Errorf("got %+v", problems)
	}
}

func TestAStatusPageNamesTheGatewaysThatCannotBeReadAndTheRemedy(t *testing.T) {
	p := &post{lookout: newLookout(&options{}, &app{reports: &reports{home: "home"}}, nil, nil)}
	gateways := controllers.GatewayVersions()[0][0].GroupResource()
	no := apierrors.NewForbidden(gateways, "", nil)
	for _, row := range []struct {
		unread controllers.UnreadGateways
		texts  []string
	}{
		{controllers.UnreadGateways{Err: no}, []string{"is forbidden", "Copies that they may ask for stay", "apply the ClusterRole wildcast of manifests/base"}},
		{controllers.UnreadGateways{Known: true, Err: no}, []string{"goes on to count", "apply the ClusterRole"}},
		{controllers.UnreadGateways{Namespace: "a", Err: no}, []string{"Its Gateways in namespace a", "the Role and RoleBinding of manifests/overlays/namespaces in namespace a"}},
		{controllers.UnreadGateways{Err: errors.New("broken")}, []string{"broken", "kubectl get gateways.gateway.networking.k8s.io -A"}},
	} {
		row.unread.Resource = gateways
		problems := p.unread([]controllers.UnreadGateways{row.unread})
		if len(problems) != 1 || problems[0].Object.Name != "gateways.gateway.networking.k8s.io" || problems[0].Reason != "Unreadable" {
			t.Fatalf("got %+v", problems)
		}
		for _, text := range row.texts {
			if !strings.Contains(problems[0].Message, text) {
				t.Errorf("%q is not in %s", text, problems[0].Message)
			}
		}
	}
}

func TestThereIsNoStatusPageBeforeTheCachesAreFilled(t *testing.T) {
	kube := fake.NewClientset()
	app, err := newApp(&options{namespace: "home", clusterName: "kubernetes", http01Service: "a:80", workers: 1},
		&clients{kube: kube, copies: kube, metadata: metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme())}, events.NewFakeRecorder(1), nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newLookout(&options{}, app, kube, newHeard(nil, 0)).look(context.Background()); err == nil {
		t.Error("something is shown")
	}
}
