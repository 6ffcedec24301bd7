package commands_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// contains checks that a text has all of the parts.
func (s *scene) contains(text string, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.Errorf("it lacks %q:\n%s", part, text)
		}
	}
}

func TestExplainFollowsTheChainFromAHostToTheDNSServers(t *testing.T) {
	s := open(t, "chain")
	web, ops := s.Name+"-web", s.Name+"-ops"
	s.must(s.Solver(t.Context(), stage.Home, s.Name+"-dns", nil))
	s.DNS.Hide() // the record is written, and no server shows it
	s.must(s.Ingress(t.Context(), web, "web", "web-tls", []string{"www." + s.domain}, map[string]string{"wildcast.dev/issuer": s.Name}))
	w := wildcast.New(t, shared, wildcast.Options{})
	s.until("the record is there", func() error {
		if len(s.DNS.TXT("_acme-challenge."+s.domain)) == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	text := s.ok("explain", "ingress", web+"/web")
	s.contains(text, "www."+s.domain+", in Secret web-tls", stage.Home+"/wildcard."+s.domain, "Ordering", "is in flight",
		"TXT _acme-challenge."+s.domain+". in zone "+s.domain+"., by solver "+stage.Home+"/"+s.Name+"-dns", s.DNS.Addr()+") has no such record", web+"/web-tls: ")
	t.Log("\n" + text)
	s.DNS.Show()
	s.becomes(stage.Home+"/wildcard."+s.domain, "Ready")
	s.until("the copy is there", func() error {
		if text := s.ok("explain", "ingress", web+"/web"); !strings.Contains(text, "web-tls: synced") {
			return errors.New(text)
		}
		return nil
	})
	s.contains(s.ok("explain", "secret", "web-tls", "-n", web), "a copy of Secret "+stage.Home+"/wildcard."+s.domain, "synced",
		"Ingress "+web+"/web asks for it", `match "`+s.Name+`=web"`)
	s.contains(s.ok("explain", "secret", stage.Home+"/wildcard."+s.domain), "a certificate, and a source: it is copied to the namespaces that match \""+s.Name+"=web\". Copies there: 2, behind: 0, lacking: 0", "asked by", "Ingress "+web+"/web")
	s.contains(s.ok("explain", "namespace", web), "Secret web-tls, a copy of "+stage.Home+"/wildcard."+s.domain+": synced")
	s.contains(s.ok("explain", "namespace", ops), "It does not receive", "To have it: kubectl label --overwrite namespace "+ops+" "+s.Name+"=web")

	s.contains(s.ok("explain", "secret", s.Name, "-n", stage.Home), "an issuer: Ready. The account is registered.")

	before := s.status().Certificates[0].Serial
	code, _, complaints := s.run("renew", "wildcard."+s.domain)
	if code != 1 || !strings.Contains(complaints, "forbidden") {
		t.Errorf("a viewer renews: exit code %d: %s", code, complaints)
	}
	s.kubeconfig = shared.Kubeconfig()
	code, _, complaints = s.run("renew", web+"/web-tls")
	if code != 1 || !strings.Contains(complaints, "is a copy of "+stage.Home+"/wildcard."+s.domain+": renew that one") {
		t.Errorf("a copy is renewed: exit code %d: %s", code, complaints)
	}
	text = s.ok("renew", "wildcard."+s.domain, "--wait")
	s.kubeconfig = viewer
	now := s.status().Certificates[0].Serial
	if now == before || !strings.Contains(text, now) {
		t.Errorf("%s was renewed as %s: %s", before, now, text)
	}
	w.Stop()
}

func TestItIsAPluginOfKubectl(t *testing.T) {
	s := open(t, "plugin")
	folder := t.TempDir()
	s.must(os.Symlink(filepath.Join(programs, "wildcast"), filepath.Join(folder, "kubectl-wildcast")))
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	s.must(s.Ingress(t.Context(), s.Name+"-web", "web", "web-tls", []string{"www." + s.domain}, map[string]string{"wildcast.dev/issuer": s.Name}))
	kubectl := func(args ...string) string {
		t.Helper()
		code, out, complaints := s.exec(shared.KubectlPath(), append(args, "--kubeconfig="+viewer)...)
		if code != 0 {
			t.Fatalf("kubectl %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, complaints)
		}
		return out
	}
	s.contains(kubectl("wildcast", "status", "-A"), stage.Home+"/wildcard."+s.domain, "NotReady")
	s.contains(kubectl("wildcast", "status", "-n", s.Name+"-web", "-o", "yaml"), "name: wildcard."+s.domain)
	if out := kubectl("wildcast", "status", "-n", s.Name+"-ops"); strings.Contains(out, "wildcard."+s.domain) {
		t.Errorf("another namespace's certificate is shown:\n%s", out)
	}
	s.contains(kubectl("wildcast", "explain", "ingress", "web", "-n", s.Name+"-web"), "www."+s.domain)
}

func TestWhoMayReadOneNamespaceSeesThatOne(t *testing.T) {
	s := open(t, "guest")
	web := s.Name + "-web"
	s.must(s.Ingress(t.Context(), web, "web", "web-tls", []string{"www." + s.domain}, map[string]string{"wildcast.dev/issuer": s.Name}))
	grant := func(namespace string) {
		t.Helper()
		s.kubectl("create", "rolebinding", s.Name, "--clusterrole=wildcast-viewer", "--serviceaccount=default:"+s.Name, "--namespace", namespace)
	}
	s.kubectl("create", "serviceaccount", s.Name)
	var err error
	s.kubeconfig, err = shared.KubeconfigFor(t.Context(), "default", s.Name)
	s.must(err)
	grant(web)
	code, out, complaints := s.run("status")
	if code != 1 || !strings.Contains(complaints, "wildcast-viewer") || !strings.Contains(complaints, "choose a namespace with -n") {
		t.Errorf("exit code %d\n%s%s", code, out, complaints)
	}
	s.until("one namespace is seen", func() error { // the API server's authorizer learns of it in a moment
		code, out, complaints = s.run("status", "-n", web)
		if code != 0 || !strings.Contains(complaints, "secrets in namespace "+stage.Home) || !strings.Contains(out, "Ingress "+web+"/web: IssuerNotFound") {
			return fmt.Errorf("exit code %d\n%s%s", code, out, complaints)
		}
		return nil
	})
	grant(stage.Home)
	s.until("both namespaces are seen", func() error {
		code, out, complaints = s.run("status", "-n", web)
		if code != 0 || complaints != "" || !strings.Contains(out, stage.Home+"/wildcard."+s.domain) {
			return fmt.Errorf("exit code %d\n%s%s", code, out, complaints)
		}
		return nil
	})
}
