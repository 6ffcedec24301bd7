package convert_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// witness sees every state that some Secrets are ever in.
type witness struct {
	*story
	names []types.NamespacedName

	mu      sync.Mutex
	serials map[types.NamespacedName][]string // one after the other
	faults  []string
	seen    map[types.NamespacedName]string // resourceVersion
}

// watch begins with what the Secrets are now.
func (s *story) watch(names ...types.NamespacedName) *witness {
	s.Helper()
	w := &witness{story: s, names: names, serials: map[types.NamespacedName][]string{}, seen: map[types.NamespacedName]string{}}
	now, err := s.Kube.CoreV1().Secrets("").List(s.ctx, metav1.ListOptions{})
	s.must(err)
	for i := range now.Items {
		w.see(watch.Added, &now.Items[i])
	}
	changes, err := s.Kube.CoreV1().Secrets("").Watch(s.ctx, metav1.ListOptions{ResourceVersion: now.ResourceVersion})
	s.must(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range changes.ResultChan() {
			if secret, ok := e.Object.(*corev1.Secret); ok {
				w.see(e.Type, secret)
			}
		}
	}()
	s.Cleanup(func() {
		changes.Stop()
		<-ended
	})
	return w
}

func (w *witness) see(what watch.EventType, secret *corev1.Secret) {
	name := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}
	if !slices.Contains(w.names, name) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = secret.ResourceVersion
	if what == watch.Deleted {
		w.faults = append(w.faults, fmt.Sprintf("%s was deleted", name))
		return
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		w.faults = append(w.faults, fmt.Sprintf("%s could not serve: %v", name, err))
		return
	}
	serial := pair.Leaf.SerialNumber.Text(16)
	if all := w.serials[name]; len(all) == 0 || all[len(all)-1] != serial {
		w.serials[name] = append(all, serial)
	}
}

// saw returns the certificates that each Secret has held, when all is seen that has happened so far. That one could not have
// served fails the test.
func (w *witness) saw() map[types.NamespacedName][]string {
	w.Helper()
	for _, name := range w.names {
		version := w.stored(name).ResourceVersion
		w.until(fmt.Sprintf("the witness has seen %s", name), func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.seen[name] != version {
				version = w.stored(name).ResourceVersion
				return fmt.Errorf("it has seen version %s of %s", w.seen[name], version)
			}
			return nil
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) > 0 {
		w.Errorf("there was a moment without a certificate:\n%s", strings.Join(w.faults, "\n"))
	}
	serials := map[types.NamespacedName][]string{}
	for name, all := range w.serials {
		serials[name] = slices.Clone(all)
	}
	return serials
}
