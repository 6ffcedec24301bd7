package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wildcast/wildcast/controllers"
)

// traits reads what else can be chosen.
func (w *wish) traits(spec *fields) {
	duration := spec.text("duration")
	switch {
	case duration != "" && !w.issuer.durations():
		w.lost("spec.duration", "%s, and cert-manager did not ask for it either without enableDurationFeature", byCA)
	default:
		w.put("duration", duration)
	}
	w.put("renewBefore", spec.text("renewBefore"))
	w.percentage(spec, duration)
	key := spec.sub("privateKey")
	w.put("keyType", w.keyType("spec.privateKey", cmp.Or(key.text("algorithm"), spec.text("keyAlgorithm")), cmp.Or(key.text("size"), spec.text("keySize"))))
	w.rotation("spec.privateKey.rotationPolicy", key.text("rotationPolicy"))
	w.encoding("spec.privateKey.encoding", key.text("encoding"))
	w.encoding("spec.keyEncoding", spec.text("keyEncoding"))
	w.usages(spec)
	w.subject(spec)
	spec.drop("Secrets have tls.crt and tls.key, and ca.crt if the issuer has one", "keystores", "additionalOutputFormats")
	spec.drop("wildcast keeps the last order, not a history", "revisionHistoryLimit")
}

// percentage is of the duration, which is 90 days unless it is said.
func (w *wish) percentage(spec *fields, duration string) {
	percent := spec.text("renewBeforePercentage")
	if percent == "" {
		return
	}
	lifetime := 90 * 24 * time.Hour
	if d, err := time.ParseDuration(duration); err == nil && w.issuer.durations() {
		lifetime = d
	}
	var n int
	if _, err := fmt.Sscan(percent, &n); err != nil || n < 1 || n > 99 {
		w.lost("spec.renewBeforePercentage", "it is no number between 1 and 99")
		return
	}
	w.put("renewBefore", (lifetime * time.Duration(n) / 100).Round(time.Minute).String())
	w.note("spec.renewBeforePercentage", "renewBefore is %d %% of %s", n, lifetime)
}

// usages are cert-manager's names of them, which are wildcast's too.
func (w *wish) usages(spec *fields) {
	switch {
	case w.issuer.acme():
		spec.drop(byCA, "usages")
		return
	case w.issuer.issuer.kind == controllers.KindVault:
		spec.drop("Vault's role decides this", "usages")
		return
	}
	w.put("usages", strings.Join(spec.list("usages"), ", "))
}

// attributes are those of a subject, under cert-manager's names and those of RFC 4514.
var attributes = [][2]string{
	{"organizations", "O"}, {"organizationalUnits", "OU"}, {"countries", "C"}, {"provinces", "ST"}, {"localities", "L"},
	{"streetAddresses", "STREET"}, {"postalCodes", "POSTALCODE"},
}

func (w *wish) subject(spec *fields) {
	subject := spec.sub("subject")
	switch {
	case w.issuer.acme():
		spec.drop(byCA, "organization")
		subject.drop(byCA, slices.Sorted(maps.Keys(subject.all))...)
		return
	case w.issuer.issuer.kind == controllers.KindVault:
		spec.drop("Vault's role decides this", "organization")
		subject.drop("Vault's role decides this", slices.Sorted(maps.Keys(subject.all))...)
		return
	}
	var parts []string
	add := func(name string, values []string) {
		for _, value := range values {
			parts = append(parts, name+"="+strings.ReplaceAll(value, ",", `\,`))
		}
	}
	add("O", spec.list("organization")) // before there was a subject
	for _, a := range attributes {
		add(a[1], subject.list(a[0]))
	}
	w.put("subject", strings.Join(parts, ","))
}
