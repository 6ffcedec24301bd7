package controllers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// standing makes the ConfigMap of a standing certificate.
func standing(name string, pairs ...string) *corev1.ConfigMap {
	at := key(name)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name, UID: types.UID(name),
		Labels: map[string]string{LabelCertificate: "true"}, Annotations: map[string]string{}}, Data: map[string]string{}}
	for _, pair := range pairs {
		k, v, _ := strings.Cut(pair, "=")
		m.Data[k] = v
	}
	return m
}

// askStanding is what it asks for.
func askStanding(m *corev1.ConfigMap, r rules) (*Ask, *Problem) {
	s, fault := ParseStanding(m)
	return r.standingAsk(s, fault)
}

func TestAStandingCertificateAsksForItsSecret(t *testing.T) {
	m := standing("mail/smtp", "issuer=own", "dnsNames=Smtp.a.test\nmx.a.test", "secretName=smtp-tls", "duration=48h")
	m.Labels["team"], m.Labels["argocd.argoproj.io/instance"] = "mail", "x"
	m.Annotations[kubedSync], m.Annotations["kubed.appscode.com/origin"], m.Annotations[AnnotationStatus] = "a=b", "{}", StatusReady
	r := testRules(nil)
	own, _ := r.issuer(key("infra/own"))
	r.issuer = func(name types.NamespacedName) (*Issuer, error) {
		if name == key("mail/own") {
			return own, nil
		}
		return nil, nil
	}
	ask, problem := askStanding(m, r)
	if problem != nil {
		t.Fatal(problem)
	}
	want := Template{Labels: map[string]string{"team": "mail"}, Annotations: map[string]string{kubedSync: "a=b"}}
	if ask.Certificate != key("mail/smtp-tls") || !slices.Equal(ask.Names, words("mx.a.test smtp.a.test")) || ask.Duration != 48*time.Hour ||
		ask.Sync != "false" || ask.Shared || ask.Held || !ask.Template.equal(want) {
		t.Errorf("got %+v", ask)
	}
}

func TestWhereTheCopiesOfAStandingCertificateGo(t *testing.T) {
	kubeds := standing(home+"/c", "issuer=le", "dnsNames=*.a.test")
	kubeds.Annotations[kubedSync] = "k=v"
	both := kubeds.DeepCopy()
	both.Data["sync"] = "x=y"
	for name, row := range map[string]struct {
		m           *corev1.ConfigMap
		sync, reach string
	}{
		"at home":                       {standing(home+"/c", "issuer=le", "dnsNames=*.a.test"), "cert-manager-tls=c", "cert-manager-tls=c"},
		"at home, with a selector":      {standing(home+"/c", "issuer=le", "dnsNames=*.a.test", "sync=in-{name}"), "in-c", "in-c"},
		"at home, with kubed's":         {kubeds, "false", "k=v"},
		"at home, with both":            {both, "x=y", "x=y"},
		"elsewhere":                     {standing("infra/c", "issuer=le", "dnsNames=a.a.test"), "false", "false"},
		"elsewhere, with its own":       {standing("infra/c", "issuer=le", "dnsNames=a.a.test", "sync=x=y"), "x=y", "x=y"},
		"elsewhere, in every namespace": {standing("infra/c", "issuer=le", "dnsNames=a.a.test", "sync="), "", ""},
	} {
		r := testRules(nil)
		ask, problem := askStanding(row.m, r)
		s, _ := ParseStanding(row.m)
		issuer, _ := r.issuer(key(home + "/le"))
		if problem != nil || ask.Sync != row.sync || s.reach(issuer, home) != row.reach {
			t.Errorf("%s: got %+v, %v", name, ask, problem)
		}
	}
}

