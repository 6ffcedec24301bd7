package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// install applies the manifests and runs the program as they would.
func install(ctx context.Context, s *scene) error {
	if err := s.shown(ctx, "apply", "--server-side", "-k", "manifests/base"); err != nil {
		return err
	}
	kubeconfig, err := s.cluster.KubeconfigFor(ctx, cluster.HomeNamespace, cluster.ServiceAccount)
	if err != nil {
		return err
	}
	s.tell.remark("This control plane has no node to run the Deployment's pods, so the same program runs beside it, with the")
	s.tell.remark("token of ServiceAccount %s/%s: it may do what the manifests permit, and no more.", cluster.HomeNamespace, cluster.ServiceAccount)
	s.tell.command(commandLine("wildcast", "run", "--kubeconfig="+filepath.Base(kubeconfig), "--namespace="+home))
	begun := time.Now()
	if s.program, err = wildcast.Start(ctx, wildcast.Options{Kubeconfig: kubeconfig, Dir: s.cluster.Dir(), Log: s.tell.w}); err != nil {
		return err
	}
	s.endings = append(s.endings, func() { s.program.Stop() })
	s.tell.effect(time.Since(begun), "wildcast is ready: it has read what there is")
	return nil
}

// nameIssuer makes the issuer, for which wildcast registers an account.
func nameIssuer(ctx context.Context, s *scene) error {
	bundle, err := s.file("ca.pem", s.stage.CA.CABundle())
	if err != nil {
		return err
	}
	s.tell.remark("With a public CA, server is just its name: letsencrypt, letsencrypt-staging, zerossl, google, ...")
	mark := s.sight.now()
	err = s.shown(ctx, "-n", home, "create", "secret", "generic", issuerName, "--type=wildcast.dev/issuer",
		"--from-literal=server="+s.stage.CA.Directory(), "--from-literal=email=admin@"+domain, "--from-file=caBundle="+bundle)
	if err != nil {
		return err
	}
	account, err := s.readied(ctx, mark, issuerName)
	if err != nil {
		return err
	}
	if n := s.stage.CA.Registrations(); n != 1 {
		return fmt.Errorf("the CA has registered %d accounts, not one", n)
	}
	s.tell.remark("   the account's key is kept in Secret %s.account; at the CA it is %s", issuerName, account)
	return nil
}

// readied waits until wildcast says that an issuer or a solver is ready, and returns its account.
func (s *scene) readied(ctx context.Context, mark int, name string) (account string, err error) {
	name = home + "/" + name
	made, err := s.sight.first(ctx, mark, "Secret "+name, secret(name, nil))
	if err != nil {
		return "", err
	}
	ready, err := s.sight.first(ctx, mark, "Secret "+name+" ready", secret(name, annotated("wildcast.dev/status", "Ready")))
	if err != nil {
		return "", err
	}
	annotations := ready.object.GetAnnotations()
	s.tell.effect(ready.at.Sub(made.at), "wildcast noted on it: Ready. %s", annotations["wildcast.dev/message"])
	return annotations["wildcast.dev/account"], nil
}

// nameSolver makes the solver. The key is taken from a file, as one should do with what is secret.
func nameSolver(ctx context.Context, s *scene) error {
	settings := s.stage.DNS.SolverEnv()
	const secretKey = "DNSUPDATE_TSIG_SECRET"
	key, err := s.file("tsig-secret", []byte(settings[secretKey]))
	if err != nil {
		return err
	}
	delete(settings, secretKey)
	s.tell.remark("Settings have the names of lego's documentation, for any of its 190 vendors. Here: BIND's protocol, RFC 2136.")
	args := []string{"-n", home, "create", "secret", "generic", solverName, "--type=wildcast.dev/dns01",
		"--from-literal=provider=rfc2136", "--from-literal=zones=" + domain,
		"--from-literal=nameservers=" + strings.Join(s.stage.DNS.Addrs(), ",")}
	for _, name := range sortedKeys(settings) {
		args = append(args, "--from-literal="+name+"="+settings[name])
	}
	mark := s.sight.now()
	if err := s.shown(ctx, append(args, "--from-file="+secretKey+"="+key)...); err != nil {
		return err
	}
	_, err = s.readied(ctx, mark, solverName)
	return err
}

// permit labels the eleven namespaces.
func permit(ctx context.Context, s *scene) error {
	mark := s.sight.now()
	args := append([]string{"label", "namespace"}, eleven...)
	if _, err := s.kubectl(ctx, append(args, permission)...); err != nil {
		return err
	}
	for _, namespace := range eleven {
		if _, err := s.sight.first(ctx, mark, "the label of namespace "+namespace, labelled(namespace, true)); err != nil {
			return err
		}
	}
	s.tell.remark("Nothing happens yet: nobody has asked for a certificate.")
	return s.expectOrders(0)
}
