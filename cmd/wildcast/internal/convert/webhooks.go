package convert

import (
	"regexp"
	"strings"
)

// hook is a webhook for a DNS vendor that people use with cert-manager. Each has keys of its own for the same things, and
// some have the same key for different things, so that the first pair counts of which both keys are there.
type hook struct {
	solverNames []string // what its solverName begins with; groupName is everybody's own choice
	provider    string
	id, secret  string // lego's names
	pairs       [][2]string
	region, ttl string // lego's names
}

var hooks = []hook{
	{[]string{"alidns"}, "alidns", "ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", [][2]string{
		{"accessTokenSecretRef", "secretKeySecretRef"}, {"accessKeySecretRef", "secretKeySecretRef"}, {"accessKeyIdRef", "accessKeySecretRef"},
		{"accessKeyIDRef", "accessKeySecretRef"}, {"accessKeyRef", "secretKeyRef"},
	}, "ALICLOUD_REGION_ID", "ALICLOUD_TTL"},
	{[]string{"dnspod", "tencent"}, "tencentcloud", "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", [][2]string{
		{"secretIdRef", "secretKeyRef"}, {"secretId", "secretKeyRef"}, {"secretIdSecretRef", "secretKeySecretRef"}, {"accessKeyRef", "secretKeyRef"},
		{"accessKeyIDRef", "accessKeySecretRef"}, {"secretId", "secretKey"},
	}, "TENCENTCLOUD_REGION", "TENCENTCLOUD_TTL"},
	{[]string{"huawei"}, "huaweicloud", "HUAWEICLOUD_ACCESS_KEY_ID", "HUAWEICLOUD_SECRET_ACCESS_KEY", [][2]string{
		{"accessKeyRef", "secretKeyRef"}, {"akSecretRef", "skSecretRef"}, {"accessKeySecretRef", "secretKeySecretRef"},
		{"accessKeyIDRef", "accessKeySecretRef"}, {"AK", "SK"}, {"appKey", "appSecret"},
	}, "HUAWEICLOUD_REGION", "HUAWEICLOUD_TTL"},
}

func (v vendor) webhook(f *fields) {
	name := strings.ToLower(f.text("solverName"))
	group, config := f.text("groupName"), f.sub("config")
	for _, h := range hooks {
		for _, prefix := range h.solverNames {
			if strings.HasPrefix(name, prefix) && (v.hook(h, config) || v.dnspod(config)) {
				return
			}
		}
	}
	config.skip(keysOf(config.all)...)
	f.lost(f.at, "wildcast does not know which of lego's vendors the webhook %s of %s is for; make a solver Secret for it", name, group)
}

// hook reads the configuration of a webhook, if it has a pair of credentials.
func (v vendor) hook(h hook, config *fields) bool {
	for _, pair := range h.pairs {
		if !config.has(pair[0]) || !config.has(pair[1]) {
			continue
		}
		v.provider(h.provider)
		v.credential(h.id, config, pair[0])
		v.credential(h.secret, config, pair[1])
		v.text(h.ttl, config, "ttl")
		for _, key := range []string{"region", "regionId"} {
			v.text(h.region, config, key)
		}
		if line := config.text("recordLine"); line != "" {
			config.lost(config.path("recordLine"), "the record is for all lines")
		}
		return true
	}
	return false
}

// credential is a reference, or the text itself.
func (v vendor) credential(name string, config *fields, key string) {
	if _, isRef := config.all[key].(map[string]any); isRef {
		v.secret(name, config, key)
		return
	}
	v.text(name, config, key)
}

// number matches the IDs of DNSPod's tokens.
var number = regexp.MustCompile(`^[0-9]+$`)

// dnspod reads a token of DNSPod's own, which lego wants in one text with its number.
func (v vendor) dnspod(config *fields) bool {
	if !number.MatchString(config.text("apiID")) || !config.has("apiTokenSecretRef") {
		return false
	}
	v.provider("dnspod")
	v.text("DNSPOD_TTL", config, "ttl")
	v.secret("DNSPOD_API_KEY", config, "apiTokenSecretRef")
	before := config.text("apiID") + ","
	token := v.solver.data["DNSPOD_API_KEY"]
	token.text = before + token.text
	if token.fill != nil {
		token.fill.before = before
	}
	v.solver.data["DNSPOD_API_KEY"] = token
	return true
}
