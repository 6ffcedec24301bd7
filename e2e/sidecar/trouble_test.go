package sidecar_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/sidecar"
)

// says waits until the sidecar's log has a line with all these texts.
func (p *pod) says(texts ...string) {
	p.Helper()
	p.until(fmt.Sprintf("the sidecar says %q", texts), func() error {
		for line := range strings.Lines(p.Logs()) {
			if contains(line, texts) {
				return nil
			}
		}
		return errors.New("it does not")
	})
}

func contains(line string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(line, text) {
			return false
		}
	}
	return true
}

// keepsSecrets checks that nobody's log has a key.
func (p *pod) keepsSecrets() {
	p.Helper()
	for _, log := range []string{p.Logs(), p.ServerLogs()} {
		if strings.Contains(log, "PRIVATE KEY") {
			p.Errorf("it shows a secret:\n%s", log)
		}
	}
}

// stillServes checks that a server that has been told to reload by nobody has the certificate of that serial number.
func (p *pod) stillServes(serial string) {
	p.Helper()
	is, err := sidecar.Visit(p.Addr, host, p.authority.pool)
	if err != nil || is != serial {
		p.Errorf("it serves %s, want %s: %v", is, serial, err)
	}
	if in := p.inService(); in != serial {
		p.Errorf("%s is in service, want %s", in, serial)
	}
}

// inService is the serial number of the certificate in the files.
func (p *pod) inService() string {
	p.Helper()
	for {
		text, err := os.ReadFile(filepath.Join(p.Folder(), "tls.crt"))
		if errors.Is(err, fs.ErrNotExist) && p.Context().Err() == nil {
			continue // the version was replaced after its link was followed
		}
		p.must(err)
		return serialOf(p.T, text)
	}
}

func TestAConfigurationThatNginxRefusesKeepsTheOldCertificateInServiceUntilItIsRepaired(t *testing.T) {
	p := open(t, "nginx", "check-nginx")
	first := p.renew()
	p.start("--check=nginx -t -q -e stderr -c " + p.Config())
	p.must(p.StartServer())
	p.serves(first)
	good, err := os.ReadFile(p.Config())
	p.must(err)
	p.must(os.WriteFile(p.Config(), []byte("nonsense;\n"+string(good)), 0o644))
	served := p.under(func(load *sidecar.Load) {
		p.sees(load, first)
		second := p.renew()
		p.says("--check", `unknown directive \"nonsense\"`)
		p.stillServes(first)
		p.must(os.WriteFile(p.Config(), good, 0o644))
		p.sees(load, second)
	})
	if len(served) != 2 {
		t.Errorf("clients met %d certificates, want 2", len(served))
	}
	p.keepsSecrets()
}

func TestFilesThatHAProxyRefusesAreNeverInService(t *testing.T) {
	p := open(t, "haproxy", "check-haproxy")
	first := p.renew()
	p.start("--check-staged=haproxy -c -f " + p.Config())
	p.must(p.StartServer())
	p.serves(first)
	good, err := os.ReadFile(p.Config())
	p.must(err)
	p.must(os.WriteFile(p.Config(), []byte("nonsense\n"+string(good)), 0o644))
	second := p.renew()
	p.says("--check-staged", "nonsense")
	p.stillServes(first)
	p.must(os.WriteFile(p.Config(), good, 0o644))
	p.serves(second)
	p.keepsSecrets()
}

func TestAKeyOfAnotherCertificateIsRefusedAndTheNextPairGoesIntoService(t *testing.T) {
	p := open(t, "nginx", "pair-nginx")
	first := p.renew()
	p.start()
	p.must(p.StartServer())
	p.serves(first)
	chain, _, _ := p.authority.issue(t)
	_, key, _ := p.authority.issue(t)
	p.put(chain, key)
	p.says("Refused Secret", "its tls.key does not fit its tls.crt")
	p.stillServes(first)
	p.serves(p.renew())
	p.keepsSecrets()
}

