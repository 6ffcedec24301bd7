package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"  // requests and leadership in /metrics
	_ "k8s.io/component-base/metrics/prometheus/workqueue" // queues in /metrics

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func runCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the controller",
		Long: "Run the controller until it is told to stop.\n\n" +
			"Each flag can also be given as an environment variable: WILDCAST_ and the flag's name in capitals, with _ for -.",
		Args: alone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(fromEnvironment(cmd), o.validate()); err != nil {
				return usageError{err}
			}
			return run(cmd.Context(), &o)
		},
	}
	o.add(cmd.Flags())
	return cmd
}

// tuneCollector has garbage collected when the heap has tripled instead of doubled, unless $GOGC says otherwise: what lives
// is 10 to 20 MiB, and a fan-out allocates that several times a second, so that collecting took a tenth of its time. It also
// has more collected as memory comes near three quarters of what the container may have now, unless $GOMEMLIMIT says
// otherwise; the last quarter is for the DNS children. It gives that limit in bytes, math.MaxInt64 if there is none.
func tuneCollector(container memlimit.Provider) (limit int64, err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		may, err := container()
		switch {
		case err == nil:
			debug.SetMemoryLimit(int64(may / 4 * 3))
		case errors.Is(err, memlimit.ErrCgroupsNotSupported), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrNoLimit):
		default:
			return debug.SetMemoryLimit(-1), err
		}
	}
	return debug.SetMemoryLimit(-1), nil
}

// memoryLimit is a limit that there is, for the log.
func memoryLimit(bytes int64) zap.Field {
	if bytes == math.MaxInt64 {
		return zap.Skip()
	}
	return zap.String("memoryLimit", fmt.Sprintf("%d MiB", bytes>>20))
}

// run wires everything and lives until ctx ends. It stops in the reverse order: the work, then the lease, the children
// that talk to DNS vendors, the servers, the caches, and last the Events, which all of them may have emitted.
func run(ctx context.Context, o *options) error {
	log, sync, err := o.startLog()
	if err != nil {
		return err
	}
	defer sync()
	memory, err := tuneCollector(memlimit.FromCgroup)
	if err != nil {
		log.Warn("Could not read how much memory the container may have; set GOMEMLIMIT instead", zap.Error(err))
	}
	log.Info("Starting", zap.String("version", version), zap.String("namespace", o.namespace), memoryLimit(memory))

	clients, err := connect(ctx, o, log)
	if err != nil {
		return err
	}
	recorder, flush, err := startEvents(clients.kube)
	if err != nil {
		return err
	}
	defer flush()

	warned := newHeard(recorder, o.warningsKept())
	pool := dns01.NewPool(dns01.Config{Command: o.dns01Command, Nameservers: o.dns01Nameservers, Log: log.Named("dns01")})
	app, err := newApp(o, clients, warned, pool, log)
	if err != nil {
		return err
	}
	defer app.startCaches(ctx)()
	stopServers, err := app.startServers(o, newLookout(o, app, clients.kube, warned))
	if err != nil {
		return err
	}
	defer stopServers()
	defer pool.Close()

	if !o.leaderElect {
		err = app.work(ctx)
	} else {
		err = lead(ctx, clients.lease, o.namespace, log, app.work)
	}
	if errors.Is(err, errLeaseLost) {
		pool.Abandon() // the next leader goes on with the orders, and needs the same TXT records
	}
	log.Info("Stopped", zap.Error(err))
	return err
}
