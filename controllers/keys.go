package controllers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// KeyType is the type of a certificate's private key.
type KeyType string

// The key types. ACME CAs certify all but the last.
const (
	EC256   KeyType = "ec256"
	EC384   KeyType = "ec384"
	RSA2048 KeyType = "rsa2048"
	RSA3072 KeyType = "rsa3072"
	RSA4096 KeyType = "rsa4096"
	Ed25519 KeyType = "ed25519"
)

// ParseKeyType returns the key type of that name, EC256 for none.
func ParseKeyType(name string) (KeyType, error) {
	switch k := KeyType(name); k {
	case "":
		return EC256, nil
	case EC256, EC384, RSA2048, RSA3072, RSA4096, Ed25519:
		return k, nil
	}
	return "", fmt.Errorf("%q is no key type; use ec256, ec384, rsa2048, rsa3072, rsa4096, or ed25519 where the CA is not an ACME one", name)
}

// generate makes a new key.
func (k KeyType) generate() (crypto.Signer, error) {
	switch k {
	case EC384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// keyTypeOf is the type of a public key, empty for one that ParseKeyType does not name.
func keyTypeOf(public crypto.PublicKey) KeyType {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return KeyType(fmt.Sprintf("ec%d", key.Curve.Params().BitSize))
	case *rsa.PublicKey:
		return KeyType(fmt.Sprintf("rsa%d", key.N.BitLen()))
	case ed25519.PublicKey:
		return Ed25519
	}
	return ""
}

// marshalKey is the key in PEM form, PKCS #8.
func marshalKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// parseKey reads the first key in PEM form: PKCS #8, PKCS #1 or SEC 1. What is no key, such as the EC PARAMETERS that
// openssl writes first, is passed over.
func parseKey(data []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(data)
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("no private key in PEM form")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("the private key is neither PKCS #8, PKCS #1 nor SEC 1")
}
