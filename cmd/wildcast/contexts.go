package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/wildcast/wildcast/syncer"
)

// contexts gives what reads the contexts of other clusters from their kubeconfig, or nil if there is none. The file is read
// whole at each call, however it has come to change: in place, renamed, or behind a link.
func contexts(o *options, log *zap.Logger) func() (map[string]syncer.Context, error) {
	if o.contextsKubeconfig == "" {
		return nil
	}
	return func() (map[string]syncer.Context, error) {
		file, err := (&clientcmd.ClientConfigLoadingRules{ExplicitPath: o.contextsKubeconfig}).Load()
		if err != nil {
			return nil, fmt.Errorf("read --contexts-kubeconfig: %w", err)
		}
		if len(file.Contexts) == 0 {
			return nil, fmt.Errorf("read --contexts-kubeconfig: there is no context in %s", o.contextsKubeconfig)
		}
		found := map[string]syncer.Context{}
		for name, c := range file.Contexts {
			alone := only(file, name)
			found[name] = syncer.Context{
				Namespace: c.Namespace,
				Revision:  revision(alone),
				Connect: func() (syncer.Clients, error) {
					cfg, err := contextConfig(alone)
					if err != nil {
						return syncer.Clients{}, err
					}
					clients, err := newClients(cfg, o, log)
					if err != nil {
						return syncer.Clients{}, err
					}
					return clients.reflection(), nil
				},
			}
		}
		return found, nil
	}
}

// only is a kubeconfig less what does not concern the context. One whose cluster or user is missing stays whole.
func only(file *clientcmdapi.Config, context string) *clientcmdapi.Config {
	alone := file.DeepCopy()
	alone.CurrentContext = context
	_ = clientcmdapi.MinifyConfig(alone) // what is wrong is said when it is used
	return alone
}

// revision is a digest of a kubeconfig.
func revision(file *clientcmdapi.Config) string {
	text, err := clientcmd.Write(*file)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// contextConfig is how to reach the current context's cluster. Programs that the file names are not run: whoever could
// write the file would have wildcast's rights.
func contextConfig(file *clientcmdapi.Config) (*rest.Config, error) {
	cfg, err := clientcmd.NewNonInteractiveClientConfig(*file, file.CurrentContext, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("context %q in --contexts-kubeconfig: %w", file.CurrentContext, err)
	}
	if cfg.ExecProvider != nil || cfg.AuthProvider != nil {
		return nil, errors.New("its user has exec or auth-provider, and wildcast runs no program for credentials: give it a token, a tokenFile or a client certificate")
	}
	return cfg, nil
}
