package gobuild

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Programs are other people's programs that a module of ours exists to build. They are kept in a cache folder, under a
// name that everything which decides what they are goes into, and so are built once.
type Programs struct {
	Name     string // of the folder in the cache, without the hash
	Module   string // folder of the module
	Packages []string
	Cache    string
	Log      io.Writer
	What     string                   // for the line that says what is being built, and how long it takes
	Flags    func() ([]string, error) // of go build
	As       map[string]string        // other names for programs
}

// Build returns the folder with the programs, after building them if it must.
func (p Programs) Build(ctx context.Context) (string, error) {
	folder, err := p.folder()
	if err != nil || complete(folder) {
		return folder, err
	}
	unlock, err := Lock(ctx, folder+".lock", p.Log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if complete(folder) { // another process has just built them
		return folder, nil
	}
	return folder, p.build(ctx, folder)
}

// folder is named after the module's files and the toolchain.
func (p Programs) folder() (string, error) {
	sum := sha256.New()
	own, err := filepath.Glob(filepath.Join(p.Module, "*.go"))
	if err != nil {
		return "", fmt.Errorf("look for what %s is made of: %w", p.Name, err)
	}
	for _, file := range append([]string{filepath.Join(p.Module, "go.mod"), filepath.Join(p.Module, "go.sum")}, own...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read what %s is made of: %w", p.Name, err)
		}
		sum.Write(text)
	}
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return filepath.Join(p.Cache, fmt.Sprintf("%s-%x", p.Name, sum.Sum(nil)[:8])), nil
}

func complete(folder string) bool {
	_, err := os.Stat(folder)
	return !errors.Is(err, fs.ErrNotExist) // it is renamed into place when it is whole
}

func (p Programs) build(ctx context.Context, folder string) error {
	begun := time.Now()
	fmt.Fprintf(p.Log, "building %s\n", p.What)
	flags, err := p.Flags()
	if err != nil {
		return err
	}
	work := folder + ".building" // what a build that was killed has left there goes first
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return fmt.Errorf("make folder for programs: %w", err)
	}
	defer os.RemoveAll(work)
	b := Build{Dir: p.Module, Packages: p.Packages, Flags: flags, Env: []string{"CGO_ENABLED=0"}, Out: work, Log: p.Log, What: p.Name}
	if err := b.Run(ctx); err != nil {
		return err
	}
	for name, as := range p.As {
		if err := os.Rename(filepath.Join(work, name), filepath.Join(work, as)); err != nil {
			return fmt.Errorf("name %s: %w", as, err)
		}
	}
	if err := os.Rename(work, folder); err != nil {
		return fmt.Errorf("put programs in place: %w", err)
	}
	fmt.Fprintf(p.Log, "built %s in %s: %s\n", p.Name, time.Since(begun).Round(time.Second), folder)
	return nil
}
