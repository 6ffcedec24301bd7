package acmeclient_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
)

// stalling is a CA that sends half of its directory to the first who asks, and falls silent; all others get it whole.
func stalling(t *testing.T) *acmeclient.Client {
	t.Helper()
	client, err := acmeclient.New(acmeclient.Config{Directory: "https://ca.test/directory"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	const directory = `{"newOrder": "https://ca.test/order", "meta": {"caaIdentities": ["ca.test"]}}`
	var asked atomic.Int64
	client.DialWith(func() net.Conn {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
				return
			}
			answer := directory
			if asked.Add(1) == 1 {
				answer = directory[:len(directory)/2]
			}
			fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(directory), answer)
			_, _ = io.Copy(io.Discard, theirs) // until the client hangs up
		}()
		return ours
	})
	return client
}

func TestACAThatStallsInMidAnswerIsGivenUpAndHoldsUpNobodyForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stalling(t)
		began := time.Now()
		first := make(chan error, 1)
		go func() {
			_, err := client.Identities(t.Context())
			first <- err
		}()
		synctest.Wait() // it has the directory's turn, and half of the answer
		domains, err := client.Identities(t.Context())
		if err != nil || len(domains) != 1 || time.Since(began) > 3*time.Minute {
			t.Errorf("who waits gets %q, %v after %s", domains, err, time.Since(began))
		}
		err = <-first
		says(t, err, "read directory", "no whole answer within 2m0s")
		if e := errorOf(t, err); !e.Down || e.Reached || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v", e)
		}
	})
}
