package admission

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// example is a command of the documentation, and what it prints.
type example struct {
	args []string
	want string
}

// examplesOf are the indented blocks of a page: lines that begin with "$ kubectl", and what comes of them.
func examplesOf(page string) (all []example) {
	shown := false
	for line := range strings.Lines(page) {
		line, indented := strings.CutPrefix(line, "    ")
		command, begins := strings.CutPrefix(line, "$ kubectl ")
		switch {
		case !indented:
			shown = false
		case begins:
			all, shown = append(all, example{args: words(strings.TrimSpace(command))}), true
		case shown:
			all[len(all)-1].want += line
		}
	}
	return all
}

// manifest is a block of a page that begins with the name of a file.
var manifest = regexp.MustCompile(`(?m)^    # ([a-z]+\.yaml)\n((?:    .*\n|\n)+)`)

// manifestsOf writes the files that a page shows into a folder.
func manifestsOf(t *testing.T, page string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, found := range manifest.FindAllStringSubmatch(page, -1) {
		if err := os.WriteFile(filepath.Join(folder, found[1]), []byte(strings.ReplaceAll("\n"+found[2], "\n    ", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// words splits a command line, in which there are single quotes and no other.
func words(line string) (all []string) {
	for i, part := range strings.Split(line, "'") {
		quoted := i%2 == 1
		switch {
		case quoted:
			all[len(all)-1] += part
		default:
			all = append(all, strings.Split(part, " ")...)
		}
	}
	return slices.DeleteFunc(all, func(word string) bool { return word == "" })
}

// run runs an example until it prints what is shown, if it reads, or once, if it changes something.
func (e example) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	try := func() error {
		got, err := shared.Kubectl(t.Context(), e.args...)
		refusal, refused := strings.CutPrefix(e.want, "denied request: ")
		switch {
		case refused && (err == nil || !strings.Contains(err.Error(), strings.TrimSpace(refusal))):
			return fmt.Errorf("kubectl %q is not refused with %q: %v", e.args, refusal, err)
		case !refused && err != nil:
			return err
		case !refused && strings.TrimSpace(got) != strings.TrimSpace(e.want):
			return fmt.Errorf("kubectl %q prints\n%s, not\n%s", e.args, got, e.want)
		}
		return nil
	}
	err := try()
	if slices.Contains(e.args[:min(3, len(e.args))], "get") {
		err = stage.Until(ctx, try)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sweep removes what the commands of a page have made.
func sweep(t *testing.T, made []example) {
	for _, e := range made {
		var args []string
		switch at := slices.Index(e.args, "create"); {
		case at < 0:
			continue
		case e.args[at+1] == "secret":
			args = slices.Concat(e.args[:at], []string{"delete", "secret", "--ignore-not-found", e.args[at+3]})
		default:
			args = slices.Concat(e.args[:at], []string{"delete", "--ignore-not-found", "--wait=false", e.args[at+1], e.args[at+2]})
		}
		if _, err := shared.Kubectl(context.Background(), args...); err != nil {
			t.Error(err)
		}
	}
}

func TestTheCommandsOfThePagesOnIssuersIngressesAndGatewaysPrintWhatTheyShow(t *testing.T) {
	_, checkout := pages(t)
	wildcast.New(t, shared, wildcast.Options{Env: []string{"HTTPS_PROXY=http://127.0.0.1:9"}}) // no CA is asked
	for page, least := range map[string]int{"issuers.md": 20, "ingress.md": 25, "gateways.md": 17} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(checkout, "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			all := examplesOf(string(text))
			if len(all) < least {
				t.Fatalf("just %d examples", len(all))
			}
			defer sweep(t, all)
			folder := manifestsOf(t, string(text))
			for _, e := range all {
				if file := &e.args[len(e.args)-1]; e.args[0] == "apply" {
					*file = filepath.Join(folder, *file)
				}
				e.run(t)
			}
		})
	}
}
