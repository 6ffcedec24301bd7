package controllers

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// surveyed is what a survey makes of all that is in the cluster but these.
func (r *rig) surveyed(but ...types.NamespacedName) *Survey {
	r.t.Helper()
	objects := Objects{
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}}},
		Ingresses:  []*networkingv1.Ingress{wiki},
	}
	all, err := r.kube.CoreV1().Secrets("").List(r.t.Context(), metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range all.Items {
		if s := &all.Items[i]; !slices.Contains(but, nameOf(s)) {
			objects.Secrets = append(objects.Secrets, s)
		}
	}
	s, err := NewSurvey(Config{Home: home}, objects, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func TestASurveyJudgesAsTheController(t *testing.T) {
	r := newRig(t)
	r.add(wiki)
	if state := r.surveyed().Certificate(shared, time.Now()); state.Plan.Do != Issue || state.Want == nil {
		t.Errorf("before anything was done: %+v", state.Plan)
	}
	stop := r.run()
	r.eventually("the certificate is there and the issuer ready", func() bool {
		return r.holdsCertificate(shared, "*.a.test") && r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusReady
	})
	requested := r.asked(key("infra/wiki-tls"))
	stop()

	s := r.surveyed()
	all := s.Certificates(time.Now())
	if len(all) != 1 || all[0].Plan.Do != Keep || !slices.Equal(all[0].Have.Names, words("*.a.test")) || all[0].Begun {
		t.Errorf("when all is well: %+v", all)
	}
	if due := r.secret(shared).Annotations[AnnotationRenewAt]; all[0].Due.UTC().Format(time.RFC3339) != due || !all[0].Plan.At.Equal(all[0].Due) {
		t.Errorf("it is due at %s, and %s says the Secret", all[0].Due, due)
	}
	if problems := s.Problems(); len(problems) > 0 {
		t.Errorf("when all is well: %v", problems)
	}
	if got := s.Requested(key("infra/wiki-tls")); !slices.EqualFunc(got, requested, Ask.equal) || len(got) != 1 {
		t.Errorf("requested is %v, and the controller said %v", got, requested)
	}
	if issuers := s.Issuers(); len(issuers) != 1 || issuers[0].Status != StatusReady || issuers[0].Account == "" || issuers[0].Issuer == nil {
		t.Errorf("got %+v", issuers)
	}
	if plan := s.Certificate(shared, all[0].Due).Plan; plan.Do != Issue {
		t.Errorf("when it is due: %+v", plan)
	}
	if plan := r.surveyed(shared).Certificate(shared, time.Now()).Plan; plan.Do != Install {
		t.Errorf("when the Secret is gone: %+v", plan)
	}
	if plan := r.surveyed(shared, record).Certificate(shared, time.Now()).Plan; plan.Do != Issue {
		t.Errorf("when the record is gone too: %+v", plan)
	}
	s = r.surveyed(shared, record)
	if err := s.Meet(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name}}); err != nil {
		t.Fatal(err)
	}
	if plan := s.Certificate(shared, time.Now()).Plan; plan.Do != Refuse {
		t.Errorf("when somebody else's Secret has its name: %+v", plan)
	}
}

func TestASurveyTellsWhichLimitPutsAnOrderOff(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	issuer := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le", Annotations: map[string]string{AnnotationAccount: "acct"}},
		Type: TypeIssuer, Data: map[string][]byte{"server": []byte("letsencrypt")}}
	var made []string
	for minute := range 5 {
		made = append(made, `{"at":"2029-12-31T23:0`+strconv.Itoa(minute)+`:00Z","ca":"https://acme-v02.api.letsencrypt.org/directory","account":"acct","names":["*.a.test"]}`)
	}
	order := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: record.Name}, Type: TypeOrder,
		Data: map[string][]byte{orderAttempts: []byte("[" + strings.Join(made, ",") + "]")}}
	solver := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "dns"}, Type: TypeSolver, Data: map[string][]byte{"provider": []byte("rfc2136")}}
	s, err := NewSurvey(Config{Home: home}, Objects{
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}}}, Ingresses: []*networkingv1.Ingress{wiki},
		Secrets: []*corev1.Secret{issuer, order, solver},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	state := s.Certificate(shared, now)
	if state.Plan.Do != Wait || !state.Plan.At.Equal(now.Add(week-time.Hour)) || !strings.Contains(state.Spent.What, "certificates for exactly *.a.test") {
		t.Errorf("%+v, %+v", state.Plan, state.Spent)
	}
	i := slices.IndexFunc(s.Budget(now), func(l Left) bool { return l.Limit == limitSet })
	if i < 0 || s.Budget(now)[i].Left != 0 || s.Budget(now)[i].Of != "*.a.test" {
		t.Errorf("%+v", s.Budget(now))
	}
}

