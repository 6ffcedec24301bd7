package syncer

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// An admission webhook may refuse with whatever status and reason it likes, or with none, and something else may answer in an
// API server's place. So an answer is judged by what it is about and by its status code, and not by its reason alone.

const (
	// unreachable is the reason of a failure of which no API server said anything.
	unreachable = "Unreachable"
	// refused is that of a refusal for which the API has no word.
	refused = "Refused"
)

// raced reports whether a look came to nothing since others write too: there will be another one soon.
func (k *keeper) raced(err error) bool { return errors.Is(err, errAgain) || k.kind.overtaken(err) }

// overtaken reports whether an API server says that another's write was first: the object is in another state than was thought,
// or is not there. Of a deletion whose preconditions do not hold it names the kind instead of the resource.
func (k *kind) overtaken(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || misled(err) || denied(err) || status.ErrStatus.Details == nil {
		return false
	}
	if about := status.ErrStatus.Details.Kind; about != k.resource.Resource && about != k.kind.Kind {
		return false
	}
	return status.ErrStatus.Reason == metav1.StatusReasonConflict || status.ErrStatus.Reason == metav1.StatusReasonNotFound
}

// denied reports whether an admission webhook has refused. What it says may be another API server's answer to itself: such a
// status is about anything.
func denied(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && strings.HasPrefix(status.ErrStatus.Message, "admission webhook ")
}

// misled reports whether what answered was no API server.
func misled(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// lacksNamespace tells an API server's answer that the namespace of an object is not there from the one that the object is
// not.
func lacksNamespace(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && !denied(err) && status.ErrStatus.Reason == metav1.StatusReasonNotFound && status.ErrStatus.Details != nil && status.ErrStatus.Details.Kind == "namespaces"
}

// endsNamespace is the answer that the namespace is on its way out.
func endsNamespace(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// reasonOf is why a request failed, in one of few words.
func reasonOf(err error) string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.ErrStatus.Code == http.StatusNotFound && misled(err) {
		return unreachable
	}
	usual := apierrors.NewGenericServerResponse(int(status.ErrStatus.Code), "", schema.GroupResource{}, "", "", 0, false)
	return cmp.Or(string(usual.ErrStatus.Reason), refused)
}

// refuses reports whether a failure is a refusal, which stands until somebody does something about it.
func refuses(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || reasonOf(err) == unreachable {
		return false
	}
	switch code := status.ErrStatus.Code; code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return denied(err)
	default:
		return code >= 400 && code < 500
	}
}

// failed is what the owner of a source hears when a copy could not be written or removed, or that of a copy whose source has
// gone. A source that could not be read is met at each of its targets, and told once.
func (k *keeper) failed(v view, p plan, err error) saying {
	why := err
	if answer := errors.Unwrap(err); answer != nil {
		why = answer // without what was being done, and where
	}
	about := cmp.Or(p.source, v.origin, v.held)
	said := saying{about: k.kind.reference(about.ref(), about.UID), related: k.kind.reference(v.target, ""), reason: ReasonTargetFailed}
	what := "was not written"
	remedy := k.remedy(why, v.target)
	switch {
	case p.verb == readSource:
		what, remedy = "and others were not written, since the source could not be read", remedyFor(why)
		said.related, said.wide = said.about, true
	case p.verb == remove:
		what = "was not removed"
	case !k.abroad():
		remedy += fmt.Sprintf(", or keep all copies out of the namespace: kubectl label namespace %s %s=false", v.target.Namespace, LabelSync)
	}
	said.cause = reasonOf(err) + what + remedy
	said.note = fmt.Sprintf("Copy %s %s: %v. It is tried again by itself. %s", k.place(v.target), what, why, remedy)
	return said
}

// remedy is what can be done about a target that failed.
func (k *keeper) remedy(why error, target ref) string {
	if !k.abroad() {
		return remedyFor(why)
	}
	_, wrong := errors.AsType[unusable](why)
	switch reason := reasonOf(why); {
	case wrong:
		return "Correct the context in the kubeconfig"
	case denied(why):
		return remedyFor(why)
	case lacksNamespace(why):
		return "Create the namespace " + target.Namespace + " there, or give the context another one"
	case endsNamespace(why):
		return "Wait until the namespace " + target.Namespace + " has gone there and create it again, or give the context another one"
	case reason == unreachable, reason == string(metav1.StatusReasonNotFound):
		return "Check that the context's server runs and can be reached from here"
	case reason == string(metav1.StatusReasonUnauthorized):
		return "Renew the context's credentials in the kubeconfig"
	case lacksRights(why):
		return "Grant the context's user what it lacks"
	case refuses(why):
		return remedyFor(why)
	}
	return ""
}

// remedyFor is what can be done about a refusal.
func remedyFor(why error) string {
	text := why.Error()
	switch {
	case strings.Contains(text, "exceeded quota"): // a quota has no reason of its own
		return "Raise the quota"
	case lacksRights(why):
		return "Grant wildcast's service account what it lacks"
	case strings.Contains(text, "denied request"), strings.Contains(text, "denied the request"): // a policy, a webhook
		return "Change what refuses it"
	case apierrors.IsInvalid(why):
		return "Correct the source"
	}
	return "Change what refuses it"
}

// lacksRights reports whether a refusal is an authorizer's. An admission policy's has the same status.
func lacksRights(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ")
}
