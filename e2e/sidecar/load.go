package sidecar

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Load is clients that open connections without a pause, verify the server's chain, and ask for a page.
type Load struct {
	addr   string
	config *tls.Config
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	served  map[string]int // by serial number
	last    string
	failure error
}

// StartLoad starts so many clients.
func StartLoad(addr, host string, roots *x509.CertPool, clients int) *Load {
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{addr: addr, config: &tls.Config{RootCAs: roots, ServerName: host}, stop: stop, served: map[string]int{}}
	for range clients {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				l.count(l.visit())
			}
		})
	}
	return l
}

// Visit is one connection; it returns the serial number of the server's certificate.
func Visit(addr, host string, roots *x509.CertPool) (serial string, err error) {
	return (&Load{addr: addr, config: &tls.Config{RootCAs: roots, ServerName: host}}).visit()
}

// visit is one connection. The page tells that the server has taken the handshake as complete.
func (l *Load) visit() (serial string, err error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", l.addr, l.config)
	if err != nil {
		return "", fmt.Errorf("handshake: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // an error is one of the next call
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", l.config.ServerName); err != nil {
		return "", fmt.Errorf("ask for page: %w", err)
	}
	page, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(page), "HTTP/1.1 200") {
		return "", fmt.Errorf("read page %.40q: %w", page, err)
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16), nil
}

func (l *Load) count(serial string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		if l.failure == nil {
			l.failure = err
		}
		return
	}
	l.served[serial]++
	l.last = serial
}

// Last is the serial number that a client has seen last.
func (l *Load) Last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Stop ends the clients. It returns how many connections had which serial number, and the first failure.
func (l *Load) Stop() (served map[string]int, err error) {
	l.stop()
	l.wg.Wait()
	return l.served, l.failure
}
