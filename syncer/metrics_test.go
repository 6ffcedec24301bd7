package syncer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/controllers/loop"
)

// metric is the value of a gauge or counter, the number of observations of a histogram, or with _sum behind its name their
// sum, with that label's value.
func (w *world) metric(name, label string) float64 {
	w.settle()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.syncer)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			found := label == ""
			for _, l := range m.GetLabel() {
				found = found || l.GetValue() == label
			}
			if family.GetName()+"_sum" == name && found {
				return m.GetHistogram().GetSampleSum()
			}
			if family.GetName() == name && found {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// wantStates compares how many copies there are in each state, such as "2 synced, 1 failing".
func (w *world) wantStates(want string) {
	w.t.Helper()
	var got []string
	for _, state := range slices.Backward(everyState) {
		if n := w.metric("wildcast_sync_copies", string(state)); n != 0 {
			got = append(got, fmt.Sprint(n, " ", state))
		}
	}
	if got := strings.Join(got, ", "); got != want {
		w.t.Errorf("copies are %s, want %s", got, want)
	}
}

func TestMetrics(t *testing.T) {
	play(t, []scene{
		{"sources, copies and failing targets are counted", func(w *world) {
			w.put("blue/s")
			w.put("home/s", syncTo("team=web"))
			w.start()
			for name, want := range map[string]float64{"wildcast_sync_sources": 1, "wildcast_sync_targets_waiting": 0} {
				if got := w.metric(name, ""); got != want {
					w.t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if got := w.metric("wildcast_sync_targets_failing", ReasonTargetNotOurs); got != 1 {
				w.t.Error(got)
			}
			w.del("blue/s")
			if got := w.metric("wildcast_sync_targets_failing", ReasonTargetNotOurs); got != 0 {
				w.t.Error(got)
			}
		}},
		{"each copy is counted once, in the first state that holds", func(w *world) {
			w.put("blue/other")
			w.refuse = func(_ string, at ref) error {
				if at == place("red/other") {
					return quota(at)
				}
				return nil
			}
			w.put("home/s", syncTo("team=web"))
			w.put("home/other", syncTo("team=web"))
			w.start()
			w.wantStates("2 synced, 1 failing, 1 blocked")
			w.syncer.waves.begin(place("home/s"), []ref{place("blue/s"), place("home/s"), place("blue/other")}, time.Now())
			w.wantStates("1 synced, 1 behind, 1 failing, 1 blocked")
			w.edit("home/s", key("a", "9"))
			w.wantStates("2 synced, 1 failing, 1 blocked")
			w.rival(key("a", "theirs"), time.Minute)
			w.wantStates("1 synced, 1 contested, 1 failing, 1 blocked")
			w.del("home/other")
			w.wantStates("1 synced, 1 contested")
			time.Sleep(time.Hour)
			w.wantStates("2 synced")
		}},
		{"what others did to copies is counted, and what sources did is not", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/s", "a=9 b=2")
			if got := w.metric("wildcast_sync_drift_repaired_total", ""); got != 0 {
				w.t.Error(got)
			}
			w.edit("blue/s", key("a", "x"))
			w.edit("red/s", func(s *corev1.Secret) { delete(s.Labels, LabelOriginName) })
			w.del("blue/s")
			if changed, removed := w.metric("wildcast_sync_drift_repaired_total", "changed"), w.metric("wildcast_sync_drift_repaired_total", "removed"); changed != 2 || removed != 1 {
				w.t.Error(changed, removed)
			}
		}},
		{"a copy that somebody removed is counted though its repair fails at first", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			failed := false
			w.refuse = func(verb string, at ref) error {
				if verb == "create" && !failed {
					failed = true
					return apierrors.NewInternalError(errors.New("etcd is away"))
				}
				return nil
			}
			w.del("blue/s")
			time.Sleep(time.Minute)
			w.wantCopies("blue/s red/s")
			if removed := w.metric("wildcast_sync_drift_repaired_total", "removed"); !failed || removed != 1 {
				w.t.Error(failed, removed)
			}
		}},
		{"a change of a source is one observation of the lag", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			for range 3 {
				w.edit("home/s", key("a", time.Now().String()))
				w.settle()
			}
			if got := w.metric("wildcast_sync_lag_seconds", ""); got != 3 {
				w.t.Error(got)
			}
		}},
	})
}

// slow makes each update of a copy take so long.
func (w *world) slow(at ref, d time.Duration) {
	w.made = func(s *Syncer) {
		update := s.kind.update
		s.kind.update = func(ctx context.Context, c content) (metav1.ObjectMeta, error) {
			if c.meta.Namespace == at.Namespace && c.meta.Name == at.Name {
				time.Sleep(d)
			}
			return update(ctx, c)
		}
	}
}

// wantLag compares the observations of the lag, to the second.
func (w *world) wantLag(times int, sum time.Duration) {
	w.t.Helper()
	gotTimes, gotSum := w.metric("wildcast_sync_lag_seconds", ""), w.metric("wildcast_sync_lag_seconds_sum", "")
	if gotTimes != float64(times) || math.Round(gotSum) != sum.Seconds() {
		w.t.Errorf("%v lags of %v s in all, want %d of %s", gotTimes, gotSum, times, sum)
	}
}

