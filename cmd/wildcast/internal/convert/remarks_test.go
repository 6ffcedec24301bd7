package convert_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/convert"
)

func TestCommandsRunNothingThatIsInTheInput(t *testing.T) {
	const evil = "x'; touch \\\"$(touch evil)\\\" `touch evil`\\nkubectl delete namespaces --all\\n"
	input := strings.ReplaceAll(`{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: le}, spec: {acme: {server: "EVIL", privateKeySecretRef: {name: "EVIL"},
  solvers: [{dns01: {webhook: {solverName: dnspod, config: {apiID: "EVIL", apiTokenSecretRef: {name: "EVIL", key: "EVIL"}}}}},
    {selector: {dnsZones: ["EVIL"]}, dns01: {cloudflare: {apiTokenSecretRef: {name: "EVIL", key: "EVIL"}}}}]}}}
---
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: "EVIL", namespace: "EVIL"}, spec: {secretName: "EVIL", dnsNames: ["EVIL"], issuerRef: {name: "EVIL"}}}
`, "EVIL", evil)
	objects, err := convert.Read("EVIL", strings.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, r := range convert.Convert(objects, convert.Options{Home: "cert-manager", Namespace: "default"}).Remarks {
		if strings.Contains(r.String(), "\n") || strings.HasPrefix(r.String(), "kubectl") || strings.Contains(r.Command, "\n") {
			t.Errorf("a remark has more than one line: %q, %q", r, r.Command)
		}
		if r.Command == "" {
			continue
		}
		commands++
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "kubectl() { :; }; touch() { echo EVIL; }; "+r.Command)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", r.Command, err, out)
		}
	}
	if commands < 3 {
		t.Errorf("just %d commands", commands)
	}
}
