package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// kubectls are the flags that are documented as kubectl's.
func kubectls() map[string]bool {
	var o, v visit
	o.add(pflag.NewFlagSet("", pflag.ContinueOnError))
	v.flags = pflag.NewFlagSet("", pflag.ContinueOnError)
	v.run.addJudging(v.flags)
	known := map[string]bool{}
	o.flags.VisitAll(func(f *pflag.Flag) { known[f.Name] = v.flags.Lookup(f.Name) == nil })
	return known
}

func TestTheDocumentationMentionsEveryCommandAndEveryFlagAndNoOther(t *testing.T) {
	page := readDoc(t, "docs/commands.md")
	shared, known := kubectls(), map[string]bool{"all-namespaces": true, "kubeconfig": true, "context": true, "namespace": true, "server": true, "no-descriptions": true, "help": true}
	for _, cmd := range rootCommand().Commands() {
		if cmd.Name() == "run" {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true }) // which the page may speak of
			continue
		}
		if !mentions(page, "wildcast "+cmd.Name()) {
			t.Errorf("docs/commands.md does not mention wildcast %s", cmd.Name())
		}
		checkFlags(t, page, cmd, shared, known)
	}
	for _, found := range regexp.MustCompile("`--([a-z0-9-]+)").FindAllStringSubmatch(page, -1) {
		if !known[found[1]] {
			t.Errorf("docs/commands.md speaks of --%s, which is no flag", found[1])
		}
	}
}

func checkFlags(t *testing.T, page string, cmd *cobra.Command, shared, known map[string]bool) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		known[f.Name] = true
		section := page
		if _, after, found := strings.Cut(page, "\n## "+strings.ToUpper(cmd.Name()[:1])+cmd.Name()[1:]+"\n"); found && !kubectlsOrJudging(shared, f.Name) {
			section, _, _ = strings.Cut(after, "\n## ")
		}
		if !shared[f.Name] && !mentions(section, "--"+f.Name) {
			t.Errorf("docs/commands.md does not mention --%s of wildcast %s", f.Name, cmd.Name())
		}
	})
}

// kubectlsOrJudging reports whether a flag is documented once for all commands.
func kubectlsOrJudging(shared map[string]bool, name string) bool {
	return shared[name] || name == "home-namespace" || slices.Contains(judging, name)
}

func TestExplainKnowsKindsByAllTheirNames(t *testing.T) {
	for text, want := range map[string]string{
		"ingress": "ingress", "ing": "ingress", "Ingress": "ingress", "ingresses": "ingress", "ns": "namespace", "cm": "configmap", "secrets": "secret", "gtw": "gateway",
		"Gateway.networking.istio.io": "Gateway.networking.istio.io", "pods": "pods",
	} {
		if got := kindOf(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
