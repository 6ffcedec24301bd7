package wildcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Options say how wildcast is run.
type Options struct {
	Kubeconfig string    // whose rights it has; required
	Programs   string    // folder of the two programs; "" is what Build makes
	Dir        string    // folder for its log; required
	Name       string    // names the log, when several run; "" is wildcast
	Args       []string  // flags after those that every run has
	Env        []string  // variables added to this process's own
	Log        io.Writer // progress of Build; nil is standard error
}

// Process is a running wildcast, or one that was stopped. Its methods may be called from any goroutine.
type Process struct {
	opts                    Options
	ports                   ports.Holder
	metrics, health, http01 string // addresses

	mu    sync.Mutex
	child *child.Child
}

// readyTimeout is long, since a suite's other processes share the machine.
const readyTimeout = time.Minute

// Start runs wildcast and returns when /readyz says that it is ready: its caches are filled.
func Start(ctx context.Context, opts Options) (*Process, error) {
	if opts.Log == nil {
		opts.Log = os.Stderr
	}
	if opts.Name == "" {
		opts.Name = "wildcast"
	}
	if opts.Programs == "" {
		programs, err := Build(ctx, opts.Log)
		if err != nil {
			return nil, err
		}
		opts.Programs = programs
	}
	p := &Process{opts: opts}
	taken, err := p.ports.Take(3)
	if err != nil {
		return nil, err
	}
	for i, address := range []*string{&p.metrics, &p.health, &p.http01} {
		*address = fmt.Sprintf("127.0.0.1:%d", taken[i])
	}
	if err := p.run(ctx); err != nil {
		p.Kill()
		p.ports.Release()
		return nil, err
	}
	return p, nil
}

// run starts the program and waits until it is ready. A second run appends to the same log.
func (p *Process) run(ctx context.Context) error {
	args := []string{
		"run",
		"--kubeconfig=" + p.opts.Kubeconfig,
		"--namespace=" + cluster.HomeNamespace,
		"--metrics-address=" + p.metrics,
		"--health-address=" + p.health,
		"--http01-address=" + p.http01,
	}
	c, err := child.Start(child.Spec{
		Path: filepath.Join(p.opts.Programs, "wildcast"),
		Args: append(args, p.opts.Args...),
		Env:  append(environment(), p.opts.Env...),
		Log:  filepath.Join(p.opts.Dir, p.opts.Name+".log"),
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.child = c
	p.mu.Unlock()
	return p.waitReady(ctx, c)
}

// environment is this process's own without what would change wildcast's flags.
func environment() []string {
	env := []string{"KUBE_CACHE_MUTATION_DETECTOR=true"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "WILDCAST_") && !strings.HasPrefix(variable, "KUBECONFIG=") {
			env = append(env, variable)
		}
	}
	return env
}

func (p *Process) waitReady(ctx context.Context, c *child.Child) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		last := p.Ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-c.Done():
			return fmt.Errorf("wildcast ended with exit code %d; the end of its log:\n%s", c.Wait(), c.Tail(4000))
		case <-ctx.Done():
			return fmt.Errorf("wildcast did not get ready: %w; the end of its log:\n%s", last, c.Tail(4000))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ready returns nil when /readyz says so, and else what it says.
func (p *Process) Ready(ctx context.Context) error {
	body, err := get(ctx, "http://"+p.health+"/readyz")
	if err != nil {
		return err
	}
	return body.Close()
}

// get returns the body of an answer with status 200.
func get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4000))
	return nil, errors.Join(fmt.Errorf("get %s: %s: %s", url, response.Status, text), err)
}

// stopGrace is longer than wildcast's own for the work in flight.
const stopGrace = 90 * time.Second

// Stop sends SIGTERM, waits until wildcast has ended, and returns its exit code. When it has not ended
// after 90 s it is killed, and the code is -1.
func (p *Process) Stop() int { return p.current().Stop(stopGrace) }

// Kill sends SIGKILL: nothing is cleaned up. It returns when wildcast has ended.
func (p *Process) Kill() {
	if c := p.current(); c != nil {
		c.Kill()
	}
}

// Restart runs wildcast again with the same options, ports and log, after stopping it if it still runs.
func (p *Process) Restart(ctx context.Context) error {
	p.Stop()
	return p.run(ctx)
}

// Wait returns the exit code when wildcast has ended by itself or by a signal: -1 for a signal.
func (p *Process) Wait() int { return p.current().Wait() }

// Done is closed when the program that runs now has ended.
func (p *Process) Done() <-chan struct{} { return p.current().Done() }

// PID returns its process id.
func (p *Process) PID() int { return p.current().PID() }

// MetricsAddress returns where it serves its metrics, as host:port.
func (p *Process) MetricsAddress() string { return p.metrics }

// PagesAddress returns where it serves the pages of HTTP-01 challenges, as host:port.
func (p *Process) PagesAddress() string { return p.http01 }

// HealthAddress returns where it serves /healthz and /readyz, as host:port.
func (p *Process) HealthAddress() string { return p.health }

// Logs returns all that wildcast has written, over all its runs.
func (p *Process) Logs() (string, error) {
	text, err := os.ReadFile(p.current().Log())
	if err != nil {
		return "", fmt.Errorf("read log of wildcast: %w", err)
	}
	return string(text), nil
}

func (p *Process) current() *child.Child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}
