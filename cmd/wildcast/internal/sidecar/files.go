package sidecar

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// filesOf returns the files of a Secret by their names: one for each key, and one more called combined, unless that is
// empty, with the chain and the key of a certificate.
//
//	no keys                                            refused
//	type kubernetes.io/tls, or tls.crt and tls.key     refused unless they are a pair
//	any other                                          as it is, without combined
func filesOf(s *corev1.Secret, combined string) (map[string][]byte, error) {
	if len(s.Data) == 0 {
		return nil, errors.New("it is empty")
	}
	for name := range s.Data {
		if strings.HasPrefix(name, "..") || strings.ContainsRune(name, '/') { // which no API server lets pass
			return nil, fmt.Errorf("its key %q cannot be the name of a file", name)
		}
	}
	files := maps.Clone(s.Data)
	if !isPair(s) {
		return files, nil
	}
	chain, key := s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]
	if err := checkPair(chain, key); err != nil {
		return nil, err
	}
	if combined == "" {
		return files, nil
	}
	if _, taken := files[combined]; taken {
		return nil, fmt.Errorf("it has a key %s: give another name to --combined", combined)
	}
	files[combined] = combine(chain, key)
	return files, nil
}

func isPair(s *corev1.Secret) bool {
	_, chain := s.Data[corev1.TLSCertKey]
	_, key := s.Data[corev1.TLSPrivateKeyKey]
	return s.Type == corev1.SecretTypeTLS || chain && key
}

// checkPair refuses a chain that cannot be read and a key that is not that of its first certificate.
func checkPair(chain, key []byte) error {
	if len(bytes.TrimSpace(chain)) == 0 {
		return errors.New("its tls.crt is empty")
	}
	if len(bytes.TrimSpace(key)) == 0 {
		return errors.New("its tls.key is empty")
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		return fmt.Errorf("its tls.key does not fit its tls.crt: %w", err)
	}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("a certificate of the chain in its tls.crt cannot be read: %w", err)
		}
	}
	return nil
}

// combine puts the chain and the key into one file, as HAProxy reads them.
func combine(chain, key []byte) []byte {
	return append(append(bytes.TrimRight(bytes.Clone(chain), "\n"), '\n'), key...)
}

// redact takes what is secret in a Secret out of a text: each line of its values that is long enough to be recognized, but
// for certificates, which are public.
func redact(text string, s *corev1.Secret) string {
	for name, value := range s.Data {
		if name == corev1.TLSCertKey || name == corev1.ServiceAccountRootCAKey {
			continue
		}
		for line := range strings.Lines(string(value)) {
			line = strings.TrimSpace(line)
			if len(line) >= 8 && !strings.HasPrefix(line, "-----") {
				text = strings.ReplaceAll(text, line, "[redacted]")
			}
		}
	}
	return text
}
