package dns01

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// inherited are the variables of the parent that every child gets: what a program needs to run and to make an HTTPS
// connection from this machine.
func inherited() []string {
	return []string{
		"PATH", "HOME", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
}

// ambientPrefixes are those of the variables that cloud vendors put into a pod to give it an identity.
func ambientPrefixes() []string {
	return []string{
		"AWS_", "AZURE_", "ARM_", "MSI_", "IDENTITY_", "IMDS_", "GOOGLE_", "GCE_", "GCP_", "CLOUDSDK_",
		"ALIBABA_CLOUD_", "ALICLOUD_", "TENCENTCLOUD_", "TKE_", "OCI_", "HUAWEICLOUD_", "VOLC_", "IBMCLOUD_",
	}
}

// environment returns the child's whole environment, made of the parent's and the settings.
func (s *Settings) environment(parent []string) []string {
	var env []string
	for _, variable := range parent {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(inherited(), name) || s.Ambient && ambient(name) {
			env = append(env, variable)
		}
	}
	if !s.Ambient {
		env = append(env, "AWS_EC2_METADATA_DISABLED=true")
	}
	if !s.FollowCNAME {
		env = append(env, "LEGO_DISABLE_CNAME_SUPPORT=true")
	}
	if s.updates() && !s.sets("_TTL") {
		// A record set that is replaced must not live on in the cache of the CA's resolver: see the package's comment.
		env = append(env, "DNSUPDATE_TTL=1")
	}
	env = append(env, wire.EnvProvider+"="+s.Provider, wire.EnvNameservers+"="+strings.Join(s.Nameservers, ","))
	for name, value := range s.Env {
		if s.Provider == "exec" && name == execPath {
			value = filepath.Join(s.Programs, value)
		}
		env = append(env, name+"="+value)
	}
	return env
}

// updates tells whether the provider is RFC 2136, which replaces a name's whole record set.
func (s *Settings) updates() bool {
	return s.Provider == "rfc2136" || s.Provider == "dnsupdate"
}

func (s *Settings) sets(suffix string) bool {
	for name := range s.Env {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func ambient(name string) bool {
	return slices.ContainsFunc(ambientPrefixes(), func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
