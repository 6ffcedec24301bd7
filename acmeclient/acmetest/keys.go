package acmetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/miekg/dns"
)

// Key is a TSIG key (RFC 8945) with which updates are signed.
type Key struct {
	Name, Secret string
}

func (k Key) env(server string) map[string]string {
	return map[string]string{
		"DNSUPDATE_NAMESERVER":        server,
		"DNSUPDATE_TSIG_KEY":          k.Name,
		"DNSUPDATE_TSIG_SECRET":       k.Secret,
		"DNSUPDATE_TSIG_ALGORITHM":    keyAlgorithm,
		"DNSUPDATE_TTL":               "0",
		"DNSUPDATE_POLLING_INTERVAL":  "1",
		"DNSUPDATE_SEQUENCE_INTERVAL": "0",
		"DNSUPDATE_DNS_TIMEOUT":       "5",
	}
}

// keyring holds the keys of one DNS and is its [dns.TsigProvider].
type keyring struct {
	mu   sync.Mutex
	keys []keyOf
}

type keyOf struct {
	Key
	zones []string // none: all that no other key has
}

func (k *keyring) add(zones []string) Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := Key{Name: fmt.Sprintf("key-%d.acmetest.", len(k.keys)+1), Secret: newSecret()}
	k.keys = append(k.keys, keyOf{key, zones})
	return key
}

// may tells whether the key may update the zone.
func (k *keyring) may(name, zone string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.keys) - 1; i >= 0; i-- {
		key := k.keys[i]
		if len(key.zones) == 0 || slices.Contains(key.zones, zone) {
			return key.Name == dns.CanonicalName(name)
		}
	}
	return false
}

// Generate implements [dns.TsigProvider].
func (k *keyring) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if key.Name != dns.CanonicalName(t.Hdr.Name) || dns.CanonicalName(t.Algorithm) != keyAlgorithm {
			continue
		}
		secret, err := base64.StdEncoding.DecodeString(key.Secret)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(msg)
		return mac.Sum(nil), nil
	}
	return nil, dns.ErrSecret
}

// Verify implements [dns.TsigProvider].
func (k *keyring) Verify(msg []byte, t *dns.TSIG) error {
	want, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil || !hmac.Equal(want, got) {
		return dns.ErrSig
	}
	return nil
}