// wantLagOvertaken has an update answered with that error once, and wants the lag to last until the copy is right.
func (w *world) wantLagOvertaken(answer func(name string) error) {
	w.t.Helper()
	w.put("home/s", syncTo("team=web"))
	w.start()
	overtaken := false
	w.refuse = func(verb string, at ref) error {
		if overtaken || verb != "update" || at != place("red/s") {
			return nil
		}
		overtaken = true
		return answer(at.Name)
	}
	w.edit("home/s", key("a", "8"))
	w.wantStates("1 synced, 1 behind")
	w.wantLag(0, 0)
	time.Sleep(soon)
	w.wantStates("2 synced")
	w.wantLag(1, soon)
}

func TestTheLagIsThatOfTheLastCopy(t *testing.T) {
	play(t, []scene{
		{"where one takes longer than the others", func(w *world) {
			w.slow(place("red/s"), 3*time.Second)
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("home/s", key("a", "8"))
			w.wantStates("1 synced, 1 behind")
			w.wantLag(0, 0)
			time.Sleep(3 * time.Second)
			w.wantStates("2 synced")
			w.wantLag(1, 3*time.Second)
		}},
		{"where a look that began before the change ends after it", func(w *world) {
			w.slow(place("red/s"), 3*time.Second)
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("red/s", key("a", "x"))
			time.Sleep(time.Second)
			w.edit("home/s", key("a", "8"))
			time.Sleep(3 * time.Second)
			w.wantStates("1 synced, 1 behind")
			w.wantLag(0, 0)
			time.Sleep(3 * time.Second)
			w.wantStates("2 synced")
			w.wantLag(1, 5*time.Second)
		}},
		{"where somebody else writes one first", func(w *world) {
			w.wantLagOvertaken(func(name string) error {
				return apierrors.NewConflict(secretsResource.GroupResource(), name, errors.New("modified"))
			})
		}},
		{"where somebody else deletes one first", func(w *world) {
			w.wantLagOvertaken(func(name string) error { return apierrors.NewNotFound(secretsResource.GroupResource(), name) })
		}},
		{"where the source changes again meanwhile", func(w *world) {
			w.slow(place("red/s"), 3*time.Second)
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("home/s", key("a", "8"))
			time.Sleep(time.Second)
			w.edit("home/s", key("a", "9"))
			time.Sleep(3 * time.Second)
			w.wantStates("1 synced, 1 behind")
			w.wantLag(0, 0)
			time.Sleep(3 * time.Second)
			w.wantStates("2 synced")
			w.wantLag(1, 6*time.Second)
		}},
	})
}

func TestAStandbyOnlyWatches(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.start()
		w.syncer.leading.Store(false)
		w.put("home/s", syncTo("team=web"))
		w.namespace("new", "team=web")
		w.wantTook()
		if w.syncer.loop.Len() != 0 || len(w.syncer.waves.going) != 0 {
			t.Error("a standby queues work")
		}
	})
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for want, c := range map[string]Config{
		"kind":          {Kind: "Pod"},
		"cluster name":  {Kind: Secrets, ClusterName: "a b"},
		"copy metadata": {Kind: Secrets, CopyMetadata: "some"},
		"delete grace":  {Kind: ConfigMaps, DeleteGrace: -1},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWhatIsSaidHourlyIsForgottenAfterAnHour(t *testing.T) {
	var h hourly[int]
	now := time.Now()
	for i := range 100 {
		if !h.due(i, now) || h.due(i, now.Add(time.Hour-1)) {
			t.Error(i)
		}
		now = now.Add(time.Hour)
	}
	if len(h.said) != 1 {
		t.Error(h.said)
	}
}

func TestNotesAreShortEnough(t *testing.T) {
	r := &recorder{}
	s := &keeper{events: r}
	s.say(corev1.EventTypeWarning, "Copy", saying{note: strings.Repeat("é", 1000)})
	if note := r.events[0].note; len(note) > 1000 || !strings.HasPrefix(note, "éé") || strings.ContainsRune(note, '�') {
		t.Error(len(note))
	}
}

func BenchmarkScrapeWithTenThousandCopiesWhoseThousandSourcesHaveChanged(b *testing.B) {
	index := newIndex(scope{}, func(ref, *object, *object) {}, func(string) {})
	s := &Syncer{keeper: keeper{metrics: newMetrics(Secrets), index: index, loop: loop.New[ref]("bench", nil, loop.Options{})}}
	var copies []ref
	for i := range 10_000 {
		at := fmt.Sprintf("n%d/s", i)
		index.put(readObject(copyMeta(at, "1", 1).ObjectMeta, scope{}))
		copies = append(copies, place(at))
	}
	for i := range 1000 {
		s.waves.begin(place(fmt.Sprintf("home/s%d", i)), copies[10*i:10*i+10], time.Now())
	}
	got := make(chan prometheus.Metric, 100)
	for b.Loop() {
		s.Collect(got)
		for len(got) > 0 {
			<-got
		}
	}
}
