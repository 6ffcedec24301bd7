package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// kubeconfig makes a kubeconfig for a server at which nobody listens.
func kubeconfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],
"contexts":[{"name":"c","context":{"cluster":"c"}}],"current-context":"c"}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMistakesAreOneLineThatSaysWhatToDo(t *testing.T) {
	unreachable := "--kubeconfig=" + kubeconfig(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("kind: Config\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		args    string
		code    int
		contain string
	}{
		{"unknown command", "ran", exitUsage, `there is no command "ran": did you mean run? See: wildcast --help`},
		{"unknown command like no other", "frobnicate", exitUsage, `there is no command "frobnicate"; see: wildcast --help`},
		{"unknown flag", "run --worker=3", exitUsage, "see: wildcast run --help"},
		{"argument", "run now", exitUsage, `"now" is one argument too many: there are only flags; see: wildcast run --help`},
		{"file as an argument", "check a.yaml", exitUsage, "as in: wildcast check -f a.yaml"},
		{"file as an argument of conversion", "convert a.yaml", exitUsage, "as in: wildcast convert -f a.yaml"},
		{"no file", "check -f /nowhere", exitFailed, "there is no file or folder /nowhere"},
		{"no shell", "completion", exitUsage, "name a shell: bash, zsh, fish or powershell"},
		{"unknown shell", "completion tcsh", exitUsage, "name a shell: bash, zsh, fish or powershell"},
		{"no number", "run --workers=many", exitUsage, `--workers is "many": give a whole number; see: wildcast run --help`},
		{"neither true nor false", "run --leader-elect=maybe", exitUsage, `--leader-elect is "maybe": give true or false`},
		{"no rate", "run --kube-api-qps=fast", exitUsage, `--kube-api-qps is "fast": give a number`},
		{"no name of a home namespace", "run --namespace=A_B", exitUsage, `--namespace is "A_B", which cannot be the name of a namespace`},
		{"no name of a cluster", "run --cluster-name=a/b", exitUsage, `--cluster-name is "a/b", which cannot be the value of a label`},
		{"no name of an issuer", "run --default-issuer=a/b", exitUsage, `--default-issuer is "a/b", which cannot be the name of a Secret`},
		{"a port without an address", "run --metrics-address=9402", exitUsage, `--metrics-address is "9402": give an address with a port, such as :8080`},
		{"a port that is none", "run --status-address=:http", exitUsage, `--status-address is ":http": give an address with a port`},
		{"a port of the sidecar that is none", "sidecar web --folder=/tls --health-address=x", exitUsage, `--health-address is "x": give`},
		{"a folder that is a file", "sidecar web --folder=/dev/null", exitUsage, `--folder is "/dev/null", which is a file`},
		{"no worker", "run --workers=0", exitUsage, "give at least 1"},
		{"no home among the sources", "run --source-namespaces=a,b", exitUsage, "--source-namespaces lacks cert-manager"},
		{"no namespace at all", "run --namespaces=", exitUsage, "--namespaces is empty"},
		{"an empty name among namespaces", "run --namespaces=a,,b", exitUsage, "remove the extra comma"},
		{"the same namespace twice", "run --namespaces=a,b,a", exitUsage, "--namespaces has a twice"},
		{"no name of a namespace", "run --namespaces=a,B_", exitUsage, `--namespaces has "B_", which cannot be`},
		{"a source's namespace that is not seen", "run --namespaces=a --source-namespaces=a,b,cert-manager", exitUsage, "--source-namespaces has b, which wildcast does not see"},
		{"namespaces with the home namespace", "run --namespaces=a,cert-manager --source-namespaces=a,cert-manager --kubeconfig=/nowhere", exitFailed, "--kubeconfig"},
		{"no duration", "run --delete-grace=soon", exitUsage, `--delete-grace is "soon": give a duration, such as 30s or 5m`},
		{"negative duration", "run --delete-grace=-1s", exitUsage, "0s or more"},
		{"contexts without a name", "run --contexts-kubeconfig=x", exitUsage, "needs --cluster-name"},
		{"contexts with an empty name", "run --contexts-kubeconfig=x --cluster-name=", exitUsage, "give this cluster a name that no other has"},
		{"contexts with everybody's name", "run --contexts-kubeconfig=x --cluster-name=kubernetes", exitUsage, "give this cluster a name that no other has"},
		{"bad metadata", "run --copy-metadata=some", exitUsage, "all, safe or none"},
		{"bad level", "run --log-level=loud", exitUsage, "debug, info, warn or error"},
		{"bad format", "run --log-format=xml", exitUsage, "json or console"},
		{"no requests", "run --kube-api-qps=0", exitUsage, "-1 for no limit"},
		{"no namespace", "run --namespace=", exitUsage, "--namespace is empty"},
		{"two mistakes", "run --workers=0 --log-level=loud", exitUsage, "; --log-level"},
		{"conversion of nothing", "convert", exitUsage, "--filename is missing"},
		{"conversion to a format that is none", "convert -f - -o xml", exitUsage, "yaml or json"},
		{"no kubeconfig", "run --kubeconfig=/nowhere", exitFailed, "--kubeconfig"},
		{"check of nothing", "check", exitUsage, "--filename is missing"},
		{"check in a format that is none", "check -f - -o xml", exitUsage, "text or json"},
		{"status in a format that is none", "status -o xml", exitUsage, "wide, json or yaml"},
		{"status of nobody", "status " + unreachable, exitFailed, "reach the API server at http://127.0.0.1:1: dial tcp"},
		{"status of no cluster", "status --kubeconfig=" + empty, exitFailed, "find the cluster: no current context with a cluster in " + empty + "; give --kubeconfig"},
		{"explain of nothing", "explain", exitUsage, "give what to explain"},
		{"explain of what is not explained", "explain pod a/b", exitUsage, "give ingress, gateway, secret, configmap or namespace"},
		{"renew of nothing", "renew", exitUsage, "name one certificate"},
		{"renew of no name", "renew a/b/c", exitUsage, "give NAMESPACE/NAME"},
		{"files of nothing", "sidecar --folder=/tls", exitUsage, "give one or more, as NAMESPACE/NAME"},
		{"files without a folder", "sidecar web", exitUsage, "--folder is \"\": give an absolute path"},
		{"files of no name", "sidecar a/b/c --folder=/tls", exitUsage, "give NAMESPACE/NAME"},
		{"two Secrets in one folder", "sidecar a/web b/web --folder=/tls", exitUsage, "give another, as in other=b/web"},
		{"a folder that leads out", "sidecar ..=a/web --folder=/tls", exitUsage, "cannot be the name of a folder"},
		{"files that nobody may read", "sidecar web --folder=/tls --mode=0200", exitUsage, "such as 0640"},
		{"no mode", "sidecar web --folder=/tls --mode=rw", exitUsage, "such as 0640"},
		{"a signal to nobody", "sidecar web --folder=/tls --signal=HUP", exitUsage, "--signal and --pid-file belong together"},
		{"no signal", "sidecar web --folder=/tls --signal=KILL --pid-file=/pid", exitUsage, "give one of HUP"},
		{"two ways to reload", "sidecar web --folder=/tls --signal=HUP --pid-file=/pid --reload=true", exitUsage, "give one of them"},
		{"a combined file that leads out", "sidecar web --folder=/tls --combined=../x", exitUsage, "such as combined.pem"},
		{"nobody listens", "run " + unreachable, exitFailed, "reach the API server at http://127.0.0.1:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := execute(t.Context(), strings.Fields(row.args), streams{err: &stderr})
			text := stderr.String()
			if code != row.code || !strings.Contains(text, row.contain) || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "wildcast: ") {
				t.Errorf("got exit code %d and %q", code, text)
			}
		})
	}
}

