// Package debian finds programs that suites take from the machine, and installs Debian's packages where it may.
package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are some that come together.
type Programs struct {
	Names    []string
	Packages []string // of Debian and Ubuntu, which have them
}

// Find returns the path of the first program. The error says the remedy if one of them is missing.
func (p Programs) Find() (string, error) {
	for _, name := range p.Names {
		if _, err := find(name); err != nil {
			return "", p.missing()
		}
	}
	return find(p.Names[0])
}

// find returns the path of a program. Users other than root seldom have sbin in their PATH.
func find(name string) (path string, err error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err = exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", err
}

func (p Programs) missing() error {
	return errors.New("not on this machine, and suites use the real thing: " + strings.Join(p.Names, " and ") + ". Install it, on Debian and Ubuntu with: " +
		"apt-get update && apt-get install -y --no-install-recommends " + strings.Join(p.Packages, " "))
}

// Install returns the folder of the first program. If one is missing, and the user is root on a machine with apt-get, they
// are installed, once; log tells so. Elsewhere the error says what to install.
func (p Programs) Install(ctx context.Context, log io.Writer) (string, error) {
	if path, err := p.Find(); err == nil {
		return filepath.Dir(path), nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return "", p.missing()
	}
	fmt.Fprintf(log, "installing %s with apt-get, once\n", strings.Join(p.Packages, " and "))
	install := []string{"-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends"}
	for _, args := range [][]string{{"update", "-qq"}, append(install, p.Packages...)} {
		apt := exec.CommandContext(ctx, "apt-get", args...)
		// RUNLEVEL=1 keeps services from being started where no policy does.
		apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		apt.Stdout, apt.Stderr = log, log
		if err := apt.Run(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w; %w", strings.Join(args, " "), err, p.missing())
		}
	}
	path, err := p.Find()
	return filepath.Dir(path), err
}
