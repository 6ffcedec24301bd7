package sidecar

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names in a folder. None is that of a Secret's key: these cannot begin with two dots.
const (
	dataLink     = "..data"     // to the version in service
	previousLink = "..previous" // to the version before the one on trial
	nothing      = "..nothing"  // where previousLink leads if there was none
	temporary    = "_tmp"       // ends the name of a link that is about to be renamed
)

// folder holds the files of one Secret. Its methods are for one goroutine.
type folder struct {
	path string
	mode fs.FileMode // of files
}

// holds reports whether exactly these files are in service.
func (f folder) holds(files map[string][]byte) (bool, error) {
	version, err := f.target(dataLink)
	if err != nil || version == "" {
		return false, err
	}
	entries, err := os.ReadDir(filepath.Join(f.path, version))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // somebody has removed it
	}
	if err != nil || len(entries) != len(files) {
		return false, err
	}
	for name, want := range files {
		same, err := f.has(filepath.Join(f.path, version, name), want)
		if err != nil || !same {
			return false, err
		}
		if _, err := os.Stat(filepath.Join(f.path, name)); err != nil {
			return false, nil // its link was removed
		}
	}
	return true, nil
}

// has reports whether a file has that content, and the folder's mode.
func (f folder) has(file string, want []byte) (bool, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Mode() != f.mode {
		return false, err
	}
	is, err := os.ReadFile(file)
	return bytes.Equal(is, want), err
}

// serving reports whether a version is in service.
func (f folder) serving() bool {
	_, err := os.Stat(filepath.Join(f.path, dataLink))
	return err == nil
}

// stage writes a version that is not in service, to the disk, and returns its name.
func (f folder) stage(files map[string][]byte) (version string, err error) {
	if err := makeFolder(f.path, f.mode); err != nil {
		return "", err
	}
	path, err := os.MkdirTemp(f.path, time.Now().UTC().Format("..2006_01_02_15_04_05."))
	if err != nil {
		return "", err
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(path, name), content, f.mode); err != nil {
			return "", err
		}
	}
	return filepath.Base(path), errors.Join(openFolder(path, f.mode), syncFolder(path))
}

// swap puts a version in service, on trial until it is accepted or restored. Links come first and old ones go last, so that
// a name that is in both versions is always there.
func (f folder) swap(version string) error {
	old, err := f.target(dataLink)
	if err != nil {
		return err
	}
	if old == "" {
		old = nothing
	}
	if err := f.link(version); err != nil {
		return err
	}
	if err := f.point(previousLink, old); err != nil {
		return err
	}
	if err := syncFolder(f.path); err != nil {
		return err
	}
	return errors.Join(f.point(dataLink, version), syncFolder(f.path))
}

// restore puts the version that was before the trial back in service. Without a trial it does nothing.
func (f folder) restore() error {
	old, err := f.target(previousLink)
	if err != nil || old == "" {
		return err
	}
	if old != nothing {
		return errors.Join(os.Rename(f.in(previousLink), f.in(dataLink)), syncFolder(f.path))
	}
	if err := os.Remove(f.in(dataLink)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.Remove(f.in(previousLink)), syncFolder(f.path))
}

// accept ends the trial. Without one it does nothing.
func (f folder) accept() error {
	if err := os.Remove(f.in(previousLink)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return syncFolder(f.path)
}

// prune removes what belongs to no version in service: other versions, links to their files, and what a killed process has
// left. Files of others stay. Nothing may be on trial.
func (f folder) prune() error {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	version, err := f.target(dataLink)
	var errs []error
	for _, entry := range entries {
		if err == nil && f.stale(entry, version) {
			errs = append(errs, os.RemoveAll(f.in(entry.Name())))
		}
	}
	return errors.Join(append(errs, err)...)
}

// stale reports whether an entry was made here and is of no use while that version is in service.
func (f folder) stale(entry fs.DirEntry, version string) bool {
	name := entry.Name()
	switch {
	case entry.IsDir():
		return strings.HasPrefix(name, "..") && name != version
	case entry.Type() != fs.ModeSymlink:
		return false
	case strings.HasPrefix(name, ".."):
		return strings.HasSuffix(name, temporary)
	}
	to, err := os.Readlink(f.in(name))
	if err != nil || to != filepath.Join(dataLink, name) {
		return false
	}
	_, err = os.Lstat(filepath.Join(f.path, version, name))
	return version == "" || errors.Is(err, fs.ErrNotExist)
}

// link makes the links that the process reads.
func (f folder) link(version string) error {
	entries, err := os.ReadDir(f.in(version))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		err := os.Symlink(filepath.Join(dataLink, name), f.in(name))
		if errors.Is(err, fs.ErrExist) {
			err = f.ours(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ours returns nil if the link of that name was made here.
func (f folder) ours(name string) error {
	if to, err := os.Readlink(f.in(name)); err != nil || to != filepath.Join(dataLink, name) {
		return fmt.Errorf("%s is not wildcast's: remove it, or name another folder", f.in(name))
	}
	return nil
}

// point makes a link lead to a version, in one step.
func (f folder) point(link, version string) error {
	if err := os.Remove(f.in(link + temporary)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(version, f.in(link+temporary)); err != nil {
		return err
	}
	return os.Rename(f.in(link+temporary), f.in(link))
}

// target is where a link leads, empty if there is none.
func (f folder) target(link string) (string, error) {
	to, err := os.Readlink(f.in(link))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return to, err
}

func (f folder) in(name string) string { return filepath.Join(f.path, name) }
