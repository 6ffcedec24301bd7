package sidecar

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

// bench is a folder, a cluster, and a Keeper between them whose commands write into the folder log.
type bench struct {
	*testing.T
	kube *fake.Clientset
	cfg  Config
	logs *observer.ObservedLogs
	out  string // folder that commands write to
}

func newBench(t *testing.T, secrets ...*corev1.Secret) *bench {
	b := &bench{T: t, kube: fake.NewClientset(), out: inMemory(t)}
	core, logs := observer.New(zapcore.InfoLevel)
	b.logs = logs
	b.cfg = Config{Kube: b.kube, Log: zap.New(core), Folder: filepath.Join(inMemory(t), "tls"), Mode: 0o640}
	for _, s := range secrets {
		b.cfg.Secrets = append(b.cfg.Secrets, Secret{Name: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}, Folder: s.Name})
	}
	return b
}

// run runs a Keeper until the test, in a bubble, calls what it returns.
func (b *bench) run() (stop func() error) {
	k, err := New(b.cfg)
	must(b.T, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- k.Run(ctx) }()
	synctest.Wait()
	return func() error {
		cancel()
		return <-ended
	}
}

// apply makes or changes a Secret, and waits until the Keeper has looked at it.
func (b *bench) apply(s *corev1.Secret) {
	b.Helper()
	secrets := b.kube.CoreV1().Secrets(s.Namespace)
	if _, err := secrets.Update(b.Context(), s.DeepCopy(), metav1.UpdateOptions{}); err != nil {
		_, err = secrets.Create(b.Context(), s.DeepCopy(), metav1.CreateOptions{})
		must(b.T, err)
	}
	synctest.Wait()
}

// serves checks which files there are.
func (b *bench) serves(name string, want map[string][]byte) {
	b.Helper()
	found, err := os.ReadDir(filepath.Join(b.cfg.Folder, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Fatal(err)
	}
	is := map[string]string{}
	if len(found) > 0 {
		is = read(b.T, filepath.Join(b.cfg.Folder, name))
	}
	same := func(a string, b []byte) bool { return a == string(b) }
	if !maps.EqualFunc(is, want, same) {
		b.Errorf("of Secret %s there are %q, want %q", name, is, want)
	}
}

// wrote is what commands have written to a file, a line each.
func (b *bench) wrote(file string) int {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(b.out, file))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	must(b.T, err)
	return strings.Count(string(text), "\n")
}

// appends is a command that writes a line to a file.
func (b *bench) appends(file string) string { return "echo >> " + filepath.Join(b.out, file) }

// blocks makes commands that ask allowed fail, or not.
func (b *bench) blocks(blocked bool) {
	b.Helper()
	if blocked {
		must(b.T, os.WriteFile(filepath.Join(b.out, "blocked"), nil, 0o600))
	} else {
		must(b.T, os.Remove(filepath.Join(b.out, "blocked")))
	}
}

func (b *bench) allowed() string {
	return "test ! -e " + filepath.Join(b.out, "blocked") + " || { echo it is blocked >&2; exit 7; }"
}

func (b *bench) said(message string) int {
	return b.logs.FilterMessage(message).Len()
}

func TestFilesFollowTheSecretsAndTheProcessReloadsForEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, users := tlsSecret(t, "shop", "web"), opaque("shop", "users", map[string]string{"htpasswd": "a"})
		b := newBench(t, web, users)
		b.cfg.Reload = b.appends("reloads")
		stop := b.run()
		b.apply(web)
		b.serves("web", web.Data)
		b.apply(users)
		b.serves("users", users.Data)
		if b.wrote("reloads") != 2 {
			t.Errorf("%d reloads", b.wrote("reloads"))
		}
		next := tlsSecret(t, "shop", "web")
		b.apply(next)
		b.serves("web", next.Data)
		next.Labels = map[string]string{"changed": "true"}
		b.apply(next)
		if b.wrote("reloads") != 3 {
			t.Errorf("%d reloads", b.wrote("reloads"))
		}
		must(t, stop())
	})
}

func TestARestartWithNothingChangedWritesNothingAndReloadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tlsSecret(t, "shop", "web")
		b := newBench(t, web)
		b.cfg.Reload, b.cfg.Check = b.appends("reloads"), b.appends("checks")
		b.apply(web)
		must(t, b.run()())
		before := hidden(t, filepath.Join(b.cfg.Folder, "web"))
		must(t, b.run()())
		if after := hidden(t, filepath.Join(b.cfg.Folder, "web")); strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("%q became %q", before, after)
		}
		if b.wrote("reloads") != 1 || b.wrote("checks") != 1 {
			t.Errorf("%d reloads and %d checks", b.wrote("reloads"), b.wrote("checks"))
		}
	})
}

