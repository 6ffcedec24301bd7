package convert

import (
	"strings"

	"github.com/wildcast/wildcast/controllers"
)

// keyTypes are by cert-manager's algorithm and size.
var keyTypes = map[[2]string]controllers.KeyType{
	{"rsa", ""}: controllers.RSA2048, {"rsa", "2048"}: controllers.RSA2048, {"rsa", "3072"}: controllers.RSA3072, {"rsa", "4096"}: controllers.RSA4096,
	{"ecdsa", ""}: controllers.EC256, {"ecdsa", "256"}: controllers.EC256, {"ecdsa", "384"}: controllers.EC384,
	{"ed25519", ""}: controllers.Ed25519,
}

// keyType is what a wish says about the key; empty for what the issuer has, which is cert-manager's default.
func (w *wish) keyType(path, algorithm, size string) string {
	if algorithm == "" && size == "" && w.issuer.issuer != nil {
		return ""
	}
	if algorithm == "" {
		algorithm = "rsa"
	}
	if strings.EqualFold(algorithm, "ed25519") || size == "0" {
		size = ""
	}
	key, known := keyTypes[[2]string{strings.ToLower(algorithm), size}]
	switch {
	case !known:
		w.lost(path, "wildcast makes no keys of type %s %s", algorithm, size)
	case key == controllers.Ed25519 && w.issuer.acme():
		w.lost(path, "no ACME CA certifies ed25519 keys")
		return ""
	}
	return string(key)
}

// encoding is PKCS #8, which every program reads that reads PKCS #1.
func (w *wish) encoding(path, encoding string) {
	if encoding != "" && !strings.EqualFold(encoding, "PKCS8") {
		w.lost(path, "tls.key is always PKCS #8")
	}
}

// rotation notes whether renewal brings a new key.
func (w *wish) rotation(path, policy string) {
	switch {
	case policy == "" || strings.EqualFold(policy, "Always"):
	case strings.EqualFold(policy, "Never"):
		w.put("rotateKey", "false")
	default:
		w.lost(path, "%q is neither Always nor Never", policy)
	}
}
