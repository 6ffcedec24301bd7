package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-acme/lego/v4/challenge/dns01"
	legolog "github.com/go-acme/lego/v4/log"
	"github.com/go-acme/lego/v4/providers/dns"

	"github.com/wildcast/wildcast/acmeclient/dns01/child"
	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// version is set when the program is built, with -ldflags "-X main.version=v1.2.3".
var version = "devel"

// lookupLimit bounds one DNS question of a provider that looks for its zone; lego's own limit of 10 s, with several
// servers that do not answer, outlasts the parent's patience.
const lookupLimit = 3 * time.Second

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program; its results are 0 (done), 1 (something was left behind) and 2 (wrong use).
func run(args []string, stdin io.Reader, stdout *os.File, stderr io.Writer) int {
	flags := flag.NewFlagSet("wildcast-dns01", flag.ContinueOnError)
	flags.SetOutput(stderr)
	showVersion := flags.Bool("version", false, "print the version and exit")
	list := flags.Bool("list", false, "print the codes of the DNS providers, one a line, and exit")
	if flags.Parse(args) != nil {
		return 2
	}
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "wildcast-dns01: argument %q is not understood: it takes only flags, see -help\n", flags.Arg(0))
		return 2
	case *showVersion:
		fmt.Fprintln(stdout, version)
		return 0
	case *list:
		fmt.Fprint(stdout, wire.Providers)
		return 0
	case os.Getenv(wire.EnvProvider) == "":
		fmt.Fprintf(stderr, "wildcast-dns01: %s is not set: wildcast starts this program by itself, with a solver's settings\n", wire.EnvProvider)
		return 2
	}
	return serve(stdin, stdout, stderr)
}

// serve is the child itself. Providers and their libraries print where they like, so that standard output is theirs no
// more: it carries replies.
func serve(stdin io.Reader, stdout *os.File, stderr io.Writer) int {
	os.Stdout = os.Stderr
	legolog.Logger = log.New(io.Discard, "", 0)
	useNameservers(os.Getenv(wire.EnvNameservers))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a parent that is gone must not end the clean-up
	provider := os.Getenv(wire.EnvProvider)
	open := func() (child.Provider, error) {
		if !wire.Offered(provider) {
			return nil, fmt.Errorf("provider %q is unknown: wildcast-dns01 -list prints the codes", provider)
		}
		return dns.NewDNSChallengeProviderByName(provider)
	}
	if err := child.Serve(ctx, stdin, stdout, open); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// useNameservers sets where lego's providers look for zones and CNAMEs; lego keeps that in variables of its package.
func useNameservers(list string) {
	options := []dns01.ChallengeOption{dns01.AddDNSTimeout(lookupLimit)}
	if list != "" {
		options = append(options, dns01.AddRecursiveNameservers(strings.Split(list, ",")))
	}
	for _, option := range options {
		_ = option(nil) // these two use no challenge and return no error
	}
}
