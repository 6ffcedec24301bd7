// Command vault is a HashiCorp Vault server for the suites, made of Vault's own packages: core, HTTP API, PKI engine, and
// the auth methods AppRole and Kubernetes. The official main package links a hundred vendors' plugins, which nobody needs
// here and which take many minutes to compile. Storage is in memory, and the server initializes and unseals itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/pki"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/helper/logging"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	address := flag.String("address", "127.0.0.1:8200", "`host:port` to listen on")
	certificate := flag.String("cert", "", "`file` with the server's certificate")
	key := flag.String("key", "", "`file` with its key")
	tokenFile := flag.String("token-file", "", "`file` that gets the root token once the server is unsealed")
	flag.Parse()
	if err := serve(*address, *certificate, *key, *tokenFile); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func serve(address, certificate, key, tokenFile string) error {
	core, token, err := unsealed()
	if err != nil {
		return err
	}
	if err := put(tokenFile, token); err != nil {
		return err
	}
	return http.ListenAndServeTLS(address, certificate, key, vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}))
}

// unsealed makes a new Vault that is ready for requests.
func unsealed() (core *vault.Core, rootToken string, err error) {
	log := logging.NewVaultLogger(0)
	storage, err := inmem.NewInmem(nil, log)
	if err != nil {
		return nil, "", err
	}
	core, err = vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		LogicalBackends:    map[string]logical.Factory{"pki": pki.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubernetes.Factory},
		BuiltinRegistry:    linked{},
		DisableMlock:       true,
		Logger:             log,
	})
	if err != nil {
		return nil, "", fmt.Errorf("set up: %w", err)
	}
	made, err := core.Initialize(context.Background(), &vault.InitParams{BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}})
	if err != nil {
		return nil, "", fmt.Errorf("initialize: %w", err)
	}
	if _, err := core.Unseal(made.SecretShares[0]); err != nil {
		return nil, "", fmt.Errorf("unseal: %w", err)
	}
	return core, made.RootToken, nil
}

// put writes the file whole or not at all.
func put(file, text string) error {
	part := filepath.Join(filepath.Dir(file), "."+filepath.Base(file))
	if err := os.WriteFile(part, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// linked is the registry of the plugins that are linked into this program: it knows of none, since its engines and auth
// methods are handed to the core.
type linked struct{}

func (linked) Contains(string, consts.PluginType) bool { return false }

func (linked) Get(string, consts.PluginType) (func() (any, error), bool) { return nil, false }

func (linked) Keys(consts.PluginType) []string { return nil }

func (linked) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}
