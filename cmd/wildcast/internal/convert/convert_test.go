package convert_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/convert"
)

var update = flag.Bool("update", false, "write what comes out into the files of testdata")

// What a file of testdata has beside its input.
const (
	objectsFile = "wildcast.yaml"
	remarksFile = "remarks"
)

// scenario is a file of testdata.
type scenario struct {
	*txtar.Archive
	path   string
	result convert.Result
}

// scenarios converts the input of every file. Words of its comment say how.
func scenarios(t *testing.T) (all []scenario) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, scenario{archive, path, convert.Convert(inputs(t, archive), options(string(archive.Comment)))})
	}
	return all
}

func options(comment string) convert.Options {
	o := convert.Options{Home: "cert-manager", Namespace: "default"}
	for _, word := range strings.Fields(comment) {
		switch {
		case word == "keep-kubed":
			o.KeepKubed = true
		case word == "all":
			o.All = true
		case strings.HasPrefix(word, "home="):
			o.Home = strings.TrimPrefix(word, "home=")
		}
	}
	return o
}

func inputs(t *testing.T, archive *txtar.Archive) (all []convert.Object) {
	t.Helper()
	for _, file := range archive.Files {
		if file.Name == objectsFile || file.Name == remarksFile {
			continue
		}
		read, err := convert.Read(file.Name, bytes.NewReader(file.Data))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read...)
	}
	return all
}

func TestConversionsAreAsTheirFilesSay(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(filepath.Base(s.path), func(t *testing.T) {
			var objects, remarks bytes.Buffer
			if err := convert.Write(&objects, "yaml", s.result.Objects); err != nil {
				t.Fatal(err)
			}
			for _, r := range s.result.Remarks {
				remarks.WriteString(r.String() + "\n")
				if r.Command != "" {
					remarks.WriteString(r.Command + "\n")
				}
			}
			if *update {
				s.set(objectsFile, objects.Bytes())
				s.set(remarksFile, remarks.Bytes())
				if err := os.WriteFile(s.path, txtar.Format(s.Archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s.compare(t, objectsFile, objects.Bytes())
			s.compare(t, remarksFile, remarks.Bytes())
		})
	}
}

func (s scenario) file(name string) *txtar.File {
	for i := range s.Files {
		if s.Files[i].Name == name {
			return &s.Files[i]
		}
	}
	return nil
}

func (s *scenario) set(name string, data []byte) {
	if file := s.file(name); file != nil {
		file.Data = data
		return
	}
	s.Files = append(s.Files, txtar.File{Name: name, Data: data})
}

func (s scenario) compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if want := s.file(name); want == nil || !bytes.Equal(want.Data, got) {
		t.Errorf("%s is now, after go test -update to see the difference,\n%s", name, got)
	}
}