func TestASecretThatIsRefusedOrGoneLeavesItsFilesAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, users := tlsSecret(t, "shop", "web"), opaque("shop", "users", map[string]string{"htpasswd": "a"})
		b := newBench(t, web, users)
		b.apply(web)
		b.apply(users)
		stop := b.run()
		broken := web.DeepCopy()
		broken.ResourceVersion = "2"
		broken.Data["tls.key"] = tlsSecret(t, "shop", "web").Data["tls.key"]
		b.apply(broken)
		must(t, b.kube.CoreV1().Secrets("shop").Delete(t.Context(), "users", metav1.DeleteOptions{}))
		synctest.Wait()
		b.serves("web", web.Data)
		b.serves("users", users.Data)
		if b.said("Refused Secret; its files stay as they are until it is changed") != 1 || b.said("Found no such Secret; its files stay in service") != 1 {
			t.Errorf("it says %v", b.logs.All())
		}
		b.apply(web)
		users.Data["htpasswd"] = []byte("b")
		b.apply(users)
		b.serves("users", users.Data)
		must(t, stop())
	})
}

func TestFilesThatACheckRefusesGiveWayAtOnceAndAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tlsSecret(t, "shop", "web")
		b := newBench(t, web)
		b.cfg.Check, b.cfg.Reload = b.appends("checks")+";"+b.allowed(), b.appends("reloads")
		b.apply(web)
		stop := b.run()
		b.blocks(true)
		next := tlsSecret(t, "shop", "web")
		b.apply(next)
		b.serves("web", web.Data)
		if last := b.logs.FilterMessage("Failed").All(); len(last) != 1 || !strings.Contains(last[0].ContextMap()["error"].(string), "exit status 7: it is blocked") {
			t.Errorf("it says %v", last)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if checks := b.wrote("checks"); checks < 10 || checks > 20 || b.wrote("reloads") != 1 {
			t.Errorf("%d checks and %d reloads in ten minutes", checks, b.wrote("reloads"))
		}
		b.blocks(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		b.serves("web", next.Data)
		if b.wrote("reloads") != 2 {
			t.Errorf("%d reloads", b.wrote("reloads"))
		}
		must(t, stop())
	})
}

func TestTheCheckOfStagedFilesSeesThemAndThoseOfTheOthersBeforeTheyAreInService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, api := tlsSecret(t, "shop", "web"), tlsSecret(t, "shop", "api")
		b := newBench(t, web, api)
		b.apply(web)
		b.apply(api)
		b.cfg.CheckStaged = "rm -rf " + b.out + "/*; cp -rL $" + EnvFolder + "/. " + b.out + "/staged; cp -rL " + b.cfg.Folder + "/. " + b.out + "/serving || true; exit 1"
		must(t, os.MkdirAll(b.cfg.Folder, 0o750))
		first := b.cfg
		first.CheckStaged = ""
		k, err := New(first)
		must(t, err)
		k.cfg.Once = true
		must(t, k.Run(t.Context()))

		stop := b.run()
		next := tlsSecret(t, "shop", "web")
		b.apply(next)
		b.serves("web", web.Data)
		for path, want := range map[string][]byte{
			"staged/web/tls.crt": next.Data["tls.crt"], "staged/api/tls.crt": api.Data["tls.crt"], "serving/web/tls.crt": web.Data["tls.crt"],
		} {
			if got, err := os.ReadFile(filepath.Join(b.out, path)); err != nil || string(got) != string(want) {
				t.Errorf("the check sees at %s: %s, %v", path, got, err)
			}
		}
		if _, err := os.Stat(filepath.Join(b.cfg.Folder, stagedView)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left over: %v", err)
		}
		must(t, stop())
	})
}

func TestASecretThatACheckRefusesHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, api := opaque("shop", "web", map[string]string{"v": "1"}), opaque("shop", "api", map[string]string{"v": "1"})
		b := newBench(t, web, api)
		b.cfg.Check = `test "$(cat $` + EnvFolder + `/web/v)" != bad`
		b.apply(web)
		b.apply(api)
		must(t, b.run()())
		bad, next := opaque("shop", "web", map[string]string{"v": "bad"}), opaque("shop", "api", map[string]string{"v": "2"})
		b.apply(bad)
		b.apply(next)
		stop := b.run()
		b.serves("web", web.Data)
		b.serves("api", next.Data)
		must(t, stop())
	})
}

