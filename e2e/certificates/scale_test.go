package certificates_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// many does something n times, some at a time.
func (s *scene) many(n int, do func(i int) error) {
	s.t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	s.must(g.Wait())
}

// crowd makes n namespaces of the scene, with the labels that each has; nil for none.
func (s *scene) crowd(n int, labels func(i int) map[string]string) []string {
	s.t.Helper()
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", s.Name, i)
	}
	if labels == nil {
		labels = func(int) map[string]string { return nil }
	}
	s.many(n, func(i int) error { return s.Namespace(s.ctx, all[i], labels(i)) })
	return all
}

// asked makes an Ingress that opts in.
func (s *scene) asked(namespace, name, host string, annotations map[string]string) error {
	all := map[string]string{"wildcast.dev/issuer": s.Name}
	maps.Copy(all, annotations)
	return s.Ingress(s.ctx, namespace, name, name+"-tls", []string{host}, all)
}

func TestFifteenHundredIngressesInThreeHundredNamespacesUnderOneDomainMakeOneOrder(t *testing.T) {
	s := open(t, "fifteenhundred", stage.Options{}, nil)
	s.run()
	namespaces := s.crowd(300, nil)
	app := func(i int) (namespace, name string) { return namespaces[i%len(namespaces)], fmt.Sprintf("app-%d", i) }
	s.many(1500, func(i int) error {
		namespace, name := app(i)
		return s.asked(namespace, name, s.host(name), nil)
	})
	serials := map[string]int{}
	for i := range 1500 {
		namespace, name := app(i)
		serials[s.served(namespace, name+"-tls", "*."+s.zone()).SerialNumber.String()]++
	}
	if len(serials) != 1 {
		t.Errorf("%d certificates are served", len(serials))
	}
	s.barrier()
	s.ordered("*." + s.zone())
	s.noTXT()
}

// The bound is the one that the Deployment sets.
func TestFiveHundredDomainsAtOnceAreAllIssuedWithinTheMemoryThatTheDeploymentHas(t *testing.T) {
	domains := make([]string, 500)
	for i := range domains {
		domains[i] = fmt.Sprintf("domain-%d.test", i)
	}
	s := openBare(t, "fivehundred", stage.Options{Zones: domains})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, nil))
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-dns", nil))
	// The detector keeps a copy of each cached object.
	s.w = wildcast.New(t, shared, wildcast.Options{Args: []string{"--leader-elect=false"}, Env: []string{"KUBE_CACHE_MUTATION_DETECTOR=false"}})
	namespaces := s.crowd(len(domains), func(i int) map[string]string {
		return map[string]string{"cert-manager-tls": "wildcard." + domains[i]}
	})
	s.many(len(domains), func(i int) error { return s.asked(namespaces[i], "web", "www."+domains[i], nil) })
	var wildcards []string
	var children int64 // they are in the container as well
	for i, domain := range domains {
		s.served(namespaces[i], "web-tls", "*."+domain)
		wildcards = append(wildcards, "*."+domain)
		children = max(children, s.w.ChildrenPeakRSS())
	}
	s.ordered(wildcards...)
	s.noTXT()
	peak, err := s.w.PeakRSS()
	s.must(err)
	t.Logf("resident memory was at most %d MiB, and that of the DNS children %d MiB", peak>>20, children>>20)
	if children == 0 {
		t.Error("no DNS child was seen at work")
	}
	if most := s.memoryLimit(); peak+children > most {
		t.Errorf("%d MiB and %d MiB are more than the Deployment's %d MiB", peak>>20, children>>20, most>>20)
	}
}

// memoryLimit is what the shipped Deployment gives wildcast.
func (s *scene) memoryLimit() int64 {
	s.t.Helper()
	shipped, err := s.Kube.AppsV1().Deployments(stage.Home).Get(s.ctx, "wildcast", metav1.GetOptions{})
	s.must(err)
	limit := shipped.Spec.Template.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory]
	return limit.Value()
}

func TestAThousandCertificatesOfOneMinuteAreDueAtInstantsThatAreSpread(t *testing.T) {
	const lifetime, parts = 90 * day, 20
	s := openBare(t, "thousand", stage.Options{})
	s.signer(stage.Home, s.Name, map[string]string{"kind": "selfsigned", "duration": lifetime.String(), "sync": stage.Label + "=" + s.Name})
	s.run()
	namespaces := s.crowd(20, nil)
	at := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: namespaces[i%len(namespaces)], Name: fmt.Sprintf("web-%d", i)}
	}
	s.many(1000, func(i int) error { return s.asked(at(i).Namespace, at(i).Name, s.host(at(i).Name), exact) })
	var due []time.Time
	for i := range 1000 {
		got := s.signed(at(i).Namespace, at(i).Name+"-tls", s.host(at(i).Name))
		due = append(due, got.at(t, "wildcast.dev/renew-at"))
	}
	slices.SortFunc(due, time.Time.Compare)
	var perPart [parts]int
	for _, instant := range due {
		part := instant.Sub(due[0]) * parts / (due[len(due)-1].Sub(due[0]) + 1)
		perPart[part]++
	}
	if over := due[len(due)-1].Sub(due[0]); over < lifetime/25 {
		t.Errorf("all are due within %s", over)
	}
	if slices.Max(perPart[:]) > 2*1000/parts || slices.Min(perPart[:]) < 1000/parts/4 {
		t.Errorf("of 1,000, each twentieth of the time has %v", perPart)
	}
}
