package statuspage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/chromium"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/ports"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

const patience = 2 * time.Minute

// scene is a stage, a wildcast with a status page, and a browser.
type scene struct {
	*testing.T
	*stage.Stage
	browser *chromium.Browser
	ports   ports.Holder
	w       *wildcast.Process // that was run last
}

func open(t *testing.T, zones ...string) *scene {
	t.Helper()
	st, err := stage.Open(shared, "page", stage.Options{Zones: zones})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, Stage: st}
	t.Cleanup(func() { s.must(st.Close(context.Background())) })
	t.Cleanup(s.ports.Release)
	s.browser, err = chromium.Start(t.Context(), t.TempDir())
	s.must(err)
	t.Cleanup(s.browser.Close)
	return s
}

// Namespace makes a namespace, once an earlier story's of that name has gone.
func (s *scene) Namespace(ctx context.Context, name string, labels map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return stage.Until(ctx, func() error {
		there, err := s.Kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err == nil && there.DeletionTimestamp != nil {
			return fmt.Errorf("namespace %s is still there", name)
		}
		return s.Stage.Namespace(ctx, name, labels)
	})
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) kubectl(args ...string) {
	s.Helper()
	_, err := shared.Kubectl(context.WithoutCancel(s.Context()), args...) // also when the test has ended
	s.must(err)
}

// withdraw takes rules of the shipped ClusterRole away until the test ends.
func (s *scene) withdraw(match func(rbacv1.PolicyRule) bool) {
	s.Helper()
	restore, err := shared.Withdraw(s.Context(), match)
	s.must(err)
	s.Cleanup(func() { s.must(restore(context.Background())) })
}

// run runs a wildcast with more flags, and returns where its page is.
func (s *scene) run(name string, args ...string) (url string) {
	s.Helper()
	taken, err := s.ports.Take(1)
	s.must(err)
	address := fmt.Sprintf("127.0.0.1:%d", taken[0])
	s.w = wildcast.New(s.T, shared, wildcast.Options{Name: name, Args: append(args, "--status-address="+address)})
	return "http://" + address + "/"
}

// status is what the tests read of a report.
type status struct {
	Problems []struct {
		Object          struct{ Kind, Namespace, Name string }
		Reason, Message string
	}
	Certificates []struct{ Name, State string }
	Reflections  []struct {
		Name                             string
		Copies, Behind, Failing, Leaving int
	}
}

func (s *scene) status(page string) (out status, err error) {
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, page+"status.json", nil)
	if err != nil {
		return out, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return out, errors.New(answer.Status)
	}
	return out, json.NewDecoder(answer.Body).Decode(&out)
}

// facts are the report in lines.
func (r status) facts() (facts []string) {
	for _, p := range r.Problems {
		facts = append(facts, fmt.Sprintf("%s %s/%s: %s: %s", p.Object.Kind, p.Object.Namespace, p.Object.Name, p.Reason, p.Message))
	}
	if len(r.Problems) == 0 {
		facts = append(facts, "nothing is wrong")
	}
	for _, c := range r.Certificates {
		facts = append(facts, c.Name+" is "+c.State)
	}
	for _, c := range r.Reflections {
		facts = append(facts, fmt.Sprintf("of %s %d copies, %d behind, %d failing, %d leaving", c.Name, c.Copies, c.Behind, c.Failing, c.Leaving))
	}
	return facts
}

// tells waits until a report has facts that begin so.
func (s *scene) tells(page string, wanted ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	err := stage.Until(ctx, func() error {
		r, err := s.status(page)
		if err != nil {
			return err
		}
		facts := r.facts()
		for _, want := range wanted {
			if !slices.ContainsFunc(facts, func(fact string) bool { return strings.HasPrefix(fact, want) }) {
				return fmt.Errorf("there is no %q in\n%s", want, strings.Join(facts, "\n"))
			}
		}
		return nil
	})
	if err != nil {
		s.Fatalf("waited in vain: %v", err)
	}
}

// look opens a page in the browser, and checks what holds of every page.
func (s *scene) look(url string, v chromium.View) (chromium.Page, *html.Node) {
	s.Helper()
	page, err := s.browser.Open(url, v)
	s.must(err)
	if len(page.Requests) != 1 || page.Requests[0] != "GET "+url {
		s.Errorf("the browser has requested %q", page.Requests)
	}
	if len(page.Complaints) > 0 {
		s.Errorf("the browser complains: %q", page.Complaints)
	}
	if page.Width > v.Width {
		s.Errorf("the page is %d wide in a window of %d", page.Width, v.Width)
	}
	for _, secret := range []string{"PRIVATE KEY", s.DNS.SolverEnv()["RFC2136_TSIG_SECRET"], s.DNS.SolverEnv()["DNSUPDATE_TSIG_SECRET"]} {
		if secret != "" && strings.Contains(page.HTML, secret) {
			s.Error("the page shows a secret")
		}
	}
	root, err := html.Parse(strings.NewReader(page.HTML))
	s.must(err)
	return page, root
}

// count is how many elements with a tag there are.
func count(root *html.Node, tag string) (n int) {
	for d := range root.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			n++
		}
	}
	return n
}

// rows are the rows of all tables, and the entries of lists, as they are read; cells have | between them.
func rows(root *html.Node) (all []string) {
	for d := range root.Descendants() {
		if d.Type != html.ElementNode || d.Data != "tr" && d.Data != "li" {
			continue
		}
		var cells []string
		for c := range d.ChildNodes() {
			if text := text(c); text != "" {
				cells = append(cells, text)
			}
		}
		all = append(all, strings.Join(cells, " | "))
	}
	return all
}

func text(n *html.Node) string {
	var all strings.Builder
	if n.Type == html.TextNode {
		all.WriteString(n.Data)
	}
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			all.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}
