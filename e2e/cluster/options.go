package cluster

import (
	"fmt"
	"io"
	"os"
)

// Options say how a cluster is to be. The zero value is good.
type Options struct {
	// Parent is the folder in which the cluster makes its own; "" is the system's folder for temporary
	// files.
	Parent string
	// Log takes progress: a line now and then during the first build. nil is standard error.
	Log io.Writer
	// Audit counts the requests of the shipped ServiceAccount: see Requests.
	Audit bool
	// AuditUsers are further users whose requests are counted, as RBAC names them.
	AuditUsers []string
	// Fsync makes etcd wait for the disk at each write, as it does in production. A test wants a
	// write in half a millisecond instead.
	Fsync bool
	// APIServerFlags are added to kube-apiserver's, last.
	APIServerFlags []string
}

// The shipped ServiceAccount, as manifests/base names it.
const (
	HomeNamespace  = "cert-manager"
	ServiceAccount = "wildcast"
)

// Username returns the name under which RBAC and the audit log know a ServiceAccount.
func Username(namespace, name string) string {
	return fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name)
}

func (o Options) log() io.Writer {
	if o.Log == nil {
		return os.Stderr
	}
	return o.Log
}

// audited returns the users whose requests are counted.
func (o Options) audited() []string {
	users := append([]string(nil), o.AuditUsers...)
	if o.Audit {
		users = append(users, Username(HomeNamespace, ServiceAccount))
	}
	return users
}
