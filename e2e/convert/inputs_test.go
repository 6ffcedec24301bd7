package convert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/tools/txtar"

	"github.com/wildcast/wildcast/e2e/internal/definitions"
)

// held are those whose issuer cannot work here.
var held = map[string]bool{
	"web/large":          true, // there is no Vault
	"web/unknown-issuer": true, // it is in no input
}

// object is what the command prints.
type object struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
	raw        map[string]any
}

func (o *object) UnmarshalJSON(text []byte) error {
	type plain object
	if err := json.Unmarshal(text, (*plain)(o)); err != nil {
		return err
	}
	return json.Unmarshal(text, &o.raw)
}

// converted runs the command on the input of one of its own tests' files.
func (s *story) converted(path string) (all []object) {
	s.Helper()
	archive, err := txtar.ParseFile(path)
	s.must(err)
	folder := strings.TrimSuffix(filepath.Base(path), ".txtar")
	s.must(os.Mkdir(filepath.Join(s.dir, folder), 0o700))
	for _, file := range archive.Files {
		if file.Name != "wildcast.yaml" && file.Name != "remarks" {
			s.write(filepath.Join(folder, file.Name), string(file.Data))
		}
	}
	out := s.shell(fmt.Sprintf("wildcast convert -f %s -o json || [ $? = 3 ]", folder))
	var list struct{ Items []object }
	s.must(json.Unmarshal([]byte(out), &list))
	return list.Items
}

// localize makes an object lead to the story's CA and DNS server, whatever vendor it was for. Challenges with pages need
// Ingresses that the world can reach, so that they are answered with records here.
func (s *story) localize(o object) {
	data, _ := o.raw["stringData"].(map[string]any)
	switch o.raw["type"] {
	case "wildcast.dev/issuer":
		if data["kind"] == "ca" {
			data["tls.crt"], data["tls.key"] = s.pair()
			delete(data, "ca.crt")
		}
		if data["kind"] != nil {
			return
		}
		for _, key := range []string{"challenge", "ingressClass", "nameservers", "profile", "preferredChain", "eabKeyID", "eabHMACKey"} {
			delete(data, key)
		}
		data["server"], data["caBundle"] = s.CA.Directory(), string(s.CA.CABundle())
	case "wildcast.dev/dns01":
		for key := range data {
			if key != "zones" {
				delete(data, key)
			}
		}
		data["provider"], data["nameservers"] = "rfc2136", strings.Join(s.DNS.Addrs(), ",")
		for key, value := range s.DNS.SolverEnv() {
			data[key] = value
		}
	}
	switch o.APIVersion {
	case "extensions/v1beta1":
		o.raw["apiVersion"] = "networking.k8s.io/v1"
	case "gateway.networking.k8s.io/v1alpha2":
		o.raw["apiVersion"] = "gateway.networking.k8s.io/v1"
	}
	if spec, _ := o.raw["spec"].(map[string]any); o.Kind == "Ingress" && spec["rules"] == nil {
		spec["defaultBackend"] = map[string]any{"service": map[string]any{"name": "web", "port": map[string]any{"number": 80}}}
	}
}

