package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/zapr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// options are the flags of "wildcast run".
type options struct {
	kubeconfig             string
	namespace              string
	namespaces             []string
	clusterName            string
	defaultIssuer          string
	certManagerAnnotations bool
	copyMetadata           string
	sourceNamespaces       []string
	deleteGrace            time.Duration
	contextsKubeconfig     string
	metricsAddress         string
	healthAddress          string
	http01Address          string
	statusAddress          string
	http01Service          string
	http01Port             int
	leaderElect            bool
	workers                int
	kubeAPIQPS             float32
	dns01Command           string
	dns01ExecDir           string
	dns01Nameservers       []string
	logLevel               string
	logFormat              string
}

// defaultClusterName is what every cluster is called that nobody has named.
const defaultClusterName = "kubernetes"

// add declares the flags with their defaults.
func (o *options) add(f *pflag.FlagSet) {
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster (default: the pod's service account, then $KUBECONFIG, then ~/.kube/config)")
	f.StringVar(&o.namespace, "namespace", defaultNamespace(), "home `namespace`: issuers there serve the whole cluster, shared certificates are kept there")
	f.StringSliceVar(&o.namespaces, "namespaces", nil, "work only in these `namespaces` and the home namespace, where Roles give all the rights that it takes (default all, with a ClusterRole)")
	f.StringVar(&o.clusterName, "cluster-name", defaultClusterName, "`name` of this cluster in the origin labels of copies")
	f.StringVar(&o.defaultIssuer, "default-issuer", "", "`issuer` for Ingresses and Gateways with kubernetes.io/tls-acme: \"true\", and for standing certificates that name none")
	f.BoolVar(&o.certManagerAnnotations, "cert-manager-annotations", false, "also heed cert-manager.io/cluster-issuer and cert-manager.io/issuer on Ingresses and Gateways")
	f.StringVar(&o.copyMetadata, "copy-metadata", string(syncer.CopySafe), "labels and annotations that copies get from their source: all, safe (without those of Argo CD, Helm and kubectl) or none")
	f.StringSliceVar(&o.sourceNamespaces, "source-namespaces", nil, "copy only Secrets and ConfigMaps from these `namespaces`, of which the home namespace must be one (default all)")
	f.DurationVar(&o.deleteGrace, "delete-grace", 5*time.Second, "how long copies outlive a deleted source, which may come back")
	f.StringVar(&o.contextsKubeconfig, "contexts-kubeconfig", "", "`file` with the contexts of other clusters that sources may name; changes of it are noticed (default none)")
	f.StringVar(&o.metricsAddress, "metrics-address", ":9402", "`address` of /metrics; 0 for none")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "`address` of /healthz and /readyz; 0 for none")
	f.StringVar(&o.http01Address, "http01-address", ":8089", "`address` of the pages that answer HTTP-01 challenges; 0 for none")
	f.StringVar(&o.statusAddress, "status-address", "", "`address` of the status page; it tells names and hosts to whoever can reach it (default none)")
	f.StringVar(&o.http01Service, "http01-service", "wildcast-http01:80", "`name:port` of the Service in the home namespace that leads to those pages")
	f.IntVar(&o.http01Port, "http01-port", 80, "`port` at which the CA asks for those pages; every public CA asks at 80")
	f.BoolVar(&o.leaderElect, "leader-elect", true, "work only while holding the Lease \"wildcast\" in the home namespace")
	f.IntVar(&o.workers, "workers", 32, "how many copies of Secrets are written at once, and as many of ConfigMaps")
	f.Float32Var(&o.kubeAPIQPS, "kube-api-qps", -1, "limit on requests per second to the API server; -1 for none, its priority and fairness protects it")
	f.StringVar(&o.dns01Command, "dns01-command", defaultDNS01Command(), "`program` that talks to DNS vendors")
	f.StringVar(&o.dns01ExecDir, "dns01-exec-dir", "", "`folder` of programs that solvers in the home namespace may run with the provider exec (default none)")
	f.StringSliceVar(&o.dns01Nameservers, "dns01-nameservers", nil, "`resolvers`, address:port, of DNS-01 solvers that name none (default the system's)")
	o.addLog(f)
}

