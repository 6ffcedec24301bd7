package report

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/wildcast/wildcast/syncer"
)

func TestNothingStandsAfterTheCommandThatSaysWhyACopyIsMissing(t *testing.T) {
	missing := Target{Namespace: "a", Name: "pull", State: syncer.Missing, Why: "it is not there yet; see: kubectl -n good describe secret pull"}
	blocked := Target{Namespace: "a", Name: "pull", State: syncer.Blocked, Why: "a/pull is somebody's."}
	source := Reflection{Object: Object{Kind: "Secret", Namespace: "good", Name: "pull"}}
	told := Scene{Warnings: map[Object]string{source.Object: "Raise the quota."}}
	for _, row := range []struct {
		scene Scene
		of    []Target
		want  string
	}{
		{Scene{}, []Target{missing}, "Copy a/pull: it is not there yet; see: kubectl -n good describe secret pull"},
		{Scene{}, []Target{missing, missing}, "2 copies, such as a/pull: it is not there yet; see: kubectl -n good describe secret pull"},
		{told, []Target{missing}, "Raise the quota."},
		{told, []Target{missing, missing}, "Raise the quota. So it is with 1 more."},
		{told, []Target{blocked, blocked, blocked}, "a/pull is somebody's. So it is with 2 more."},
	} {
		if got := row.scene.messageOf(source, row.of); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestTheLoginInAServersURLIsNotShown(t *testing.T) {
	for server, want := range map[string]string{
		"https://user:secret@ca.test:14000/dir?a=b": "https://ca.test:14000/dir?a=b",
		"https://secret@ca.test/dir":                "https://ca.test/dir",
		"https://ca.test/dir":                       "https://ca.test/dir",
		"letsencrypt":                               "letsencrypt",
		"":                                          "",
	} {
		if got := withoutLogin(server); got != want {
			t.Errorf("%s is shown as %s, want %s", server, got, want)
		}
	}
}

func TestASourceOfOtherClustersIsNotSaidToBeCopiedIntoNamespacesHere(t *testing.T) {
	for _, row := range []struct {
		annotations map[string]string
		where, text string
	}{
		{map[string]string{syncer.AnnotationSyncContexts: "staging,prod"}, "other clusters only", "it is copied to other clusters only: prod, staging"},
		{map[string]string{syncer.AnnotationSyncContexts: "prod", syncer.AnnotationSync: "false"}, "other clusters only", "it is copied to other clusters only: prod"},
		{map[string]string{syncer.AnnotationKubedSyncContexts: "prod"}, "other clusters only", "it is copied to other clusters only: prod"},
		{map[string]string{syncer.AnnotationSyncContexts: "prod", syncer.AnnotationSync: ""}, "every namespace", "it is copied to every namespace. "},
		{map[string]string{syncer.AnnotationSync: "team=web"}, "team=web", `it is copied to the namespaces that match "team=web". `},
		{map[string]string{syncer.AnnotationKubedSync: "false"}, "false", `it is copied to the namespaces that match "false". `},
	} {
		r := reflectionOf(syncer.Secrets, sourceOf(t, row.annotations))
		if got := selector(r); got != row.where {
			t.Errorf("%v is shown as %q, want %q", row.annotations, got, row.where)
		}
		if text := copies(r); !strings.HasPrefix(text, row.text) {
			t.Errorf("%v is explained as %q, want %q", row.annotations, text, row.text)
		}
	}
}

func TestAProblemIsCalledWhatItsEventIs(t *testing.T) {
	for reason, annotations := range map[string]map[string]string{
		syncer.ReasonInvalidSelector:     {syncer.AnnotationSync: "team in web"},
		syncer.ReasonInvalidSyncAs:       {syncer.AnnotationSync: "", syncer.AnnotationSyncAs: "No Name"},
		syncer.ReasonInvalidSyncKeys:     {syncer.AnnotationSync: "", syncer.AnnotationSyncKeys: ","},
		syncer.ReasonInvalidSyncContexts: {syncer.AnnotationSyncContexts: ","},
	} {
		r := reflectionOf(syncer.Secrets, sourceOf(t, annotations))
		if problems := (Scene{}).problemsOf(r); len(problems) != 1 || problems[0].Reason != reason {
			t.Errorf("%v: %v, want %s", annotations, problems, reason)
		}
	}
}

// sourceOf is a Secret with these annotations, as a survey finds it.
func sourceOf(t *testing.T, annotations map[string]string) syncer.Source {
	t.Helper()
	survey, err := syncer.NewSurvey(syncer.Config{Kind: syncer.Secrets, Clients: syncer.Clients{Kube: fake.NewClientset()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	survey.Take(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "good", Name: "pull", UID: "1", ResourceVersion: "1", Annotations: annotations}})
	if err := survey.Fill(""); err != nil {
		t.Fatal(err)
	}
	return survey.Sources()[0]
}
