package admission

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/definitions"
)

var (
	shared *cluster.Cluster
	client kubernetes.Interface
)

// policies are all in manifests/admission.
var policies = []string{"wildcast-ingresses", "wildcast-issuers", "wildcast-solvers", "wildcast-certificates", "wildcast-sources"}

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(withoutErrors{m}, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) (err error) {
		config := c.Admin()
		config.QPS = -1
		shared, client = c, kubernetes.NewForConfigOrDie(config)
		for _, d := range []definitions.Definition{definitions.Gateway, definitions.Istio} { // of which the examples are
			if err := d.Install(ctx, c); err != nil {
				return err
			}
		}
		for _, folder := range []string{"manifests/base", "manifests/admission"} {
			if err := c.Apply(ctx, folder); err != nil {
				return err
			}
		}
		if _, err := c.Kubectl(ctx, "create", "namespace", "wiki"); err != nil { // where the examples' Ingress is
			return err
		}
		return inForce(ctx)
	}))
}

// withoutErrors are the tests, and after them a look for expressions that ended in an error: since the policies let pass what
// they cannot judge, no test would notice.
type withoutErrors struct{ *testing.M }

// faulty is a metric of the API server that counts what passed because of an error.
var faulty = regexp.MustCompile(`(?m)^apiserver_validating_admission_policy_check_total{enforcement_action="allow",error_type="[^n].*$|` +
	`^apiserver_admission_match_condition_evaluation_errors_total{.*wildcast-.*$`)

func (m withoutErrors) Run() int {
	code := m.M.Run()
	metrics, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: read metrics of the API server:", err)
		return 1
	}
	if !strings.Contains(string(metrics), `apiserver_validating_admission_policy_check_total{enforcement_action="`) {
		fmt.Fprintln(os.Stderr, "FAIL: the API server counts no checks of policies")
		code = 1
	}
	for _, line := range faulty.FindAllString(string(metrics), -1) {
		fmt.Fprintln(os.Stderr, "FAIL: an expression ended in an error:", line)
		code = 1
	}
	return code
}

// inForce waits until the API server has taken up all policies: it watches them.
func inForce(ctx context.Context) (err error) {
	probes := []runtime.Object{
		ingress(map[string]string{"wildcast.dev/key-type": "none"}),
		secret(controllers.TypeIssuer, map[string]string{"none": ""}),
		secret(controllers.TypeSolver, map[string]string{"none": ""}),
		standing(map[string]string{"none": ""}),
		source(map[string]string{"wildcast.dev/sync": "a b"}),
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		active := 0
		for i, probe := range probes {
			if err = create(ctx, probe); err != nil && strings.Contains(err.Error(), "'"+policies[i]+"'") {
				active++
			}
		}
		if active == len(probes) {
			return nil
		}
	}
	return fmt.Errorf("the policies are not in force after a minute; the last answer: %w", err)
}

// create asks the API server to create an object, and to keep nothing of it.
func create(ctx context.Context, object runtime.Object) (err error) {
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	switch o := object.(type) {
	case *corev1.Secret:
		_, err = client.CoreV1().Secrets(metav1.NamespaceDefault).Create(ctx, o, dry)
	case *corev1.ConfigMap:
		_, err = client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, o, dry)
	case *networkingv1.Ingress:
		_, err = client.NetworkingV1().Ingresses(metav1.NamespaceDefault).Create(ctx, o, dry)
	default:
		err = fmt.Errorf("no object for these policies: %T", object)
	}
	return err
}

// refused reports whether a policy refused an object, and with which words. Any other error ends the test.
func refused(t *testing.T, err error) (words string, yes bool) {
	t.Helper()
	if err == nil {
		return "", false
	}
	if _, words, yes = strings.Cut(err.Error(), " denied request: "); !yes {
		t.Fatal(err)
	}
	return words, true
}

func ingress(annotations map[string]string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			TLS:            []networkingv1.IngressTLS{{Hosts: []string{"web.example.com"}, SecretName: "web-tls"}},
		},
	}
}

func secret(of corev1.SecretType, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "it"}, Type: of, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func standing(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "it", Labels: map[string]string{controllers.LabelCertificate: "true"}},
		Data:       data,
	}
}

func source(annotations map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "it", Annotations: annotations}}
}
