package syncer

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Syncer. Each carries the kind. Gauges are read from the state itself when they are scraped.
type metrics struct {
	lag   prometheus.Histogram
	drift *prometheus.CounterVec

	copies, sources, failing, waiting, reachable *prometheus.Desc
}

// state is what can be said of a copy, or of a target that lacks one: a value of the label state. Each counts once, for the
// first of them that holds.
type state string

const (
	// stateBlocked: an object that is not wildcast's stands where the copy should be.
	stateBlocked state = "blocked"
	// stateFailing: the last attempt to write the copy failed: it may be missing, or old.
	stateFailing state = "failing"
	// stateContested: the copy is there, and somebody goes on changing it. It is repaired less and less often.
	stateContested state = "contested"
	// stateBehind: the copy is there, and its source has changed, and the change has not arrived.
	stateBehind state = "behind"
	// stateSynced: the copy is there, and none of the others holds.
	stateSynced state = "synced"
)

// everyState are all of them, in that order.
var everyState = []state{stateBlocked, stateFailing, stateContested, stateBehind, stateSynced}

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
		copies:    prometheus.NewDesc("wildcast_sync_copies", "Copies that are there or should be, by state.", []string{"state", "context"}, kind),
		sources:   prometheus.NewDesc("wildcast_sync_sources", "Objects that are marked to be copied.", nil, kind),
		failing:   prometheus.NewDesc("wildcast_sync_targets_failing", "Targets that lack a copy, or have an old one, by reason.", []string{"reason", "context"}, kind),
		waiting:   prometheus.NewDesc("wildcast_sync_targets_waiting", "Targets that wait to be looked at.", []string{"context"}, kind),
		reachable: prometheus.NewDesc("wildcast_sync_context_reachable", "Whether the last list or watch in another cluster succeeded.", []string{"context"}, kind),
	}
}

// countRepair counts a repair.
func (k *keeper) countRepair(p plan) {
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
	gauge(ch, s.metrics.sources, s.index.count(func(ref) {}))
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

// collect tells of the copies in one cluster. The home cluster has an empty label context.
func (k *keeper) collect(ch chan<- prometheus.Metric) {
	context := k.policy.at.context
	troubles := k.troubles.reasons()
	states := k.states(troubles, time.Now())
	for _, in := range everyState {
		gauge(ch, k.metrics.copies, states[in], string(in), context)
	}
	gauge(ch, k.metrics.waiting, k.loop.Len(), context)
	reasons := map[string]int{}
	for _, reason := range troubles {
		reasons[reason]++
	}
	for reason, n := range reasons {
		gauge(ch, k.metrics.failing, n, reason, context)
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, n int, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
}

// states is how many copies are in each state.
func (k *keeper) states(troubles map[ref]string, now time.Time) map[state]int {
	states := map[state]int{}
	for _, reason := range troubles {
		if reason == ReasonTargetNotOurs {
			states[stateBlocked]++
		} else {
			states[stateFailing]++
		}
	}
	contested := k.contests.going(now)
	k.index.count(func(copy ref) {
		switch {
		case has(troubles, copy): // counted
		case has(contested, copy):
			states[stateContested]++
		case k.waves.awaited(copy):
			states[stateBehind]++
		default:
			states[stateSynced]++
		}
	})
	return states
}

func has[V any](m map[ref]V, at ref) bool { _, found := m[at]; return found }

// waves measure how long a change of a source takes to arrive at the last of its targets. A target counts as arrived
// once a look that began after the change has ended, also if that failed: what fails is counted elsewhere. One that somebody
// else's write overtook does not count.
type waves struct {
	changes atomic.Int64 // how many there have been, in which order looks and changes are told apart

	mu    sync.Mutex
	going map[ref]*wave // by source
	left  map[ref][]wait
}

type wave struct {
	began time.Time
	left  int // targets
}

// wait is what a target waits for: the last change of a source.
type wait struct {
	source ref
	change int64
}

// begin notes that a source has changed, which has targets. A wave that is still going is joined: its beginning counts.
func (w *waves) begin(source ref, targets []ref, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.going == nil {
		w.going, w.left = map[ref]*wave{}, map[ref][]wait{}
	}
	if w.going[source] == nil {
		w.going[source] = &wave{began: now}
	}
	last := wait{source, w.changes.Add(1)}
	for _, t := range targets {
		i := slices.IndexFunc(w.left[t], func(a wait) bool { return a.source == source })
		if i >= 0 {
			w.left[t][i] = last
			continue
		}
		w.left[t] = append(w.left[t], last)
		w.going[source].left++
	}
}

// awaited reports whether a wave has not arrived at a target.
func (w *waves) awaited(target ref) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return has(w.left, target)
}

// arrive notes the end of a look at a target which began after so many changes, and tells observe of each wave that has
// ended.
func (w *waves) arrive(target ref, changes int64, observe func(began time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []wait
	for _, a := range w.left[target] {
		if a.change > changes {
			left = append(left, a)
			continue
		}
		wave := w.going[a.source]
		wave.left--
		if wave.left == 0 {
			delete(w.going, a.source)
			observe(wave.began)
		}
	}
	if left == nil {
		delete(w.left, target)
	} else {
		w.left[target] = left
	}
}
