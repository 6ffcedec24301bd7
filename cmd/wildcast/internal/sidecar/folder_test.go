package sidecar

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func newFolder(t *testing.T) folder {
	return folder{path: filepath.Join(inMemory(t), "tls", "web"), mode: 0o640}
}

// put stages a version and puts it on trial.
func put(t *testing.T, f folder, files map[string]string) (version string) {
	t.Helper()
	version, err := f.stage(content(files))
	must(t, err)
	must(t, f.swap(version))
	return version
}

// serve puts a version in service for good.
func serve(t *testing.T, f folder, files map[string]string) (version string) {
	t.Helper()
	version = put(t, f, files)
	must(t, f.accept())
	must(t, f.prune())
	return version
}

func content(files map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for name, text := range files {
		out[name] = []byte(text)
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read returns the files that a process finds.
func read(t *testing.T, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(path, entry.Name()))
		must(t, err)
		found[entry.Name()] = string(text)
	}
	return found
}

// hidden are the names in a folder that begin with two dots.
func hidden(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			all = append(all, entry.Name())
		}
	}
	return all
}

func TestAVersionGoesIntoServiceAsAWholeAndTheOldOneGoes(t *testing.T) {
	f := newFolder(t)
	serve(t, f, map[string]string{"tls.crt": "1", "tls.key": "1", "ca.crt": "1"})
	files := map[string]string{"tls.crt": "2", "tls.key": "2", "extra": "2"}
	version := serve(t, f, files)
	if got := read(t, f.path); !maps.Equal(got, files) {
		t.Errorf("got %q", got)
	}
	if got := hidden(t, f.path); !slices.Equal(got, []string{version, dataLink}) {
		t.Errorf("left over: %q", got)
	}
	if same, err := f.holds(content(files)); !same || err != nil {
		t.Errorf("it does not hold what it holds: %v", err)
	}
}

func TestAFolderThatDiffersInAnythingDoesNotHoldTheFiles(t *testing.T) {
	files := map[string]string{"tls.crt": "1", "tls.key": "1"}
	for _, row := range []struct {
		name   string
		change func(f *folder, version string) error
	}{
		{"content", func(f *folder, version string) error { return os.WriteFile(f.in("tls.key"), []byte("2"), 0) }},
		{"mode", func(f *folder, _ string) error { f.mode = 0o600; return nil }},
		{"a file more", func(f *folder, version string) error { return os.WriteFile(f.in(version+"/more"), nil, 0o640) }},
		{"a file less", func(f *folder, version string) error { return os.Remove(f.in(version + "/tls.key")) }},
		{"no link", func(f *folder, _ string) error { return os.Remove(f.in("tls.key")) }},
		{"no version", func(f *folder, version string) error { return os.RemoveAll(f.in(version)) }},
		{"nothing", func(f *folder, _ string) error { return os.RemoveAll(f.path) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFolder(t)
			version := serve(t, f, files)
			must(t, row.change(&f, version))
			if same, err := f.holds(content(files)); same || err != nil {
				t.Errorf("got %t, %v", same, err)
			}
			serve(t, f, files)
			if same, err := f.holds(content(files)); !same || err != nil {
				t.Errorf("it was not repaired: %v", err)
			}
		})
	}
}

func TestAVersionOnTrialGivesWayToTheOneBefore(t *testing.T) {
	f := newFolder(t)
	files := map[string]string{"tls.crt": "1", "gone": "1"}
	version := serve(t, f, files)
	put(t, f, map[string]string{"tls.crt": "2", "more": "2"})
	if trial, err := os.ReadFile(f.in("tls.crt")); err != nil || string(trial) != "2" {
		t.Fatalf("on trial is %s, %v", trial, err)
	}
	must(t, f.restore())
	must(t, f.prune())
	if got := read(t, f.path); !maps.Equal(got, files) {
		t.Errorf("got %q", got)
	}
	if got := hidden(t, f.path); !slices.Equal(got, []string{version, dataLink}) {
		t.Errorf("left over: %q", got)
	}
}