func TestADeletedSecretLeavesItsFilesAlsoAfterARestartWithoutTheAPIServer(t *testing.T) {
	p := open(t, "nginx", "deleted-nginx")
	first := p.renew()
	p.start()
	p.must(p.StartServer())
	p.serves(first)
	p.must(p.kube.CoreV1().Secrets(p.namespace).Delete(t.Context(), secret, metav1.DeleteOptions{}))
	p.says("Found no such Secret; its files stay in service")
	p.stillServes(first)
	if code := p.Sidecar().Stop(patience); code != 0 {
		t.Errorf("stopped, it ends with exit code %d", code)
	}

	text, err := os.ReadFile(p.kubeconfig)
	p.must(err)
	config, err := cluster.Config(p.kubeconfig)
	p.must(err)
	nowhere := filepath.Join(t.TempDir(), "kubeconfig")
	p.must(os.WriteFile(nowhere, []byte(strings.ReplaceAll(string(text), config.Host, "https://127.0.0.1:1")), 0o600))
	p.must(p.StartSidecar(t.Context(), nowhere, p.namespace))
	p.must(p.Ready(t.Context()))
	p.says("Could not read Secret yet")
	p.stillServes(first)
	p.must(p.RestartSidecar(t.Context(), p.kubeconfig, p.namespace))
	p.serves(p.renew())
}

func TestOnceWaitsForTheSecretWritesItsFilesAndEnds(t *testing.T) {
	p := open(t, "haproxy", "once-haproxy")
	p.must(p.StartSidecar(t.Context(), p.kubeconfig, p.namespace, "--once", "--signal=", "--pid-file="))
	p.says("Found no such Secret yet")
	serial := p.renew()
	if code := p.Sidecar().Wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if in := p.inService(); in != serial {
		t.Errorf("%s is in service, want %s", in, serial)
	}
	p.must(p.StartServer())
	p.serves(serial)
}

func TestTheShippedRoleIsAllThatIsUsedAndLetsReadNoOtherSecret(t *testing.T) {
	p := open(t, "nginx", "rights")
	serial := p.renew()
	p.start()
	p.must(p.StartServer())
	p.serves(serial)
	p.serves(p.renew())
	if _, err := shared.KubectlWith(t.Context(), p.kubeconfig, nil, "auth", "can-i", "get", "secret/other", "-n", p.namespace); err == nil {
		t.Error("it lets read another Secret")
	}
	found, err := shared.Requests(func(r cluster.Request) bool {
		return r.User == cluster.Username("rights", account) && strings.HasPrefix(r.UserAgent, "wildcast/")
	})
	p.must(err)
	if len(found) == 0 {
		t.Fatal("no request was counted")
	}
	for _, r := range found {
		if r.Code == 403 || r.Resource != "secrets" || r.Write() {
			t.Errorf("%s", r)
		}
	}
}

func TestThePodsAreAdmittedWhereTheRestrictedProfileIsEnforced(t *testing.T) {
	for _, name := range []string{"nginx", "haproxy"} {
		p := open(t, name, "pods-"+name)
		p.until("a pod of "+name+" is admitted", func() error {
			pods, err := p.kube.CoreV1().Pods(p.namespace).List(t.Context(), metav1.ListOptions{})
			if err == nil && len(pods.Items) == 0 {
				err = errors.New("there is none")
			}
			return err
		})
	}
}

func TestTheDocumentedConfigurationsAreThoseThatTheSuiteRuns(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(checkout, "docs", "sidecar.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nginx/nginx.conf", "haproxy/haproxy.cfg"} {
		text, err := os.ReadFile(filepath.Join(checkout, "manifests", "sidecar", name))
		if err != nil {
			t.Fatal(err)
		}
		indented := ""
		for line := range strings.Lines(string(text)) {
			if line != "\n" {
				line = "    " + line
			}
			indented += line
		}
		if !strings.Contains(string(page), indented) {
			t.Errorf("docs/sidecar.md does not have manifests/sidecar/%s", name)
		}
	}
}
