package convert

import "strings"

// vendor reads the settings of one DNS vendor into a solver. Keys are the names of lego's documentation.
type vendor struct {
	*converter
	issuer *issuer
	solver *solver
}

// vendors are those that cert-manager knows, by their keys in lower case: v1alpha1 wrote some otherwise.
var vendors = map[string]func(vendor, *fields){
	"cloudflare":   vendor.cloudflare,
	"route53":      vendor.route53,
	"azuredns":     vendor.azure,
	"clouddns":     vendor.google,
	"digitalocean": vendor.digitalOcean,
	"acmedns":      vendor.acmeDNS,
	"akamai":       vendor.akamai,
	"rfc2136":      vendor.rfc2136,
	"webhook":      vendor.webhook,
}

func (v vendor) provider(code string) { v.solver.data.put("provider", code) }

// text takes a text over.
func (v vendor) text(name string, f *fields, key string) { v.solver.data.put(name, f.text(key)) }

// secret takes over what a reference leads to.
func (v vendor) secret(name string, f *fields, key string) {
	v.solver.data.referred(v.converter, v.issuer.home, name, f.sub(key), "")
}

// ambient lets the vendor's code use the credentials of wildcast's pod.
func (v vendor) ambient(f *fields) {
	if v.issuer.home != v.Home {
		f.lost(f.at, "without credentials of its own; only solvers of namespace %s may use those of wildcast's pod", v.Home)
		return
	}
	v.solver.data.put("ambient", "true")
	f.note(f.at, "without credentials of its own, so that those of wildcast's pod are used: give its ServiceAccount what cert-manager's has")
}

func (v vendor) cloudflare(f *fields) {
	v.provider("cloudflare")
	v.secret("CF_DNS_API_TOKEN", f, "apiTokenSecretRef")
	v.secret("CF_API_KEY", f, "apiKeySecretRef")
	if _, token := v.solver.data["CF_DNS_API_TOKEN"]; token {
		f.skip("email") // goes with the key
		return
	}
	v.text("CF_API_EMAIL", f, "email")
}

func (v vendor) route53(f *fields) {
	v.provider("route53")
	v.text("AWS_REGION", f, "region")
	v.text("AWS_HOSTED_ZONE_ID", f, "hostedZoneID")
	v.text("AWS_ASSUME_ROLE_ARN", f, "role")
	v.text("AWS_ACCESS_KEY_ID", f, "accessKeyID")
	v.secret("AWS_ACCESS_KEY_ID", f, "accessKeyIDSecretRef")
	v.secret("AWS_SECRET_ACCESS_KEY", f, "secretAccessKeySecretRef")
	f.drop("let the role trust wildcast's own ServiceAccount", "auth")
	if _, static := v.solver.data["AWS_SECRET_ACCESS_KEY"]; !static {
		v.ambient(f)
	}
}

// azureClouds are lego's names for those of the API.
var azureClouds = map[string]string{"": "", "AzurePublicCloud": "public", "AzureChinaCloud": "china", "AzureUSGovernmentCloud": "usgovernment"}

func (v vendor) azure(f *fields) {
	v.provider("azuredns")
	v.text("AZURE_CLIENT_ID", f, "clientID")
	v.text("AZURE_TENANT_ID", f, "tenantID")
	v.text("AZURE_SUBSCRIPTION_ID", f, "subscriptionID")
	v.text("AZURE_RESOURCE_GROUP", f, "resourceGroupName")
	v.text("AZURE_ZONE_NAME", f, "hostedZoneName")
	v.secret("AZURE_CLIENT_SECRET", f, "clientSecretSecretRef")
	cloud, known := azureClouds[f.text("environment")]
	if v.solver.data.put("AZURE_ENVIRONMENT", cloud); !known {
		f.lost(f.path("environment"), "lego's provider azuredns knows public, china and usgovernment")
	}
	if f.has("managedIdentity") {
		identity := f.sub("managedIdentity")
		v.text("AZURE_CLIENT_ID", identity, "clientID")
		v.text("AZURE_TENANT_ID", identity, "tenantID")
		identity.drop("lego's provider azuredns takes a client ID", "resourceID")
	}
	if _, static := v.solver.data["AZURE_CLIENT_SECRET"]; !static {
		v.ambient(f)
	}
}

func (v vendor) google(f *fields) {
	v.provider("gcloud")
	v.text("GCE_PROJECT", f, "project")
	v.text("GCE_ZONE_ID", f, "hostedZoneName")
	v.secret("GCE_SERVICE_ACCOUNT", f, "serviceAccountSecretRef")
	if _, static := v.solver.data["GCE_SERVICE_ACCOUNT"]; !static {
		v.ambient(f)
	}
}

func (v vendor) digitalOcean(f *fields) {
	v.provider("digitalocean")
	v.secret("DO_AUTH_TOKEN", f, "tokenSecretRef")
	v.secret("DO_AUTH_TOKEN", f, "token") // v1alpha2
}

// acmeDNS keeps its accounts in a file, in the format that cert-manager has in a Secret.
func (v vendor) acmeDNS(f *fields) {
	v.provider("acme-dns")
	v.text("ACME_DNS_API_BASE", f, "host")
	ref := f.sub("accountSecretRef")
	secret, key := ref.text("name"), ref.text("key")
	v.solver.data.put("ambient", "true")
	v.solver.data.put("ACME_DNS_STORAGE_PATH", "/acme-dns/"+key)
	f.lost(ref.at, "lego's provider acme-dns reads its accounts from a file: mount Secret %s/%s into wildcast's pod at /acme-dns", v.issuer.home, secret)
	if v.issuer.home != v.Home {
		f.lost(f.at, "only solvers of namespace %s may read files of wildcast's pod", v.Home)
	}
}

func (v vendor) akamai(f *fields) {
	v.provider("edgedns")
	v.text("AKAMAI_HOST", f, "serviceConsumerDomain")
	v.secret("AKAMAI_CLIENT_TOKEN", f, "clientTokenSecretRef")
	v.secret("AKAMAI_CLIENT_SECRET", f, "clientSecretSecretRef")
	v.secret("AKAMAI_ACCESS_TOKEN", f, "accessTokenSecretRef")
}

// algorithms are the names of TSIG's in DNS messages (RFC 8945 §6).
var algorithms = map[string]string{
	"": "hmac-md5.sig-alg.reg.int.", "HMACMD5": "hmac-md5.sig-alg.reg.int.",
	"HMACSHA1": "hmac-sha1.", "HMACSHA256": "hmac-sha256.", "HMACSHA512": "hmac-sha512.",
}

func (v vendor) rfc2136(f *fields) {
	v.provider("rfc2136")
	v.text("RFC2136_NAMESERVER", f, "nameserver")
	v.text("RFC2136_TSIG_KEY", f, "tsigKeyName")
	v.secret("RFC2136_TSIG_SECRET", f, "tsigSecretSecretRef")
	algorithm, known := algorithms[f.text("tsigAlgorithm")]
	if f.has("tsigKeyName") {
		v.solver.data.put("RFC2136_TSIG_ALGORITHM", algorithm)
	}
	if !known {
		f.lost(f.path("tsigAlgorithm"), "it is none of HMACMD5, HMACSHA1, HMACSHA256 and HMACSHA512")
	}
	if !strings.EqualFold(f.text("protocol"), "udp") && f.has("protocol") {
		f.lost(f.path("protocol"), "lego's provider rfc2136 speaks UDP first")
	}
}