// pair is that of a CA, in PEM.
func (s *story) pair() (certificate, key string) {
	s.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(9000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	s.must(err)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	s.must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// more are the names that an annotation adds to those of every Secret.
func (o object) more() []string {
	return strings.FieldsFunc(o.Metadata.Annotations["wildcast.dev/dns-names"], func(r rune) bool { return r == ',' })
}

// asked are the Secrets that an object asks for, and the names that each is for.
func asked(o object) map[types.NamespacedName][]string {
	text, _ := json.Marshal(o.raw)
	secrets := map[types.NamespacedName][]string{}
	switch o.Kind {
	case "Ingress":
		var ingress networkingv1.Ingress
		_ = json.Unmarshal(text, &ingress)
		for _, entry := range ingress.Spec.TLS {
			if entry.SecretName != "" {
				secrets[types.NamespacedName{Namespace: o.Metadata.Namespace, Name: entry.SecretName}] = append(entry.Hosts, o.more()...)
			}
		}
	case "Gateway":
		return askedByListeners(o)
	case "ConfigMap":
		var m corev1.ConfigMap
		_ = json.Unmarshal(text, &m)
		if names := m.Data["dnsNames"]; m.Labels["wildcast.dev/certificate"] == "true" {
			name := m.Data["secretName"]
			if name == "" {
				name = m.Name
			}
			secrets[types.NamespacedName{Namespace: m.Namespace, Name: name}] = strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return secrets
}

// askedByListeners is what a Gateway asks for.
func askedByListeners(o object) map[types.NamespacedName][]string {
	var gateway struct {
		Spec struct {
			Listeners []struct {
				Hostname string
				TLS      struct {
					CertificateRefs []struct{ Group, Namespace, Name string }
				}
			}
		}
	}
	text, _ := json.Marshal(o.raw)
	_ = json.Unmarshal(text, &gateway)
	secrets := map[types.NamespacedName][]string{}
	for _, l := range gateway.Spec.Listeners {
		for _, ref := range l.TLS.CertificateRefs {
			name := types.NamespacedName{Namespace: o.Metadata.Namespace, Name: ref.Name}
			if l.Hostname != "" && ref.Group == "" && (ref.Namespace == "" || ref.Namespace == name.Namespace) {
				secrets[name] = slices.Concat(secrets[name], []string{l.Hostname}, o.more())
			}
		}
	}
	return secrets
}

// irredundant leaves out what a wildcard covers, as wildcast does.
func irredundant(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, parent, _ := strings.Cut(name, ".")
		return !strings.HasPrefix(name, "*.") && slices.Contains(names, "*."+parent)
	})
}

func TestWhatComesOfEachInputIsIssuedAndCopied(t *testing.T) {
	s := tell(t, "example.com", "example.org", "example.net")
	s.must(definitions.Gateway.Install(s.ctx, s.Cluster))
	paths, err := filepath.Glob("../../cmd/wildcast/internal/convert/testdata/*.txtar")
	s.must(err)
	for _, namespace := range []string{"infra", "dashboard", "edge", "web", "mail", "vault"} {
		s.must(s.Namespace(s.ctx, namespace, map[string]string{"cert-manager-tls": "star-crt", "team": "web"}))
	}
	s.run("--default-issuer=le")
	wanted := map[types.NamespacedName][]string{}
	var items []map[string]any
	for _, path := range paths {
		if filepath.Base(path) == "kubed-kept.txtar" {
			continue // the same sources once more
		}
		for _, o := range s.converted(path) {
			s.localize(o)
			if o.raw["type"] == "wildcast.dev/account" {
				continue // its key is none
			}
			items = append(items, o.raw)
			if !held[o.Metadata.Namespace+"/"+o.Metadata.Name] {
				maps.Copy(wanted, asked(o))
			}
		}
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	s.must(err)
	s.write("apply.json", string(text))
	s.shell("kubectl apply --server-side --validate=strict -f apply.json")
	if len(wanted) < 20 {
		t.Errorf("just %d certificates are asked for", len(wanted))
	}
	for name, names := range wanted {
		s.served(name, irredundant(names)...)
	}
	for copied, source := range map[types.NamespacedName]types.NamespacedName{
		{Namespace: "infra", Name: "star-crt"}:  {Namespace: "cert-manager", Name: "star-crt"},
		{Namespace: "web", Name: "everywhere"}:  {Namespace: "vault", Name: "everywhere"},
		{Namespace: "mail", Name: "everywhere"}: {Namespace: "vault", Name: "everywhere"},
	} {
		s.until(fmt.Sprintf("%s is a copy of %s", copied, source), func() error {
			secret, err := s.get(copied)
			if err == nil && !strings.HasPrefix(secret.Annotations["wildcast.dev/origin"], fmt.Sprintf(`{"namespace":%q,"name":%q`, source.Namespace, source.Name)) {
				err = fmt.Errorf("its origin is %s", secret.Annotations["wildcast.dev/origin"])
			}
			return err
		})
	}
}
