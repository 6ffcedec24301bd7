package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The two users' Ingresses, and the Secrets that they ask for.
const (
	wikiSecret = "infra/wiki-tls"
	blogSecret = "uat-app/blog-tls"
)

// ingressFile is an Ingress as a user writes it.
const ingressFile = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
  annotations:
    wildcast.dev/issuer: ISSUER
spec:
  tls:
    - hosts: [NAME.DOMAIN]
      secretName: NAME-tls
  rules:
    - host: NAME.DOMAIN
      http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]
`

// request applies an Ingress and returns when it was seen.
func (s *scene) request(ctx context.Context, namespace, name string) (asked event, mark int, err error) {
	text := strings.NewReplacer("NAME", name, "DOMAIN", domain, "ISSUER", issuerName).Replace(ingressFile)
	path, err := s.file(name+".yaml", []byte(text))
	if err != nil {
		return event{}, 0, err
	}
	s.tell.output(text)
	mark = s.sight.now()
	if err := s.shown(ctx, "-n", namespace, "apply", "-f", path); err != nil {
		return event{}, 0, err
	}
	asked, err = s.sight.first(ctx, mark, "Ingress "+namespace+"/"+name, ingress(namespace, name))
	return asked, mark, err
}

// ask is the first user's Ingress: one order, and a copy in all eleven namespaces.
func ask(ctx context.Context, s *scene) error {
	asked, mark, err := s.request(ctx, "infra", "wiki")
	if err != nil {
		return err
	}
	done, source, err := s.stored(ctx, mark, "")
	if err != nil {
		return err
	}
	s.serial = source.Annotations["wildcast.dev/serial"]
	s.tell.effect(done.at.Sub(asked.at), "ordered %s by DNS-01, stored it as %s", source.Annotations["wildcast.dev/alt-names"], copyIn(home))
	served, err := s.arrived(ctx, mark, source, []string{wikiSecret})
	if err != nil {
		return err
	}
	s.tell.effect(served.at.Sub(asked.at), "the Ingress has its Secret: %s", wikiSecret)
	all, err := s.arrived(ctx, mark, source, copiesOf(eleven...))
	if err != nil {
		return err
	}
	s.tell.effect(all.at.Sub(asked.at), "all %d labelled namespaces have a copy under the name %s", len(eleven), certificate)
	return s.expectOrders(1)
}

// inspect shows a copy, its certificate, and that it is good.
func inspect(ctx context.Context, s *scene) error {
	if err := s.shown(ctx, "-n", corev1.NamespaceDefault, "describe", "secret", certificate); err != nil {
		return err
	}
	served, err := s.current(wikiSecret)
	if err != nil {
		return err
	}
	s.tell.remark("The certificate that Ingress wiki serves, in the words of openssl x509 -subject -issuer -dates -serial -ext subjectAltName:")
	chain, err := parseChain(served.Data[corev1.TLSCertKey])
	if err != nil {
		return err
	}
	s.tell.output(facts(chain[0]))
	path, err := verify(served, s.root(), "wiki."+domain)
	if err != nil {
		return err
	}
	s.tell.proof("the key belongs to it, and the chain leads to the CA's root: %s", path)
	answer, err := visit(ctx, served, s.root(), "https://wiki."+domain+"/")
	if err != nil {
		return err
	}
	s.tell.proof("https://wiki.%s/ at a web server that mounts %s: %s", domain, wikiSecret, answer)
	return nil
}

// current is the last state of a Secret that was seen.
func (s *scene) current(name string) (*corev1.Secret, error) {
	seen, _ := s.sight.since(0)
	for _, e := range slices.Backward(seen) {
		if secret(name, nil)(e) {
			return e.object.(*corev1.Secret), nil
		}
	}
	return nil, fmt.Errorf("there is no Secret %s", name)
}

// askAgain is the second user's Ingress, which needs no order.
func askAgain(ctx context.Context, s *scene) error {
	source, err := s.current(copyIn(home))
	if err != nil {
		return err
	}
	asked, mark, err := s.request(ctx, "uat-app", "blog")
	if err != nil {
		return err
	}
	served, err := s.arrived(ctx, mark, source, []string{blogSecret})
	if err != nil {
		return err
	}
	s.tell.effect(served.at.Sub(asked.at), "the same certificate is there as %s: no new order", blogSecret)
	if _, err := verify(source, s.root(), "blog."+domain); err != nil {
		return err
	}
	return s.expectOrders(1)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
