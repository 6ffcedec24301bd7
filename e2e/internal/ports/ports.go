// Package ports hands out loopback ports that stay free for whoever asked.
//
// Asking the kernel for a free port and closing it again is a race: another test binary, or any
// outgoing connection, may have it before the server is up. These ports lie below the range that
// kernels give to outgoing connections (32768 on Linux, 49152 elsewhere), and each is held by a file
// lock for the life of the process that took it, so a server can also be restarted on its port.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

const first, last = 20000, 30000

// Holder holds ports until it is released or the process ends. The zero value is ready.
type Holder struct {
	mu    sync.Mutex
	locks []*os.File
}

// Take returns n different free ports of 127.0.0.1.
func (h *Holder) Take(n int) ([]int, error) {
	// Not os.TempDir: processes with different TMPDIR share the ports all the same.
	folder := filepath.Join("/tmp", "wildcast-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for port locks: %w", err)
	}
	var taken []int
	for tries := 0; len(taken) < n; tries++ {
		if tries == 1000 {
			return nil, fmt.Errorf("no free port between %d and %d", first, last)
		}
		port := first + rand.IntN(last-first)
		lock, err := hold(filepath.Join(folder, strconv.Itoa(port)), port)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h.add(lock)
		taken = append(taken, port)
	}
	return taken, nil
}

// Release gives every port back.
func (h *Holder) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, lock := range h.locks {
		_ = lock.Close() // which unlocks it
	}
	h.locks = nil
}

func (h *Holder) add(lock *os.File) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locks = append(h.locks, lock)
}

// hold locks the port's file, and then looks whether somebody outside this scheme has the port.
func hold(path string, port int) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of port %d: %w", port, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("lock port %d: %w", port, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("try port %d: %w", port, err)
	}
	return lock, listener.Close()
}
