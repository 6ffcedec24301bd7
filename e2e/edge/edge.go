// Package edge runs a real Ingress controller, Traefik, before a cluster of the suites.
//
// It is built once from its Go module (e2e/traefik) and reads Ingresses, Services and Secrets from the API server as it
// would in a cluster. As there are no pods, a Service leads to a program here by an ExternalName and a port; see
// [Edge.Lead].
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Class is the IngressClass that the controller serves.
const Class = "edge"

// Build returns the folder that holds traefik, after building it if it must.
func Build(ctx context.Context, log io.Writer) (string, error) {
	return cluster.BuildTools(ctx, gobuild.Programs{
		Name: "traefik", Log: log,
		Packages: []string{"github.com/traefik/traefik/v3/cmd/traefik"},
		What:     "Traefik, once: about 6 minutes on 2 cores",
		Flags:    func() ([]string, error) { return []string{"-trimpath", "-ldflags=-s -w"}, nil },
	})
}

// Edge is a running Ingress controller. HTTP is redirected to HTTPS, which is the harder case for HTTP-01.
type Edge struct {
	// HTTP and HTTPS are its ports at 127.0.0.1.
	HTTP, HTTPS int

	kube  kubernetes.Interface
	ports ports.Holder
	child *child.Child
}

// Start makes the IngressClass and runs the controller, as the cluster's administrator.
func Start(ctx context.Context, c *cluster.Cluster) (*Edge, error) {
	programs, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	e := &Edge{}
	if e.kube, err = kubernetes.NewForConfig(c.Admin()); err != nil {
		return nil, err
	}
	class := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: Class},
		Spec:       networkingv1.IngressClassSpec{Controller: "traefik.io/ingress-controller"},
	}
	if _, err := e.kube.NetworkingV1().IngressClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("make ingress class: %w", err)
	}
	taken, err := e.ports.Take(3)
	if err != nil {
		return nil, err
	}
	e.HTTP, e.HTTPS = taken[0], taken[1]
	if err := e.run(ctx, c, filepath.Join(programs, "traefik"), taken[2]); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func (e *Edge) run(ctx context.Context, c *cluster.Cluster, program string, ping int) (err error) {
	at := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	e.child, err = child.Start(child.Spec{
		Path: program,
		Args: []string{
			"--global.checknewversion=false",
			"--global.sendanonymoususage=false",
			"--log.level=INFO",
			"--ping=true",
			"--ping.entrypoint=ping",
			"--entrypoints.ping.address=" + at(ping),
			"--entrypoints.web.address=" + at(e.HTTP),
			"--entrypoints.web.http.redirections.entrypoint.to=:" + strconv.Itoa(e.HTTPS),
			"--entrypoints.web.http.redirections.entrypoint.scheme=https",
			"--entrypoints.websecure.address=" + at(e.HTTPS),
			"--entrypoints.websecure.http.tls=true",
			"--providers.kubernetesingress=true",
			"--providers.kubernetesingress.ingressclass=" + Class,
			"--providers.kubernetesingress.allowexternalnameservices=true",
			"--providers.kubernetesingress.throttleduration=0s",
			"--providers.providersthrottleduration=50ms",
		},
		Env: []string{"KUBECONFIG=" + c.Kubeconfig(), "PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir()},
		Dir: c.Dir(),
		Log: filepath.Join(c.Dir(), "traefik.log"),
	})
	if err != nil {
		return err
	}
	return e.child.Ready(ctx, "http://"+at(ping)+"/ping")
}

// Stop ends the controller and removes the IngressClass.
func (e *Edge) Stop() error {
	if e.child != nil {
		e.child.Kill()
	}
	e.ports.Release()
	return e.kube.NetworkingV1().IngressClasses().Delete(context.Background(), Class, metav1.DeleteOptions{})
}

// Lead makes a Service that leads to a program at address, of 127.0.0.1, and returns the Service's port: the program's.
func (e *Edge) Lead(ctx context.Context, namespace, name, address string) (port int32, err error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, err
	}
	port = int32(at.Port())
	_, err = e.kube.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Name: "http", Port: port}},
		},
	}, metav1.CreateOptions{})
	return port, err
}
