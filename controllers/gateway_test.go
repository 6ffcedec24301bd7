package controllers

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// gatewayFrom makes a Gateway shop/web of the spec's own kind: listeners are the Gateway API's, servers Istio's.
func gatewayFrom(t *testing.T, spec string, annotations map[string]string) *unstructured.Unstructured {
	t.Helper()
	group := gatewayGroup
	if strings.Contains(spec, "servers:") {
		group = istioGroup
	}
	u := &unstructured.Unstructured{}
	text := "{apiVersion: " + group + "/v1, kind: Gateway, metadata: {namespace: shop, name: web, uid: u}, spec: {" + spec + "}}"
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetAnnotations(annotations)
	return u
}

// said is what a request's entries say, as NAME=HOST,HOST, and the faults as !AT FAULT.
func said(q *request) (entries, faults []string) {
	for _, e := range q.entries {
		if _, fault := e.names(); fault != "" {
			faults = append(faults, e.at+": "+fault)
			continue
		}
		entries = append(entries, e.secretName+"="+strings.Join(e.hosts, ","))
	}
	return entries, faults
}

func TestListenersAndServersThatEndTLSWithASecretAreEntries(t *testing.T) {
	for name, row := range map[string]struct{ spec, entries, faults string }{
		"a listener":       {`listeners: [{hostname: a.test, tls: {certificateRefs: [{name: s}]}}]`, "s=a.test", ""},
		"mode Terminate":   {`listeners: [{hostname: a.test, tls: {mode: Terminate, certificateRefs: [{kind: Secret, group: "", name: s, namespace: shop}]}}]`, "s=a.test", ""},
		"mode Passthrough": {`listeners: [{hostname: a.test, tls: {mode: Passthrough}}]`, "", ""},
		"no TLS":           {`listeners: [{hostname: a.test}]`, "", ""},
		"two Secrets":      {`listeners: [{hostname: a.test, tls: {certificateRefs: [{name: s}, {name: r}]}}]`, "s=a.test r=a.test", ""},
		"a shared Secret":  {`listeners: [{hostname: a.test, tls: {certificateRefs: [{name: s}]}}, {hostname: b.test, tls: {certificateRefs: [{name: s}]}}]`, "s=a.test,b.test", ""},
		"another kind":     {`listeners: [{hostname: a.test, tls: {certificateRefs: [{kind: Key, name: s}]}}]`, "", ""},
		"another group":    {`listeners: [{hostname: a.test, tls: {certificateRefs: [{group: x.test, name: s}]}}]`, "", ""},
		"only options":     {`listeners: [{hostname: a.test, tls: {options: {vendor: x}}}]`, "", ""},
		"no reference":     {`listeners: [{hostname: a.test, tls: {}}]`, "", "spec.listeners[0]: Its tls has no certificateRefs"},
		"another namespace": {`listeners: [{hostname: a.test, tls: {certificateRefs: [{name: s, namespace: x}]}}]`, "",
			"spec.listeners[0]: It refers to Secret s of namespace x"},
		"no hostname": {`listeners: [{tls: {certificateRefs: [{name: s}]}}, {hostname: a.test, tls: {certificateRefs: [{name: s}]}}]`, "s=a.test",
			"spec.listeners[0]: It has no hostname"},
		"no list":   {`listeners: 1`, "", "spec: It cannot be read: spec.listeners is of the wrong type, number; see: kubectl explain gateway.spec"},
		"no string": {`listeners: [{hostname: a.test, tls: {certificateRefs: [{name: true}]}}]`, "", "spec: It cannot be read: spec.listeners.tls.certificateRefs.name is of the wrong type, bool"},

		"a server":          {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: s}}]`, "s=a.test", ""},
		"mode MUTUAL":       {`servers: [{hosts: [x/a.test, "*/b.test", ./c.test], tls: {mode: MUTUAL, credentialName: s}}]`, "s=a.test,b.test,c.test", ""},
		"OPTIONAL_MUTUAL":   {`servers: [{hosts: [a.test], tls: {mode: OPTIONAL_MUTUAL, credentialName: s}}]`, "s=a.test", ""},
		"several names":     {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialNames: [s, r]}}]`, "s=a.test r=a.test", ""},
		"servers share":     {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: s}}, {hosts: [b.test], tls: {mode: SIMPLE, credentialName: s}}]`, "s=a.test,b.test", ""},
		"a Secret's URL":    {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: "kubernetes://s"}}]`, "s=a.test", ""},
		"with namespace":    {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: "kubernetes://shop/s"}}]`, "s=a.test", ""},
		"with another":      {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: "kubernetes://x/s"}}]`, "", "spec.servers[0]: It refers to Secret s of namespace x"},
		"another URL":       {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, credentialName: "sds://s"}}]`, "", ""},
		"files":             {`servers: [{hosts: [a.test], tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b}}]`, "", ""},
		"mode PASSTHROUGH":  {`servers: [{hosts: [a.test], tls: {mode: PASSTHROUGH, credentialName: s}}]`, "", ""},
		"no mode":           {`servers: [{hosts: ["*"], tls: {httpsRedirect: true}}]`, "", ""},
		"every host":        {`servers: [{hosts: ["*", "x/*"], tls: {mode: SIMPLE, credentialName: s}}]`, "", "spec.servers[0]: Its hosts stand for every name"},
		"every host beside": {`servers: [{hosts: ["*", a.test], tls: {mode: SIMPLE, credentialName: s}}]`, "s=a.test", ""},
	} {
		t.Run(name, func(t *testing.T) {
			entries, faults := said(requestOfGateway(gatewayFrom(t, row.spec, by("le"))))
			if got := strings.Join(entries, " "); got != row.entries {
				t.Errorf("entries are %q, want %q", got, row.entries)
			}
			if got := strings.Join(faults, " "); !strings.HasPrefix(got, row.faults) || (got != "") != (row.faults != "") {
				t.Errorf("faults are %q, want %q", got, row.faults)
			}
		})
	}
}

func TestNamesThatAreAddedServeAListenerWithoutHostname(t *testing.T) {
	spec := `listeners: [{tls: {certificateRefs: [{name: s}]}}, {hostname: b.a.test, tls: {certificateRefs: [{name: s}]}}, {tls: {certificateRefs: [{name: r}]}}]`
	q := requestOfGateway(gatewayFrom(t, spec, map[string]string{AnnotationIssuer: "le", AnnotationDNSNames: "c.a.test"}))
	asks, problems := asksOf(q, testRules(selected))
	if len(problems) != 0 || len(asks) != 2 || asks[0].SecretName != "s" || asks[1].SecretName != "r" {
		t.Errorf("asks are %v with %v", asks, problems)
	}
}

func TestAGatewayAsksAsAnIngressDoes(t *testing.T) {
	spec := `listeners: [{hostname: w.a.test, tls: {certificateRefs: [{name: s}]}}]`
	for issuer, row := range map[string]struct {
		labels labels.Set
		reason string
	}{"le": {selected, ""}, "none": {selected, ReasonIssuerNotFound}, "narrow": {selected, ReasonNotAllowed}} {
		u := gatewayFrom(t, spec, by(issuer))
		asks, problems := asksOf(requestOfGateway(u), testRules(row.labels))
		like, alike := asksOf(requestOf(ingress("shop/web", "s", "w.a.test", by(issuer))), testRules(row.labels))
		if len(asks) != len(like) || len(problems) != len(alike) {
			t.Errorf("issuer %s: asks are %v with %v; those of an Ingress %v with %v", issuer, asks, problems, like, alike)
		}
		if row.reason != "" && (len(problems) == 0 || problems[0].Reason != row.reason) {
			t.Errorf("issuer %s: problems are %v, want %s", issuer, problems, row.reason)
		}
	}
	_, problems := asksOf(requestOfGateway(gatewayFrom(t, "listeners: []", by("le"))), testRules(selected))
	if len(problems) != 1 || problems[0].Reason != ReasonInvalidGateway || !strings.Contains(problems[0].Note, "tls.certificateRefs") {
		t.Errorf("problems of one without listeners are %v", problems)
	}
}

func TestAGatewayIsNotProvedByAnIngressUnlessItsClassIsNamed(t *testing.T) {
	q := requestOfGateway(gatewayFrom(t, `listeners: [{hostname: w.a.test, tls: {certificateRefs: [{name: s}]}}]`, by("le")))
	r := testRules(selected)
	le, _ := r.issuer(key(home + "/le"))
	le.HTTP01 = true
	if asks, problems := asksOf(q, r); len(asks) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Note, "Name an issuer with challenge dns01") {
		t.Errorf("asks are %v with %v", asks, problems)
	}
	le.IngressClass = "edge"
	if asks, problems := asksOf(q, r); len(asks) != 1 || len(problems) != 0 {
		t.Errorf("with an ingressClass asks are %v with %v", asks, problems)
	}
}

func TestSecretsOfAnotherNamespaceAreAskedForOnlyWhereAdministratorsLet(t *testing.T) {
	spec := `servers: [{hosts: [w.a.test], tls: {mode: SIMPLE, credentialName: cred}}]`
	none, opened := labels.Set{}, labels.Set{"cert-manager-tls": "wildcard.a.test"}
	web := labels.SelectorFromSet(labels.Set{"team": "web"})
	for name, row := range map[string]struct {
		issuer, in  string
		own, there  labels.Set
		namespaces  labels.Selector
		watched     bool
		annotations map[string]string
		reason      string
	}{
		"both are selected":                {"le", "mesh", opened, opened, nil, false, nil, ""},
		"the other is not":                 {"le", "mesh", opened, none, nil, false, nil, ReasonNamespaceNotSelected},
		"its own is not":                   {"le", "mesh", none, opened, nil, false, nil, ReasonNamespaceNotSelected},
		"the issuer names its own":         {"le", "mesh", labels.Set{"team": "web"}, opened, web, false, nil, ""},
		"the issuer names others":          {"le", "mesh", opened, opened, web, false, nil, ReasonNotAllowed},
		"exact, the other is not selected": {"le", "mesh", opened, none, nil, false, map[string]string{AnnotationWildcard: "false"}, ReasonNamespaceNotSelected},
		"exact, both are":                  {"le", "mesh", opened, opened, nil, false, map[string]string{AnnotationWildcard: "false"}, ""},
		"an issuer of its own":             {"own", "mesh", opened, opened, nil, false, nil, ReasonNotAllowed},
		"into the home namespace":          {"le", home, opened, opened, nil, false, nil, ReasonNotAllowed},
		"some namespaces only":             {"le", "mesh", opened, opened, nil, true, nil, ReasonInvalidGateway},
		"its own by name":                  {"le", "infra", opened, none, nil, false, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{AnnotationIssuer: row.issuer, AnnotationSecretNamespace: row.in}
			for k, v := range row.annotations {
				annotations[k] = v
			}
			u := gatewayFrom(t, spec, annotations)
			u.SetNamespace("infra")
			r := testRules(row.own)
			r.watched, r.labelsOf = row.watched, func(string) labels.Set { return row.there }
			if le, _ := r.issuer(key(home + "/le")); row.namespaces != nil {
				le.Namespaces = row.namespaces
			}
			asks, problems := asksOf(requestOfGateway(u), r)
			if row.reason != "" {
				if len(asks) != 0 || len(problems) != 1 || problems[0].Reason != row.reason {
					t.Errorf("asks are %v with %v, want none and %s", asks, problems, row.reason)
				}
				return
			}
			if len(asks) != 1 || len(problems) != 0 || asks[0].Target() != key(row.in+"/cred") {
				t.Errorf("asks are %v with %v", asks, problems)
			}
			if exact := row.annotations != nil; exact != (asks[0].Certificate == key("mesh/cred")) {
				t.Errorf("certificate is %v", asks[0].Certificate)
			}
		})
	}
}

func TestAHeldAskForASecretOfAnotherNamespaceKeepsWhatIsThereAndMakesNothing(t *testing.T) {
	spec := `servers: [{hosts: [w.a.test], tls: {mode: SIMPLE, credentialName: cred}}]`
	le := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Type: TypeIssuer, Data: map[string][]byte{"server": []byte("letsencrypt")}}
	certificate := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name, Labels: map[string]string{LabelManaged: "true"}}}
	spaces := []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: selected}}, {ObjectMeta: metav1.ObjectMeta{Name: "mesh", Labels: selected}}}
	for name, row := range map[string]struct {
		annotations map[string]string
		target      types.NamespacedName
		requested   int
	}{
		"in order":                                   {map[string]string{AnnotationIssuer: "le", AnnotationSecretNamespace: "mesh"}, key("mesh/cred"), 1},
		"the issuer is missing":                      {map[string]string{AnnotationIssuer: "nobody", AnnotationSecretNamespace: "mesh"}, key("mesh/cred"), 0},
		"an annotation cannot be read":               {map[string]string{AnnotationIssuer: "le", AnnotationKeyType: "dsa", AnnotationSecretNamespace: "mesh"}, key("mesh/cred"), 0},
		"into the home namespace":                    {map[string]string{AnnotationIssuer: "nobody", AnnotationSecretNamespace: home}, key(home + "/cred"), 0},
		"the issuer is missing, the namespace's own": {by("nobody"), key("shop/cred"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewSurvey(Config{Home: home}, Objects{Namespaces: spaces, Secrets: []*corev1.Secret{le, certificate},
				Gateways: []*unstructured.Unstructured{gatewayFrom(t, spec, row.annotations)}}, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Requested(row.target); len(got) != row.requested {
				t.Errorf("requested are %+v", got)
			}
			if got := s.RequestedOf(shared); len(got) != row.requested {
				t.Errorf("of the certificate, requested are %v", got)
			}
			if !s.Keeps(shared, row.target) {
				t.Error("a copy that is there goes")
			}
		})
	}
}

func TestTheServedVersionIsTheBestThatIsUnderstood(t *testing.T) {
	for versions, want := range map[string]string{
		"v1 v1beta1": "v1", "v1beta1 v1": "v1", "v1beta1": "v1beta1", "v1alpha3": "", "-v1 v1beta1": "v1beta1", "": "",
	} {
		var list []any
		for _, v := range strings.Fields(versions) {
			name, off := strings.CutPrefix(v, "-")
			list = append(list, map[string]any{"name": name, "served": !off})
		}
		for established, want := range map[string]string{"True": want, "False": ""} {
			crd := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"versions": list},
				"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": established}}}}}
			if got := servedVersion(crd); got != want {
				t.Errorf("of %q, established %s, %q is read, want %q", versions, established, got, want)
			}
		}
	}
}

func TestGatewaysOfBothKindsAndAnIngressOfOneNameAreToldApart(t *testing.T) {
	all := []Asker{{Kind: AskerGateway}, {Kind: AskerIstio}, {Kind: AskerIngress}}
	var objects []string
	for _, a := range all {
		o := a.object()
		objects = append(objects, o.APIVersion+" "+o.Kind)
	}
	want := []string{"gateway.networking.k8s.io/v1 Gateway", "networking.istio.io/v1 Gateway", "networking.k8s.io/v1 Ingress"}
	if !slices.Equal(objects, want) {
		t.Errorf("objects of Events are %q, want %q", objects, want)
	}
	if all[0].compare(all[1]) == 0 || all[0].id() == all[1].id() {
		t.Error("two of one name and age are one")
	}
}
