package certificates_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// put sets one key of a Secret.
func (s *scene) put(name types.NamespacedName, key, value string) {
	s.t.Helper()
	s.change(name, func(secret *corev1.Secret) { secret.Data[key] = []byte(value) })
}

// neverTold looks for secrets wherever people look: the process's log with what its children said, Events, annotations and
// ConfigMaps in the namespace and at home, the records of orders but for their keys, metrics, the status page if there is
// one, and what the commands status and explain print.
func (s *scene) neverTold(namespace string, secrets ...string) {
	s.t.Helper()
	for where, text := range s.told(namespace) {
		if text == "" {
			s.t.Errorf("%s: nothing was said at all", where)
		}
		for _, secret := range secrets {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))} {
				if strings.Contains(text, form) {
					s.t.Errorf("%s: there is the secret %s", where, form)
				}
			}
		}
	}
}

// told is all that was said, by where.
func (s *scene) told(namespace string) map[string]string {
	s.t.Helper()
	log, err := s.w.Logs()
	s.must(err)
	all := map[string]string{"log": log, "metrics": s.page("http://" + s.w.MetricsAddress() + "/metrics")}
	for _, ns := range []string{namespace, stage.Home} {
		events, err := s.Kube.EventsV1().Events(ns).List(s.ctx, metav1.ListOptions{})
		s.must(err)
		all["Events in "+ns] = s.text(events)
		secrets, err := s.Kube.CoreV1().Secrets(ns).List(s.ctx, metav1.ListOptions{})
		s.must(err)
		for _, secret := range secrets.Items {
			all["annotations in "+ns] += s.text(secret.ObjectMeta)
			all["records in "+ns] += "record: " + s.record(secret)
		}
		maps, err := s.Kube.CoreV1().ConfigMaps(ns).List(s.ctx, metav1.ListOptions{})
		s.must(err)
		all["ConfigMaps in "+ns] = s.text(maps)
	}
	ingresses, err := s.Kube.NetworkingV1().Ingresses(namespace).List(s.ctx, metav1.ListOptions{})
	s.must(err)
	all["Ingresses"] = s.text(ingresses)
	for _, ingress := range ingresses.Items {
		all["explain "+ingress.Name] = s.prints("explain", "ingress", namespace+"/"+ingress.Name, "--output=json")
	}
	all["status"], all["status in JSON"] = s.prints("status"), s.prints("status", "--output=json")
	if s.status != "" {
		all["status page"], all["status.json"] = s.page("http://"+s.status+"/"), s.page("http://"+s.status+"/status.json")
	}
	return all
}

// prints is all that a command of wildcast prints, to an administrator, who may read every Secret.
func (s *scene) prints(args ...string) string {
	s.t.Helper()
	programs, err := wildcast.Build(s.ctx, os.Stderr)
	s.must(err)
	command := exec.CommandContext(s.ctx, filepath.Join(programs, "wildcast"), append(args, "--kubeconfig="+shared.Kubeconfig())...)
	text, err := command.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended { // the exit code tells that something is wrong
		s.t.Fatal(err)
	}
	return string(text)
}

// record is what an order's record says, but for the keys that it keeps.
func (s *scene) record(secret corev1.Secret) (said string) {
	if secret.Type != "wildcast.dev/order" {
		return ""
	}
	for key, value := range secret.Data {
		if key != corev1.TLSPrivateKeyKey && key != "last" {
			said += key + ": " + string(value) + "\n"
		}
	}
	return said
}

func (s *scene) text(object any) string {
	s.t.Helper()
	text, err := json.Marshal(object)
	s.must(err)
	return string(text)
}

func (s *scene) page(url string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, nil)
	s.must(err)
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	s.must(err)
	return string(body)
}

// basic is the value of an Authorization header (RFC 7617).
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}
