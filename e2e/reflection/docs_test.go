package reflection

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/page"
)

func TestTheCommandsOfTheDocumentationPrintWhatItShows(t *testing.T) {
	s := tell(t, "documentation")
	all, err := page.Examples("../../docs/reflection.md")
	if err != nil || len(all) < 20 {
		t.Fatalf("%d examples, %v", len(all), err)
	}
	defer s.kubectl("", "delete", "namespace", "vault", "red", "blue") // and wait: the next story has a team=web as well
	for _, e := range all {
		if e.Args[0] != "get" && e.Args[2] != "get" {
			if got := s.kubectl("", e.Args...); got != e.Want {
				t.Fatalf("kubectl %q prints\n%s, not\n%s", e.Args, got, e.Want)
			}
			continue
		}
		s.until(func() error {
			got, err := shared.KubectlWith(t.Context(), shared.Kubeconfig(), nil, e.Args...)
			if err == nil && strings.TrimSpace(got) != strings.TrimSpace(e.Want) {
				err = fmt.Errorf("kubectl %q prints\n%s, not\n%s", e.Args, got, e.Want)
			}
			return err
		})
	}
}
