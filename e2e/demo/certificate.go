package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// parseChain reads a tls.crt, the leaf first.
func parseChain(text []byte) (chain []*x509.Certificate, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate %d of the chain: %w", len(chain)+1, err)
		}
		chain, text = append(chain, c), rest
	}
	if len(chain) == 0 {
		return nil, errors.New("read chain: it holds no certificate")
	}
	return chain, nil
}

// facts tells of a certificate what "openssl x509 -noout -subject -issuer -dates -serial -ext subjectAltName" does.
func facts(c *x509.Certificate) string {
	names := make([]string, len(c.DNSNames))
	for i, name := range c.DNSNames {
		names[i] = "DNS:" + name
	}
	const date = "Jan _2 15:04:05 2006 GMT"
	return strings.Join([]string{
		"subject=" + c.Subject.String(),
		"issuer=" + c.Issuer.String(),
		"notBefore=" + c.NotBefore.UTC().Format(date),
		"notAfter=" + c.NotAfter.UTC().Format(date),
		fmt.Sprintf("serial=%X", c.SerialNumber.Bytes()),
		"X509v3 Subject Alternative Name:",
		"    " + strings.Join(names, ", "),
	}, "\n")
}

// verify checks that a Secret holds a key, its certificate, and a chain to the root that is good for the host now. It
// returns the chain's names.
func verify(s *corev1.Secret, root *x509.CertPool, host string) (path string, err error) {
	if _, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return "", fmt.Errorf("verify Secret %s/%s: %w", s.Namespace, s.Name, err)
	}
	chain, err := parseChain(s.Data[corev1.TLSCertKey])
	if err != nil {
		return "", err
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	paths, err := chain[0].Verify(x509.VerifyOptions{Roots: root, Intermediates: between, DNSName: host})
	if err != nil {
		return "", fmt.Errorf("verify Secret %s/%s: %w", s.Namespace, s.Name, err)
	}
	names := []string{strings.Join(chain[0].DNSNames, ", ")}
	for _, c := range paths[0][1:] {
		names = append(names, c.Subject.CommonName)
	}
	return strings.Join(names, " <- "), nil
}

// visit serves HTTPS with a Secret, goes there with a client that knows the root only, and tells what it got.
func visit(ctx context.Context, s *corev1.Secret, root *x509.CertPool, url string) (string, error) {
	pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return "", fmt.Errorf("serve with Secret %s/%s: %w", s.Namespace, s.Name, err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // what goes wrong comes back from the client
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()

	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: root},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return "", fmt.Errorf("visit: %w", err)
	}
	defer response.Body.Close()
	return fmt.Sprintf("%s %s, %s", response.Proto, response.Status, tls.VersionName(response.TLS.Version)), nil
}