func TestAPartialSurveyMissesNothingThatItIsNotShown(t *testing.T) {
	secret := func(name string, data ...string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: name}, Type: TypeIssuer, Data: map[string][]byte{}}
		for i := 0; i < len(data); i += 2 {
			s.Data[data[i]] = []byte(data[i+1])
		}
		return s
	}
	infra := []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "infra"}}}
	for _, row := range []struct {
		name    string
		objects Objects
		want    string // reasons: whole, and partial
	}{
		{"an issuer", Objects{Ingresses: []*networkingv1.Ingress{wiki}, Namespaces: infra}, ReasonIssuerNotFound + " / "},
		{"a namespace", Objects{Ingresses: []*networkingv1.Ingress{wiki}, Secrets: []*corev1.Secret{secret("le", "server", "letsencrypt", "namespaces", "team=web")}}, ReasonNotAllowed + " / "},
		{"the selected namespaces", Objects{Ingresses: []*networkingv1.Ingress{wiki}, Secrets: []*corev1.Secret{secret("le", "server", "letsencrypt")}}, ReasonNamespaceNotSelected + " / "},
		{"nothing, for the namespace is here", Objects{Ingresses: []*networkingv1.Ingress{wiki}, Namespaces: infra, Secrets: []*corev1.Secret{secret("le", "server", "letsencrypt")}},
			ReasonNamespaceNotSelected + " / " + ReasonNamespaceNotSelected},
		{"nothing, for zones are the issuer's", Objects{Ingresses: []*networkingv1.Ingress{wiki}, Secrets: []*corev1.Secret{secret("le", "server", "letsencrypt", "zones", "b.test")}},
			ReasonNotAllowed + " / " + ReasonNotAllowed},
		{"the issuer that makes a pair", Objects{Secrets: []*corev1.Secret{secret("ca", "kind", "ca", "issuer", "root")}}, ReasonInvalidIssuer + " / "},
	} {
		t.Run(row.name, func(t *testing.T) {
			var reasons []string
			for _, partial := range []bool{false, true} {
				s, err := NewSurvey(Config{Home: home}, row.objects, partial)
				if err != nil {
					t.Fatal(err)
				}
				var found []string
				for _, p := range s.Problems() {
					found = append(found, p.Reason)
				}
				reasons = append(reasons, strings.Join(found, " "))
			}
			if got := strings.Join(reasons, " / "); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestASurveyOfWhatTheControllerHoldsJudgesTheSameAndChangesNothing(t *testing.T) {
	r := newRig(t)
	r.add(wiki)
	stop := r.run()
	r.eventually("the certificate is there and the issuer ready", func() bool {
		return r.holdsCertificate(shared, "*.a.test") && r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusReady
	})
	r.eventually("the controller's caches show it", func() bool {
		s, err := NewSurvey(Config{Home: home}, r.objects(), false)
		if err != nil {
			t.Fatal(err)
		}
		all := s.Certificates(time.Now())
		issuers := s.Issuers()
		return len(all) == 1 && all[0].Plan.Do == Keep && len(issuers) == 1 && issuers[0].Status == StatusReady && len(s.Problems()) == 0
	})
	stop()
}

func TestASurveyOfWhatTheControllerHoldsKnowsWhatGatewaysAskFor(t *testing.T) {
	o := Objects{
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"cert-manager-tls": "wildcard.a.test"}}}},
		Secrets:    []*corev1.Secret{{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Type: TypeIssuer, Data: map[string][]byte{"kind": []byte("selfsigned")}}},
		Gateways: []*unstructured.Unstructured{
			gatewayFrom(t, `listeners: [{hostname: x.a.test, tls: {certificateRefs: [{name: s}]}}]`, map[string]string{AnnotationIssuer: "le"}),
			gatewayFrom(t, `servers: [{hosts: [y.a.test], tls: {mode: SIMPLE, credentialName: r}}]`, map[string]string{AnnotationIssuer: "le"}),
		},
	}
	shown, err := NewSurvey(Config{Home: home}, o, false)
	if err != nil {
		t.Fatal(err)
	}
	held, err := NewSurvey(Config{Home: home}, shown.c.Objects(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []AskerKind{AskerGateway, AskerIstio} {
		want := shown.AsksOf(kind, key("shop/web"))
		if len(want) != 1 || !want[0].Shared {
			t.Fatalf("%s: shown %v", kind, want)
		}
		if got := held.AsksOf(kind, key("shop/web")); !slices.EqualFunc(got, want, Ask.equal) {
			t.Errorf("%s: held %v, want %v", kind, got, want)
		}
	}
	if asks := held.Requested(key("shop/s")); len(asks) != 1 {
		t.Errorf("the copy is requested by %v", asks)
	}
}
