package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
