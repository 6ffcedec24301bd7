package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/sidecar"
)

// sidecarOptions are the flags of "wildcast sidecar".
type sidecarOptions struct {
	reach
	run           options // the log's
	healthAddress string
	mode          string
	signal        string
	keep          sidecar.Config
}

func sidecarCommand() *cobra.Command {
	var o sidecarOptions
	cmd := &cobra.Command{
		Use:   "sidecar [FOLDER=]SECRET... --folder=FOLDER",
		Short: "Keep Secrets as files, and reload the process that reads them",
		Long: "Keep each Secret as files in a folder of its own below --folder, as kubelet keeps volumes: all files of a Secret change in\n" +
			"one step. Then have a process reload, by a signal or a command. SECRET is NAMESPACE/NAME, or a name in the namespace of\n" +
			"-n, else in the pod's own. Its folder has the Secret's name, unless another is given: edge=shop/web-tls.\n\n" +
			"A Secret whose key does not fit its certificate is refused, and files that a check refuses are not kept in service: the\n" +
			"old ones stay, as they do when the Secret is deleted or the API server is away.\n\n" +
			"It takes the rights to get, list and watch these Secrets, by name: see manifests/sidecar. Each flag can also be given as\n" +
			"an environment variable: WILDCAST_ and the flag's name in capitals, with _ for -.",
		Example: "  wildcast sidecar web-tls --folder=/tls --signal=HUP --pid-file=/run/nginx/nginx.pid\n" +
			"  wildcast sidecar shop/web-tls --folder=/tls --combined=combined.pem --reload=/reload.sh --check-staged='haproxy -c -f /etc/haproxy.cfg'\n" +
			"  wildcast sidecar web-tls --folder=/tls --once",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(fromEnvironment(cmd), o.validate(args)); err != nil {
				return usageError{err}
			}
			return o.sidecar(cmd.Context(), args)
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func (o *sidecarOptions) add(f *pflag.FlagSet) {
	o.reach.add(f)
	o.run.addLog(f)
	f.StringVar(&o.keep.Folder, "folder", "", "`folder` of the Secrets' folders; no other program may write there")
	f.StringVar(&o.mode, "mode", "0640", "`mode` of files; folders may be looked into by those who may read the files")
	f.StringVar(&o.keep.Combined, "combined", "", "`name` of one more file with a certificate's chain and key, such as HAProxy reads")
	f.StringVar(&o.keep.CheckStaged, "check-staged", "", "`command` that refuses new files before they are in service: it finds them in $WILDCAST_FOLDER")
	f.StringVar(&o.keep.Check, "check", "", "`command` that refuses new files when they are in their place: if it fails, the old ones are put back at once")
	f.StringVar(&o.keep.Reload, "reload", "", "`command` that has the process read new files")
	f.StringVar(&o.signal, "signal", "", "`signal`, such as HUP, that has the process read new files")
	f.StringVar(&o.keep.PIDFile, "pid-file", "", "`file` with the number of the process that gets the signal")
	f.BoolVar(&o.keep.Once, "once", false, "wait for all Secrets, put their files in service, and end, for init containers")
	f.StringVar(&o.healthAddress, "health-address", "0", "`address` of /healthz and /readyz; 0 for none")
}

// validate checks the flags, and names the Secrets without a namespace, which is not known yet.
func (o *sidecarOptions) validate(args []string) error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(args) == 0 {
		complain("no Secret is named: give one or more, as NAMESPACE/NAME")
	}
	if info, err := os.Stat(o.keep.Folder); err == nil && !info.IsDir() {
		complain("--folder is %q, which is a file: give a folder, such as /tls", o.keep.Folder)
	} else if !filepath.IsAbs(o.keep.Folder) {
		complain("--folder is %q: give an absolute path, such as /tls", o.keep.Folder)
	}
	mode, err := strconv.ParseUint(o.mode, 8, 32)
	if o.keep.Mode = fs.FileMode(mode); err != nil || mode&^0o777 != 0 || mode&0o400 == 0 {
		complain("--mode is %q: give an octal mode that the owner may read, such as 0640", o.mode)
	}
	if o.keep.Combined != "" && len(validation.IsConfigMapKey(o.keep.Combined)) > 0 {
		complain("--combined is %q: give the name of a file, such as combined.pem", o.keep.Combined)
	}
	validateAddress("health-address", o.healthAddress, complain)
	o.validateReload(complain)
	o.run.validateLog(complain)
	_, err = o.secrets(args, "default")
	return errors.Join(append(errs, err)...)
}

func (o *sidecarOptions) validateReload(complain func(format string, args ...any)) {
	if (o.signal == "") != (o.keep.PIDFile == "") {
		complain("--signal and --pid-file belong together: give both, or neither")
	}
	if o.signal != "" && o.keep.Reload != "" {
		complain("--signal and --reload are two ways to reload: give one of them")
	}
	if o.signal == "" {
		return
	}
	var err error
	if o.keep.Signal, err = sidecar.ParseSignal(o.signal); err != nil {
		complain("--signal: %w", err)
	}
}

// secrets reads the arguments, with a namespace for those that name none.
func (o *sidecarOptions) secrets(args []string, namespace string) (all []sidecar.Secret, err error) {
	folders := map[string]string{}
	for _, arg := range args {
		folder, text, named := strings.Cut(arg, "=")
		if !named {
			text = arg
		}
		name, err := o.named(text, namespace)
		if err != nil {
			return nil, err
		}
		if !named {
			folder = name.Name
		}
		if wrong := validation.IsConfigMapKey(folder); len(wrong) > 0 { // of the same form as a file's name there
			return nil, usageError{fmt.Errorf("%q cannot be the name of a folder: give another, as in web=%s", folder, text)}
		}
		if folders[folder] != "" {
			return nil, usageError{fmt.Errorf("%s and %s would have the same folder %s: give another, as in other=%s", folders[folder], text, folder, text)}
		}
		folders[folder] = text
		all = append(all, sidecar.Secret{Name: name, Folder: folder})
	}
	return all, nil
}

// sidecar keeps the files until ctx ends. The API server need not be there: files of an earlier run serve until it is.
func (o *sidecarOptions) sidecar(ctx context.Context, args []string) error {
	log, sync, err := o.run.startLog()
	if err != nil {
		return err
	}
	defer sync()
	cfg, namespace, err := o.config()
	if err != nil {
		return err
	}
	clients, err := newClients(cfg, &o.run, log)
	if err != nil {
		return err
	}
	o.keep.Kube, o.keep.Log = clients.kube, log
	if o.keep.Secrets, err = o.secrets(args, namespace); err != nil {
		return err
	}
	keeper, err := sidecar.New(o.keep)
	if err != nil {
		return err
	}
	stop, err := serve("health", o.healthAddress, healthHandler(keeper.Ready), log)
	if err != nil {
		return err
	}
	defer stop()
	log.Info("Starting", zap.String("version", version), zap.String("folder", o.keep.Folder), zap.Int("secrets", len(o.keep.Secrets)))
	err = keeper.Run(ctx)
	log.Info("Stopped", zap.Error(err))
	return err
}
