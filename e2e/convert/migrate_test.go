package convert_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
)

// The Secrets that must not change on the way, and what they are for.
var (
	star   = types.NamespacedName{Namespace: stage.Home, Name: "star-tls"}
	mail   = types.NamespacedName{Namespace: "mail", Name: "mail-tls"}
	shop   = types.NamespacedName{Namespace: "shop", Name: "shop-tls"}
	copied = types.NamespacedName{Namespace: "infra", Name: "star-tls"}
	names  = map[types.NamespacedName]string{star: "*.example.com", mail: "*.mail.example.com", shop: "shop.example.com"}
)

// past has an account and certificates made at the CA, as if cert-manager had: what it keeps are the account's key and
// TLS Secrets.
func (s *story) past() {
	s.Helper()
	s.must(s.Issuer(s.ctx, stage.Home, "past", map[string]string{"keyType": "rsa2048", "sync": "false"}))
	s.must(s.Solver(s.ctx, stage.Home, "past-dns", nil))
	w := s.run()
	made := map[types.NamespacedName]*corev1.Secret{}
	for name, dnsName := range names {
		in := types.NamespacedName{Namespace: stage.Home, Name: "past-" + name.Name}
		s.shell(fmt.Sprintf("kubectl -n %s create configmap %s --from-literal=issuer=past --from-literal=dnsNames='%s'", in.Namespace, in.Name, dnsName))
		s.shell(fmt.Sprintf("kubectl -n %s label configmap %s wildcast.dev/certificate=true", in.Namespace, in.Name))
		made[name] = s.served(in, dnsName)
	}
	account := s.stored(types.NamespacedName{Namespace: stage.Home, Name: "past.account"})
	w.Stop()
	for name, secret := range made {
		s.keep(name, corev1.SecretTypeTLS, secret.Data, map[string]string{"cert-manager.io/certificate-name": strings.TrimSuffix(name.Name, "-tls")})
	}
	s.keep(types.NamespacedName{Namespace: stage.Home, Name: "letsencrypt"}, corev1.SecretTypeOpaque, map[string][]byte{"tls.key": account.Data["tls.key"]}, nil)
	s.shell("kubectl -n cert-manager delete configmaps -l wildcast.dev/certificate=true")
	s.shell("kubectl -n cert-manager delete secrets past past.account past-star-tls past-mail-tls past-shop-tls " +
		"past-star-tls.order past-mail-tls.order past-shop-tls.order --ignore-not-found")
	s.shell("kubectl -n cert-manager get secrets -o name --field-selector type=wildcast.dev/dns01 | xargs -r kubectl -n cert-manager delete")
	s.shell("kubectl delete events -A --all")
}

func (s *story) keep(name types.NamespacedName, kind corev1.SecretType, data map[string][]byte, annotations map[string]string) {
	s.Helper()
	_, err := s.Kube.CoreV1().Secrets(name.Namespace).Create(s.ctx,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name.Name, Annotations: annotations}, Type: kind, Data: data}, metav1.CreateOptions{})
	s.must(err)
}

// kubedCopy makes a copy as kubed does.
func (s *story) kubedCopy(source, copy types.NamespacedName) {
	s.Helper()
	from := s.stored(source)
	annotations := maps.Clone(from.Annotations)
	delete(annotations, "kubed.appscode.com/sync")
	annotations["kubed.appscode.com/origin"] = fmt.Sprintf(`{"namespace":%q,"name":%q,"uid":%q,"resourceVersion":%q}`, source.Namespace, source.Name, from.UID, from.ResourceVersion)
	labels := map[string]string{"kubed.appscode.com/origin.cluster": "unicorn", "kubed.appscode.com/origin.namespace": source.Namespace, "kubed.appscode.com/origin.name": source.Name}
	_, err := s.Kube.CoreV1().Secrets(copy.Namespace).Create(s.ctx,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: copy.Name, Labels: labels, Annotations: annotations}, Type: from.Type, Data: from.Data}, metav1.CreateOptions{})
	s.must(err)
}

