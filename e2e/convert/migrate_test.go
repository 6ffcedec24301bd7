package convert_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/convert"
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

// objects makes what cert-manager and kubed are told, and more. Whether Secrets go with their Certificates is a flag of
// cert-manager's Deployment.
func (s *story) objects(more, ownerRef string) {
	s.Helper()
	objects, err := os.ReadFile("testdata/before.yaml")
	s.must(err)
	key, secret, algorithm := s.DNS.TSIG()
	s.write("objects.yaml", strings.NewReplacer(
		"{SERVER}", s.CA.Directory(), "{CA_BUNDLE}", base64.StdEncoding.EncodeToString(s.CA.CABundle()), "{RESOLVERS}", strings.Join(s.DNS.Addrs(), ","),
		"{NAMESERVER}", s.DNS.Addr(), "{TSIG_KEY}", key, "{TSIG_SECRET}", secret, "{OWNER_REF}", ownerRef,
		"{TSIG_ALGORITHM}", "HMAC"+strings.ToUpper(strings.Trim(strings.TrimPrefix(algorithm, "hmac-"), ".")),
	).Replace(string(objects)+more))
	for _, namespace := range []string{"mail", "shop", "vault"} {
		s.must(s.Namespace(s.ctx, namespace, nil))
	}
	s.must(convert.Install(s.ctx, s.Cluster))
	s.until("cert-manager's kinds are served", func() error {
		_, err := s.sh("kubectl apply -f objects.yaml")
		return err
	})
}

// issued waits until cert-manager has issued, which takes it a minute for all challenges together, and copies as kubed does.
func (s *story) issued(more ...types.NamespacedName) {
	s.Helper()
	for _, name := range slices.AppendSeq(more, maps.Keys(names)) {
		s.within(5*time.Minute, fmt.Sprintf("cert-manager has made %s", name), func() error {
			_, err := s.get(name)
			return err
		})
	}
	s.shell("kubectl wait certificates --all --all-namespaces --for=condition=Ready --timeout=5m")
	s.kubedCopy(star, copied)
	s.kubedCopy(types.NamespacedName{Namespace: "vault", Name: "registry"}, types.NamespacedName{Namespace: "infra", Name: "registry"})
}

// certManager runs what its Deployment says, since there are no nodes here.
func (s *story) certManager() *convert.CertManager {
	s.Helper()
	var flags []string
	s.must(json.Unmarshal([]byte(s.shell("kubectl -n cert-manager get deployment cert-manager -o 'jsonpath={.spec.template.spec.containers[0].args}'")), &flags))
	m, err := convert.Start(s.ctx, s.Cluster, flags...)
	s.must(err)
	s.Cleanup(func() {
		m.Stop()
		if s.Failed() {
			s.Log("the end of cert-manager's log:\n" + m.Log())
		}
	})
	return m
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
	t.Parallel()
	s := begin(t, stage.Options{Zones: []string{"example.com"}, CA: acmetest.CAOptions{RejectNonces: acmetest.NoRejects}})
	all := examples(t, "../../docs/migrate.md")
	if len(all) < 15 {
		t.Fatalf("just %d examples", len(all))
	}
	s.objects("", "true")
	m := s.certManager()
	s.issued()
	s.canaries()
	w := s.watch(star, mail, shop, copied)
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
		if strings.Contains(e.command, "scale deployment cert-manager") {
			m.Stop()
		}
		if strings.Contains(e.command, "delete crd") {
			s.gone()
		}
	}
	if got := s.CA.OrderCount() - orders; got != 1 {
		t.Errorf("%d orders were made in the end, not the one for the renewal", got)
	}
	if got := s.CA.Registrations() - accounts; got != 0 {
		t.Errorf("%d accounts were made", got)
	}
	s.follows()
	saw := w.saw()
	for name, want := range map[types.NamespacedName]int{star: 2, copied: 2, mail: 1, shop: 1} {
		if len(saw[name]) != want {
			t.Errorf("%s held %d certificates, not %d", name, len(saw[name]), want)
		}
	}
}

// canaries are Secrets that go when those do that were not handed over.
func (s *story) canaries() {
	s.Helper()
	for name := range names {
		owners := s.stored(name).OwnerReferences
		if len(owners) != 1 {
			s.Fatalf("%s has %d owners", name, len(owners))
		}
		_, err := s.Kube.CoreV1().Secrets(name.Namespace).Create(s.ctx,
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "canary-" + name.Name, OwnerReferences: owners}}, metav1.CreateOptions{})
		s.must(err)
	}
}

// gone waits until the canaries have gone: what goes with cert-manager's objects has gone then.
func (s *story) gone() {
	s.Helper()
	for name := range names {
		s.until("what "+name.String()+" went with has gone", func() error {
			_, err := s.get(types.NamespacedName{Namespace: name.Namespace, Name: "canary-" + name.Name})
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("its canary is there: %v", err)
			}
			return nil
		})
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