func TestAnErrorOfSeveralLinesBecomesOne(t *testing.T) {
	for text, want := range map[string]string{
		"one":                                 "one",
		"--a is 0\n--b is 0":                  "--a is 0; --b is 0",
		"not found\n\nInstall it.\nSee:\n  x": "not found; Install it. See: x",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestARefusedWatchIsSaidWithItsRemedyAndOthersAsClientGoSaysThem(t *testing.T) {
	seen, logs := observer.New(zap.InfoLevel)
	otherwise := 0
	tell := unhandled(zap.New(seen), func(context.Context, error, string, ...any) { otherwise++ })
	tell(t.Context(), fmt.Errorf("list: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))), "Failed to watch")
	tell(t.Context(), errors.New("away"), "Failed to watch")
	if all := logs.All(); len(all) != 1 || otherwise != 1 || !strings.Contains(fmt.Sprint(all[0].ContextMap()["remedy"]), "apply the manifests") {
		t.Errorf("said %v, left %d to client-go", all, otherwise)
	}
}

func TestEachFlagIsAlsoAnEnvironmentVariable(t *testing.T) {
	t.Setenv("WILDCAST_DELETE_GRACE", "7s")
	t.Setenv("WILDCAST_SOURCE_NAMESPACES", "a,b")
	t.Setenv("WILDCAST_WORKERS", "3")
	var o options
	cmd := &cobra.Command{}
	o.add(cmd.Flags())
	if err := cmd.ParseFlags([]string{"--workers=5"}); err != nil {
		t.Fatal(err)
	}
	if err := fromEnvironment(cmd); err != nil {
		t.Fatal(err)
	}
	if o.deleteGrace != 7*time.Second || strings.Join(o.sourceNamespaces, " ") != "a b" || o.workers != 5 {
		t.Errorf("got %+v", o)
	}
	t.Setenv("WILDCAST_LEADER_ELECT", "perhaps")
	if err := fromEnvironment(cmd); err == nil || !strings.Contains(err.Error(), "WILDCAST_LEADER_ELECT") {
		t.Errorf("got %v", err)
	}
}

// Two clusters that are called the same and name a context alike would take away each other's copies there.
func TestTheOverlayForOtherClustersStartsNothingBeforeTheClusterHasAName(t *testing.T) {
	var patch appsv1.Deployment
	if err := yaml.Unmarshal([]byte(readDoc(t, "manifests/overlays/contexts/deployment.yaml")), &patch); err != nil {
		t.Fatal(err)
	}
	for _, v := range patch.Spec.Template.Spec.Containers[0].Env {
		t.Setenv(v.Name, v.Value)
	}
	var stderr bytes.Buffer
	code := execute(t.Context(), []string{"run", "--kubeconfig=/nowhere"}, streams{err: &stderr})
	if code != exitUsage || !strings.Contains(stderr.String(), "give this cluster a name that no other has") {
		t.Errorf("got exit code %d and %q", code, stderr.String())
	}
	t.Setenv("WILDCAST_CLUSTER_NAME", "prod-eu")
	stderr.Reset()
	code = execute(t.Context(), []string{"run", "--kubeconfig=/nowhere"}, streams{err: &stderr})
	if code != exitFailed || strings.Contains(stderr.String(), "--cluster-name") {
		t.Errorf("with a name it gets exit code %d and %q", code, stderr.String())
	}
}

func TestTheHomeNamespaceIsThePodsOrCertManager(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	if got := defaultNamespace(); got != "cert-manager" {
		t.Errorf("got %s", got)
	}
	t.Setenv("POD_NAMESPACE", "tls")
	if got := defaultNamespace(); got != "tls" {
		t.Errorf("got %s", got)
	}
}

func TestReadinessFollowsTheCachesAndHealthDoesNot(t *testing.T) {
	filled := false
	server := httptest.NewServer(healthHandler(func() bool { return filled }))
	defer server.Close()
	status := func(path string) int {
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if status("/healthz") != 200 || status("/readyz") != 503 {
		t.Error("before the caches are filled")
	}
	filled = true
	if status("/healthz") != 200 || status("/readyz") != 200 {
		t.Error("after the caches are filled")
	}
}

// The two controllers do not know each other, and speak the same language nevertheless.
func TestTheControllersAgreeOnNames(t *testing.T) {
	if controllers.AnnotationSync != syncer.AnnotationSync || controllers.AnnotationAdopt != syncer.AnnotationAdopt {
		t.Error("annotations differ")
	}
	for _, text := range []string{"short", strings.Repeat("wild.", 30)} {
		if controllers.LabelValue(text) != syncer.LabelValue(text) {
			t.Errorf("%s is %s and %s as the value of a label", text, controllers.LabelValue(text), syncer.LabelValue(text))
		}
	}
}
