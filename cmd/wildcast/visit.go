package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// visit is how commands for people reach a cluster: with kubectl's flags, and as wildcast is run there.
type visit struct {
	reach
	all   bool
	run   options // of the wildcast there, as far as they are known
	alone bool    // it runs without leader election
	lost  bool    // it is not known where it runs
	flags *pflag.FlagSet

	*clients
	namespace string // of the context
}

// add declares kubectl's flags, and those of wildcast run that judgments depend on.
func (v *visit) add(f *pflag.FlagSet) {
	v.flags = f
	v.reach.add(f)
	f.BoolVarP(&v.all, "all-namespaces", "A", false, "all namespaces, which is the default unless --namespace is given")
	v.run.addJudging(f)
}

// judging are the flags of wildcast run on which a judgment depends. Home is called otherwise there.
var judging = []string{"namespaces", "cluster-name", "default-issuer", "cert-manager-annotations", "copy-metadata", "source-namespaces", "dns01-exec-dir"}

// addJudging declares the flags of wildcast run on which a judgment depends.
func (o *options) addJudging(f *pflag.FlagSet) {
	of := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.add(of)
	for _, name := range judging {
		flag := of.Lookup(name)
		flag.Usage = "as given to wildcast run (default: as its Deployment has it, else as there)"
		f.AddFlag(flag)
	}
	f.StringVar(&o.namespace, "home-namespace", defaultNamespace(), "`namespace` that wildcast runs in (default: where its Deployment is, else as shown)")
}

// open reaches the cluster, and finds out how wildcast is run there.
func (v *visit) open(ctx context.Context) error {
	cfg, namespace, err := v.config()
	if err != nil {
		return err
	}
	v.namespace, v.run.kubeAPIQPS = namespace, -1
	if v.clients, err = newClients(cfg, &v.run, zap.NewNop()); err != nil {
		return err
	}
	return v.learn(ctx, cfg.Host)
}

// scope are the namespaces to read: the chosen one and wildcast's own, or those in which wildcast works, which is one empty
// name for all.
func (v *visit) scope() []string {
	chosen, watched := v.chosen(), v.run.watched()
	switch {
	case chosen == "" && watched == nil:
		return []string{metav1.NamespaceAll}
	case chosen == "":
		return watched
	case chosen == v.run.namespace:
		return []string{chosen}
	}
	return []string{v.run.namespace, chosen}
}

// must reports whether the command is of no use unless it may read a namespace of its scope.
func (v *visit) must(namespace string) bool { return v.chosen() == "" || namespace == v.chosen() }

// worksIn is an error if wildcast does not work in a namespace, so that nothing there can be judged.
func (v *visit) worksIn(namespace string) error {
	watched := v.run.watched()
	if namespace == "" || watched == nil || slices.Contains(watched, namespace) {
		return nil
	}
	return fmt.Errorf("wildcast does not work in namespace %s, but only in %s: add it to its --namespaces, and %s",
		namespace, strings.Join(watched, ", "), role(namespace))
}

// chosen is the namespace that the command is about, empty for all.
func (v *visit) chosen() string {
	if v.all {
		return ""
	}
	return v.overrides.Context.Namespace
}

// learn reads how wildcast is run from its Deployment, if there is one that may be read. Flags that were given win.
func (v *visit) learn(ctx context.Context, host string) error {
	there, err := v.deployments(ctx, v.run.namespace)
	if err == nil && len(there) == 0 && !v.homeGiven() {
		there, err = v.deployments(ctx, metav1.NamespaceAll)
	}
	if _, answered := errors.AsType[*apierrors.StatusError](err); err != nil && !answered || apierrors.IsUnauthorized(err) || apierrors.IsBadRequest(err) {
		return fmt.Errorf("reach the API server at %s: %w; check --kubeconfig, --context and the network", host, unanswered(err))
	}
	if err == nil && len(there) > 0 {
		return v.heedAll(there)
	}
	v.lost = !v.homeGiven() // another error is that it may not be read: the flags count
	return nil
}

// homeGiven reports whether somebody has said which the home namespace is.
func (v *visit) homeGiven() bool {
	return v.flags.Changed("home-namespace") || os.Getenv("POD_NAMESPACE") != ""
}

// deployments are those of wildcast, in a namespace or in all.
func (v *visit) deployments(ctx context.Context, namespace string) ([]appsv1.Deployment, error) {
	found, err := v.kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=wildcast"})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found.Items, func(d appsv1.Deployment) bool {
		return !slices.ContainsFunc(d.Spec.Template.Spec.Containers, runsWildcast)
	}), nil
}

func runsWildcast(c corev1.Container) bool { return len(c.Args) > 0 && c.Args[0] == "run" }

// heedAll takes the home namespace and the flags of Deployments, which must be in one namespace.
func (v *visit) heedAll(all []appsv1.Deployment) error {
	var homes []string
	for _, d := range all {
		homes = append(homes, d.Namespace)
	}
	slices.Sort(homes)
	if homes = slices.Compact(homes); len(homes) > 1 {
		return fmt.Errorf("wildcast runs in namespaces %s: choose one with --home-namespace", strings.Join(homes, ", "))
	}
	v.run.namespace = homes[0]
	for _, d := range all {
		for _, c := range d.Spec.Template.Spec.Containers {
			v.heed(c)
		}
	}
	return nil
}

// heed takes the flags of a container that runs wildcast.
func (v *visit) heed(c corev1.Container) {
	if !runsWildcast(c) {
		return
	}
	var o options
	there := pflag.NewFlagSet("run", pflag.ContinueOnError)
	there.ParseErrorsAllowlist.UnknownFlags = true // of another version
	there.SetOutput(io.Discard)
	o.add(there)
	if there.Parse(c.Args[1:]) != nil {
		return
	}
	for _, variable := range c.Env {
		name, ours := strings.CutPrefix(variable.Name, "WILDCAST_")
		if name = strings.ToLower(strings.ReplaceAll(name, "_", "-")); ours && !there.Changed(name) {
			_ = there.Set(name, variable.Value) // as wildcast there has it
		}
	}
	v.alone = !o.leaderElect
	if there.Changed("namespace") && !v.homeGiven() {
		v.run.namespace = o.namespace
	}
	for _, name := range judging {
		mine, theirs := v.flags.Lookup(name), there.Lookup(name)
		if !mine.Changed && theirs.Changed {
			_ = mine.Value.Set(strings.Trim(theirs.Value.String(), "[]")) // it has been parsed once
			mine.Changed = true
		}
	}
}

// pluginName is what the program is called as a plugin of kubectl.
const pluginName = "kubectl-wildcast"

// calledAs is how the program is called in its help.
func calledAs() string {
	if strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), pluginName) {
		return "kubectl wildcast"
	}
	return "wildcast"
}
