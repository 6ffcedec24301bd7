package contexts

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// gate stands between wildcast and an API server, on a port that is its own also while it is shut.
type gate struct {
	address, server string
	port            ports.Holder

	mu       sync.Mutex
	listener net.Listener
	silent   bool
	open     map[net.Conn]struct{}
}

func newGate(t *testing.T, url string) *gate {
	t.Helper()
	g := &gate{server: strings.TrimPrefix(url, "https://"), open: map[net.Conn]struct{}{}}
	taken, err := g.port.Take(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.port.Release)
	g.address = "127.0.0.1:" + strconv.Itoa(taken[0])
	g.listen(t)
	t.Cleanup(g.shut)
	return g
}

func (g *gate) listen(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.listener = listener
	go g.serve(listener)
}

func (g *gate) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		g.open[conn] = struct{}{}
		silent := g.silent
		g.mu.Unlock()
		if !silent {
			go g.pass(conn)
		}
	}
}

func (g *gate) pass(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", g.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, conn)
		server.Close()
	}()
	_, _ = io.Copy(conn, server)
}

// shut breaks all connections; new ones are refused.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener.Close()
	g.breakAll()
}

// silence breaks all connections; new ones are accepted, and then nothing comes.
func (g *gate) silence() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = true
	g.breakAll()
}

func (g *gate) breakAll() {
	for conn := range g.open {
		conn.Close()
	}
	clear(g.open)
}

// reopen lets all through again.
func (g *gate) reopen(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = false
	g.breakAll()
	g.listener.Close()
	g.listen(t)
}