// before brings the cluster into the state in which cert-manager and kubed have left it.
func (s *story) before() {
	s.Helper()
	objects, err := os.ReadFile("testdata/before.yaml")
	s.must(err)
	crds, err := os.ReadFile("testdata/crds.yaml")
	s.must(err)
	key, secret, algorithm := s.DNS.TSIG()
	s.write("crds.yaml", string(crds))
	s.write("objects.yaml", strings.NewReplacer(
		"{SERVER}", s.CA.Directory(), "{CA_BUNDLE}", base64.StdEncoding.EncodeToString(s.CA.CABundle()), "{RESOLVERS}", strings.Join(s.DNS.Addrs(), ","),
		"{NAMESERVER}", s.DNS.Addr(), "{TSIG_KEY}", key, "{TSIG_SECRET}", secret,
		"{TSIG_ALGORITHM}", "HMAC"+strings.ToUpper(strings.Trim(strings.TrimPrefix(algorithm, "hmac-"), ".")),
	).Replace(string(objects)))
	for _, namespace := range []string{"infra", "mail", "shop", "vault"} {
		s.must(s.Namespace(s.ctx, namespace, nil))
	}
	s.past()
	s.shell("kubectl apply -f crds.yaml && kubectl wait --for=condition=Established crd --all --timeout=90s")
	s.until("cert-manager's kinds are served", func() error {
		_, err := s.sh("kubectl apply -f objects.yaml")
		return err
	})
	uid := s.shell("kubectl -n cert-manager get certificate star -o 'jsonpath={.metadata.uid}'")
	owner := fmt.Sprintf(`{"metadata":{"annotations":{"kubed.appscode.com/sync":"cert-manager-tls=star"},"ownerReferences":[{"apiVersion":"cert-manager.io/v1","kind":"Certificate","name":"star","uid":%q}]}}`, uid)
	s.shell("kubectl -n cert-manager patch secret star-tls --type=merge -p '" + owner + "'")
	uid = s.shell("kubectl -n shop get ingress shop -o 'jsonpath={.metadata.uid}'")
	owner = fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","name":"shop","uid":%q}]}}`, uid)
	s.shell("kubectl -n shop patch certificate shop-tls --type=merge -p '" + owner + "'")
	s.kubedCopy(star, copied)
	s.kubedCopy(types.NamespacedName{Namespace: "vault", Name: "registry"}, types.NamespacedName{Namespace: "infra", Name: "registry"})
}

// example is a command of the documentation, and what it prints.
type example struct{ command, want string }

// examples are the indented blocks of a page: lines that begin with "$", and what comes of them.
func examples(t *testing.T, file string) (all []example) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		line, indented := strings.CutPrefix(line, "    ")
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins:
			all = append(all, example{command: strings.TrimSpace(command)})
		case indented:
			all[len(all)-1].want += line
		}
	}
	return all
}

// follow runs a command and compares what it prints. What asks about a state may come true later.
func (s *story) follow(e example) {
	s.Helper()
	attempt := func() error {
		got, err := s.sh(e.command)
		if strings.HasPrefix(e.command, "grep -c") {
			err = nil // it ends with 1 when it counts none
		}
		if err == nil && strings.TrimSpace(got) != strings.TrimSpace(e.want) {
			err = fmt.Errorf("%s prints\n%s, not\n%s", e.command, got, e.want)
		}
		return err
	}
	if strings.Contains(e.command, " get ") && !strings.Contains(e.command, ">") {
		s.until(e.command+" prints what is shown", attempt)
		return
	}
	s.must(attempt())
}

func TestTheWayThatTheDocumentationShowsKeepsEveryCertificate(t *testing.T) {
	s := tell(t, "example.com")
	all := examples(t, "../../docs/migrate.md")
	if len(all) < 15 {
		t.Fatalf("just %d examples", len(all))
	}
	s.before()
	secrets := map[types.NamespacedName]*corev1.Secret{}
	for _, name := range []types.NamespacedName{star, mail, shop, copied} {
		secrets[name] = s.stored(name)
	}
	orders, accounts := s.CA.OrderCount(), s.CA.Registrations()
	for _, e := range all {
		if strings.HasSuffix(e.command, "-f wildcast.yaml") {
			s.run()
		}
		if strings.Contains(e.command, "wildcast.dev/renew=") {
			s.same(secrets, star, mail, shop, copied)
			if got := s.CA.OrderCount() - orders; got != 0 {
				t.Errorf("%d orders were made", got)
			}
		}
		s.follow(e)
	}
	s.same(secrets, mail, shop)
	if got := s.CA.OrderCount() - orders; got != 1 {
		t.Errorf("%d orders were made in the end, not the one for the renewal", got)
	}
	if got := s.CA.Registrations() - accounts; got != 0 {
		t.Errorf("%d accounts were made", got)
	}
	s.until("the copy has what was renewed", func() error {
		if !bytes.Equal(s.stored(copied).Data[corev1.TLSCertKey], s.stored(star).Data[corev1.TLSCertKey]) {
			return fmt.Errorf("it has another certificate")
		}
		return nil
	})
	for name, before := range secrets {
		if s.stored(name).UID != before.UID {
			t.Errorf("Secret %s was deleted on the way", name)
		}
	}
}

// same checks that Secrets are the same objects and hold the same.
func (s *story) same(before map[types.NamespacedName]*corev1.Secret, names ...types.NamespacedName) {
	s.Helper()
	for _, name := range names {
		now := s.stored(name)
		if now.UID != before[name].UID || !maps.EqualFunc(now.Data, before[name].Data, bytes.Equal) {
			s.Errorf("Secret %s has changed", name)
		}
	}
}
