package convert_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/convert"
)

// neutral are fields that say what holds without them, given with the value for which it is so.
var neutral = []string{
	"spec.issuerRef.group=cert-manager.io",
	"spec.issuerRef.kind=Issuer",
	"spec.isCA=false",
	"spec.privateKey.rotationPolicy=Always",
	"spec.privateKey.encoding=PKCS8",
	"spec.privateKey.size=256", // of ECDSA keys
	"spec.keyEncoding=pkcs8",
	"spec.acme.preferredChain=",
	"spec.acme.enableDurationFeature=true", // where no Certificate has a duration
	"spec.acme.externalAccountBinding.keyAlgorithm=HS256",
	"spec.acme.disableAccountKeyGeneration=true",                      // a key that is there is taken
	"spec.acme.config[0].domains[0]=www.example.com",                  // of a challenge with pages
	"spec.acme.solvers[19].selector.dnsZones[0]=unknown-webhook.test", // of solvers that are not carried over
	"spec.acme.solvers[20].selector.dnsZones[0]=unknown-vendor.test",
	"dns01.cloudflare.email=a@example.com", // nobody needs it with a token
	"dns01.cnameStrategy=None",
	"webhook.groupName=acme.example.com", // solverName tells the vendor
	"webhook.config.recordLine=",
	"webhook.config.region=",
	"auth.tokenSecretRef.key=token",
	"auth.appRole.secretRef.key=secretId",
	"auth.appRole.path=approle",
}

// TestNoFieldIsDroppedInSilence leaves out one field after the other: without it either something else comes out, or
// something else is said.
func TestNoFieldIsDroppedInSilence(t *testing.T) {
	fields := 0
	for _, s := range scenarios(t) {
		objects := inputs(t, s.Archive)
		for i, o := range objects {
			if group := fmt.Sprint(o.Content["apiVersion"]); !strings.Contains(group, "cert-manager.io/v") && !strings.Contains(group, "certmanager.k8s.io/") || !asks(o) {
				continue
			}
			walk(o.Content["spec"], "spec", func(path string, value any, without func(any) any) {
				fields++
				name := fmt.Sprint(o.Content["metadata"].(map[string]any)["name"])
				if lost(s.result, name, path) || meansNothing(path, value) {
					return
				}
				changed := runtime.DeepCopyJSON(o.Content)
				changed["spec"] = without(changed["spec"])
				others := append([]convert.Object{}, objects...)
				others[i] = convert.Object{File: o.File, Content: changed}
				if text(t, s.result) == text(t, convert.Convert(others, options(string(s.Comment)))) {
					t.Errorf("%s: nothing tells that %s of %s is %v", filepath.Base(s.path), path, name, value)
				}
			})
		}
	}
	if fields < 300 {
		t.Errorf("just %d fields", fields)
	}
}

// asks reports whether the object is one that is converted field by field: others are refused as a whole.
func asks(o convert.Object) bool {
	kind, meta := o.Content["kind"], o.Content["metadata"].(map[string]any)
	spec, _ := o.Content["spec"].(map[string]any)
	refused := meta["ownerReferences"] != nil || spec["isCA"] == true || meta["name"] == "not-possible" || meta["name"] == "external"
	return kind == "ClusterIssuer" || kind == "Issuer" || kind == "Certificate" && !refused
}

func meansNothing(path string, value any) bool {
	return slices.ContainsFunc(neutral, func(n string) bool { return strings.HasSuffix(path+"="+fmt.Sprint(value), n) })
}

// lost reports whether a remark says that the field, or what it is in, was not carried over.
func lost(r convert.Result, object, path string) bool {
	return slices.ContainsFunc(r.Remarks, func(r convert.Remark) bool {
		return r.Lost && strings.HasSuffix(r.Object, object) && r.Path != "" && strings.HasPrefix(path, r.Path)
	})
}

// walk visits each scalar, with a function that gives a copy of the whole without it.
func walk(value any, path string, visit func(path string, value any, without func(any) any)) {
	walkIn(value, path, nil, visit)
}

func walkIn(value any, path string, keys []string, visit func(string, any, func(any) any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			walkIn(below, path+"."+key, append(keys[:len(keys):len(keys)], key), visit)
		}
	case []any:
		for i, below := range v {
			walkIn(below, fmt.Sprintf("%s[%d]", path, i), append(keys[:len(keys):len(keys)], strconv.Itoa(i)), visit)
		}
	default:
		visit(path, value, func(whole any) any { return remove(whole, keys) })
	}
}

func remove(from any, keys []string) any {
	switch v := from.(type) {
	case map[string]any:
		if len(keys) == 1 {
			delete(v, keys[0])
		} else {
			v[keys[0]] = remove(v[keys[0]], keys[1:])
		}
	case []any:
		i, _ := strconv.Atoi(keys[0])
		if len(keys) == 1 {
			return append(v[:i], v[i+1:]...)
		}
		v[i] = remove(v[i], keys[1:])
	}
	return from
}

// text is all that comes of a conversion.
func text(t *testing.T, r convert.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