func TestAReloadThatFailsIsTriedAgainAlsoByTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tlsSecret(t, "shop", "web")
		b := newBench(t, web)
		b.cfg.Reload = b.allowed() + ";" + b.appends("reloads")
		b.blocks(true)
		b.apply(web)
		stop := b.run()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if failed := b.said("Failed"); failed < 6 || b.wrote("reloads") != 0 {
			t.Errorf("%d failures and %d reloads in five minutes", failed, b.wrote("reloads"))
		}
		b.serves("web", web.Data)
		must(t, stop())
		b.blocks(false)
		must(t, b.run()())
		must(t, b.run()())
		if b.wrote("reloads") != 1 {
			t.Errorf("%d reloads", b.wrote("reloads"))
		}
	})
}

func TestATrialThatAKilledProcessLeftOpenEndsWithoutTheAPIServer(t *testing.T) {
	for _, row := range []struct {
		name, check string
		reloads     int
		want        string
	}{
		{"with a check, by the old files", "true", 1, "1"},
		{"without one, by the new files and a reload", "", 2, "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				web := opaque("shop", "web", map[string]string{"v": "1"})
				b := newBench(t, web)
				b.cfg.Check, b.cfg.Reload = row.check, b.appends("reloads")
				b.apply(web)
				must(t, b.run()())
				put(t, folder{filepath.Join(b.cfg.Folder, "web"), 0o640}, map[string]string{"v": "2"})
				b.kube.PrependReactor("*", "*", unreachable)
				b.kube.PrependWatchReactor("*", unwatchable)
				stop := b.run()
				b.serves("web", content(map[string]string{"v": row.want}))
				if b.wrote("reloads") != row.reloads {
					t.Errorf("%d reloads", b.wrote("reloads"))
				}
				must(t, stop())
			})
		})
	}
}

func TestOnceWaitsForAllSecretsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, api := tlsSecret(t, "shop", "web"), tlsSecret(t, "shop", "api")
		b := newBench(t, web, api)
		b.cfg.Once, b.cfg.Reload = true, b.appends("reloads")
		b.apply(web)
		k, err := New(b.cfg)
		must(t, err)
		ended := make(chan error, 1)
		go func() { ended <- k.Run(t.Context()) }()
		synctest.Wait()
		if len(ended) != 0 || k.Ready() {
			t.Fatal("it did not wait for the second Secret")
		}
		b.apply(api)
		must(t, <-ended)
		b.serves("web", web.Data)
		b.serves("api", api.Data)
		if b.wrote("reloads") != 2 || !k.Ready() {
			t.Errorf("%d reloads", b.wrote("reloads"))
		}
		must(t, os.RemoveAll(filepath.Join(b.cfg.Folder, "web")))
		must(t, b.kube.CoreV1().Secrets("shop").Delete(t.Context(), "web", metav1.DeleteOptions{}))
		if err := b.run()(); err == nil {
			t.Error("stopped before it was done, it says that all is well")
		}
	})
}

func TestOnceEndsWithTheLastSecretThatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tlsSecret(t, "shop", "web")
		b := newBench(t, web)
		b.cfg.Once = true
		k, err := New(b.cfg)
		must(t, err)
		ended := make(chan error, 1)
		go func() { ended <- k.Run(t.Context()) }()
		synctest.Wait()
		b.apply(web)
		if len(ended) != 1 {
			t.Fatal("it goes on")
		}
		must(t, <-ended)
		b.serves("web", web.Data)
	})
}

func TestNoLogHoldsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tlsSecret(t, "shop", "web")
		b := newBench(t, web)
		b.cfg.Check = "cat $" + EnvFolder + "/web/*; exit 1"
		b.apply(web)
		must(t, b.run()())
		lines := strings.Split(string(web.Data["tls.key"]), "\n")
		for _, entry := range b.logs.All() {
			if text, _ := entry.ContextMap()["error"].(string); strings.Contains(text, lines[1]) || strings.Contains(text, lines[2]) {
				t.Errorf("it says %s", text)
			}
		}
		if b.said("Failed") == 0 {
			t.Error("it says nothing of the check")
		}
	})
}
