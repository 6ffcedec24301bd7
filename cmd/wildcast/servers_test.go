package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that they know a bubble's time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// connected runs a server and gives a client's end of a connection to it. The test is stuck if the connection stays open.
func connected(t *testing.T, handler http.HandlerFunc, test func(client net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		server, listener := newServer(handler), make(pipes, 1)
		go func() { _ = server.Serve(listener) }()
		client, end := net.Pipe()
		listener <- end
		test(client)
		if _, err := io.Copy(io.Discard, client); err != nil { // until the server closes it
			t.Error(err)
		}
		client.Close()
		close(listener)
		synctest.Wait()
	})
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

func ask(t *testing.T, client net.Conn) *http.Response {
	t.Helper()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAConnectionEndsOverWhichNothingMoreIsAsked(t *testing.T) {
	connected(t, ok, func(client net.Conn) { ask(t, client) })
}

func TestAConnectionEndsOverWhichARequestIsNeverWhole(t *testing.T) {
	for _, part := range []string{"GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"} {
		read := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
		connected(t, read, func(client net.Conn) {
			if _, err := io.WriteString(client, part); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAConnectionEndsOverWhichTheAnswerIsNotRead(t *testing.T) {
	long := strings.Repeat("long", 1<<20)
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }
	connected(t, answer, func(client net.Conn) {
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // of the bubble
		if n, _ := io.Copy(io.Discard, client); n >= int64(len(long)) {
			t.Error("the answer was kept for an hour")
		}
	})
}

func TestAnAnswerMayTakeAsLongAsTheStatusPageDoes(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Second) // of the bubble
		if r.Context().Err() != nil {
			t.Error("it was given up")
		}
		ok(w, r)
	}
	connected(t, slow, func(client net.Conn) {
		if response := ask(t, client); response.StatusCode != http.StatusOK {
			t.Errorf("the answer is %s", response.Status)
		}
	})
}
