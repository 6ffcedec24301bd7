package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// credentials are what a client shows, and the CA that it trusts.
type credentials struct {
	token string
	ca    []byte
}

// writeTokens makes the API server's static token file with its one user, an administrator.
func writeTokens(path string) (credentials, error) {
	token := rand.Text()
	line := token + `,admin,admin,"system:masters"` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		return credentials{}, fmt.Errorf("write tokens: %w", err)
	}
	return credentials{token: token}, nil
}

// writeServiceAccountKey makes the pair that signs and verifies ServiceAccounts' tokens.
func writeServiceAccountKey(private, public string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make ServiceAccount key: %w", err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode ServiceAccount key: %w", err)
	}
	open, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode ServiceAccount key: %w", err)
	}
	if err := writePEM(private, "EC PRIVATE KEY", secret); err != nil {
		return err
	}
	return writePEM(public, "PUBLIC KEY", open)
}

func writePEM(path, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}

func (k credentials) config(server string) *rest.Config {
	return &rest.Config{
		Host:            server,
		BearerToken:     k.token,
		TLSClientConfig: rest.TLSClientConfig{CAData: k.ca},
		QPS:             -1,
		WarningHandler:  rest.NoWarnings{},
	}
}

// write makes a kubeconfig with one context.
func (k credentials) write(path, server string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["wildcast"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: k.ca}
	config.AuthInfos["wildcast"] = &clientcmdapi.AuthInfo{Token: k.token}
	config.Contexts["wildcast"] = &clientcmdapi.Context{Cluster: "wildcast", AuthInfo: "wildcast"}
	config.CurrentContext = "wildcast"
	if err := clientcmd.WriteToFile(*config, path); err != nil { // with mode 0600
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

// KubeconfigFor asks for a token of a ServiceAccount, as kubectl create token does, and returns the path
// of a kubeconfig that holds it. The token lasts a day.
func (c *Cluster) KubeconfigFor(ctx context.Context, namespace, serviceAccount string) (string, error) {
	client, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		return "", fmt.Errorf("kubeconfig for %s/%s: %w", namespace, serviceAccount, err)
	}
	seconds := int64((24 * time.Hour).Seconds())
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
	}
	answer, err := client.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("kubeconfig for %s/%s: %w", namespace, serviceAccount, err)
	}
	path := c.path(namespace + "-" + serviceAccount + ".kubeconfig")
	return path, credentials{token: answer.Status.Token, ca: c.admin.ca}.write(path, c.urls.apiserver)
}

// Config returns a configuration for clients from a kubeconfig, with Admin's limits and warnings.
func Config(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	return config, nil
}

// defaultServiceAccount is made by a controller, so it tells that the controllers run.
func (c *Cluster) defaultServiceAccount(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		return err
	}
	_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}
