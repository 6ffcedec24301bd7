package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var (
	shared   *cluster.Cluster
	programs string // folder of wildcast
	viewer   string // kubeconfig with the shipped role
	stories  int    // so far
)

func TestMain(m *testing.M) {
	users := []string{cluster.Username("default", "viewer")}
	os.Exit(cluster.Main(m, cluster.Options{Audit: true, AuditUsers: users}, func(ctx context.Context, c *cluster.Cluster) (err error) {
		shared = c
		for _, folder := range []string{"manifests/base", "manifests/viewer"} {
			if err := c.Apply(ctx, folder); err != nil {
				return err
			}
		}
		for _, command := range []string{
			"create serviceaccount viewer",
			"create clusterrolebinding viewer --clusterrole=wildcast-viewer --serviceaccount=default:viewer",
		} {
			if _, err := c.Kubectl(ctx, strings.Fields(command)...); err != nil {
				return err
			}
		}
		if viewer, err = c.KubeconfigFor(ctx, "default", "viewer"); err != nil {
			return err
		}
		if programs, err = wildcast.Build(ctx, os.Stderr); err != nil {
			return err
		}
		return stage.Until(ctx, func() error { // the API server's authorizer learns of it in a moment
			_, err := c.KubectlWith(ctx, viewer, nil, "auth", "can-i", "list", "secrets", "--all-namespaces")
			return err
		})
	}))
}

const patience = 2 * time.Minute

// scene is a stage with a wildcast, and who looks at it.
type scene struct {
	*testing.T
	*stage.Stage
	domain     string
	kubeconfig string
}

// open begins a story: namespaces web and ops, of which web is labelled, and an issuer for NAME.test.
func open(t *testing.T, name string) *scene {
	t.Helper()
	return openWith(t, name, func(string) acmetest.CAOptions { return acmetest.CAOptions{} })
}

// openWith is open with a CA that fits the domain.
func openWith(t *testing.T, name string, ca func(domain string) acmetest.CAOptions) *scene {
	t.Helper()
	stories++
	name = fmt.Sprint(name, "-", stories) // also when a test runs again
	st, err := stage.Open(shared, name, stage.Options{Zones: []string{name + ".test"}, CA: ca(name + ".test")})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, Stage: st, domain: name + ".test", kubeconfig: viewer}
	t.Cleanup(func() { s.must(st.Close(context.Background())) })
	s.must(st.Issuer(t.Context(), stage.Home, name, map[string]string{"sync": name + "=web"}))
	s.must(st.Namespace(t.Context(), name+"-web", map[string]string{name: "web"}))
	s.must(st.Namespace(t.Context(), name+"-ops", nil))
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) kubectl(args ...string) string {
	s.Helper()
	out, err := shared.Kubectl(s.Context(), args...)
	s.must(err)
	return out
}

// run runs a command of wildcast.
func (s *scene) run(args ...string) (code int, stdout, stderr string) {
	s.Helper()
	return s.exec(filepath.Join(programs, "wildcast"), append(args, "--kubeconfig="+s.kubeconfig)...)
}

func (s *scene) exec(program string, args ...string) (code int, stdout, stderr string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), program, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &complaints, time.Second
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { // KUBE_CACHE_MUTATION_DETECTOR is spoken of on standard error
		return strings.HasPrefix(v, "KUBECONFIG=") || strings.HasPrefix(v, "KUBE_") || strings.HasPrefix(v, "WILDCAST_")
	})
	if err := cmd.Run(); cmd.ProcessState == nil {
		s.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), complaints.String()
}

// ok runs a command that must succeed, and returns what it prints.
func (s *scene) ok(args ...string) string {
	s.Helper()
	code, out, complaints := s.run(args...)
	if code != 0 {
		s.Fatalf("wildcast %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, complaints)
	}
	s.keepsSecrets(out + complaints)
	return out
}

// keepsSecrets checks that nothing of a Secret's is shown.
func (s *scene) keepsSecrets(text string) {
	s.Helper()
	for _, secret := range []string{"PRIVATE KEY", s.DNS.SolverEnv()["RFC2136_TSIG_SECRET"]} {
		if secret != "" && strings.Contains(text, secret) {
			s.Errorf("it shows a secret:\n%s", text)
		}
	}
}

// status is what the tests read of a report.
type status struct {
	Running  struct{ Leader string }
	Problems []struct {
		Object          struct{ Kind, Namespace, Name string }
		Reason, Message string
	}
	Certificates []certificate
	Reflections  []struct {
		Namespace, Name                  string
		Copies, Behind, Failing, Leaving int
	}
}

type certificate struct {
	Namespace, Name, State, Serial string
	Expires, Renews                time.Time
}

// status is the report about what is on this stage: of earlier ones namespaces are still going.
func (s *scene) status(args ...string) (out status) {
	s.Helper()
	s.must(json.Unmarshal([]byte(s.ok(append([]string{"status", "-o", "json"}, args...)...)), &out))
	another := func(namespace, name string) bool {
		return namespace != "" && !strings.Contains(namespace+"/"+name, s.Name)
	}
	out.Certificates = slices.DeleteFunc(out.Certificates, func(c certificate) bool { return another(c.Namespace, c.Name) })
	for i := len(out.Problems) - 1; i >= 0; i-- {
		if o := out.Problems[i].Object; another(o.Namespace, o.Name) {
			out.Problems = slices.Delete(out.Problems, i, i+1)
		}
	}
	return out
}

// problem is the message of a problem, empty if there is none.
func (r status) problem(kind, name, reason string) string {
	for _, p := range r.Problems {
		if p.Object.Kind == kind && p.Object.Namespace+"/"+p.Object.Name == name && p.Reason == reason {
			return p.Message
		}
	}
	return ""
}

func (r status) certificate(name string) string {
	for _, c := range r.Certificates {
		if c.Namespace+"/"+c.Name == name {
			return c.State
		}
	}
	return "none"
}

func (s *scene) until(what string, condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		s.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// becomes waits until the status shows a certificate in a state.
func (s *scene) becomes(name, state string) {
	s.Helper()
	s.until(name+" is "+state, func() error {
		if is := s.status().certificate(name); is != state {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
}