func (o *options) addLog(f *pflag.FlagSet) {
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "json", "json or console")
}

// validate checks what the flags' types do not. Each error says the remedy.
func (o *options) validate() error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	o.validateNames(complain)
	o.validateAddresses(complain)
	if !slices.Contains([]syncer.CopyMetadata{syncer.CopyAll, syncer.CopySafe, syncer.CopyNone}, syncer.CopyMetadata(o.copyMetadata)) {
		complain("--copy-metadata is %q: give all, safe or none", o.copyMetadata)
	}
	if len(o.sourceNamespaces) > 0 && !slices.Contains(o.sourceNamespaces, o.namespace) {
		complain("--source-namespaces lacks %s, where the certificates are that should be copied: add it", o.namespace)
	}
	o.validateNamespaces(complain)
	if _, err := o.http01(); err != nil {
		complain("--http01-service is %q: %w", o.http01Service, err)
	}
	if o.http01Port < 1 || o.http01Port > 65535 {
		complain("--http01-port is %d: give 1 to 65535", o.http01Port)
	}
	if o.workers < 1 {
		complain("--workers is %d: give at least 1", o.workers)
	}
	if o.deleteGrace < 0 {
		complain("--delete-grace is %s: give 0s or more", o.deleteGrace)
	}
	if o.contextsKubeconfig != "" && (o.clusterName == "" || o.clusterName == defaultClusterName) {
		complain("--contexts-kubeconfig needs --cluster-name, since copies in other clusters say where they come from: give this cluster a name that no other has")
	}
	if o.kubeAPIQPS == 0 {
		complain("--kube-api-qps is 0, which lets nothing through: give a rate, or -1 for no limit")
	}
	if o.dns01ExecDir != "" && !filepath.IsAbs(o.dns01ExecDir) {
		complain("--dns01-exec-dir is %q: give an absolute path", o.dns01ExecDir)
	}
	for _, server := range o.dns01Nameservers {
		if _, err := netip.ParseAddrPort(server); err != nil {
			complain("--dns01-nameservers has %q: give an address with a port such as 8.8.8.8:53", server)
		}
	}
	o.validateLog(complain)
	return errors.Join(errs...)
}

// validateNames checks what names things in the cluster.
func (o *options) validateNames(complain func(format string, args ...any)) {
	switch wrong := validation.IsDNS1123Label(o.namespace); {
	case o.namespace == "":
		complain("--namespace is empty: name the namespace of the issuers, such as cert-manager")
	case len(wrong) > 0:
		complain("--namespace is %q, which cannot be the name of a namespace: give one such as cert-manager", o.namespace)
	}
	if len(validation.IsValidLabelValue(syncer.LabelValue(o.clusterName))) > 0 {
		complain("--cluster-name is %q, which cannot be the value of a label: give letters, digits, - _ and . such as prod-eu", o.clusterName)
	}
	if o.defaultIssuer != "" && len(validation.IsDNS1123Subdomain(o.defaultIssuer)) > 0 {
		complain("--default-issuer is %q, which cannot be the name of a Secret: give that of an issuer, such as letsencrypt", o.defaultIssuer)
	}
}

// validateAddresses checks where to listen. Whether an address is free is seen when it is taken.
func (o *options) validateAddresses(complain func(format string, args ...any)) {
	for _, flag := range []struct{ name, value string }{
		{"metrics-address", o.metricsAddress}, {"health-address", o.healthAddress}, {"http01-address", o.http01Address}, {"status-address", o.statusAddress},
	} {
		validateAddress(flag.name, flag.value, complain)
	}
}

