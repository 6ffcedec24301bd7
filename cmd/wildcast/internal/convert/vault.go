package convert

import (
	"strings"

	"github.com/wildcast/wildcast/controllers"
)

func (c *converter) readVault(i *issuer, f *fields) {
	i.kind = controllers.KindVault
	i.keys.put("server", f.text("server"))
	path := strings.Trim(f.text("path"), "/")
	if mount, role, signs := strings.Cut(path, "/sign/"); signs {
		i.keys.put("path", mount)
		i.keys.put("role", role)
	} else {
		f.lost(f.path("path"), "wildcast asks at MOUNT/sign/ROLE; set path and role of the issuer")
	}
	c.caBundle(i, f)
	if ref := f.sub("caBundleSecretRef"); ref.has("name") {
		i.keys.referred(c, i.home, "caBundle", ref, "ca.crt")
	}
	f.drop("wildcast speaks to Vault without namespaces", "namespace")
	f.drop("wildcast shows Vault no certificate of its own", "clientCertSecretRef", "clientKeySecretRef")
	f.drop("the server's certificate is for the host in the URL", "serverName")
	c.readVaultAuth(i, f.sub("auth"))
}

func (c *converter) readVaultAuth(i *issuer, auth *fields) {
	mounted := func(f *fields, key, usual string) {
		if path := strings.Trim(strings.TrimPrefix(strings.Trim(f.text(key), "/"), "v1/auth/"), "/"); path != usual {
			i.keys.put("authPath", path)
		}
	}
	auth.drop("wildcast shows Vault no certificate of its own", "clientCertificate")
	auth.drop("wildcast has no such login at Vault", "aws", "gcp", "azure")
	switch {
	case auth.has("tokenSecretRef"):
		i.keys.referred(c, i.home, "token", auth.sub("tokenSecretRef"), "token")
	case auth.has("appRole"):
		role := auth.sub("appRole")
		i.keys.put("auth", "approle")
		i.keys.put("roleID", role.text("roleId"))
		i.keys.referred(c, i.home, "secretID", role.sub("secretRef"), "secretId")
		mounted(role, "path", "approle")
	case auth.has("kubernetes"):
		kube := auth.sub("kubernetes")
		i.keys.put("auth", "kubernetes")
		i.keys.put("authRole", kube.text("role"))
		mounted(kube, "mountPath", "kubernetes")
		kube.drop("wildcast shows Vault the token of its own pod: let the role there accept wildcast's ServiceAccount", "secretRef", "serviceAccountRef")
		if i.home != c.Home {
			kube.lost(kube.at, "only issuers of namespace %s may show the token of wildcast's pod", c.Home)
		}
	}
}

// caBundle is PEM in base64, as all bytes in an API object.
func (c *converter) caBundle(i *issuer, f *fields) {
	if !f.has("caBundle") {
		return
	}
	pem, err := decode(f.text("caBundle"))
	if err != nil {
		f.lost(f.path("caBundle"), "it is no base64")
		return
	}
	i.keys.put("caBundle", pem)
}
