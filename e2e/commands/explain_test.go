package commands_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
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
	var text string
	s.until("what the CA says of a slow order is recorded, and what it is to find", func() error {
		if text = s.ok("explain", "ingress", web+"/web"); !strings.Contains(text, "WaitingForDNS") {
			return errors.New(text)
		}
		return nil
	})
	s.contains(text, "1 certificate.\n\nPROBLEMS (", "Secret "+stage.Home+"/wildcard."+s.domain+": WaitingForDNS\n",
		"which these servers do not show yet: ns1."+s.domain+". ("+s.DNS.Addr()+") has no such record.",
		"authorization  *."+s.domain+" by dns-01: pending; the CA was not told to look yet\n", strings.TrimSuffix(s.CA.Directory(), "/dir")+"/authZ/")
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

// explained is what the tests read of an explanation.
type explained struct {
	Problems []struct{ Reason, Message string }
	Chains   []struct {
		Certificate    struct{ State string }
		Authorizations []struct{ URL, Name, Status, Challenge, ErrorType, Detail string }
		Challenges     []struct{ Seen struct{ FQDN, Create string } }
	}
}

func (s *scene) explained(ingress string) (text string, e explained) {
	s.Helper()
	s.must(json.Unmarshal([]byte(s.ok("explain", "ingress", ingress, "-o", "json")), &e))
	return s.ok("explain", "ingress", ingress), e
}

func TestExplainSaysWhatIsWrongFirstWithWhatTheCASaysAndTheRecordToCreate(t *testing.T) {
	var world *acmetest.DNS // which the CA sees, and not what the solver writes
	s := openWith(t, "trouble", func(domain string) acmetest.CAOptions {
		var err error
		if world, err = acmetest.StartDNS(domain); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(world.Close)
		return acmetest.CAOptions{Resolver: world.Addr()}
	})
	web := s.Name + "-web"
	s.must(s.Solver(t.Context(), stage.Home, s.Name+"-dns", nil))
	s.must(s.Solver(t.Context(), stage.Home, s.Name+"-stay", map[string]string{"provider": "persist", "zones": "stay." + s.domain}))
	ask := func(name string) {
		t.Helper()
		s.must(s.Ingress(t.Context(), web, name, name+"-tls", []string{"www." + name + "." + s.domain}, map[string]string{"wildcast.dev/issuer": s.Name}))
	}
	ask("unseen")
	ask("stay")
	s.kubectl("delete", "lease", "wildcast", "--namespace", stage.Home, "--ignore-not-found") // of an earlier story
	w := wildcast.New(t, shared, wildcast.Options{Args: []string{"--leader-elect=false"}})

	certificate := stage.Home + "/wildcard.unseen." + s.domain
	var text string
	var e explained
	s.until("the CA has refused a name", func() error {
		if text, e = s.explained(web + "/unseen"); !strings.Contains(text, " by dns-01: invalid\n") || len(e.Problems) != 1 || e.Chains[0].Authorizations[0].Status != "invalid" {
			return errors.New(text)
		}
		return nil
	})
	a := e.Chains[0].Authorizations[0]
	if a.Name != "*.unseen."+s.domain || a.Challenge != "dns-01" || a.ErrorType != "unauthorized" || a.Detail == "" {
		t.Errorf("the CA's verdict: %+v", a)
	}
	s.contains(text, "authorization  "+a.Name+" by dns-01: invalid\n", "unauthorized: "+a.Detail+"\n", a.URL, "order          failed ", "next attempt   ", "(in ")
	s.contains(text, "Secret "+certificate+": Failing\n    It was not issued: ", "The CA did not see the record at unseen."+s.domain+" that wildcast saw: ", "give the solver nameservers", "The next attempt is at ")
	s.contains(s.ok("explain", "secret", certificate, "-o", "yaml"), "errorType: unauthorized", "status: invalid")
	t.Log("\n" + text)

	s.record(world, web+"/stay", stage.Home+"/wildcard.stay."+s.domain)

	s.CA.Answer429(time.Hour)
	ask("late")
	s.becomes(stage.Home+"/wildcard.late."+s.domain, "Limited")
	text, _ = s.explained(web + "/late")
	s.contains(text, "too many new orders recently", "The next attempt is at ", "state          Limited\n", "next attempt   ")
	t.Log("\n" + text)
	w.Stop()
}

// record makes the record that an Ingress's explanation tells to create, and finds it missed once it is gone again.
func (s *scene) record(world *acmetest.DNS, ingress, certificate string) {
	s.Helper()
	var text string
	var e explained
	s.until("the record to create is known", func() error {
		if text, e = s.explained(ingress); len(e.Chains[0].Challenges) != 1 || e.Chains[0].Challenges[0].Seen.Create == "" {
			return errors.New(text)
		}
		return nil
	})
	record := e.Chains[0].Challenges[0].Seen
	s.contains(text, "PROBLEMS (1)\n", fmt.Sprintf("%q", record.Create), "TXT "+record.FQDN, "created once for solver "+stage.Home+"/"+s.Name+"-stay", "("+s.DNS.Addr()+") has no such record")
	s.Log("\n" + text)
	for _, dns := range []*acmetest.DNS{s.DNS, world} {
		dns.AddTXT(record.FQDN, record.Create)
	}
	s.becomes(certificate, "Ready")
	text, e = s.explained(ingress)
	s.contains(text, "("+s.DNS.Addr()+") has it\n")
	if len(e.Problems) > 0 {
		s.Errorf("all is well: %+v", e.Problems)
	}
	s.DNS.RemoveTXT(record.FQDN, record.Create)
	text, e = s.explained(ingress)
	if len(e.Problems) != 1 || !strings.Contains(e.Problems[0].Message, "Its renewal at ") || !strings.Contains(e.Problems[0].Message, fmt.Sprintf("Create it: name %s value %q", record.FQDN, record.Create)) {
		s.Errorf("the record is gone that the renewal needs: %s", text)
	}
}
