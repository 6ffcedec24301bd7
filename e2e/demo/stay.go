package main

import (
	"context"
	"errors"
	"path/filepath"
)

// stay keeps everything up until ctx ends, and says what there is to try.
func (s *scene) stay(ctx context.Context) error {
	s.tell.line("\nEverything stays up until Ctrl-C. In another terminal:\n")
	s.tell.output("export KUBECONFIG=" + s.cluster.Kubeconfig() + "\n" +
		`export PATH="` + filepath.Dir(s.cluster.KubectlPath()) + `:$PATH"   # if you have no kubectl`)
	for _, idea := range s.ideas() {
		s.tell.line("\n    %s", idea.what)
		for _, line := range idea.commands {
			s.tell.command(line)
		}
	}
	s.tell.line("")
	select {
	case <-ctx.Done():
		return nil
	case <-s.program.Done():
		return s.explain(ctx, errors.New("wildcast has ended"))
	}
}

// idea is something to try.
type idea struct {
	what     string
	commands []string
}

func (s *scene) ideas() []idea {
	wiki := filepath.Join(s.cluster.Dir(), "wiki.yaml")
	return []idea{
		{"See every copy, and what the users were told:", []string{
			"kubectl get secrets -A -l wildcast.dev/origin.name=" + certificate,
			"kubectl -n infra describe ingress wiki",
		}},
		{"Ask from a namespace without permission; the Event names the command that gives it:", []string{
			"kubectl create namespace guest",
			"kubectl -n guest apply -f " + wiki,
			"kubectl -n guest describe ingress wiki",
		}},
		{"Copy any Secret into every namespace:", []string{
			"kubectl -n default create secret generic greeting --from-literal=hello=world",
			"kubectl -n default annotate secret greeting wildcast.dev/sync=true",
			"kubectl get secrets -A --field-selector metadata.name=greeting",
		}},
		{"Look at wildcast itself:", []string{
			"curl -s http://" + s.program.MetricsAddress() + "/metrics | grep ^wildcast_",
			"tail -f " + filepath.Join(s.cluster.Dir(), "wildcast.log"),
		}},
	}
}
