package reflection

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
)

// example is a command of the documentation, and what it prints.
type example struct {
	args []string
	want string
}

// examples are the indented blocks of a page: lines that begin with "$ kubectl", and what comes of them.
func examples(t *testing.T, file string) (all []example) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		line, indented := strings.CutPrefix(line, "    ")
		command, begins := strings.CutPrefix(line, "$ kubectl ")
		switch {
		case !indented:
		case begins:
			all = append(all, example{args: words(strings.TrimSpace(command))})
		default:
			all[len(all)-1].want += line
		}
	}
	return all
}

// words splits a command line, in which there are single quotes and no other.
func words(line string) []string {
	quoted := false
	return strings.FieldsFunc(strings.Map(func(r rune) rune {
		if r == '\'' {
			quoted = !quoted
			return -1
		}
		if quoted && unicode.IsSpace(r) {
			return '\u00a0'
		}
		return r
	}, line), func(r rune) bool { return r == ' ' })
}

func TestTheCommandsOfTheDocumentationPrintWhatItShows(t *testing.T) {
	s := tell(t, "documentation")
	all := examples(t, "../../docs/reflection.md")
	if len(all) < 20 {
		t.Fatalf("just %d examples", len(all))
	}
	defer s.kubectl("", "delete", "namespace", "vault", "red", "blue") // and wait: the next story has a team=web as well
	for _, e := range all {
		for i := range e.args {
			e.args[i] = strings.ReplaceAll(e.args[i], "\u00a0", " ")
		}
		if e.args[0] != "get" && e.args[2] != "get" {
			if got := s.kubectl("", e.args...); got != e.want {
				t.Fatalf("kubectl %q prints\n%s, not\n%s", e.args, got, e.want)
			}
			continue
		}
		s.until(func() error {
			got, err := shared.KubectlWith(t.Context(), shared.Kubeconfig(), nil, e.args...)
			if err == nil && strings.TrimSpace(got) != strings.TrimSpace(e.want) {
				err = fmt.Errorf("kubectl %q prints\n%s, not\n%s", e.args, got, e.want)
			}
			return err
		})
	}
}