func validateAddress(flag, value string, complain func(format string, args ...any)) {
	if _, port, err := net.SplitHostPort(value); listens(value) && (err != nil || !isPort(port)) {
		complain("--%s is %q: give an address with a port, such as :8080 or 127.0.0.1:8080, or 0 for none", flag, value)
	}
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func (o *options) validateLog(complain func(format string, args ...any)) {
	if _, err := zapcore.ParseLevel(o.logLevel); err != nil {
		complain("--log-level is %q: give debug, info, warn or error", o.logLevel)
	}
	if o.logFormat != "json" && o.logFormat != "console" {
		complain("--log-format is %q: give json or console", o.logFormat)
	}
}

// validateNamespaces checks the names of namespaces. An empty list is no way to say all: it is more likely to be a
// variable that was forgotten.
func (o *options) validateNamespaces(complain func(format string, args ...any)) {
	if o.namespaces != nil && len(o.namespaces) == 0 {
		complain("--namespaces is empty: name namespaces, or leave it out for all")
	}
	seen := map[string]bool{}
	for _, name := range o.namespaces {
		switch wrong := validation.IsDNS1123Label(name); {
		case name == "":
			complain("--namespaces has an empty name: remove the extra comma")
		case len(wrong) > 0:
			complain("--namespaces has %q, which cannot be the name of a namespace: give lower case letters, digits and -", name)
		case seen[name]:
			complain("--namespaces has %s twice: remove one", name)
		}
		seen[name] = true
	}
	for _, name := range o.sourceNamespaces {
		if len(o.namespaces) > 0 && !slices.Contains(o.watched(), name) {
			complain("--source-namespaces has %s, which wildcast does not see: add it to --namespaces too", name)
		}
	}
}

// watched are the namespaces to work in, the home namespace among them; none for all.
func (o *options) watched() []string {
	if len(o.namespaces) == 0 {
		return nil
	}
	all := append([]string{o.namespace}, o.namespaces...)
	slices.Sort(all)
	return slices.Compact(all)
}

// http01 says where the pages of HTTP-01 challenges are.
func (o *options) http01() (controllers.HTTP01, error) {
	name, text, _ := strings.Cut(o.http01Service, ":")
	port, err := strconv.ParseUint(text, 10, 16)
	if len(validation.IsDNS1035Label(name)) > 0 || err != nil || port == 0 {
		return controllers.HTTP01{}, errors.New("give the Service's name and port, such as wildcast-http01:80")
	}
	return controllers.HTTP01{Service: name, Port: int32(port), AskPort: o.http01Port}, nil
}

// logger makes the log that the flags describe.
func (o *options) logger() (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(o.logLevel)
	if err != nil {
		return nil, err
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(level)
	cfg.Encoding = o.logFormat
	cfg.DisableCaller, cfg.DisableStacktrace, cfg.Sampling = true, true, nil
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	return cfg.Build()
}

// startLog makes the log, also client-go's. It is to be synced at the end.
func (o *options) startLog() (log *zap.Logger, sync func(), err error) {
	if log, err = o.logger(); err != nil {
		return nil, nil, err
	}
	klog.SetLoggerWithOptions(zapr.NewLogger(log.Named("client-go")), klog.ContextualLogger(true))
	utilruntime.ErrorHandlers[0] = unhandled(log, utilruntime.ErrorHandlers[0])
	return log, func() { _ = log.Sync() }, nil // stderr may refuse to sync, and there is nobody left to tell
}

// unhandled says what client-go has nobody to return to, in our words where it is a matter of rights: its own name files of
// its source, and no remedy.
func unhandled(log *zap.Logger, otherwise utilruntime.ErrorHandler) utilruntime.ErrorHandler {
	return func(ctx context.Context, err error, msg string, details ...any) {
		if !apierrors.IsForbidden(err) {
			otherwise(ctx, err, msg, details...)
			return
		}
		log.Error("Could not read what the roles of this version of wildcast allow; it is tried again",
			zap.Error(err), zap.String("remedy", "apply the manifests of this version, or upgrade the Helm release"))
	}
}

// fromEnvironment sets each flag that was not given from WILDCAST_ and its name in capitals.
func fromEnvironment(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "WILDCAST_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, given := os.LookupEnv(name)
		if !given || f.Changed {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("environment variable %s: %w", name, flagError(err)))
		}
	})
	return errors.Join(errs...)
}

// defaultNamespace is the pod's namespace, or cert-manager.
func defaultNamespace() string {
	if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
		return ns
	}
	return "cert-manager"
}

// defaultDNS01Command is wildcast-dns01 beside this executable.
func defaultDNS01Command() string {
	self, err := os.Executable()
	if err != nil {
		return "wildcast-dns01" // found through PATH
	}
	return filepath.Join(filepath.Dir(self), "wildcast-dns01")
}
