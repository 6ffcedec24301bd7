// Package cluster runs a real Kubernetes control plane on this machine: etcd, kube-apiserver and
// kube-controller-manager, as programs built from the Go modules in e2e/kubernetes. No container
// runtime, nothing downloaded but Go modules, no rights beyond those of the user.
//
//	c, err := cluster.Start(ctx, cluster.Options{Audit: true})
//	defer c.Stop()
//	client := kubernetes.NewForConfigOrDie(c.Admin())
//
// It is up in about five seconds. What it is, and is not:
//
//	the API                 complete: validation, admission (Pod Security and quota too), RBAC, watches
//	namespaces              really end, with their contents
//	Deployments             make ReplicaSets and Pods; no node runs them
//	ServiceAccounts         exist, with tokens that RBAC applies to (KubeconfigFor); the admission
//	                        plug-in that mounts tokens into Pods is off
//	requests                can be counted where they arrive (Options.Audit, Requests)
//	durability              etcd does not wait for the disk, unless Options.Fsync
//
// The programs are built once, in some minutes, into a cache folder: $WILDCAST_CACHE, or wildcast in
// the user's cache folder. Their entry there is named by everything that decides their content, and
// several processes that ask at once build once.
//
// All that a cluster has lives in one folder of its own, on ports that no other cluster has, so any
// number of them may run side by side. It ends with the process that started it, however that ends.
// Its folder is removed by Stop; after Keep the logs stay, and the folder is named in the output.
package cluster
