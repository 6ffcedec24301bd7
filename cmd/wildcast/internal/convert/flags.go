package convert

import (
	"slices"
	"strings"
)

// flags are those of cert-manager's controller that say what is in no object of its API.
type flags struct {
	nameservers       string
	recursiveOnly     string
	http01Nameservers string
	ownerRefs         bool // TLS Secrets go with their Certificates
}

// readFlags reads the arguments of cert-manager and kubed, if it is these that run there.
func (c *converter) readFlags(in *input) {
	pod := in.sub("spec")
	if in.kind == "Deployment" {
		pod = pod.sub("template").sub("spec")
	}
	for _, container := range pod.subs("containers") {
		image := container.text("image")
		switch {
		case strings.Contains(image, "cert-manager-controller"):
			in.used = true
			c.certManagerFlags(in, container)
		case strings.Contains(image, "/kubed:"), strings.Contains(image, "/config-syncer:"):
			in.used = true
			kubedFlags(in, container)
		case strings.Contains(image, "cert-manager"):
			in.used = true // its webhook, cainjector and those of DNS vendors have no counterpart, and need none
		}
	}
}

func (c *converter) certManagerFlags(in *input, container *fields) {
	var others []string
	for _, a := range arguments(container) {
		switch a.name {
		case "--dns01-recursive-nameservers", "--dns01-self-check-nameservers":
			c.flags.nameservers = resolversOf(in, a)
		case "--dns01-recursive-nameservers-only":
			c.flags.recursiveOnly = a.value
		case "--acme-http01-solver-nameservers":
			c.flags.http01Nameservers = resolversOf(in, a)
		case "--enable-certificate-owner-ref":
			c.flags.ownerRefs = a.value == "true"
		case "--default-issuer-name":
			in.note(a.path, "start wildcast with --default-issuer=%s", a.value)
		case "--cluster-resource-namespace":
			if a.value != c.Home && !strings.HasPrefix(a.value, "$") {
				in.lost(a.path, "what ClusterIssuers refer to is in %s: give --home-namespace=%s, or move it", a.value, a.value)
			}
		default:
			others = append(others, a.name)
		}
	}
	if len(others) > 0 {
		in.note(container.at+".args", "these go with cert-manager: %s", strings.Join(others, ", "))
	}
	c.settleRecursive(in, container.at+".args[--dns01-recursive-nameservers-only]")
}

// settleRecursive leaves recursiveOnly true or empty: it means something with nameservers alone.
func (c *converter) settleRecursive(in *input, path string) {
	asked := c.flags.recursiveOnly == "true"
	if asked && c.flags.nameservers == "" {
		in.lost(path, "the key recursiveOnly of solvers needs nameservers, and none are named")
	}
	if !asked || c.flags.nameservers == "" {
		c.flags.recursiveOnly = ""
	}
}

// resolversOf is a list of resolvers, empty if wildcast cannot ask them.
func resolversOf(in *input, a argument) string {
	if strings.Contains(a.value, "://") {
		in.lost(a.path, "wildcast asks resolvers over UDP and TCP only: name some as host:port")
		return ""
	}
	in.note(a.path, "it is in every issuer or solver that it is for")
	return a.value
}

func kubedFlags(in *input, container *fields) {
	for _, a := range arguments(container) {
		switch a.name {
		case "--cluster-name":
			in.note(a.path, "start wildcast with --cluster-name=%s, and copies go on being labelled with it", a.value)
		case "--config-source-namespace":
			in.note(a.path, "start wildcast with --source-namespaces, and the home namespace among them")
		case "--kubeconfig-file":
			in.note(a.path, "start wildcast with --contexts-kubeconfig and a file with the same contexts, of which no program is run for credentials; it needs a --cluster-name that no other cluster has")
		}
	}
}

// argument is a flag of a container.
type argument struct{ path, name, value string }

// arguments are the flags of a container. One without a value is true.
func arguments(container *fields) (all []argument) {
	args := slices.Concat(container.list("command"), container.list("args"))
	for i := 0; i < len(args); i++ {
		name, value, found := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "-") {
			continue
		}
		if !found && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			value, found = args[i], true
		}
		if !found {
			value = "true"
		}
		name = "--" + strings.TrimLeft(name, "-")
		all = append(all, argument{container.at + ".args[" + name + "]", name, value})
	}
	return all
}
