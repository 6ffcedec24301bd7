package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// deployment is wildcast's, run with these arguments.
func deployment(args ...string) *appsv1.Deployment {
	container := corev1.Container{Args: args, Env: []corev1.EnvVar{{Name: "WILDCAST_DEFAULT_ISSUER", Value: "le"}, {Name: "WILDCAST_CLUSTER_NAME", Value: "env"}}}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "cert-manager", Name: "wildcast", Labels: map[string]string{"app.kubernetes.io/name": "wildcast"}}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Args: []string{"proxy", "--cluster-name=no"}}, container}
	return d
}

func TestAVisitJudgesAsWildcastIsRunThere(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	for _, row := range []struct {
		name          string
		there, given  []string
		cluster, from string // --cluster-name and --source-namespaces
		issuer        string
		alone         bool
	}{
		{"no Deployment", nil, nil, "kubernetes", "", "", false},
		{"flags there", []string{"run", "--cluster-name=prod", "--source-namespaces=a,cert-manager", "--of-another-version=x"}, nil, "prod", "a,cert-manager", "le", false},
		{"the environment there", []string{"run"}, nil, "env", "", "le", false},
		{"no leader election there", []string{"run", "--leader-elect=false"}, nil, "env", "", "le", true},
		{"flags here win", []string{"run", "--cluster-name=prod"}, []string{"--cluster-name=mine", "--default-issuer="}, "mine", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			kube := fake.NewClientset()
			if row.there != nil {
				kube = fake.NewClientset(deployment(row.there...))
			}
			var v visit
			v.add(pflag.NewFlagSet("", pflag.ContinueOnError))
			if err := v.flags.Parse(row.given); err != nil {
				t.Fatal(err)
			}
			v.clients = &clients{kube: kube}
			if err := v.learn(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(v.run.sourceNamespaces, ","); v.run.clusterName != row.cluster || got != row.from || v.run.defaultIssuer != row.issuer || v.alone != row.alone {
				t.Errorf("cluster %q, sources from %q, issuer %q, alone %v", v.run.clusterName, got, v.run.defaultIssuer, v.alone)
			}
		})
	}
}

// in is a Deployment of wildcast in another namespace.
func in(namespace string, d *appsv1.Deployment) *appsv1.Deployment {
	d.Namespace = namespace
	return d
}

func TestAVisitFindsTheHomeNamespaceByTheDeployment(t *testing.T) {
	another := in("web", deployment("serve"))
	for _, row := range []struct {
		name, given, pod string
		there            []runtime.Object
		home, fault      string
		lost             bool
	}{
		{"where it is by default", "", "", []runtime.Object{deployment("run"), in("tls", deployment("run"))}, "cert-manager", "", false},
		{"elsewhere", "", "", []runtime.Object{in("tls", deployment("run")), another}, "tls", "", false},
		{"beside a program of the same name", "", "", []runtime.Object{deployment("serve"), in("tls", deployment("run"))}, "tls", "", false},
		{"elsewhere by its flag", "", "", []runtime.Object{deployment("run", "--namespace=tls")}, "tls", "", false},
		{"elsewhere twice", "", "", []runtime.Object{in("tls", deployment("run")), in("a", deployment("run"))}, "", "wildcast runs in namespaces a, tls: choose one with --home-namespace", false},
		{"nowhere", "", "", []runtime.Object{another}, "cert-manager", "", true},
		{"where the flag says", "--home-namespace=b", "", []runtime.Object{in("tls", deployment("run"))}, "b", "", false},
		{"where the pod is", "", "c", []runtime.Object{in("tls", deployment("run"))}, "c", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("POD_NAMESPACE", row.pod)
			var v visit
			v.add(pflag.NewFlagSet("", pflag.ContinueOnError))
			if err := v.flags.Parse(strings.Fields(row.given)); err != nil {
				t.Fatal(err)
			}
			v.clients = &clients{kube: fake.NewClientset(row.there...)}
			err := v.learn(t.Context(), "")
			if row.fault != "" {
				if err == nil || err.Error() != row.fault {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || v.run.namespace != row.home || v.lost != row.lost {
				t.Errorf("home is %s, lost %t, %v", v.run.namespace, v.lost, err)
			}
		})
	}
}

func TestWhoMayReadNoDeploymentIsToldOfTheHomeNamespaceThatIsTaken(t *testing.T) {
	for _, holder := range []string{"", "wildcast-1"} {
		lease := &coordinationv1.Lease{ObjectMeta: objectMeta("cert-manager", leaseName, nil)}
		lease.Spec.HolderIdentity = &holder
		v := visitTo(t, "", append(twoTeams(), lease)...)
		s, err := v.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		s.tellHidden(&told)
		if said := strings.Contains(told.String(), "taken to run in namespace cert-manager: if it does not, give --home-namespace"); said != (holder == "") {
			t.Errorf("led by %q, it says %q", holder, &told)
		}
	}
}

func TestAnArgumentWinsOverTheEnvironmentThere(t *testing.T) {
	d := deployment("run", "--namespaces=a,b")
	env := &d.Spec.Template.Spec.Containers[1].Env
	*env = append(*env, corev1.EnvVar{Name: "WILDCAST_NAMESPACES", Value: "c"})
	v := visitTo(t, "", d)
	if got := strings.Join(v.run.namespaces, ","); got != "a,b" {
		t.Errorf("it works in %s", got)
	}
}

func TestAVisitReadsTheChosenNamespaceAndTheHomeNamespaceOrThoseThatWildcastWorksIn(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	for args, want := range map[string]string{
		"": "", "-A": "", "-n a": "cert-manager,a", "-n cert-manager": "cert-manager", "-n a -A": "", "-n a --home-namespace tls": "tls,a",
		"--namespaces b,a": "a,b,cert-manager", "-n a -A --namespaces a": "a,cert-manager", "-n a --namespaces a,b": "cert-manager,a",
	} {
		var v visit
		v.add(pflag.NewFlagSet("", pflag.ContinueOnError))
		if err := v.flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(v.scope(), ","); got != want {
			t.Errorf("%q reads %q, want %q", args, got, want)
		}
	}
}

func TestNamesOfObjectsAreReadAsPeopleWriteThem(t *testing.T) {
	for _, row := range [][3]string{{"", "a/b", "a/b"}, {"", "b", "home/b"}, {"-n x", "b", "x/b"}, {"-n x", "a/b", "a/b"}, {"", "a/b/c", ""}, {"", "a/", ""}} {
		var v visit
		v.add(pflag.NewFlagSet("", pflag.ContinueOnError))
		if err := v.flags.Parse(strings.Fields(row[0])); err != nil {
			t.Fatal(err)
		}
		name, err := v.named(row[1], "home")
		if got := strings.TrimPrefix(name.String(), "/"); got != row[2] || (err != nil) != (row[2] == "") {
			t.Errorf("%v is %q, %v", row, got, err)
		}
	}
}