func TestProblemsOfAStandingCertificateSayTheRemedy(t *testing.T) {
	for name, row := range map[string]struct {
		m       *corev1.ConfigMap
		labels  labels.Set
		reason  string
		contain string
		held    bool
	}{
		"unknown key":        {standing("infra/c", "issuer=le", "dnsnames=a.test"), nil, ReasonInvalidCertificate, "dnsnames: unknown key; this version knows commonName, dnsNames", true},
		"no names":           {standing("infra/c", "issuer=le"), nil, ReasonInvalidCertificate, "dnsNames: missing; list", true},
		"no DNS name":        {standing("infra/c", "issuer=le", "dnsNames=a..b"), nil, ReasonInvalidCertificate, `"a..b" is not a DNS name`, true},
		"secret's name":      {standing("infra/c", "issuer=le", "dnsNames=a.test", "secretName=x.order"), nil, ReasonInvalidCertificate, "end in .order", true},
		"own name":           {standing("infra/c.order", "issuer=le", "dnsNames=a.test"), nil, ReasonInvalidCertificate, "end in .order", true},
		"selector":           {standing("infra/c", "issuer=le", "dnsNames=a.test", "sync=(("), nil, ReasonInvalidCertificate, "sync: ", true},
		"not from ACME":      {standing("infra/c", "issuer=le", "dnsNames=a.test", "usages=client auth"), nil, ReasonInvalidCertificate, "use an issuer of kind", true},
		"common name":        {standing("infra/c", "issuer=le", "dnsNames=a.test", "commonName=Web Server"), nil, ReasonInvalidCertificate, "commonName: ", true},
		"no issuer":          {standing("infra/c", "issuer=nobody", "dnsNames=a.test"), nil, ReasonIssuerNotFound, "create it", true},
		"invalid issuer":     {standing("infra/c", "issuer=broken", "dnsNames=a.test"), nil, ReasonIssuerNotReady, "server: missing", true},
		"zone":               {standing("infra/c", "issuer=narrow", "dnsNames=a.test"), labels.Set{"team": "web"}, ReasonNotAllowed, "zones are b.test", false},
		"namespace":          {standing("infra/c", "issuer=narrow", "dnsNames=b.test"), nil, ReasonNotAllowed, "does not serve namespace infra", false},
		"not selected":       {standing("infra/c", "issuer=le", "dnsNames=*.a.test"), nil, ReasonNamespaceNotSelected, "kubectl label --overwrite namespace infra cert-manager-tls=wildcard.a.test", false},
		"zone, also at home": {standing(home+"/c", "issuer=narrow", "dnsNames=a.test"), nil, ReasonNotAllowed, "zones are b.test", false},
		"common name beyond": {standing("infra/c", "issuer=private", "commonName=admin"), nil, ReasonNotAllowed, `the common name "admin" for namespace infra`, false},
		"its end in a zone":  {standing("infra/c", "issuer=private", "commonName=admin/.b.test"), nil, ReasonNotAllowed, `the common name "admin/.b.test"`, false},
		"IP address":         {standing("infra/c", "issuer=private", "ipSans=10.96.0.1"), nil, ReasonNotAllowed, "the IP address 10.96.0.1 for namespace infra", false},
		"URI beyond":         {standing("infra/c", "issuer=private", "uriSans=spiffe://b.test/web,spiffe://prod/admin"), nil, ReasonNotAllowed, "the URI spiffe://prod/admin", false},
		"URI without host":   {standing("infra/c", "issuer=private", "uriSans=urn:b.test"), nil, ReasonNotAllowed, "the URI urn:b.test", false},
		"URI of a user":      {standing("infra/c", "issuer=private", "uriSans=https://b.test@prod/"), nil, ReasonNotAllowed, "the URI https://b.test@prod/", false},
		"subject":            {standing("infra/c", "issuer=private", "dnsNames=b.test", "subject=O=ops"), nil, ReasonNotAllowed, "the subject O=ops", false},
		"usages beyond":      {standing("infra/c", "issuer=private", "dnsNames=b.test", "usages=server auth,client auth"), nil, ReasonNotAllowed, "usages other than server auth", false},
		"usages for all":     {standing("infra/c", "issuer=private", "dnsNames=b.test", "usages=digital signature"), nil, ReasonNotAllowed, "have this one's owner ask for the certificate in namespace " + home, false},
	} {
		ask, problem := askStanding(row.m, testRules(row.labels))
		if problem == nil || problem.Reason != row.reason || !strings.Contains(problem.Note, row.contain) || (ask != nil && ask.Held) != row.held {
			t.Errorf("%s: got %+v, %+v", name, ask, problem)
		}
	}
	for name, row := range map[string]struct {
		m      *corev1.ConfigMap
		labels labels.Set
	}{
		"selected":                    {standing("infra/c", "issuer=le", "dnsNames=*.a.test"), selected},
		"home needs no label":         {standing(home+"/c", "issuer=narrow", "dnsNames=*.b.test"), nil},
		"the default issuer":          {standing("infra/c", "dnsNames=a.test"), nil},
		"the common name as the name": {standing("infra/c", "commonName=a.test"), nil},
	} {
		if ask, problem := askStanding(row.m, testRules(row.labels)); problem != nil || len(ask.Names) != 1 {
			t.Errorf("%s: got %+v, %+v", name, ask, problem)
		}
	}
}

