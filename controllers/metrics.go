package controllers

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
)

// metrics are what the loops count. What the caches can tell is computed when it is asked for, see Collect.
type metrics struct {
	orders      *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	nextAttempt *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wildcast_orders_total",
			Help: "Orders by issuer and result: issued, refused (by the CA), limited (the CA limits the rate or names a time), failed (before the CA decided).",
		}, []string{"issuer", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wildcast_order_duration_seconds",
			Help:    "How long orders that were issued took, DNS propagation included.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"issuer"}),
		nextAttempt: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wildcast_certificate_next_attempt_timestamp_seconds",
			Help: "When an order that failed is tried again. Absent for certificates that do not wait.",
		}, []string{"namespace", "name"}),
	}
}

// ordered counts an order.
func (m *metrics) ordered(issuer types.NamespacedName, err error, took time.Duration) {
	m.orders.WithLabelValues(issuer.String(), orderResult(err)).Inc()
	if err == nil {
		m.duration.WithLabelValues(issuer.String()).Observe(took.Seconds())
	}
}

func orderResult(err error) string {
	refusal, ok := errors.AsType[*acmeclient.Error](err)
	switch {
	case err == nil:
		return "issued"
	case ok && limited(refusal):
		return "limited"
	case ok && refusal.Reached:
		return "refused"
	}
	return "failed"
}

// next notes for when a certificate waits.
func (m *metrics) next(certificate types.NamespacedName, plan Plan) {
	if plan.Do != Wait {
		m.nextAttempt.DeleteLabelValues(certificate.Namespace, certificate.Name)
		return
	}
	m.nextAttempt.WithLabelValues(certificate.Namespace, certificate.Name).Set(float64(plan.At.Unix()))
}

var (
	descExpiry = prometheus.NewDesc("wildcast_certificate_expiration_timestamp_seconds",
		"When the certificate expires.", []string{"namespace", "name", "issuer"}, nil)
	descRenewal = prometheus.NewDesc("wildcast_certificate_renewal_timestamp_seconds",
		"When the certificate is due for renewal. Absent if nobody asks for it: then it is not renewed.", []string{"namespace", "name", "issuer"}, nil)
	descReady = prometheus.NewDesc("wildcast_certificate_ready",
		"1 if the certificate is valid now, 0 if it is asked for and is not.", []string{"namespace", "name", "issuer"}, nil)
	descBudget = prometheus.NewDesc("wildcast_ca_budget_left",
		"What is left of a CA's limits: orders (of an account), certificates-of-domain, certificates-of-set (of names), failures (of a name). Only where something was used.",
		[]string{"ca", "limit", "of"}, nil)
	descLimit = prometheus.NewDesc("wildcast_ca_budget_limit",
		"What a CA's limit allows, of which wildcast_ca_budget_left is left.", []string{"ca", "limit", "of"}, nil)
	descUnreadable = prometheus.NewDesc("wildcast_gateways_unreadable",
		"1 for each kind of Gateway, and namespace where each is watched by itself, that cannot be read now. Absent for others.",
		[]string{"resource", "namespace"}, nil)
	descCertManagerExpiry = prometheus.NewDesc("certmanager_certificate_expiration_timestamp_seconds",
		"When the certificate expires, under the name that cert-manager uses, so that alerts written for it go on working.",
		[]string{"namespace", "name", "issuer_name", "issuer_kind", "issuer_group"}, nil)
)

// Describe implements [prometheus.Collector].
func (c *Controller) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descExpiry, descRenewal, descReady, descCertManagerExpiry, descBudget, descLimit, descUnreadable} {
		out <- desc
	}
	c.metrics.orders.Describe(out)
	c.metrics.duration.Describe(out)
	c.metrics.nextAttempt.Describe(out)
}

// Collect implements [prometheus.Collector]. The state of certificates is read from the caches, so that it is never stale.
func (c *Controller) Collect(out chan<- prometheus.Metric) {
	c.metrics.orders.Collect(out)
	c.metrics.duration.Collect(out)
	c.metrics.nextAttempt.Collect(out)
	now := time.Now()
	c.ledger.left(now, func(ca, limit, of string, left, most int) {
		out <- gauge(descBudget, float64(left), ca, limit, LabelValue(of))
		out <- gauge(descLimit, float64(most), ca, limit, LabelValue(of))
	})
	for _, u := range c.caches.unreadGateways() {
		out <- gauge(descUnreadable, 1, u.Resource.String(), u.Namespace)
	}
	there := map[types.NamespacedName]bool{}
	for _, s := range c.caches.managed.all() {
		there[nameOf(s)] = true
		c.collectCertificate(s, now, out)
	}
	for _, name := range c.asks.certificatesFrom(func(types.NamespacedName) bool { return true }) {
		if asks := c.asks.forCertificate(name); !there[name] && len(asks) > 0 {
			out <- gauge(descReady, 0, name.Namespace, name.Name, asks[0].Issuer.String())
		}
	}
}

func (c *Controller) collectCertificate(s *corev1.Secret, now time.Time, out chan<- prometheus.Metric) {
	have := haveOf(s)
	if !have.isCertificate() {
		out <- gauge(descReady, 0, s.Namespace, s.Name, have.Issuer)
		return
	}
	ready := 0.0
	if now.After(have.NotBefore) && now.Before(have.NotAfter) {
		ready = 1
	}
	expiry := float64(have.NotAfter.Unix())
	out <- gauge(descReady, ready, s.Namespace, s.Name, have.Issuer)
	out <- gauge(descExpiry, expiry, s.Namespace, s.Name, have.Issuer)
	at, err := time.Parse(time.RFC3339, s.Annotations[AnnotationRenewAt])
	if asked := len(c.asks.forCertificate(nameOf(s))) > 0; asked && err == nil {
		out <- gauge(descRenewal, float64(at.Unix()), s.Namespace, s.Name, have.Issuer)
	}
	kind, issuer := "Issuer", parseName(have.Issuer)
	if issuer.Namespace == c.home {
		kind = "ClusterIssuer"
	}
	out <- gauge(descCertManagerExpiry, expiry, s.Namespace, s.Name, issuer.Name, kind, "wildcast.dev")
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
