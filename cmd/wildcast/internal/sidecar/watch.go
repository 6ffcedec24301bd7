package sidecar

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// lateAfter is how long it may take to read a Secret before that is told.
const lateAfter = 10 * time.Second

// kept is a Secret, what is known of it, and its folder. All but the informer is for the loop's goroutine.
type kept struct {
	Secret
	folder   folder
	informer coreinformers.SecretIndexInformer
	told     string // what was last said of the Secret, which is said once
	accepted bool   // what the Secret is now is in service
}

// watch makes the informer of this Secret alone, for which a Role suffices that names it. changed is called at each change.
func (k *kept) watch(kube kubernetes.Interface, log *zap.Logger, changed func()) error {
	alone := func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, k.Name.Name).String()
	}
	k.informer = coreinformers.NewTypedFilteredSecretInformer(kube, k.Name.Namespace, 0, nil, alone)
	err := k.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { k.unreadable(err, log) })
	if err != nil {
		return err
	}
	_, err = k.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	return err
}

// unreadable tells the remedy where client-go would not. The informer goes on trying.
func (k *kept) unreadable(err error, log *zap.Logger) {
	switch {
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // as watches end
	case apierrors.IsForbidden(err):
		log.Error("Could not read Secret: the API server forbids to get, list and watch it, which the Role in manifests/sidecar allows",
			append(k.fields(), zap.Error(err))...)
	default:
		log.Warn("Could not read Secret; its files stay as they are, and it is tried again", append(k.fields(), zap.Error(err))...)
	}
}

// follow runs the informer until ctx ends. known is called when it is known whether there is such a Secret.
// An API server that refuses connections client-go does not speak of.
func (k *kept) follow(ctx context.Context, log *zap.Logger, known func()) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	late := time.AfterFunc(lateAfter, func() {
		log.Warn("Could not read Secret yet; files stay as they are while the API server is away", k.fields()...)
	})
	defer late.Stop()
	waiting.Go(func() {
		if cache.WaitFor(ctx, "", k.informer.HasSyncedChecker()) {
			late.Stop()
			known()
		}
	})
	k.informer.RunWithContext(ctx)
}

// secret is the Secret as it is known, nil if it is not.
func (k *kept) secret() *corev1.Secret {
	found, ok, err := k.informer.GetIndexer().GetByKey(k.Name.String())
	if err != nil || !ok {
		return nil
	}
	return found.(*corev1.Secret)
}

// wanted returns the files that should be in service, nil if those that are there stay. It tells why they do, once.
func (k *kept) wanted(combined string, log *zap.Logger) map[string][]byte {
	if !cache.IsDone(k.informer.HasSyncedChecker()) {
		return nil
	}
	secret := k.secret()
	if secret == nil {
		k.tell("absent", func() {
			if k.folder.serving() {
				log.Warn("Found no such Secret; its files stay in service", k.fields()...)
			} else {
				log.Info("Found no such Secret yet", k.fields()...)
			}
		})
		return nil
	}
	files, err := filesOf(secret, combined)
	if err != nil {
		k.tell(secret.ResourceVersion, func() {
			log.Error("Refused Secret; its files stay as they are until it is changed", append(k.fields(), zap.Error(err))...)
		})
		return nil
	}
	k.told = ""
	return files
}

// tell says something of what the Secret is, unless that was the last that was said.
func (k *kept) tell(what string, say func()) {
	if k.told != what {
		k.told = what
		say()
	}
}

// fields tell a log of which Secret it speaks.
func (k *kept) fields() []zap.Field {
	return []zap.Field{zap.Stringer("secret", k.Name), zap.String("folder", k.folder.path)}
}
