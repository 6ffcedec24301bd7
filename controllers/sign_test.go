package controllers

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers/signers"
	"github.com/wildcast/wildcast/controllers/signers/vault/vaulttest"
)

// signer adds an issuer with these keys to the home namespace.
func (r *rig) signer(name string, pairs ...string) {
	r.t.Helper()
	s := secretWith(pairs...)
	s.Name, s.Type = name, TypeIssuer
	r.add(s)
}

// pair is the certificate and the key of a CA that ends after so long.
func pair(t *testing.T, name string, life time.Duration) (chain, key string) {
	t.Helper()
	signer, err := EC256.generate()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := signers.SelfSign(signers.Request{CA: true, Subject: Traits{CommonName: name}.name(), Duration: life, Key: signer}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := marshalKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(issued.Chain), string(text)
}

// trusted reports whether a Secret's certificate leads to the root that it hands out, and that is the issuer's.
func (r *rig) trusted(name types.NamespacedName, root string) bool {
	s := r.secret(name)
	if s == nil || root == "" || string(s.Data["ca.crt"]) != root {
		return false
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Data["ca.crt"])
	between.AppendCertsFromPEM(s.Data[corev1.TLSCertKey])
	_, err := haveOf(s).Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err == nil
}

func TestASelfSigningIssuerNeedsNoCA(t *testing.T) {
	r := newRig(t)
	r.signer("self", "kind=selfsigned", "subject=O=A", "duration=100h")
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("self")))
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	s := r.secret(shared)
	have := haveOf(s)
	if have.Leaf.Subject.String() != "O=A" || have.NotAfter.Sub(have.NotBefore).Round(time.Hour) != 100*time.Hour || !r.trusted(shared, string(s.Data[corev1.TLSCertKey])) ||
		s.Annotations[AnnotationSync] != "cert-manager-tls=wildcard.a.test" {
		t.Errorf("got %v of %+v", have.Leaf.Subject, s.ObjectMeta)
	}
	r.eventually("the issuer is ready", func() bool { return r.secret(key(home + "/self")).Annotations[AnnotationStatus] == StatusReady })
	if r.ca.OrderCount() != 0 || r.secret(key(home+"/self.account")) != nil {
		t.Error("it went to a CA")
	}
}

func TestACASignsAndItsNewPairSignsAnew(t *testing.T) {
	r := newRig(t)
	chain, private := pair(t, "first", 1000*time.Hour)
	r.signer("ca", "kind=ca", "tls.crt="+chain, "tls.key="+private)
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("ca")))
	stop := r.run()
	r.eventually("the CA has signed", func() bool { return r.holdsCertificate(shared, "*.a.test") && r.trusted(shared, chain) })
	r.eventually("the owner is told that it ends with its CA", func() bool { return r.said(ReasonCutShort, "Give issuer cert-manager/ca a new CA") })
	r.eventually("the issuer says as whom it signs", func() bool {
		return strings.Contains(r.secret(key(home + "/ca")).Annotations[AnnotationMessage], "Signs as CN=first, until")
	})
	next, nextPrivate := pair(t, "second", 100000*time.Hour)
	r.change(key(home+"/ca"), func(s *corev1.Secret) { s.Data["tls.crt"], s.Data["tls.key"] = []byte(next), []byte(nextPrivate) })
	r.eventually("the new CA has signed", func() bool { return r.holdsCertificate(shared, "*.a.test") && r.trusted(shared, next) })
	stop()

	before := r.secret(shared).ResourceVersion
	r.kube.ClearActions()
	stop = r.run()
	r.signer("later", "kind=selfsigned")
	r.eventually("a later issuer is ready", func() bool { return r.secret(key(home + "/later")).Annotations[AnnotationStatus] == StatusReady })
	stop()
	if r.secret(shared).ResourceVersion != before {
		t.Error("a restart wrote the certificate again")
	}
}

