package sidecar

import (
	"errors"
	"io/fs"
	"os"
)

// writeFile makes a file and returns when it is on the disk. It has that mode whatever the umask.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}

// makeFolder makes a folder, and those above it, for files of that mode. One that is there stays as it is.
func makeFolder(path string, mode fs.FileMode) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(path, folderMode(mode)); err != nil {
		return err
	}
	return openFolder(path, mode)
}

// openFolder lets those look into a folder who may read its files. The bit stays that gives files the folder's group, as
// the volumes of a pod with an fsGroup have it.
func openFolder(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, folderMode(mode)|info.Mode()&fs.ModeSetgid)
}

// folderMode is the mode of a folder for files of that mode: 0640 → 0750, 0444 → 0755, 0600 → 0700.
func folderMode(mode fs.FileMode) fs.FileMode {
	read := mode & 0o444
	return 0o700 | read | read>>2
}

// syncFolder returns when the names in a folder are on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