func TestTheFirstVersionOnTrialGivesWayToNothing(t *testing.T) {
	f := newFolder(t)
	put(t, f, map[string]string{"tls.crt": "1"})
	must(t, f.restore())
	must(t, f.prune())
	entries, err := os.ReadDir(f.path)
	must(t, err)
	if len(entries) != 0 || f.serving() {
		t.Errorf("left over: %v", entries)
	}
}

func TestWhatAKilledProcessHasLeftIsRemovedAndFilesOfOthersStay(t *testing.T) {
	f := newFolder(t)
	version := serve(t, f, map[string]string{"tls.crt": "1"})
	half, err := f.stage(content(map[string]string{"tls.crt": "2"}))
	must(t, err)
	must(t, f.link(half))
	must(t, os.Symlink(half, f.in(dataLink+temporary)))
	must(t, os.Symlink(filepath.Join(dataLink, "never"), f.in("never")))
	must(t, os.WriteFile(f.in("notes"), []byte("mine"), 0o600))
	must(t, os.Symlink("notes", f.in("also")))
	must(t, f.prune())
	if got := read(t, f.path); !maps.Equal(got, map[string]string{"tls.crt": "1", "notes": "mine", "also": "mine"}) {
		t.Errorf("got %q", got)
	}
	if got := hidden(t, f.path); !slices.Equal(got, []string{version, dataLink}) {
		t.Errorf("left over: %q", got)
	}
}

func TestAFileThatIsNotOursIsNotReplaced(t *testing.T) {
	f := newFolder(t)
	must(t, os.MkdirAll(f.path, 0o700))
	must(t, os.WriteFile(f.in("tls.crt"), []byte("mine"), 0o600))
	version, err := f.stage(content(map[string]string{"tls.crt": "1"}))
	must(t, err)
	if err := f.swap(version); err == nil || !strings.Contains(err.Error(), "remove it, or name another folder") {
		t.Errorf("got %v", err)
	}
	must(t, f.restore())
	must(t, f.prune())
	if got := read(t, f.path); !maps.Equal(got, map[string]string{"tls.crt": "mine"}) || len(hidden(t, f.path)) != 0 {
		t.Errorf("got %q and %q", got, hidden(t, f.path))
	}
}

func TestFilesAndFoldersHaveTheirModesAndTheFoldersGroup(t *testing.T) {
	for _, row := range []struct{ file, folder fs.FileMode }{{0o640, 0o750}, {0o444, 0o755}, {0o600, 0o700}, {0o666, 0o755}} {
		f := newFolder(t)
		f.mode = row.file
		parent := filepath.Dir(filepath.Dir(f.path))
		must(t, os.Chmod(parent, 0o755|fs.ModeSetgid))
		version := serve(t, f, map[string]string{"tls.crt": "1"})
		for path, want := range map[string]fs.FileMode{
			f.path: fs.ModeDir | fs.ModeSetgid | row.folder, f.in(version): fs.ModeDir | fs.ModeSetgid | row.folder, f.in(version + "/tls.crt"): row.file,
		} {
			info, err := os.Stat(path)
			must(t, err)
			if info.Mode() != want {
				t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
			}
		}
	}
}

func TestAReaderOfOneVersionFindsNoOther(t *testing.T) {
	f := newFolder(t)
	files := func(value string) map[string]string { return map[string]string{"tls.crt": value, "tls.key": value} }
	serve(t, f, files("0"))
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			before, _ := os.Readlink(f.in(dataLink))
			at, err := os.OpenRoot(f.in(dataLink))
			if errors.Is(err, fs.ErrNotExist) {
				if now, _ := os.Readlink(f.in(dataLink)); now != before {
					continue // the version that the link named is gone: it was followed too late
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
			one, errOne := at.ReadFile("tls.crt")
			two, errTwo := at.ReadFile("tls.key")
			at.Close()
			if errOne == nil && errTwo == nil && string(one) != string(two) { // an error: the version is gone, and was read too late
				t.Errorf("certificate %s with key %s", one, two)
			}
		}
	})
	for i := range 50 {
		put(t, f, files(string(rune('a'+i%20))))
		if i%3 == 0 {
			must(t, f.restore())
		}
		must(t, f.accept())
		must(t, f.prune())
	}
	close(stop)
	reading.Wait()
}