func TestAPrivatePKIIsTwoSecrets(t *testing.T) {
	r := newRig(t)
	r.signer("private", "kind=ca", "issuer=root")
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("private")))
	defer r.run()()
	r.eventually("the issuer tells what is missing", func() bool {
		return r.said(ReasonInvalidIssuer, "there is no Secret cert-manager/root") &&
			strings.Contains(r.secret(key(home + "/private")).Annotations[AnnotationMessage], "Issuer root has not made the CA's pair yet")
	})
	root := secretWith("kind=selfsigned", "subject=O=A", "keyType=ec384")
	root.Name, root.Type = "root", TypeIssuer
	if _, err := r.kube.CoreV1().Secrets(home).Create(context.Background(), root, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	made := r.secret(key(home + "/private.authority"))
	have := haveOf(made)
	if !have.Leaf.IsCA || have.Leaf.Subject.String() != "CN=private,O=A" || have.KeyType != EC384 || have.NotAfter.Sub(have.NotBefore) < caDuration {
		t.Errorf("the root is %v, %s until %s", have.Leaf.Subject, have.KeyType, have.NotAfter)
	}
	if !r.trusted(shared, string(made.Data[corev1.TLSCertKey])) {
		t.Error("the certificate does not lead to the root")
	}
	r.eventually("the issuer is ready", func() bool { return r.secret(key(home + "/private")).Annotations[AnnotationStatus] == StatusReady })
}

func TestAnIssuersPairComesFromItsOwnNamespaceAndFromNoACMECA(t *testing.T) {
	r := testRules(nil)
	for root, contain := range map[string]string{"le": "there is no Secret infra/le", "own": "infra/own is of kind acme, which certifies no CAs"} {
		by := Asker{Kind: AskerIssuer, NamespacedName: key("infra/private")}
		asks, problems := r.authorityAsk(by, &Issuer{Name: by.NamespacedName, Root: root})
		if len(asks) != 1 || !asks[0].Held || len(problems) != 1 || !strings.Contains(problems[0].Note, contain) {
			t.Errorf("%s: got %v, %v", root, asks, problems)
		}
	}
}

func TestAnIngressCannotJoinTheCertificateOfACA(t *testing.T) {
	_, problems := asksOf(requestOf(ingress("infra/w", "s", "w.a.test", named("private.authority"))), testRules(selected))
	if len(problems) != 1 || !strings.Contains(problems[0].Note, "end in .authority") {
		t.Errorf("got %v", problems)
	}
}

func TestVaultSignsAndWhatItRefusesIsTold(t *testing.T) {
	v, err := vaulttest.Start("a.test")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	r := newRig(t)
	r.signer("vault", "kind=vault", "server="+v.URL(), "caBundle="+string(v.CABundle()), "role="+vaulttest.Role,
		"auth=approle", "roleID="+vaulttest.RoleID, "secretID="+vaulttest.SecretID)
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("vault")))
	odd := ingress("infra/odd", "odd-tls", "odd.b.test", by("vault"))
	odd.Annotations[AnnotationWildcard] = "false"
	r.add(odd)
	stop := r.run()
	r.eventually("Vault has signed", func() bool { return r.holdsCertificate(shared, "*.a.test") && r.trusted(shared, string(v.Root())) })
	r.eventually("the refusal is told", func() bool {
		return r.said(ReasonOrderFailed, "it answers 400: subject alternate name odd.b.test not allowed by this role")
	})
	stop()
	serial, signed := haveOf(r.secret(shared)).Serial, v.Signed()
	stop = r.run()
	v.Allow("test")
	r.eventually("what is allowed now is signed", func() bool { return r.holdsCertificate(key("infra/odd-tls"), "odd.b.test") })
	stop()
	if haveOf(r.secret(shared)).Serial != serial || v.Signed() != signed+1 {
		t.Errorf("it signed %d more", v.Signed()-signed)
	}
}
