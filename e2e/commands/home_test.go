package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/stage"
)

// installed is a wildcast as the chart installs it in another home namespace, for some namespaces. No Pod of it runs here.
const installed = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wildcast
  labels: {app.kubernetes.io/name: wildcast}
spec:
  replicas: 0
  selector: {matchLabels: {app.kubernetes.io/name: wildcast}}
  template:
    metadata: {labels: {app.kubernetes.io/name: wildcast}}
    spec:
      containers:
      - {name: wildcast, image: wildcast, args: [run], env: [{name: WILDCAST_NAMESPACES, value: %s}]}
`

func TestTheCommandsFindTheHomeNamespaceAndTheNamespacesThatWildcastWorksIn(t *testing.T) {
	s := open(t, "homes")
	home, web, ops := s.Name+"-tls", s.Name+"-web", s.Name+"-ops"
	s.kubectl("delete", "deployment", "wildcast", "--namespace", stage.Home)
	t.Cleanup(func() {
		_, err := shared.Kubectl(context.Background(), "delete", "deployment", "wildcast", "--namespace", home, "--ignore-not-found")
		s.must(errors.Join(err, shared.Apply(context.Background(), "manifests/base")))
	})
	s.must(s.Namespace(t.Context(), home, nil))
	s.must(shared.ApplyText(t.Context(), home, fmt.Sprintf(installed, web)))
	s.kubectl("create", "secret", "generic", "pull", "--namespace", home)
	s.kubectl("annotate", "secret", "pull", "--namespace", home, "wildcast.dev/sync=")
	for _, namespace := range []string{web, ops} {
		s.must(s.Ingress(t.Context(), namespace, "web", "web-tls", []string{"www." + s.domain}, map[string]string{"wildcast.dev/issuer": "nobody"}))
	}
	from := time.Now()

	r := s.status()
	if text := r.problem("Ingress", web+"/web", "IssuerNotFound"); !strings.Contains(text, home) {
		t.Errorf("the issuer is looked for in the home namespace: %q in %v", text, r.Problems)
	}
	if text := r.problem("Secret", home+"/pull", "TargetFailed"); !strings.Contains(text, web+"/pull") {
		t.Errorf("the copy that is missing: %q in %v", text, r.Problems)
	}
	for _, p := range r.Problems {
		if strings.Contains(fmt.Sprint(p), ops) {
			t.Errorf("wildcast does not work in %s: %v", ops, p)
		}
	}
	for _, args := range [][]string{{"status", "-n", ops}, {"explain", "ingress", ops + "/web"}, {"explain", "namespace", ops}} {
		code, out, complaints := s.run(args...)
		if code != 1 || !strings.Contains(complaints, "wildcast does not work in namespace "+ops+", but only in "+home+", "+web) {
			t.Errorf("wildcast %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, complaints)
		}
	}
	s.changedNothing(from)
}
