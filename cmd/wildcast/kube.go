package main

import (
	"context"
	"fmt"
	"net/http"

	"go.uber.org/zap"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/wildcast/wildcast/syncer"
)

// clients talk to the API server.
type clients struct {
	kube kubernetes.Interface
	// copies is kube with a connection for each request that is under way. One HTTP/2 connection, of which all requests
	// otherwise are streams, is read and written by one goroutine at either end, and leads to one of several API servers:
	// a fan-out of thousands of writes waits for it. Deletions, which have no body, go over that one: as frames that are read
	// many at a time they cost either end less than as a connection's requests.
	copies kubernetes.Interface
	// lease renews the lease, which cannot wait: neither behind other requests on a connection, nor for their limit.
	lease    kubernetes.Interface
	metadata metadata.Interface
	dynamic  dynamic.Interface // of Gateways and their definitions
}

// reflection are the clients of a syncer.
func (c *clients) reflection() syncer.Clients {
	return syncer.Clients{Kube: c.copies, Deletions: c.kube, Metadata: c.metadata}
}

// connect makes the clients and asks the API server for its version, so that a wrong address or kubeconfig is said at
// once.
func connect(ctx context.Context, o *options, log *zap.Logger) (*clients, error) {
	cfg, err := restConfig(o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w; give --kubeconfig, or run in a pod with a service account", err)
	}
	clients, err := newClients(cfg, o, log)
	if err != nil {
		return nil, err
	}
	var status int
	clients.kube.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).StatusCode(&status)
	if status == 0 || status == http.StatusUnauthorized || status == http.StatusBadRequest { // the last for http to https
		err := clients.kube.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error()
		return nil, fmt.Errorf("reach the API server at %s: %w; check --kubeconfig and the network", cfg.Host, unanswered(err))
	}
	return clients, nil
}

// newClients makes the clients of a cluster. It makes no request.
func newClients(cfg *rest.Config, o *options, log *zap.Logger) (*clients, error) {
	cfg.QPS, cfg.RateLimiter = o.kubeAPIQPS, limiter(o.kubeAPIQPS)
	cfg.UserAgent = userAgent()
	cfg.WarningHandlerWithContext = warnings{log}
	cfg.Wrap(discreet)
	metadataClient, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure client: %w", err)
	}
	dynamicClient, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure client: %w", err)
	}
	typed := rest.CopyConfig(cfg)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	kube, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return nil, fmt.Errorf("configure client: %w", err)
	}
	typed.NextProtos = []string{"http/1.1"}
	copies, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return nil, fmt.Errorf("configure client: %w", err)
	}
	typed.QPS, typed.RateLimiter = -1, nil
	lease, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return nil, fmt.Errorf("configure client: %w", err)
	}
	return &clients{kube, copies, lease, metadataClient, dynamicClient}, nil
}

// limiter is one limit for all clients of a cluster, each of which would otherwise make its own of QPS. Below zero there is
// none; zero, of commands without the flag, is left to client-go.
func limiter(qps float32) flowcontrol.RateLimiter {
	if qps <= 0 {
		return nil
	}
	return flowcontrol.NewTokenBucketRateLimiter(qps, max(int(qps)*2, 1))
}

// restConfig follows the usual rules: the given file, else the pod's service account, else $KUBECONFIG or
// ~/.kube/config.
func restConfig(file string) (*rest.Config, error) {
	if file == "" {
		if cfg, err := rest.InClusterConfig(); err == nil {
			return cfg, nil
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = file
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	return cfg, nowhere(err, rules)
}

func userAgent() string { return "wildcast/" + version }

// warnings logs what the API server warns of, such as a TLS Secret that is not PEM.
type warnings struct{ log *zap.Logger }

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code == 299 && text != "" {
		w.log.Debug("API server warned", zap.String("text", text))
	}
}
