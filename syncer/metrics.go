package syncer

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Syncer. Each carries the kind. Gauges are read from the state itself when they are scraped.
type metrics struct {
	lag   prometheus.Histogram
	drift *prometheus.CounterVec

	copies, sources, failing, waiting, reachable *prometheus.Desc
}

func newMetrics(of Kind) metrics {
	kind := prometheus.Labels{"kind": string(of)}
	return metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "wildcast_sync_lag_seconds", Help: "Time from the change of a source to the end of work on the last of its copies.",
			ConstLabels: kind, Buckets: prometheus.ExponentialBuckets(0.005, 2, 16),
		}),
		drift: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wildcast_sync_drift_repaired_total", Help: "Copies restored after somebody changed or removed them.", ConstLabels: kind,
		}, []string{"drift", "context"}),
		copies:    prometheus.NewDesc("wildcast_sync_copies", "Copies that exist.", []string{"context"}, kind),
		sources:   prometheus.NewDesc("wildcast_sync_sources", "Objects that are marked to be copied.", nil, kind),
		failing:   prometheus.NewDesc("wildcast_sync_targets_failing", "Targets that lack a copy, or have an old one, by reason.", []string{"reason", "context"}, kind),
		waiting:   prometheus.NewDesc("wildcast_sync_targets_waiting", "Targets that wait to be looked at.", []string{"context"}, kind),
		reachable: prometheus.NewDesc("wildcast_sync_context_reachable", "Whether the last list or watch in another cluster succeeded.", []string{"context"}, kind),
	}
}

// count counts a repair.
func (k *keeper) count(p plan) {
	drift := "changed"
	if p.verb == create {
		drift = "removed"
	}
	k.metrics.drift.WithLabelValues(drift, k.policy.at.context).Inc()
}

func (k *keeper) observeLag(began time.Time) { k.metrics.lag.Observe(time.Since(began).Seconds()) }

// Describe implements prometheus.Collector.
func (s *Syncer) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.metrics.copies, s.metrics.sources, s.metrics.failing, s.metrics.waiting, s.metrics.reachable} {
		ch <- d
	}
	s.metrics.lag.Describe(ch)
	s.metrics.drift.Describe(ch)
}

// Collect implements prometheus.Collector.
func (s *Syncer) Collect(ch chan<- prometheus.Metric) {
	sources, _ := s.index.count()
	gauge(ch, s.metrics.sources, sources)
	s.collect(ch)
	for _, r := range s.contexts.list() {
		r.collect(ch)
		reachable := 0
		if failure, heard := r.reached(); heard && failure == nil {
			reachable = 1
		}
		gauge(ch, s.metrics.reachable, reachable, r.policy.at.context)
	}
	s.metrics.lag.Collect(ch)
	s.metrics.drift.Collect(ch)
}

// collect tells of the copies in one cluster. The home cluster has no label context.
func (k *keeper) collect(ch chan<- prometheus.Metric) {
	context := k.policy.at.context
	_, copies := k.index.count()
	gauge(ch, k.metrics.copies, copies, context)
	gauge(ch, k.metrics.waiting, k.loop.Len(), context)
	for reason, n := range k.troubles.count() {
		gauge(ch, k.metrics.failing, n, reason, context)
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, n int, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
}

// waves measure how long a change of a source takes to arrive at the last of its targets. A target counts as arrived
// once it has been looked at, also if that failed: what fails is counted elsewhere.
type waves struct {
	mu    sync.Mutex
	going map[ref]*wave // by source
}

type wave struct {
	began time.Time
	left  map[ref]struct{}
}

// begin notes that a source has changed. A wave that is still going is joined: its beginning counts.
func (w *waves) begin(source ref, targets []ref, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.going == nil {
		w.going = map[ref]*wave{}
	}
	if w.going[source] == nil {
		w.going[source] = &wave{began: now, left: map[ref]struct{}{}}
	}
	for _, t := range targets {
		w.going[source].left[t] = struct{}{}
	}
}

// arrive notes that a target has been looked at, and tells observe of each wave that has ended.
func (w *waves) arrive(target ref, observe func(began time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for source, wave := range w.going {
		delete(wave.left, target)
		if len(wave.left) == 0 {
			delete(w.going, source)
			observe(wave.began)
		}
	}
}
