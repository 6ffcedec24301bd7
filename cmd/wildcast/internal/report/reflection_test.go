package report

import (
	"testing"

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
