package convert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// handOver says how the Secret that is there goes on serving.
func (c *converter) handOver(w *wish, path string, secret types.NamespacedName, names []string) {
	if secret.Name == "" {
		return
	}
	text := "what Secret %s holds serves on, and nothing is ordered, once it is handed over:"
	held := c.secrets[secret]
	if held != nil {
		held.used = true
		if fault := w.fault(held, names); fault != "" {
			text = "Secret %s " + fault + ": a certificate is ordered as soon as it is handed over:"
		}
	}
	w.add(Remark{Path: path, Text: fmt.Sprintf(text, secret),
		Command: shell("kubectl", "-n", secret.Namespace, "annotate", "--overwrite", "secret", secret.Name, controllers.AnnotationAdopt+"=true")})
	if c.flags.ownerRefs || held != nil && held.ownedBy("Certificate") {
		w.add(Remark{Path: path, Text: fmt.Sprintf("Secret %s goes with its Certificate, and with cert-manager's CustomResourceDefinitions, unless it is set free:", secret),
			Command: shell("kubectl", "-n", secret.Namespace, "patch", "secret", secret.Name, "--type=merge", "-p", `{"metadata":{"ownerReferences":null}}`)})
	}
}

// fault is why wildcast would not leave a Secret as it is until renewal: the rules are those by which it judges what it was
// handed over. Empty if there is none. That a certificate has expired is left to wildcast.
func (w *wish) fault(held *input, names []string) string {
	block, _ := pem.Decode([]byte(held.data()["tls.crt"]))
	if block == nil {
		return "holds no certificate"
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "holds no certificate that can be read"
	}
	want := string(controllers.RSA2048)
	if chosen := w.data["keyType"]; chosen != "" {
		want = chosen
	}
	if got := keyTypeOf(leaf); got != want {
		return fmt.Sprintf("has a key of type %s, not %s", got, want)
	}
	for _, name := range names {
		_, parent, _ := strings.Cut(name, ".")
		if !slices.Contains(leaf.DNSNames, name) && !slices.Contains(leaf.DNSNames, "*."+parent) {
			return "is not for " + name
		}
	}
	return ""
}

func keyTypeOf(leaf *x509.Certificate) string {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ec%d", key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return string(controllers.Ed25519)
	}
	return "unknown"
}
