package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// scene is what the story is played on, and what it knows of earlier steps.
type scene struct {
	tell    *narrator
	cluster *cluster.Cluster
	stage   *stage.Stage
	sight   *sight
	endings []func()          // in the order in which things began
	program *wildcast.Process // from the first step on

	serial string // of the certificate that is there now
}

// step is a part of the story.
type step struct {
	title string
	play  func(context.Context, *scene) error
}

// patience is how long a step may take. It is far more than any needs: where a machine is so slow that the certificate of
// seconds is due when it arrives, wildcast takes that for a fault of clocks and lets a minute pass.
const patience = 100 * time.Second

// open starts the control plane, the CA and the DNS server, makes the namespaces of the story, and opens the eyes.
func open(ctx context.Context, tell *narrator) (_ *scene, err error) {
	s := &scene{tell: tell}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.cluster, err = cluster.Start(ctx, cluster.Options{Log: tell.w, Audit: true}); err != nil {
		return nil, err
	}
	s.endings = append(s.endings, s.cluster.Stop)
	if s.stage, err = stage.Open(s.cluster, "demo", stage.Options{Zones: []string{domain}}); err != nil {
		return nil, err
	}
	s.endings = append(s.endings, s.stage.DNS.Close, s.stage.CA.Close)
	tell.line("A CA is up at %s, and a DNS server for %s at %s", s.stage.CA.Directory(), domain, s.stage.DNS.Addr())
	for _, name := range append(others, twelfth) {
		if err := s.stage.Namespace(ctx, name, nil); err != nil {
			return nil, err
		}
	}
	return s, s.watch(ctx)
}

func (s *scene) watch(ctx context.Context) (err error) {
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.sight, err = look(watching, s.stage.Kube); err != nil {
		cancel()
		return err
	}
	s.endings = append(s.endings, func() { cancel(); s.sight.watches.Wait() })
	return nil
}

// close ends everything, what began last first.
func (s *scene) close() {
	begun := time.Now()
	for len(s.endings) > 0 {
		last := len(s.endings) - 1
		end := s.endings[last]
		s.endings = s.endings[:last]
		end()
	}
	s.tell.line("\nStopped wildcast, the CA, the DNS server and the control plane in %s.", brief(time.Since(begun)))
}

// play plays the steps one after the other.
func (s *scene) play(ctx context.Context, steps []step) error {
	begun := time.Now()
	for i, step := range steps {
		s.tell.chapter(i+1, step.title)
		if err := s.playOne(ctx, step); err != nil {
			return fmt.Errorf("step %d, %q: %w", i+1, step.title, err)
		}
	}
	s.tell.line("\n%s", s.tell.paint(bold, fmt.Sprintf("The story is over: %d steps in %s, and each was checked.", len(steps), brief(time.Since(begun)))))
	return nil
}

func (s *scene) playOne(ctx context.Context, step step) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("nothing within %s", patience))
	defer cancel()
	return step.play(ctx, s)
}

// explain adds what wildcast said last to a failure, and keeps the logs.
func (s *scene) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // a user's Ctrl-C explains itself
	}
	s.cluster.Keep()
	if s.program == nil {
		return err
	}
	log, unreadable := s.program.Logs()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return errors.Join(err, unreadable, fmt.Errorf("the end of wildcast's log:\n%s", strings.Join(lines[max(0, len(lines)-15):], "\n")))
}

// kubectl prints a command and runs it as the administrator.
func (s *scene) kubectl(ctx context.Context, args ...string) (string, error) {
	s.tell.command(commandLine(append([]string{"kubectl"}, args...)...))
	return s.cluster.Kubectl(ctx, args...)
}

// shown is kubectl whose output is printed, too.
func (s *scene) shown(ctx context.Context, args ...string) error {
	out, err := s.kubectl(ctx, args...)
	s.tell.output(out)
	return err
}

// file writes a file that goes with the cluster's folder, and returns its path.
func (s *scene) file(name string, content []byte) (string, error) {
	path := filepath.Join(s.cluster.Dir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return path, nil
}

// root is what a user's browser would have to trust.
func (s *scene) root() *x509.CertPool { return s.stage.CA.Root() }
