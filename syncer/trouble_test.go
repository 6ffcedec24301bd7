package syncer

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// TestTrouble: what keeps a copy from being made.
func TestTrouble(t *testing.T) {
	play(t, []scene{
		{"a quota in one namespace delays no other, and is retried with back-off", func(w *world) {
			blocked := true
			w.refuse = func(verb string, at ref) error {
				if blocked && at.Namespace == "blue" {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetFailed home/s")
			w.took()
			time.Sleep(time.Hour)
			if n := len(w.took()); n < 12 || n > 22 {
				w.t.Errorf("%d attempts in an hour", n)
			}
			w.wantSaid()
			w.mu.Lock()
			blocked = false
			w.mu.Unlock()
			time.Sleep(5 * time.Minute)
			w.wantCopies("blue/s red/s")
		}},
		{"what has to be done is said anew when something else refuses the copy", func(w *world) {
			refusal := "exceeded quota: few"
			w.refuse = func(verb string, at ref) error {
				if at.Namespace == "blue" {
					return apierrors.NewForbidden(secretsResource.GroupResource(), at.Name, errors.New(refusal))
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			if note := w.note(); !strings.Contains(note, "Raise the quota") {
				w.t.Error(note)
			}
			w.mu.Lock()
			refusal = "denied by a policy"
			w.mu.Unlock()
			time.Sleep(10 * time.Minute)
			if note := w.note(); !strings.Contains(note, "denied by a policy. It is tried again by itself. Change what refuses it") {
				w.t.Error(note)
			}
			time.Sleep(time.Hour)
			w.wantSaid()
		}},
		{"a quota is tried again when something goes in its namespace", func(w *world) {
			w.put("blue/other")
			w.refuse = func(verb string, at ref) error {
				if _, err := w.get(place("blue/other")); err == nil && at.Namespace == "blue" {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			time.Sleep(10 * time.Minute)
			w.wantCopies("red/s")
			w.del("blue/other")
			w.wantCopies("blue/s red/s")
		}},
		{"a namespace that is being deleted is no failure and gets nothing", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.changeNamespace("blue", func(n *corev1.Namespace) { n.Status.Phase = corev1.NamespaceTerminating })
			w.took()
			w.del("blue/s")
			w.edit("home/s", key("a", "9"))
			time.Sleep(time.Hour)
			w.wantTook("get home/s", "update red/s")
			w.wantSaid()
		}},
		{"what an admission policy finds invalid is reported, and tried again with back-off, for the policy may go", func(w *world) {
			refused := true
			w.refuse = func(verb string, at ref) error {
				if refused && at.Namespace == "blue" {
					return invalid(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetFailed home/s")
			w.took()
			time.Sleep(time.Hour)
			if n := len(w.took()); n < 12 || n > 22 {
				w.t.Errorf("%d attempts in an hour", n)
			}
			w.wantSaid()
			w.mu.Lock()
			refused = false
			w.mu.Unlock()
			time.Sleep(5 * time.Minute)
			w.wantCopies("blue/s red/s")
		}},
		{"a namespace that is being deleted, as only the API server knows yet, is not tried again", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if at.Namespace == "blue" {
					return terminating(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			time.Sleep(time.Hour)
			w.wantTook()
			w.wantSaid()
		}},
		{"an invalid selector keeps the copies and is reported until it is mended", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", syncTo("team in web"), key("a", "9"))
			w.wantSaid("InvalidSelector home/s")
			w.wantTook()
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantSaid("InvalidSelector home/s")
			w.edit("home/s", syncTo("team=ops"))
			w.wantCopies("grey/s")
			w.wantData("grey/s", "a=9 b=2")
		}},
		{"a namespace that opts out loses also the copy of a source whose selector is invalid", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("home/s", syncTo("team in web"))
			w.changeNamespace("blue", func(n *corev1.Namespace) { n.Labels[LabelSync] = "false" })
			w.wantCopies("red/s")
		}},
		{"a namespace that is deleted takes its copy along, and nothing is made there again", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.changeNamespace("blue", func(n *corev1.Namespace) { n.DeletionTimestamp = ptr.To(metav1.Now()) })
			w.settle()
			w.del("blue/s")
			if err := w.kube.CoreV1().Namespaces().Delete(w.t.Context(), "blue", metav1.DeleteOptions{}); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(time.Hour)
			w.wantTook()
			w.namespace("blue", "team=web")
			w.wantCopies("blue/s red/s")
		}},
		{"a conflict about something else than the copy is a failure, and no lost race", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if at.Namespace == "blue" {
					return apierrors.NewConflict(corev1.Resource("resourcequotas"), "few", errors.New("modified"))
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			if got := w.metric("wildcast_sync_targets_failing", "Conflict"); got != 1 {
				w.t.Error(got)
			}
			w.took()
			time.Sleep(time.Hour)
			if n := len(w.took()); n < 12 || n > 22 {
				w.t.Errorf("%d attempts in an hour", n)
			}
		}},
		{"a copy that may not be removed is reported", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			refused := true
			refuse := func(yes bool) {
				w.mu.Lock()
				defer w.mu.Unlock()
				refused = yes
			}
			w.refuse = func(verb string, at ref) error {
				if refused && verb == "delete" && at.Namespace == "blue" {
					return apierrors.NewForbidden(secretsResource.GroupResource(), at.Name, errors.New(`User "w" cannot delete resource "secrets"`))
				}
				return nil
			}
			w.relabel("blue", "team=ops")
			if note := w.note(); !strings.HasPrefix(note, "Copy blue/s was not removed: ") || !strings.HasSuffix(note, "Grant wildcast's service account what it lacks") {
				w.t.Error(note)
			}
			refuse(false)
			time.Sleep(5 * time.Minute)
			w.wantCopies("red/s")
			refuse(true)
			w.relabel("blue", "team=web")
			w.wantCopies("blue/s red/s")
			w.del("home/s")
			w.wantSaid()
			time.Sleep(time.Minute)
			w.wantSaid("TargetFailed blue/s")
		}},
		{"a source that may not be read is reported once, on itself", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if verb == "get" {
					return apierrors.NewForbidden(secretsResource.GroupResource(), at.Name, errors.New(`User "w" cannot get resource "secrets"`))
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			if note := w.note(); !strings.Contains(note, "since the source could not be read") || !strings.HasSuffix(note, "Grant wildcast's service account what it lacks") {
				w.t.Error(note)
			}
			time.Sleep(time.Minute)
			w.wantSaid()
		}},
		{"an obstacle that goes while it is being met for the first time is made up for at once", func(w *world) {
			w.put("blue/s")
			w.metadata.PrependReactor("get", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
				found, err := w.get(place("blue/s"))
				if err != nil {
					return false, nil, nil
				}
				_ = w.delete(place("blue/s"), nil)
				time.Sleep(time.Millisecond) // the watch tells of it
				return true, partial(found), nil
			})
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
		}},
		{"a source that cannot be read is read again", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if verb == "get" && time.Since(w.began) < time.Second {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("")
			time.Sleep(time.Second)
			w.wantCopies("blue/s red/s")
		}},
		{"an obstacle whose end is not seen is looked at again, also at a restart", func(w *world) {
			w.put("blue/s")
			w.refuse = func(verb string, at ref) error {
				if verb == "create" && at.Namespace == "blue" {
					return apierrors.NewAlreadyExists(secretsResource.GroupResource(), at.Name)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			time.Sleep(later - time.Second)
			w.wantTook()
			time.Sleep(2 * time.Second)
			w.wantTook("create blue/s", "metadata blue/s")
			w.start()
			w.wantTook("create blue/s", "get home/s", "metadata blue/s")
		}},
	})
}

func TestADeletionBeforeWhichSomebodyElseWroteIsNoFailure(t *testing.T) {
	play(t, []scene{{"", func(w *world) {
		w.put("home/s", syncTo("team=web"))
		w.start()
		w.wantCopies("blue/s red/s")
		overtaken := false
		w.refuse = func(verb string, at ref) error {
			if overtaken || verb != "delete" || at != place("red/s") {
				return nil
			}
			overtaken = true // the API server names the kind here, and not the resource
			return apierrors.NewConflict(schema.GroupResource{Resource: string(w.kind)}, at.Name, errors.New("the ResourceVersion in the precondition does not match"))
		}
		w.edit("home/s", syncTo("false"))
		w.wantCopies("red/s")
		if got := w.metric("wildcast_sync_targets_failing", "Conflict"); got != 0 || !overtaken {
			w.t.Errorf("%v failing, overtaken: %t", got, overtaken)
		}
		time.Sleep(soon)
		w.wantCopies("")
		w.wantSaid()
	}}})
}

func TestAnAdmissionWebhookIsHeardWhateverStatusItRefusesWith(t *testing.T) {
	about := func(kind string) *metav1.StatusDetails { return &metav1.StatusDetails{Kind: kind} }
	for name, row := range map[string]struct {
		reason  string
		refusal metav1.Status
	}{
		"without a reason":           {"BadRequest", metav1.Status{Code: 400}},
		"with one of its own":        {"Forbidden", metav1.Status{Code: 403, Reason: "the owner has not paid"}},
		"with a status of its own":   {"Refused", metav1.Status{Code: 418}},
		"not found":                  {"NotFound", metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound}},
		"a Secret that it looked up": {"NotFound", metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Details: about("secrets")}},
		"a namespace":                {"NotFound", metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Details: about("namespaces")}},
		"a conflict of its own":      {"Conflict", metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Details: about("secrets")}},
		"what there is already":      {"Conflict", metav1.Status{Code: 409, Reason: metav1.StatusReasonAlreadyExists, Details: about("secrets")}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, Secrets, three, func(w *world) {
				reason, refusal := row.reason, row.refusal
				refusal.Status, refusal.Message = metav1.StatusFailure, `admission webhook "w" denied the request: no`
				w.refuse = func(verb string, at ref) error {
					if at.Namespace == "blue" {
						return &apierrors.StatusError{ErrStatus: refusal}
					}
					return nil
				}
				w.put("home/s", syncTo("team=web"))
				w.start()
				w.wantCopies("red/s")
				if note := w.note(); !strings.Contains(note, refusal.Message+". It is tried again by itself. Change what refuses it") {
					t.Error(note)
				}
				if got := w.metric("wildcast_sync_targets_failing", reason); got != 1 {
					t.Error(got)
				}
				w.took()
				time.Sleep(time.Hour)
				if n := len(w.took()); n < 12 || n > 22 {
					t.Errorf("%d attempts in an hour", n)
				}
				w.wantSaid()
			})
		})
	}
}
