package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// reach is kubectl's flags by which a command finds its cluster.
type reach struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
}

func (r *reach) add(f *pflag.FlagSet) {
	f.StringVar(&r.kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster (default: $KUBECONFIG, then ~/.kube/config, then the pod's service account)")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.AuthOverrideFlags.Username, names.AuthOverrideFlags.Password = clientcmd.FlagInfo{}, clientcmd.FlagInfo{} // as kubectl
	clientcmd.BindOverrideFlags(&r.overrides, f, names)
}

// config returns how the cluster is reached, and the namespace that is meant where none is named.
func (r *reach) config() (cfg *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = r.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &r.overrides)
	if cfg, err = loader.ClientConfig(); err != nil {
		return nil, "", fmt.Errorf("find the cluster: %w; give --kubeconfig or --context", nowhere(err, rules))
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("find the cluster: %w", err)
	}
	return cfg, namespace, nil
}

// nowhere says which files lead to no cluster. client-go's words advise a variable that kubeconfigs have no need of.
func nowhere(err error, rules *clientcmd.ClientConfigLoadingRules) error {
	if !clientcmd.IsEmptyConfig(err) {
		return err
	}
	return fmt.Errorf("no current context with a cluster in %s", strings.Join(rules.GetLoadingPrecedence(), ", "))
}

// unanswered is why no API server has answered, less the request, which means nothing to who wants to reach it.
func unanswered(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}
	return err
}

// named reads NAMESPACE/NAME; of a name alone the namespace is the chosen one, or else the other.
func (r *reach) named(text, otherwise string) (types.NamespacedName, error) {
	namespace, name, found := strings.Cut(text, "/")
	if !found {
		namespace, name = cmp.Or(r.overrides.Context.Namespace, otherwise), text
	}
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, usageError{fmt.Errorf("%q is no name: give NAMESPACE/NAME", text)}
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}
