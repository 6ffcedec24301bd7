package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	runPrefix = "wildcast-e2e-"
	lockName  = "lock"
	keptFor   = 24 * time.Hour
)

// claim locks a file in a cluster's folder. The lock lasts until the file is closed or the process has
// ended, however it ended: a folder without a lock is nobody's.
func claim(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make lock of folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	return f, nil
}

// sweep removes what processes that were killed have left in parent: etcd's data at once, since they are
// large, and logs after a day. What it cannot remove stays.
func sweep(parent string) {
	folders, _ := filepath.Glob(filepath.Join(parent, runPrefix+"*", lockName))
	for _, path := range folders {
		dir := filepath.Dir(path)
		lock, err := claim(dir)
		if err != nil {
			continue // in use
		}
		if made, err := lock.Stat(); err == nil && time.Since(made.ModTime()) > keptFor {
			_ = os.RemoveAll(dir)
		} else {
			_ = os.RemoveAll(filepath.Join(dir, "etcd"))
		}
		_ = lock.Close()
	}
}
