package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// EnvFolder is the variable that tells commands where the files are.
const EnvFolder = "WILDCAST_FOLDER"

const (
	commandTimeout = time.Minute
	commandGrace   = 10 * time.Second // after the stop signal
	lingering      = time.Second      // for a daemon that a command starts, and that keeps its standard output
	mostOutput     = 4000             // bytes
)

// shell is what commands are given to.
const shell = "/bin/sh"

// run runs a command of the user's. The error holds the end of what it has written, without what is secret.
func (k *Keeper) run(ctx context.Context, flag, command, folder string) error {
	ctx, cancel := graced(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-c", command)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), EnvFolder+"="+folder)
	cmd.WaitDelay = lingering
	group(cmd)
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case cmd.Process == nil:
		return fmt.Errorf("run %s: %w; the sidecar's own image needs a shell and what it is to run", flag, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s %q was ended: %w%s", flag, command, context.Cause(ctx), k.said(out.String()))
	}
	return fmt.Errorf("%s %q: %w%s", flag, command, err, k.said(out.String()))
}

// graced is a context that ends at a command's time limit, or some time after ctx.
func graced(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), commandTimeout, fmt.Errorf("it took more than %s", commandTimeout))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-out.Done():
		case <-time.After(commandGrace):
			cancel()
		}
	})
	return out, func() {
		stop()
		cancel()
	}
}

// said is what a command has written, for an error's text.
func (k *Keeper) said(output string) string {
	for _, kept := range k.kept {
		if secret := kept.secret(); secret != nil {
			output = redact(output, secret)
		}
	}
	if output = strings.TrimSpace(output); len(output) > mostOutput {
		output = "..." + output[len(output)-mostOutput:]
	}
	if output == "" {
		return ""
	}
	return ": " + output
}
