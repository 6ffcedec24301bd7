package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

var (
	exactly = map[string]string{AnnotationIssuer: "le", AnnotationWildcard: "false"}
	wikiTLS = key("infra/wiki-tls")
)

// copyAt is the copy of the shared certificate as the syncer makes it, to which somebody has added a label.
func copyAt(name string) *corev1.Secret {
	at := key(name)
	return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": []byte("x")}, ObjectMeta: metav1.ObjectMeta{
		Namespace: at.Namespace, Name: at.Name, UID: "copy",
		Labels: map[string]string{"wildcast.dev/origin.name": shared.Name, "team": "web"},
		Annotations: map[string]string{annotationTarget: name, "wildcast.dev/hash": "x",
			annotationOrigin: `{"namespace":"` + shared.Namespace + `","name":"` + shared.Name + `","uid":"u","resourceVersion":"1"}`}}}
}

// turn makes the Ingress infra/wiki ask otherwise.
func (r *rig) turn(annotations map[string]string) {
	r.t.Helper()
	ing := ingress("infra/wiki", "wiki-tls", "wiki.a.test", annotations)
	if _, err := r.kube.NetworkingV1().Ingresses("infra").Update(r.t.Context(), ing, metav1.UpdateOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

func TestTheCopyOfASharedCertificateStaysUntilTheCertificateThatIsAskedForInItsPlaceIsWrittenOverIt(t *testing.T) {
	r := newRig(t)
	r.add(wiki.DeepCopy())
	defer r.run()()
	r.eventually("the shared certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	r.eventually("a copy is kept where something is asked for", func() bool { return r.keeps(shared, wikiTLS) })
	if r.keeps(shared, key("infra/other")) {
		t.Error("a copy is kept where nothing is asked for")
	}
	r.add(copyAt(wikiTLS.String()))
	r.kube.ClearActions()
	r.turn(exactly)
	r.eventually("the other certificate is there", func() bool { return r.holdsCertificate(wikiTLS, "wiki.a.test") })
	s := r.secret(wikiTLS)
	if s.UID != "copy" || s.Labels["team"] != "web" || s.Labels["wildcast.dev/origin.name"] != "" || s.Annotations[annotationTarget] != "" || s.Annotations[AnnotationAdopt] != "" {
		t.Errorf("got %+v", s.ObjectMeta)
	}
	for _, a := range r.kube.Actions() {
		if a.Matches("delete", "secrets") {
			t.Error("a Secret was deleted")
		}
	}
	if r.said(ReasonNotOurs, "") {
		t.Error("the copy is said to stand in the way")
	}
}

func TestACertificateThatNobodyAsksForIsHandedOverToTheCopyThatIsRequestedInItsPlace(t *testing.T) {
	r := newRig(t)
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", exactly))
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(wikiTLS, "wiki.a.test") })
	r.turn(by("le"))
	r.eventually("it is handed over", func() bool { return r.secret(wikiTLS).Annotations[AnnotationAdopt] == "true" })
	if !r.holdsCertificate(wikiTLS, "wiki.a.test") {
		t.Error("it does not serve any more")
	}
	r.turn(exactly)
	r.eventually("it is taken back", func() bool { return r.secret(wikiTLS).Annotations[AnnotationAdopt] == "" })
	r.eventually("the shared certificate was ordered", func() bool { return r.ca.OrderCount() == 2 })
}

func TestACertificateIsHandedOverAlsoAfterItsRenewalHasFailed(t *testing.T) {
	r := newRig(t)
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", exactly))
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(wikiTLS, "wiki.a.test") })
	r.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 403, Type: "unauthorized", Detail: "not today"})
	r.change(wikiTLS, func(s *corev1.Secret) { s.Annotations[AnnotationRenew] = "now" })
	r.eventually("its renewal has failed", func() bool { return r.said(ReasonOrderFailed, "not today") })
	r.turn(by("le"))
	r.eventually("it is handed over", func() bool { return r.secret(wikiTLS).Annotations[AnnotationAdopt] == "true" })
	if !r.holdsCertificate(wikiTLS, "wiki.a.test") {
		t.Error("it does not serve any more")
	}
}

func TestOnlyACopyThatNobodyElseWantsIsWrittenOver(t *testing.T) {
	certificate := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name, Labels: map[string]string{LabelManaged: "true"}}}
	foreign, ofNone := copyAt(wikiTLS.String()), copyAt(wikiTLS.String())
	foreign.Annotations[annotationTarget] = "elsewhere/wiki-tls"
	ofNone.Annotations[annotationOrigin] = `{"namespace":"infra","name":"source"}`
	other := ingress("infra/other", "wiki-tls", "other.a.test", by("le"))
	for name, row := range map[string]struct {
		there    *corev1.Secret
		askers   []*networkingv1.Ingress
		outlived bool
	}{
		"nobody requests it":                 {copyAt(wikiTLS.String()), nil, true},
		"somebody requests it":               {copyAt(wikiTLS.String()), []*networkingv1.Ingress{other}, false},
		"it has its source's name":           {copyAt("infra/" + shared.Name), nil, false},
		"it is a clone of a copy":            {foreign, nil, false},
		"its source is no certificate":       {ofNone, nil, false},
		"it is no copy":                      {certificate, nil, false},
		"there is nothing":                   {nil, nil, false},
		"its origin cannot be read any more": {&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", Annotations: map[string]string{annotationTarget: "a/b"}}}, nil, false},
	} {
		issuer := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Type: TypeIssuer, Data: map[string][]byte{"server": []byte("letsencrypt")}}
		infra := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}}
		s, err := NewSurvey(Config{Home: home}, Objects{Namespaces: []*corev1.Namespace{infra}, Secrets: []*corev1.Secret{issuer, certificate}, Ingresses: row.askers}, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.c.outlived(row.there); got != row.outlived {
			t.Errorf("%s: outlived is %t", name, got)
		}
	}
}
