package commands_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

func TestStatusTellsTheStoryOfACertificate(t *testing.T) {
	s := open(t, "story")
	from := time.Now()
	web, ops, certificate := s.Name+"-web", s.Name+"-ops", stage.Home+"/wildcard."+s.domain
	optIn := map[string]string{"wildcast.dev/issuer": s.Name}
	s.must(s.Ingress(t.Context(), web, "web", "web-tls", []string{"www." + s.domain}, optIn))
	s.must(s.Ingress(t.Context(), ops, "web", "web-tls", []string{"ops." + s.domain}, optIn))
	if state := s.status().certificate(certificate); state != "NotReady" {
		t.Errorf("before wildcast runs the certificate is %s", state)
	}
	w := wildcast.New(t, shared, wildcast.Options{})

	r := s.status()
	if text := r.problem("Secret", certificate, "NotReady"); !strings.Contains(text, "has no valid solver for *."+s.domain) {
		t.Errorf("there is no solver: %q", text)
	}
	gate := r.problem("Ingress", ops+"/web", "NamespaceNotSelected")
	_, command, found := strings.Cut(gate, "allow it: kubectl ")
	if !found {
		t.Fatalf("the namespace is not selected: %q", gate)
	}
	s.kubectl(strings.Fields(command)...) // the remedy is one
	s.must(s.Solver(t.Context(), stage.Home, s.Name+"-dns", nil))
	s.becomes(certificate, "Ready")

	s.until("both namespaces have their copies", func() error {
		for _, c := range s.status().Reflections {
			if c.Namespace+"/"+c.Name == certificate && c.Copies == 4 && c.Behind+c.Failing+c.Leaving == 0 {
				return nil
			}
		}
		return errors.New(s.ok("status", "-o", "wide"))
	})
	r = s.status()
	if problems := fmt.Sprint(r.Problems); problems != "[]" || r.Running.Leader == "" {
		t.Errorf("all is well, and led by %q: %s", r.Running.Leader, problems)
	}
	if now := r.Certificates[0]; now.Serial == "" || now.Expires.Before(now.Renews) || now.Renews.Before(time.Now()) {
		t.Errorf("%+v", now)
	}

	s.kubectl("create", "secret", "generic", "mine", "--namespace", ops)
	s.kubectl("create", "secret", "generic", "mine", "--namespace", web)
	s.kubectl("annotate", "secret", "mine", "--namespace", web, "wildcast.dev/sync="+s.Name+"=web")
	r = s.status()
	obstacle := r.problem("Secret", web+"/mine", "TargetNotOurs")
	if !strings.Contains(obstacle, ops+"/mine exists and is no copy") {
		t.Errorf("an obstacle: %q in %v", obstacle, r.Problems)
	}
	_, command, _ = strings.Cut(strings.TrimSuffix(obstacle, "."), "hand it over: kubectl ")
	s.kubectl(strings.Fields(command)...)
	t.Log("\n" + s.ok("status"))
	s.until("it was handed over", func() error {
		if r := s.status(); len(r.Problems) > 0 {
			return fmt.Errorf("%v", r.Problems)
		}
		return nil
	})

	w.Stop()
	if text := s.status().problem("Lease", "/wildcast", "NotRunning"); text == "" {
		t.Error("it is not noticed that wildcast is gone")
	}
	s.changedNothing(from)
}

// changedNothing checks that the commands have made no request but to read, and none in vain.
func (s *scene) changedNothing(from time.Time) {
	s.Helper()
	requests, err := shared.Requests(cluster.Since(from))
	s.must(err)
	seen := 0
	for _, r := range requests {
		if r.User != cluster.Username("default", "viewer") {
			continue
		}
		seen++
		if r.Code != 200 && r.Code != 404 || r.Verb != "get" && r.Verb != "list" {
			s.Errorf("%s: code %d: %s", r, r.Code, r.URI)
		}
	}
	if seen == 0 {
		s.Error("no request was seen")
	}
}

func TestStatusShowsItAgainWhenItHasChanged(t *testing.T) {
	s := open(t, "watch")
	ops := s.Name + "-ops"
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "wildcast"), "status", "--watch", "--interval=1s", "-o", "json", "--kubeconfig="+viewer)
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	reports := json.NewDecoder(out)
	var first, next status
	s.must(reports.Decode(&first))
	if text := first.problem("Ingress", ops+"/web", "IssuerNotFound"); text != "" {
		t.Error(text)
	}
	s.must(s.Ingress(t.Context(), ops, "web", "web-tls", []string{"ops." + s.domain}, map[string]string{"wildcast.dev/issuer": "nobody"}))
	for next.problem("Ingress", ops+"/web", "IssuerNotFound") == "" { // other stories' namespaces may go in between
		next = status{}
		s.must(reports.Decode(&next))
	}
	s.must(cmd.Process.Signal(os.Interrupt))
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	s.must(cmd.Wait()) // exit code 0
}
