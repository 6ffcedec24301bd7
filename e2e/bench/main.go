package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	run        string
	only       *regexp.Regexp
	quick      bool
	rounds     int
	namespaces sizes
	domains    int
	secrets    int
	workers    int
	programs   string
}

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.run, "run", "", "measure only the groups that match this `regexp`: "+strings.Join(names(), ", "))
	f.BoolVar(&o.quick, "quick", false, "measure little: the figures are there, and rough")
	f.IntVar(&o.rounds, "rounds", 5, "how often wildcast and the bare loop take turns to more than 5,000 namespaces; twice as often to fewer")
	o.namespaces = sizes{1000, 5000}
	f.Var(&o.namespaces, "namespaces", "to how many namespaces a Secret is copied: `numbers` with commas")
	f.IntVar(&o.domains, "domains", 500, "how many domains are certified at once")
	f.IntVar(&o.secrets, "secrets", 30000, "how many unrelated Secrets of 10 KiB there are when memory is measured")
	f.IntVar(&o.workers, "workers", 32, "how many copies wildcast and the bare loop write at once")
	f.StringVar(&o.programs, "programs", "", "`folder` with wildcast and wildcast-dns01 (default: built from this checkout)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.domains < 1 || o.secrets < 1 || o.workers < 1 {
		return fmt.Errorf("-rounds, -domains, -secrets and -workers are at least 1")
	}
	if o.quick {
		o.rounds, o.namespaces, o.domains, o.secrets = 1, sizes{min(slices.Min(o.namespaces), 200)}, min(o.domains, 32), min(o.secrets, 1000)
	}
	var err error
	o.only, err = regexp.Compile(o.run)
	return err
}

// sizes is a flag of numbers that are at least 1.
type sizes []int

// String implements flag.Value.
func (s *sizes) String() string {
	var all []string
	for _, n := range *s {
		all = append(all, strconv.Itoa(n))
	}
	return strings.Join(all, ",")
}

// Set implements flag.Value.
func (s *sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number that is at least 1", part)
		}
		*s = append(*s, n)
	}
	return nil
}

// group is some figures that are measured together.
type group struct {
	name    string
	measure func(context.Context, *world) error
}

// groups are in the order in which they disturb one another least.
func groups() []group {
	return []group{
		{"size", measureSize},
		{"memory", measureMemory},
		{"latency", measureLatency},
		{"shared", measureShared},
		{"domains", measureDomains},
		{"copies", measureCopies},
		{"quiet", measureQuiet},
		{"drift", measureDrift},
		{"many", measureMany},
	}
}

func names() (all []string) {
	for _, g := range groups() {
		all = append(all, g.name)
	}
	return all
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := bench(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// bench returns the exit code: 0, 1 if a budget was missed or could not be measured, 2 for wrong flags.
func bench(ctx context.Context, args []string, out, log io.Writer) int {
	var o options
	if err := o.parse(args); err != nil {
		fmt.Fprintln(log, err)
		return 2
	}
	r := &report{out: out}
	if err := measure(ctx, &o, r, log); err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
	if r.missed > 0 {
		fmt.Fprintf(log, "%d figures missed their budget\n", r.missed)
		return 1
	}
	return 0
}

func measure(ctx context.Context, o *options, r *report, log io.Writer) error {
	w, err := open(ctx, o, r, log)
	if err != nil {
		return err
	}
	defer w.close()
	for _, g := range groups() {
		if !o.only.MatchString(g.name) {
			continue
		}
		fmt.Fprintf(log, "measuring %s\n", g.name)
		if err := g.measure(ctx, w); err != nil {
			w.cluster.Keep()
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	return nil
}
