package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/stage"
)

// chainLength makes a certificate chain of about 4 KiB, as public CAs give them out.
const chainLength = 7

// pair is the data of a TLS Secret with new certificates.
func pair() (map[string][]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var chain bytes.Buffer
	for i := range int64(chainLength) {
		cert := &x509.Certificate{SerialNumber: big.NewInt(i), Subject: pkix.Name{CommonName: rand.Text()}, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
		if err != nil {
			return nil, err
		}
		if err := pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return nil, err
		}
	}
	return map[string][]byte{
		corev1.TLSCertKey:       chain.Bytes(),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}

// each calls do for 0 to n-1 with so many workers, and returns the first error.
func each(n, workers int, do func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// fields are the namespaces of one group of figures.
type fields []string

// plant makes n namespaces with a label, and waits until the controllers have put their own objects into each.
func (w *world) plant(ctx context.Context, prefix string, n int, labels map[string]string) (fields, error) {
	all := make(fields, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	err := each(n, 32, func(i int) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: all[i], Labels: labels}}
		_, err := w.admin.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespaces: %w", err)
	}
	return all, w.settled(ctx, all)
}

// settled waits for the ConfigMap that each namespace gets last.
func (w *world) settled(ctx context.Context, all fields) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for _, namespace := range all {
		err := stage.Until(ctx, func() error {
			_, err := w.admin.CoreV1().ConfigMaps(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("wait for namespaces: %w", err)
		}
	}
	return nil
}
