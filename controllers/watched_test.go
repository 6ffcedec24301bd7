package controllers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// watchedNamespaces is a Watched of home, a and b that runs in the bubble without its watches: the test is what they
// bring.
func watchedNamespaces(t *testing.T) (w *Watched, told *[]string) {
	t.Helper()
	w, err := NewWatched(WatchedConfig{Home: "home", Names: []string{"a", "b", "home"}, Unreadable: func(string, error) {}})
	if err != nil {
		t.Fatal(err)
	}
	told = &[]string{}
	_, err = w.AddTypedEventHandler(coreinformers.NamespaceHandlerFuncs{
		AddFunc:    func(n *corev1.Namespace) { *told = append(*told, "add "+n.Name) },
		UpdateFunc: func(_, n *corev1.Namespace) { *told = append(*told, "update "+n.Name+" "+n.Labels["team"]) },
		DeleteFunc: func(gone coreinformers.DeletedNamespace) {
			*told = append(*told, "delete "+gone.GetObjectName().Name)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		w.NamespaceIndexInformer.RunWithContext(t.Context())
		close(w.ended)
	}()
	return w, told
}

func namespaceAt(name, version, team string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version, Labels: map[string]string{"team": team}}}
}

func TestWatchedNamespacesAreSyncedOnceEachIsThereOrGivenUpAndHomeIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, told := watchedNamespaces(t)
		synced := func(want bool) {
			t.Helper()
			synctest.Wait()
			if got := cache.IsDone(w.HasSyncedChecker()); got != want {
				t.Errorf("synced: %t", got)
			}
		}
		_ = member{w, "a"}.Replace([]any{namespaceAt("a", "1", "web")}, "")
		w.GiveUp("b")
		w.GiveUp("home")
		synced(false)
		_ = member{w, "home"}.Replace([]any{namespaceAt("home", "2", "")}, "")
		synced(true)
		slices.Sort(*told)
		if want := []string{"add a", "add home"}; !slices.Equal(*told, want) {
			t.Errorf("told %q", *told)
		}
	})
}

func TestWatchedNamespacesComeChangeAndGoEachByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, told := watchedNamespaces(t)
		_ = member{w, "home"}.Add(namespaceAt("home", "1", ""))
		w.GiveUp("a")
		w.GiveUp("b")
		synctest.Wait()
		*told = nil
		_ = member{w, "b"}.Replace([]any{namespaceAt("b", "2", "web")}, "")
		_ = member{w, "b"}.Add(namespaceAt("b", "2", "web")) // as a watch begins
		_ = member{w, "b"}.Update(namespaceAt("b", "3", "ops"))
		_ = member{w, "a"}.Replace(nil, "")
		_ = member{w, "b"}.Delete(namespaceAt("b", "4", "ops"))
		_ = member{w, "b"}.Add(namespaceAt("b", "5", "web"))
		synctest.Wait()
		if want := []string{"add b", "update b ops", "delete b", "add b"}; !slices.Equal(*told, want) {
			t.Errorf("told %q, want %q", *told, want)
		}
	})
}

// namespaceServer answers like an API server that has one Namespace, until it is gone or forbidden.
func namespaceServer(t *testing.T, answer func(path string) (status int)) namespaceReader {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		status := answer(r.URL.Path)
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		object := runtime.Object(namespaceAt("a", "7", "web"))
		if status != http.StatusOK {
			object = &metav1.Status{Status: metav1.StatusFailure, Code: int32(status), Reason: map[int]metav1.StatusReason{
				404: metav1.StatusReasonNotFound, 403: metav1.StatusReasonForbidden}[status]}
			object.GetObjectKind().SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("Status"))
			object.(*metav1.Status).APIVersion = "v1"
		}
		if status == http.StatusOK && strings.Contains(r.URL.Path, "/watch/") {
			return
		}
		_ = json.NewEncoder(out).Encode(object)
	}))
	t.Cleanup(server.Close)
	return namespaceReader{kube: kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL}), unreadable: func(string, error) {}}
}

func TestANamespaceIsListedByItsName(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		items  int
		failed bool
		told   bool
	}{
		{"there", http.StatusOK, 1, false, false},
		{"not there", http.StatusNotFound, 0, false, true},
		{"forbidden", http.StatusForbidden, 0, true, true},
		{"not answered", http.StatusInternalServerError, 0, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var paths []string
			r := namespaceServer(t, func(path string) int { paths = append(paths, path); return row.status })
			told := false
			r.unreadable = func(string, error) { told = true }
			list, err := cache.ToListerWatcherWithContext(r.of("a")).ListWithContext(t.Context(), metav1.ListOptions{})
			if (err != nil) != row.failed || told != row.told {
				t.Errorf("error %v, told %t", err, told)
			}
			if err == nil && (len(list.(*corev1.NamespaceList).Items) != row.items || list.(*corev1.NamespaceList).ResourceVersion != "") {
				t.Errorf("%+v", list)
			}
			if paths[0] != "/api/v1/namespaces/a" {
				t.Errorf("paths %q", paths)
			}
		})
	}
}

func TestANamespaceThatGoesBetweenListAndWatchIsListedAgain(t *testing.T) {
	gone := false
	var paths []string
	r := namespaceServer(t, func(path string) int {
		paths = append(paths, path)
		if gone && !strings.Contains(path, "/watch/") {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	lw := cache.ToListerWatcherWithContext(r.of("a"))
	if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	gone = true
	_, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{})
	if !apierrors.IsResourceExpired(err) {
		t.Errorf("the watch begins: %v", err)
	}
	if _, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "8"}); err != nil {
		t.Errorf("a watch that goes on: %v", err)
	}
	want := []string{"/api/v1/namespaces/a", "/api/v1/watch/namespaces/a", "/api/v1/namespaces/a", "/api/v1/watch/namespaces/a"}
	if !slices.Equal(paths, want) {
		t.Errorf("paths %q", paths)
	}
}

func TestAnAPIServerThatHasNoSuchWatchAnyMoreIsNoNamespaceThatIsMissing(t *testing.T) {
	r := namespaceServer(t, func(path string) int {
		if strings.Contains(path, "/watch/") {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	r.unreadable = func(_ string, err error) { t.Errorf("reported: %v", err) }
	lw := cache.ToListerWatcherWithContext(r.of("a"))
	if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the watch begins: %v, want NotFound, after which the reflector lists again", err)
	}
}
