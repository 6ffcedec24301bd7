package certificates_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/bind"
	"github.com/wildcast/wildcast/e2e/stage"
)

// openBIND is open with BIND as the CA's and the solver's DNS, for the scene's own zone. Barriers cannot be had.
func openBIND(t *testing.T, name string, o bind.Options) (*scene, *bind.BIND) {
	t.Helper()
	o.Zones, o.Dir = append(o.Zones, name+".test"), t.TempDir()
	b, err := bind.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	stageOptions := stage.Options{}
	stageOptions.CA.Resolver = b.Addr()
	s := openBare(t, name, stageOptions)
	s.must(s.Issuer(s.ctx, stage.Home, name, map[string]string{"sync": stage.Label + "=" + name}))
	settings := b.SolverEnv()
	settings["nameservers"] = strings.Join(b.Addrs(), ",")
	s.must(s.Solver(s.ctx, stage.Home, name+"-dns", settings))
	return s, b
}

// noneAt waits until BIND has no TXT record at the names.
func (s *scene) noneAt(b *bind.BIND, fqdns ...string) {
	s.t.Helper()
	for _, fqdn := range fqdns {
		s.until("BIND has no TXT record "+fqdn, func() error {
			left, err := b.TXT(s.ctx, fqdn)
			if err == nil && len(left) > 0 {
				err = fmt.Errorf("there are %d", len(left))
			}
			return err
		})
	}
}

func TestARealBINDIsUpdatedWithTSIGForAWildcardAndItsApexAndTheTXTRecordsGo(t *testing.T) {
	s, b := openBIND(t, "bind", bind.Options{})
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "site", []string{s.zone(), s.host("www"), s.host("deep.sub")}, nil)
	s.served(infra, "site-tls", s.zone(), "*."+s.zone(), "*.sub."+s.zone())
	s.ordered("*." + s.zone() + " *.sub." + s.zone() + " " + s.zone())
	s.noneAt(b, "_acme-challenge."+s.zone(), "_acme-challenge.sub."+s.zone())
	if n := s.DNS.Updates(); n > 0 {
		t.Errorf("another server than BIND was updated %d times", n)
	}
}

func TestARealBINDThatRefusesTheKeyIsToldInItsWordsWithoutTheSecret(t *testing.T) {
	s, b := openBIND(t, "badkey", bind.Options{})
	const wrong = "cmVjb2duaXNhYmxlLXdyb25nLXNlY3JldC1vZi0zMi1i"
	solver := home(s.Name + "-dns")
	right := s.stored(solver).Data["DNSUPDATE_TSIG_SECRET"]
	s.put(solver, "DNSUPDATE_TSIG_SECRET", wrong)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(infra, "wiki", "OrderFailed", "present _acme-challenge."+s.zone(), "solver cert-manager/badkey-dns")
	s.put(solver, "DNSUPDATE_TSIG_SECRET", string(right))
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.noneAt(b, "_acme-challenge."+s.zone())
	s.neverTold(infra, wrong, string(right))
}

func TestASecondaryThatLagsIsNamedAndTheOrderWaitsForAllServers(t *testing.T) {
	s, b := openBIND(t, "lagging", bind.Options{Secondary: true})
	infra := s.namespace("infra", nil)
	var asked atomic.Bool
	s.CA.Before(func(step string) {
		if step == acmetest.StepChallenge {
			asked.Store(true)
		}
	})
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	event := s.event(infra, "wiki", "WaitingForDNS", "_acme-challenge."+s.zone(), "ns2."+s.zone())
	if strings.Contains(event.Note, "ns1."+s.zone()) {
		t.Errorf("the Event %q names the server that has the record", event.Note)
	}
	if made, err := b.TXT(s.ctx, "_acme-challenge."+s.zone()); err != nil || len(made) != 1 {
		t.Errorf("the primary has %d TXT records, %v, want one", len(made), err)
	}
	if asked.Load() {
		t.Error("the CA was told to look before all servers had the record")
	}
	s.must(b.Transfer(s.ctx))
	s.served(infra, "wiki-tls", "*."+s.zone())
	if !asked.Load() {
		t.Error("the CA was never told to look")
	}
	s.ordered("*." + s.zone())
	s.noneAt(b, "_acme-challenge."+s.zone())
}

// update is a program as an operator would write it.
const update = `#!/bin/sh
set -eu
case "$1" in
present) change="update add $2 1 TXT $3" ;;
cleanup) change="update delete $2 TXT $3" ;;
esac
printf 'server %s\nkey hmac-sha256:%s %s\n%s\nsend\n' "$EXEC_SERVER" "$EXEC_KEY" "$EXEC_SECRET" "$change" | nsupdate
`

func TestAProgramOfTheOperatorsAnswersAndNoOtherIsRun(t *testing.T) {
	s, b := openBIND(t, "program", bind.Options{})
	folder, marker := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	s.must(os.WriteFile(filepath.Join(folder, "update.sh"), []byte(update), 0o700))
	settings := b.SolverEnv()
	host, port, err := net.SplitHostPort(b.Addr())
	s.must(err)
	s.change(home(s.Name+"-dns"), func(solver *corev1.Secret) {
		solver.Data = map[string][]byte{
			"provider": []byte("exec"), "ambient": []byte("true"), "nameservers": []byte(b.Addr()),
			"EXEC_PATH": []byte("/bin/touch"), "EXEC_SERVER": []byte(host + " " + port),
			"EXEC_KEY": []byte(settings["DNSUPDATE_TSIG_KEY"]), "EXEC_SECRET": []byte(settings["DNSUPDATE_TSIG_SECRET"]),
		}
	})
	infra := s.namespace("infra", nil)
	s.run("--dns01-exec-dir=" + folder)
	s.event(stage.Home, s.Name+"-dns", "InvalidSolver", "EXEC_PATH", "give the name of a file there")
	s.change(home(s.Name+"-dns"), func(solver *corev1.Secret) {
		solver.Data["EXEC_PATH"], solver.Data["BASH_ENV"] = []byte("update.sh"), []byte("$(touch "+marker+")")
	})
	s.event(stage.Home, s.Name+"-dns", "InvalidSolver", "BASH_ENV", "begin with EXEC_")
	s.change(home(s.Name+"-dns"), func(solver *corev1.Secret) { delete(solver.Data, "BASH_ENV") })
	s.until("the solver is ready", func() error {
		if got := s.stored(home(s.Name + "-dns")).Annotations["wildcast.dev/status"]; got != "Ready" {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
	s.ingress(infra, "wiki", []string{s.zone(), s.host("wiki")}, nil)
	s.served(infra, "wiki-tls", s.zone(), "*."+s.zone())
	s.ordered("*." + s.zone() + " " + s.zone())
	s.noneAt(b, "_acme-challenge."+s.zone())
	if _, err := os.Stat(marker); err == nil {
		t.Error("what a solver's author wrote was run")
	}
	s.neverTold(infra, settings["DNSUPDATE_TSIG_SECRET"])
}
