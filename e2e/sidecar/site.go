package sidecar

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/ports"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

const (
	stopGrace = 30 * time.Second
	startTime = time.Minute
)

// Site is the pod of a shipped Deployment, in a folder of this machine.
type Site struct {
	Dir    string // has the pod's /tls, /run and /etc
	Addr   string // at which the server serves
	health string

	name            string
	here            *strings.Replacer // the pod's paths and ports for those here
	server, sidecar corev1.Container
	env             []string // of the server
	ports           ports.Holder
	running, keeper *child.Child
}

// Open reads manifests/sidecar/NAME and makes the pod's folders. It starts nothing.
func Open(name, dir string) (*Site, error) {
	if _, err := programs.Find(); err != nil {
		return nil, err
	}
	checkout, err := cluster.Checkout()
	if err != nil {
		return nil, err
	}
	s := &Site{Dir: dir, name: name}
	if err := s.take(); err != nil {
		return nil, err
	}
	from := filepath.Join(checkout, "manifests", "sidecar", name)
	if err := s.read(filepath.Join(from, "deployment.yaml")); err != nil {
		return nil, err
	}
	for _, folder := range []string{"run/" + name, "etc/" + name + "/conf"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return nil, err
		}
	}
	return s, s.configure(from)
}

// take finds ports for the pod's.
func (s *Site) take() error {
	taken, err := s.ports.Take(2)
	if err != nil {
		return err
	}
	s.Addr, s.health = net.JoinHostPort("127.0.0.1", strconv.Itoa(taken[0])), net.JoinHostPort("127.0.0.1", strconv.Itoa(taken[1]))
	var pairs []string
	for _, path := range []string{"/tls/", "=/tls", "/run/" + s.name, "/etc/" + s.name} {
		before, after, _ := strings.Cut(path, "/")
		pairs = append(pairs, path, before+s.Dir+"/"+after)
	}
	s.here = strings.NewReplacer(append(pairs, ":8081", s.health, "listen 8443", "listen "+s.Addr, "bind :8443", "bind "+s.Addr)...)
	return nil
}

func (s *Site) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var d appsv1.Deployment
	if err := yaml.UnmarshalStrict(text, &d); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	s.sidecar, s.server = d.Spec.Template.Spec.InitContainers[0], d.Spec.Template.Spec.Containers[0]
	for _, variable := range s.server.Env {
		s.env = append(s.env, s.here.Replace(variable.Name+"="+variable.Value))
	}
	return nil
}

// configure writes the files of the pod's ConfigMap.
func (s *Site) configure(from string) error {
	text, err := os.ReadFile(filepath.Join(from, filepath.Base(s.Config())))
	if err != nil {
		return err
	}
	return os.WriteFile(s.Config(), []byte(s.here.Replace(string(text))), 0o644)
}

// Config is the server's configuration.
func (s *Site) Config() string {
	for _, arg := range s.server.Args {
		if strings.HasPrefix(arg, "/etc/") {
			return s.here.Replace(arg)
		}
	}
	return ""
}

// Folder is where the Secret's files are.
func (s *Site) Folder() string { return filepath.Join(s.Dir, "tls", "web-tls") }

// StartServer runs nginx or HAProxy, and returns when it serves.
func (s *Site) StartServer() error {
	program, err := exec.LookPath(s.server.Args[0])
	if err != nil {
		program = "/usr/sbin/" + s.server.Args[0]
	}
	var args []string
	for _, arg := range s.server.Args[1:] {
		args = append(args, s.here.Replace(arg))
	}
	s.running, err = child.Start(child.Spec{Path: program, Args: args, Env: append(os.Environ(), s.env...), Log: filepath.Join(s.Dir, s.name+".log")})
	if err != nil {
		return err
	}
	for end := time.Now().Add(startTime); time.Now().Before(end) && !s.running.Ended(); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.Addr); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("%s does not serve; the end of its log:\n%s", s.name, s.running.Tail(4000))
}

// StartSidecar runs wildcast sidecar with the shipped arguments and then those of more, for a namespace's Secret. It
// returns when it runs, and not when anything is done: see Ready.
func (s *Site) StartSidecar(ctx context.Context, kubeconfig, namespace string, more ...string) error {
	var args []string
	for _, arg := range s.sidecar.Args {
		args = append(args, s.here.Replace(arg))
	}
	args = append(args, "--kubeconfig="+kubeconfig, "--namespace="+namespace)
	return s.start(ctx, "wildcast", append(args, more...))
}

// StartTyped runs a command line of wildcast sidecar in a shell, for a namespace's Secret. What it names of the pod, paths
// and ports, is exchanged for what is here.
func (s *Site) StartTyped(ctx context.Context, kubeconfig, namespace, line string) error {
	return s.start(ctx, "/bin/sh", []string{"-c", "exec " + s.here.Replace(line) + " --kubeconfig=" + kubeconfig + " --namespace=" + namespace})
}

// Shipped is the command line that the sidecar has in the Deployment.
func (s *Site) Shipped() string { return "wildcast " + strings.Join(s.sidecar.Args, " ") }

// start runs the wildcast of this checkout, or a shell that finds it.
func (s *Site) start(ctx context.Context, program string, args []string) error {
	folder, err := wildcast.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(program) {
		program = filepath.Join(folder, program)
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WILDCAST_") || strings.HasPrefix(v, "KUBECONFIG=") })
	env = append(env, "PATH="+folder+":"+os.Getenv("PATH")+":/usr/sbin") // where users other than root find nginx too
	s.keeper, err = child.Start(child.Spec{
		Path: program, Args: args, Env: append(env, s.env...), Log: filepath.Join(s.Dir, "sidecar.log"),
	})
	return err
}

// RestartSidecar is StartSidecar after the one that runs was stopped.
func (s *Site) RestartSidecar(ctx context.Context, kubeconfig, namespace string, more ...string) error {
	s.keeper.Stop(stopGrace)
	return s.StartSidecar(ctx, kubeconfig, namespace, more...)
}

// Ready waits until the files are there, as kubelet does before it starts the server.
func (s *Site) Ready(ctx context.Context) error {
	return s.keeper.Ready(ctx, "http://"+s.health+"/readyz")
}

// Sidecar is the sidecar that was started last.
func (s *Site) Sidecar() *child.Child { return s.keeper }

// Logs is what the sidecar has written, over all its runs.
func (s *Site) Logs() string {
	text, err := os.ReadFile(s.keeper.Log())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// ServerLogs is what the server has written.
func (s *Site) ServerLogs() string {
	if s.running == nil {
		return ""
	}
	return s.running.Tail(8000)
}

// Close ends both, the server first.
func (s *Site) Close() {
	for _, c := range []*child.Child{s.running, s.keeper} {
		if c != nil {
			c.Stop(stopGrace)
		}
	}
	s.ports.Release()
}
