package syncer

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// configMaps is the kind ConfigMap. Those that every namespace has, such as kube-root-ca.crt, are somebody else's objects
// like any other.
func configMaps(c Clients) kind {
	client := c.Kube.CoreV1()
	w := writer{client.RESTClient(), c.deletions().CoreV1().RESTClient(), "configmaps", func(c content) runtime.Object { return configMap(c) }}
	return kind{
		kind:     corev1.SchemeGroupVersion.WithKind(string(ConfigMaps)),
		resource: corev1.SchemeGroupVersion.WithResource("configmaps"),
		read: func(ctx context.Context, n ref) (content, error) {
			m, err := client.ConfigMaps(n.Namespace).Get(ctx, n.Name, metav1.GetOptions{})
			if err != nil {
				return content{}, err
			}
			return content{m.ObjectMeta, payload{Immutable: ptr.Deref(m.Immutable, false), Data: bytesOf(m.Data), Binary: m.BinaryData}}, nil
		},
		create: w.create,
		update: w.update,
		remove: w.remove,
	}
}

func configMap(c content) *corev1.ConfigMap {
	m := &corev1.ConfigMap{ObjectMeta: c.meta, Data: make(map[string]string, len(c.Data)), BinaryData: c.Binary}
	for key, value := range c.Data {
		m.Data[key] = string(value)
	}
	if c.Immutable {
		m.Immutable = ptr.To(true)
	}
	return m
}

func bytesOf(texts map[string]string) map[string][]byte {
	data := make(map[string][]byte, len(texts))
	for key, text := range texts {
		data[key] = []byte(text)
	}
	return data
}
