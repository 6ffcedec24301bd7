package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// explainOptions are the flags of "wildcast explain".
type explainOptions struct {
	visit
	output string
	dns    bool
}

// explainers explain an object of a kind; the name of a namespace stands alone.
var explainers = map[string]func(*scene, types.NamespacedName) (report.Explanation, error){
	"ingress": func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		for _, ing := range s.objects.Ingresses {
			if ing.Namespace == name.Namespace && ing.Name == name.Name {
				return s.Asker(controllers.AskerIngress, name), nil
			}
		}
		return report.Explanation{}, fmt.Errorf("there is no ingress %s", name)
	},
	"gateway": func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		return s.gateway(name, controllers.AskerGateway, controllers.AskerIstio)
	},
	string(controllers.AskerIstio): func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		return s.gateway(name, controllers.AskerIstio)
	},
	"secret": func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		e := s.Object(syncer.Secrets, name)
		if own := s.own(name); own != "" {
			e.Is = own
		}
		return e, nil
	},
	"configmap": func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		return s.Object(syncer.ConfigMaps, name), nil
	},
	"namespace": func(s *scene, name types.NamespacedName) (report.Explanation, error) {
		for _, n := range s.namespaces {
			if n.Name == name.Name {
				return s.NamespaceOf(n.Name, n.Labels), nil
			}
		}
		return report.Explanation{}, fmt.Errorf("there is no namespace %s", name.Name)
	},
}

// alsoCalled are the other names that kubectl has for these kinds.
var alsoCalled = map[string]string{
	"ingresses": "ingress", "ing": "ingress", "gateways": "gateway", "gtw": "gateway", "secrets": "secret",
	"configmaps": "configmap", "cm": "configmap", "namespaces": "namespace", "ns": "namespace",
}

// kindOf is the kind as explainers has it, whatever name of kubectl's and whatever letters it was given in.
func kindOf(text string) string {
	if _, found := explainers[text]; found {
		return text
	}
	lower := strings.ToLower(text)
	return cmp.Or(alsoCalled[lower], lower)
}

// gateway explains a Gateway of the first of these kinds that has one of that name.
func (s *scene) gateway(name types.NamespacedName, kinds ...controllers.AskerKind) (report.Explanation, error) {
	for _, kind := range kinds {
		for _, u := range s.objects.Gateways {
			if by := controllers.AskerOfGateway(u); by.Kind == kind && by.NamespacedName == name {
				return s.Asker(kind, name), nil
			}
		}
	}
	return report.Explanation{}, fmt.Errorf("there is no gateway %s", name)
}

// own says what a Secret of wildcast's own types is, empty if it is none.
func (s *scene) own(name types.NamespacedName) string {
	i := slices.IndexFunc(s.objects.Secrets, func(o *corev1.Secret) bool { return o.Namespace == name.Namespace && o.Name == name.Name })
	if i < 0 {
		return ""
	}
	o := s.objects.Secrets[i]
	state := strings.TrimSuffix(o.Annotations[controllers.AnnotationStatus]+". "+o.Annotations[controllers.AnnotationMessage], ".")
	switch o.Type {
	case controllers.TypeIssuer:
		return "an issuer: " + state
	case controllers.TypeSolver:
		return "a DNS-01 solver: " + state
	case controllers.TypeOrder:
		return "the record of the orders of certificate " + strings.TrimSuffix(name.String(), ".order") + ", and explained with that"
	}
	return ""
}

func explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain ingress|gateway|secret|configmap|namespace NAME",
		Short: "Explain why an object is as it is",
		Long: "Explain an Ingress or a Gateway: what is wrong and what to do, and the chain from its hosts to the certificate, the order,\n" +
			"what the CA says of each name, the DNS record as each server shows it now, and the next attempt. Explain a Secret or ConfigMap:\n" +
			"what it is, whence it came and why. Explain a namespace: what it receives, what it does not, and why. Names are NAMESPACE/NAME,\n" +
			"or NAME with -n.",
		Example:           "  wildcast explain ingress shop/web\n  wildcast explain secret shop/web-tls\n  wildcast explain namespace shop",
		Args:              exactly(2, "give what to explain: ingress, gateway, secret, configmap or namespace, and its name"),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.explain(cmd.Context(), args[0], args[1], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text, json or yaml")
	cmd.Flags().BoolVar(&o.dns, "dns", true, "look at the DNS servers from here, for certificates that are not there yet and for records that stay")
	return cmd
}

