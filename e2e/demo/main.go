package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// Exit codes.
const (
	exitFailed      = 1
	exitInterrupted = 130 // as shells do for SIGINT
)

func main() {
	// SIGPIPE is among them so that "make demo | head" ends in order, too. All stay caught to the end: a second Ctrl-C
	// does not leave anything behind.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	os.Exit(run(ctx, newNarrator(os.Stdout), os.Getenv("DEMO_EXIT") != ""))
}

// run plays the story and returns the exit code. Unless it is to end then, it stays until ctx ends.
func run(ctx context.Context, tell *narrator, endAfterwards bool) int {
	err := demo(ctx, tell, endAfterwards)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		tell.line("Interrupted. Everything has been stopped.")
		return exitInterrupted
	}
	tell.failed(err)
	return exitFailed
}

func demo(ctx context.Context, tell *narrator, endAfterwards bool) error {
	tell.banner()
	if err := build(ctx, tell.w); err != nil {
		return err
	}
	s, err := open(ctx, tell)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.play(ctx, story); err != nil {
		return s.explain(ctx, err)
	}
	if endAfterwards {
		return nil
	}
	return s.stay(ctx)
}

// build makes the programs, with progress: the first time they take minutes. It also moves to the checkout's folder, so
// that the commands of the story name files as a reader would.
func build(ctx context.Context, out io.Writer) error {
	checkout, err := cluster.Checkout()
	if err != nil {
		return err
	}
	if err := os.Chdir(checkout); err != nil {
		return fmt.Errorf("enter checkout: %w", err)
	}
	begun := time.Now()
	if _, err := cluster.Build(ctx, out); err != nil {
		return err
	}
	fmt.Fprintln(out, "building wildcast and wildcast-dns01 (with 190 DNS vendors: the first time 2 minutes on 2 cores)")
	if _, err := wildcast.Build(ctx, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "all programs are there after %s\n", time.Since(begun).Round(100*time.Millisecond))
	return nil
}