func TestZonesLeaveTheContentsToTheOwnerOfTheIssuerAndServersToOthers(t *testing.T) {
	all := []string{"issuer=private", "dnsNames=b.test", "commonName=admin", "ipSans=10.96.0.1", "uriSans=spiffe://prod/admin", "subject=O=ops", "usages=client auth"}
	r := testRules(nil)
	if ask, problem := askStanding(standing(home+"/c", all...), r); problem != nil || ask.Held {
		t.Errorf("at home: got %+v, %+v", ask, problem)
	}
	server := []string{"issuer=private", "dnsNames=b.test", "commonName=W.b.test", "uriSans=https://w.b.test:8443/x", "usages=server auth,key agreement"}
	if ask, problem := askStanding(standing("infra/c", server...), r); problem != nil || ask.Held {
		t.Errorf("a server's: got %+v, %+v", ask, problem)
	}
	private, _ := r.issuer(key(home + "/private"))
	private.Usages = traits(t, "usages=client auth").Usages
	if ask, problem := askStanding(standing("infra/c", "issuer=private", "dnsNames=b.test", "usages=client auth,server auth"), r); problem != nil || ask.Held {
		t.Errorf("the issuer's own usages: got %+v, %+v", ask, problem)
	}
	private.Zones = nil
	if ask, problem := askStanding(standing("infra/c", all...), r); problem != nil || ask.Held {
		t.Errorf("without zones: got %+v, %+v", ask, problem)
	}
}

func TestAnIngressMayNameAStandingCertificate(t *testing.T) {
	for name, row := range map[string]struct {
		m       *corev1.ConfigMap
		host    string
		labels  labels.Set
		reason  string
		contain string
		held    bool
	}{
		"covered":        {standing(home+"/c", "issuer=le", "dnsNames=*.a.test"), "wiki.a.test", labels.Set{"cert-manager-tls": "c"}, "", "", false},
		"not covered":    {standing(home+"/c", "issuer=le", "dnsNames=*.a.test"), "a.test", labels.Set{"cert-manager-tls": "c"}, ReasonInvalidIngress, "is for *.a.test. Name hosts among these", false},
		"not selected":   {standing(home+"/c", "issuer=le", "dnsNames=*.a.test"), "wiki.a.test", nil, ReasonNamespaceNotSelected, "cert-manager-tls=c", false},
		"without copies": {standing(home+"/c", "issuer=le", "dnsNames=*.a.test", "sync=false"), "wiki.a.test", nil, ReasonNamespaceNotSelected, "key sync of ConfigMap cert-manager/c", false},
		"not in order":   {standing(home+"/c", "issuer=le", "dnsNames=*.a.test", "x=y"), "wiki.a.test", nil, "", "", true},
		"not allowed":    {standing(home+"/c", "issuer=narrow", "dnsNames=*.a.test"), "wiki.a.test", nil, ReasonNotAllowed, "kubectl describe -n cert-manager configmap c", false},
	} {
		r := testRules(row.labels)
		r.standing = func(certificate types.NamespacedName) (*Standing, error) {
			if certificate != key(home+"/c") {
				return nil, nil
			}
			return ParseStanding(row.m)
		}
		asks, problems := asksOf(requestOf(ingress("infra/w", "w-tls", row.host, map[string]string{AnnotationCertificate: "c"})), r)
		switch {
		case row.reason != "":
			if len(asks) > 0 || len(problems) != 1 || problems[0].Reason != row.reason || !strings.Contains(problems[0].Note, row.contain) {
				t.Errorf("%s: got %v, %v", name, asks, problems)
			}
		case len(asks) != 1 || asks[0].Held != row.held || !asks[0].Shared || asks[0].Certificate != key(home+"/c"):
			t.Errorf("%s: got %v, %v", name, asks, problems)
		}
	}
}