// exactly demands that many arguments.
func exactly(n int, remedy string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s; see: %s --help", remedy, cmd.CommandPath())}
		}
		return nil
	}
}

func completeKinds(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"ingress", "gateway", "secret", "configmap", "namespace"}, cobra.ShellCompDirectiveNoFileComp
}

func (o *explainOptions) explain(ctx context.Context, given, text string, stdout, stderr io.Writer) error {
	kind := kindOf(given)
	explainer := explainers[kind]
	if explainer == nil {
		return usageError{fmt.Errorf("%q cannot be explained: give ingress, gateway, secret, configmap or namespace", given)}
	}
	if !slices.Contains([]string{"text", "json", "yaml"}, o.output) {
		return usageError{fmt.Errorf("--output is %q: give text, json or yaml", o.output)}
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	name, err := o.turnTo(kind, text)
	if err != nil {
		return err
	}
	s, err := o.look(ctx)
	if err != nil {
		return err
	}
	e, err := explainer(s, name)
	if err != nil {
		return err
	}
	if o.dns {
		s.lookAtDNS(ctx, e.Chains)
		e.LookedAtDNS()
	}
	s.tellHidden(stderr)
	switch o.output {
	case "json":
		return printJSON(stdout, e)
	case "yaml":
		return printYAML(stdout, e)
	}
	return report.PrintExplanation(stdout, e, s.Now)
}

// turnTo reads the name of an object. Its namespace is to be looked at if one was chosen, whichever that is.
func (v *visit) turnTo(kind, text string) (name types.NamespacedName, err error) {
	if name.Name = text; kind != "namespace" {
		if name, err = v.named(text, v.namespace); err != nil {
			return name, err
		}
	}
	at := cmp.Or(name.Namespace, name.Name)
	if v.chosen() != "" {
		v.overrides.Context.Namespace = at
	}
	return name, v.worksIn(at)
}

// lookLimit bounds how long DNS servers are waited for.
const lookLimit = 15 * time.Second

// lookAtDNS finds out what DNS servers show for certificates that are yet to come, all at once.
func (s *scene) lookAtDNS(ctx context.Context, chains []report.Chain) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	var looking sync.WaitGroup
	for i := range chains {
		chain := &chains[i]
		issuer := s.asksDNS(chain.Certificate)
		if issuer == nil {
			continue
		}
		solvers := s.Certificates.Solvers(issuer.Name)
		for _, domain := range chain.Domains() {
			chain.Challenges = append(chain.Challenges, report.Challenge{Domain: domain})
		}
		for j := range chain.Challenges {
			looking.Go(func() { lookAt(ctx, solvers, chain, &chain.Challenges[j]) })
		}
	}
	looking.Wait()
}

// lookAt finds out what DNS servers show of one domain.
func lookAt(ctx context.Context, solvers []dns01.Settings, chain *report.Chain, challenge *report.Challenge) {
	sought, texts := chain.Sought(challenge.Domain)
	seen, err := dns01.Look(ctx, solvers, sought, texts)
	challenge.Seen = &seen
	if err != nil {
		challenge.Fault = err.Error()
	}
}

// asksDNS is the issuer of a certificate if its CA looks at DNS, else nil.
func (s *scene) asksDNS(c report.Certificate) *controllers.Issuer {
	for _, state := range s.Certificates.Issuers() {
		if i := state.Issuer; i != nil && state.Name.String() == c.Issuer && i.Kind == controllers.KindACME && !i.HTTP01 {
			return i
		}
	}
	return nil
}
