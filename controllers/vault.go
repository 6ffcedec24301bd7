package controllers

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/controllers/signers/vault"
)

func (i *Issuer) setVaultServer(v string) error {
	i.Vault.Server = v // also a wrong one, so that it is not called missing too
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not the URL of a Vault; write for example https://vault.example.com:8200", v)
	}
	return nil
}

func (i *Issuer) setVaultRole(v string) error {
	i.Vault.Role = v
	if strings.Contains(v, "/") {
		return fmt.Errorf("%q is no role; name one of the PKI engine, whose mount is the key path", v)
	}
	return nil
}

func (i *Issuer) setAuth(v string) error {
	known := []vault.Auth{vault.AuthToken, vault.AuthAppRole, vault.AuthKubernetes}
	i.Vault.Auth = cmp.Or(vault.Auth(v), vault.AuthToken)
	if !slices.Contains(known, i.Vault.Auth) {
		return fmt.Errorf("%q is not supported; use token, approle or kubernetes", v)
	}
	return nil
}

// missingForVault names the keys that Vault needs and that are not there, and those that its auth method has no use for.
func (i *Issuer) missingForVault() (faults []error) {
	v := &i.Vault
	v.CABundle = i.CABundle
	v.AuthPath = cmp.Or(v.AuthPath, string(v.Auth))
	need := func(key, value, example string) {
		if value == "" {
			faults = append(faults, fmt.Errorf("%s: missing; %s", key, example))
		}
	}
	need("server", v.Server, "give the URL of Vault, such as https://vault.example.com:8200")
	need("role", v.Role, "name the role of the PKI engine that shall sign")
	switch v.Auth {
	case vault.AuthToken:
		need("token", v.Token, "give a token, or set auth to approle or kubernetes")
	case vault.AuthAppRole:
		need("roleID", v.RoleID, "give the AppRole's role_id")
		need("secretID", v.SecretID, "give the AppRole's secret_id")
	case vault.AuthKubernetes:
		need("authRole", v.AuthRole, "name the role of Vault's Kubernetes auth method")
	}
	return faults
}

// allowedIn checks what only issuers of the home namespace may do: the pod's own token, shown to a server that a namespace's
// user has chosen, would give that user wildcast's rights.
func (i *Issuer) allowedIn(home string) error {
	if i.Kind == KindVault && i.Vault.Auth == vault.AuthKubernetes && i.Name.Namespace != home {
		return errors.New("auth: only issuers in namespace " + home + " may use the pod's own token; use token or approle")
	}
	return nil
}
