// Package testchild lets a test's own binary be the DNS child, with lego's provider rfc2136 and no other, so that no
// test waits for a program with 195 providers to be built.
//
//	func TestMain(m *testing.M) {
//		testchild.Main()
//		os.Exit(m.Run())
//	}
//
//	pool := dns01.NewPool(dns01.Config{Command: testchild.Command()})
package testchild

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/go-acme/lego/v4/challenge/dns01"
	legolog "github.com/go-acme/lego/v4/log"
	"github.com/go-acme/lego/v4/providers/dns/rfc2136"

	"github.com/wildcast/wildcast/acmeclient/dns01/child"
	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// Main returns at once in a test. In a process that a pool has started as its child, it is the child, and exits.
func Main() {
	provider := os.Getenv(wire.EnvProvider)
	if provider == "" {
		return
	}
	out := os.Stdout
	os.Stdout = os.Stderr
	legolog.Logger = log.New(io.Discard, "", 0)
	if servers := os.Getenv(wire.EnvNameservers); servers != "" {
		_ = dns01.AddRecursiveNameservers(strings.Split(servers, ","))(nil) // returns no error
	}
	if err := child.Serve(context.Background(), os.Stdin, out, open(provider)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func open(provider string) func() (child.Provider, error) {
	return func() (child.Provider, error) {
		if provider != "rfc2136" {
			return nil, fmt.Errorf("provider %q is unknown: this child has rfc2136 only", provider)
		}
		return rfc2136.NewDNSProvider()
	}
}

// Command returns the path of the running program.
func Command() string {
	path, err := os.Executable()
	if err != nil {
		panic(err) // the operating system cannot tell: no test can go on
	}
	return path
}
