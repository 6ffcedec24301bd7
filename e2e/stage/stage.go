package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
)

// Home is the namespace of issuers and shared certificates.
const Home = cluster.HomeNamespace

// Label marks everything that a stage made, with the stage's name.
const Label = "stage"

// Stage is a CA, a DNS server and the objects of one story.
type Stage struct {
	Name    string
	Cluster *cluster.Cluster
	Kube    kubernetes.Interface // as the administrator
	DNS     *acmetest.DNS
	CA      *acmetest.CA
}

// Options of a Stage. The zero value has one zone, a.test.
type Options struct {
	Zones []string
	CA    acmetest.CAOptions // DNS is filled in
}

// Open starts the CA and the DNS server. The name is part of the names of everything made on the stage; it must be a
// valid label value.
func Open(c *cluster.Cluster, name string, o Options) (*Stage, error) {
	if len(o.Zones) == 0 {
		o.Zones = []string{"a.test"}
	}
	kube, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		return nil, fmt.Errorf("open stage: %w", err)
	}
	s := &Stage{Name: name, Cluster: c, Kube: kube}
	if s.DNS, err = acmetest.StartDNS(o.Zones...); err != nil {
		return nil, fmt.Errorf("open stage: %w", err)
	}
	o.CA.DNS = s.DNS
	if s.CA, err = acmetest.StartCA(o.CA); err != nil {
		s.DNS.Close()
		return nil, fmt.Errorf("open stage: %w", err)
	}
	return s, nil
}

// Close removes everything that was made on the stage and stops its servers. Namespaces go in the background.
func (s *Stage) Close(ctx context.Context) error {
	defer s.DNS.Close()
	defer s.CA.Close()
	mine := metav1.ListOptions{LabelSelector: Label + "=" + s.Name}
	namespaces, err := s.Kube.CoreV1().Namespaces().List(ctx, mine)
	if err != nil {
		return fmt.Errorf("close stage: %w", err)
	}
	for _, ns := range namespaces.Items {
		err = errors.Join(err, ignoreGone(s.Kube.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{})))
	}
	err = errors.Join(err, s.Kube.CoreV1().Secrets(Home).DeleteCollection(ctx, metav1.DeleteOptions{}, mine))
	return errors.Join(err, s.removeCertificates(ctx))
}

// removeCertificates removes what wildcast has stored in the home namespace.
func (s *Stage) removeCertificates(ctx context.Context) error {
	secrets, err := s.Kube.CoreV1().Secrets(Home).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("close stage: %w", err)
	}
	for _, secret := range secrets.Items {
		ours := strings.HasPrefix(string(secret.Type), "wildcast.dev/") || secret.Type == corev1.SecretTypeTLS
		if ours {
			err = errors.Join(err, ignoreGone(s.Kube.CoreV1().Secrets(Home).Delete(ctx, secret.Name, metav1.DeleteOptions{})))
		}
	}
	return err
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (s *Stage) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{Label: s.Name}}
}

// Issuer makes an issuer Secret for the stage's CA in a namespace. More keys come from extra, which win.
func (s *Stage) Issuer(ctx context.Context, namespace, name string, extra map[string]string) error {
	data := map[string]string{"server": s.CA.Directory(), "email": "admin@a.test", "caBundle": string(s.CA.CABundle())}
	maps.Copy(data, extra)
	return s.secret(ctx, namespace, name, "wildcast.dev/issuer", data)
}

// Solver makes a solver Secret in a namespace: for the stage's DNS server, unless extra names another provider. More keys
// come from extra, which win.
func (s *Stage) Solver(ctx context.Context, namespace, name string, extra map[string]string) error {
	data := map[string]string{"provider": "rfc2136", "nameservers": strings.Join(s.DNS.Addrs(), ",")}
	if extra["provider"] == "" {
		maps.Copy(data, s.DNS.SolverEnv())
	}
	maps.Copy(data, extra)
	return s.secret(ctx, namespace, name, "wildcast.dev/dns01", data)
}

func (s *Stage) secret(ctx context.Context, namespace, name string, kind corev1.SecretType, data map[string]string) error {
	_, err := s.Kube.CoreV1().Secrets(namespace).Create(ctx,
		&corev1.Secret{ObjectMeta: s.meta(namespace, name), Type: kind, StringData: data}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make %s %s/%s: %w", kind, namespace, name, err)
	}
	return nil
}

// Namespace makes a namespace with labels beside the stage's.
func (s *Stage) Namespace(ctx context.Context, name string, labels map[string]string) error {
	meta := s.meta("", name)
	maps.Copy(meta.Labels, labels)
	if _, err := s.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make namespace %s: %w", name, err)
	}
	return nil
}

// LabelNamespace sets a label of a namespace, or removes it if the value is empty.
func (s *Stage) LabelNamespace(ctx context.Context, name, key, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)
	if value == "" {
		patch = fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, key)
	}
	if _, err := s.Kube.CoreV1().Namespaces().Patch(ctx, name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("label namespace %s: %w", name, err)
	}
	return nil
}

// Ingress makes an Ingress with one tls entry for the hosts.
func (s *Stage) Ingress(ctx context.Context, namespace, name, secretName string, hosts []string, annotations map[string]string) error {
	meta := s.meta(namespace, name)
	meta.Annotations = annotations
	ingress := &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{
		TLS: []networkingv1.IngressTLS{{Hosts: hosts, SecretName: secretName}},
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}
	if _, err := s.Kube.NetworkingV1().Ingresses(namespace).Create(ctx, ingress, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make ingress %s/%s: %w", namespace, name, err)
	}
	return nil
}

// Until calls condition until it returns no error, and returns its last error when ctx ends first.
func Until(ctx context.Context, condition func() error) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-ticker.C:
		}
	}
}