func TestAStandingCertificateIsServedItsTemplateKeptAndItsStateShown(t *testing.T) {
	r := newRig(t)
	m := standing(home+"/gateway", "issuer=le", "dnsNames=*.a.test,a.test", "secretName=gateway-tls")
	m.Labels["team"], m.Annotations[kubedSync] = "edge", "a=b"
	r.add(m)
	defer r.run()()
	made := key(home + "/gateway-tls")
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(made, "*.a.test a.test") })
	s := r.secret(made)
	if _, synced := s.Annotations[AnnotationSync]; synced || s.Labels["team"] != "edge" || s.Annotations[kubedSync] != "a=b" {
		t.Errorf("got %+v", s.ObjectMeta)
	}
	state := func() map[string]string {
		m, err := r.kube.CoreV1().ConfigMaps(home).Get(context.Background(), "gateway", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m.Annotations
	}
	r.eventually("its state is shown", func() bool {
		return state()[AnnotationStatus] == StatusReady && state()[AnnotationNotAfter] == s.Annotations[AnnotationNotAfter] && state()[AnnotationRenewAt] != ""
	})
	r.eventually("its owner is told", func() bool { return r.said(ReasonIssued, "gateway-tls") })
	r.change(made, func(s *corev1.Secret) { delete(s.Labels, "team"); s.Annotations[kubedSync] = "" })
	r.eventually("its template is enforced", func() bool {
		return r.secret(made).Labels["team"] == "edge" && r.secret(made).Annotations[kubedSync] == "a=b"
	})
	broken := m.DeepCopy()
	broken.Data["keyType"] = "dsa"
	if _, err := r.kube.CoreV1().ConfigMaps(home).Update(context.Background(), broken, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("its fault is shown", func() bool {
		return state()[AnnotationStatus] == StatusInvalid && strings.Contains(state()[AnnotationMessage], "keyType") && r.said(ReasonInvalidCertificate, "keyType")
	})
	if !maps.Equal(r.secret(made).Labels, map[string]string{"team": "edge", LabelManaged: "true"}) || r.ca.OrderCount() != 1 {
		t.Errorf("got %v, after %d orders", r.secret(made).Labels, r.ca.OrderCount())
	}
}

func TestAnIngressThatNamesAStandingCertificateIsServedOnceItsIssuerIsThere(t *testing.T) {
	r := newRig(t)
	late := r.secret(key(home + "/le")).DeepCopy()
	late.Name = "late"
	r.add(standing(home+"/c", "issuer=late", "dnsNames=*.a.test", "secretName=c-tls", "sync="))
	r.add(ingress("infra/by-name", "by-name", "w.a.test", map[string]string{AnnotationCertificate: "c-tls"}))
	defer r.run()()
	held := func(want bool) func() bool {
		return func() bool {
			asks := r.asked(key("infra/by-name"))
			return len(asks) == 1 && asks[0].Held == want
		}
	}
	r.eventually("what the Ingress asks for is held", held(true))
	r.add(late)
	r.eventually("it is asked for", held(false))
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(key(home+"/c-tls"), "*.a.test") })
	r.eventually("the issuer is ready", func() bool { return r.secret(nameOf(late)).Annotations[AnnotationStatus] == StatusReady })
	r.change(nameOf(late), func(s *corev1.Secret) { s.Data["keyType"] = []byte("dsa") })
	r.eventually("it is held while the issuer is not valid", held(true))
}
