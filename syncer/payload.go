package syncer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// payload is what an object carries. It is shared between goroutines and never changed.
type payload struct {
	Type      string // of a Secret
	Immutable bool
	Data      map[string][]byte
	Binary    map[string][]byte // binaryData of a ConfigMap
}

// only is p with no keys but these; nil stands for all. What is left of a Secret whose type demands keys that are not
// among them is of type Opaque, since the API server would refuse it otherwise: the ca.crt of a kubernetes.io/tls.
func (p payload) only(keys []string) payload {
	if keys == nil {
		return p
	}
	p.Data, p.Binary = chosen(p.Data, keys), chosen(p.Binary, keys)
	if !completes(corev1.SecretType(p.Type), p.Data) {
		p.Type = string(corev1.SecretTypeOpaque)
	}
	return p
}

func chosen(from map[string][]byte, keys []string) map[string][]byte {
	to := make(map[string][]byte, len(keys))
	for _, key := range keys {
		if value, found := from[key]; found {
			to[key] = value
		}
	}
	return to
}

// completes reports whether data has what the API server demands of a Secret of that type.
func completes(t corev1.SecretType, data map[string][]byte) bool {
	has := func(key string) bool { _, found := data[key]; return found }
	switch t {
	case corev1.SecretTypeTLS:
		return has(corev1.TLSCertKey) && has(corev1.TLSPrivateKeyKey)
	case corev1.SecretTypeDockerConfigJson:
		return has(corev1.DockerConfigJsonKey)
	case corev1.SecretTypeDockercfg:
		return has(corev1.DockerConfigKey)
	case corev1.SecretTypeBasicAuth:
		return has(corev1.BasicAuthUsernameKey) || has(corev1.BasicAuthPasswordKey)
	case corev1.SecretTypeSSHAuth:
		return has(corev1.SSHAuthPrivateKey)
	}
	return true
}

func (p payload) equal(q payload) bool {
	return p.Type == q.Type && p.Immutable == q.Immutable &&
		maps.EqualFunc(p.Data, q.Data, bytes.Equal) && maps.EqualFunc(p.Binary, q.Binary, bytes.Equal)
}

// size is about how many bytes p takes in memory.
func (p payload) size() int {
	n := 256
	for _, values := range []map[string][]byte{p.Data, p.Binary} {
		for key, value := range values {
			n += 64 + len(key) + len(value)
		}
	}
	return n
}

// hash is the text of [AnnotationHash] for a copy of p: a digest of the content and one of the names of its fields,
// with "-" between. The second is what managedFields can be compared with. The source's UID is mixed in, so that equal
// digests do not tell equal secrets.
func (p payload) hash(source types.UID) string {
	h := sha256.New()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(source))
	part([]byte(p.Type))
	if p.Immutable {
		part([]byte(immutableField))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Data)) {
		part([]byte(key))
		part(p.Data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(p.Binary)) {
		part([]byte(binaryField(key))) // no key of data has a slash
		part(p.Binary[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:16]) + "-" + fieldsDigest(p.fields())
}

// fields are the content fields that a write of p sets.
func (p payload) fields() []string {
	var fields []string
	for key := range p.Data {
		fields = append(fields, dataField(key))
	}
	for key := range p.Binary {
		fields = append(fields, binaryField(key))
	}
	if p.Immutable {
		fields = append(fields, immutableField)
	}
	return fields
}

// fieldsDigest is a digest of a set of names.
func fieldsDigest(fields []string) string {
	slices.Sort(fields)
	h := sha256.New()
	for _, field := range slices.Compact(fields) {
		h.Write([]byte(field))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// hashedFields is the fieldsDigest in the text of a hash annotation.
func hashedFields(hash string) string {
	_, fields, _ := strings.Cut(hash, "-")
	return fields
}
