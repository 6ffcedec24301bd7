package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

// The three changes that fan out, in the order in which a round makes them.
var changes = []string{"create", "update", "delete"}

// fanout is a Secret and its copies in many namespaces, and then another, and so on.
type fanout struct {
	*world
	name    string // begins those of sources, and is the value of the label that their namespaces have
	targets fields
	turns   int // of each side
	steps   int // fan-outs in a turn, one after the other
	rates   map[string]*rates
	cpu     map[string]spent
	model   *corev1.Secret // a copy that wildcast made: the bare loop writes the same
}

// rates are the copies a second of each turn of one change.
type rates struct{ ours, theirs []float64 }

func (r rates) ratios() []float64 {
	all := make([]float64, len(r.ours))
	for i := range all {
		all[i] = r.ours[i] / r.theirs[i]
	}
	return all
}

// spent is the CPU time of all turns of one change.
type spent struct{ ours, theirs cpuTimes }

// measureCopies measures how fast a change of a source reaches its copies, and what it costs.
func measureCopies(ctx context.Context, w *world) error {
	for _, n := range w.namespaces {
		if err := w.measureFanout(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) measureFanout(ctx context.Context, n int) error {
	name := fmt.Sprintf("fan-%d", n)
	targets, err := w.plant(ctx, name, n, map[string]string{"bench": name})
	if err != nil {
		return err
	}
	f := &fanout{world: w, name: name, targets: targets, turns: w.turns(n), steps: w.steps(n), rates: map[string]*rates{}, cpu: map[string]spent{}}
	for _, change := range changes {
		f.rates[change], f.cpu[change] = &rates{}, spent{cpuTimes{}, cpuTimes{}}
	}
	if err := f.fetchModel(ctx); err != nil {
		return err
	}
	began := time.Now()
	for round := range f.turns {
		if err := f.round(ctx, round); err != nil {
			return err
		}
	}
	for _, change := range changes {
		r := f.rates[change]
		w.report.atLeast(0.9, "ratio", fmt.Sprintf("copies-%s-%d", change, n), overall(r.ours)/overall(r.theirs))
		w.report.remark("%.0f copies a second; ratios of turns %.2f, their standard error %.2f", overall(r.ours), r.ratios(), standardError(r.ratios()))
		f.report.remark("CPU time of a copy in ms, wildcast / bare loop: %s", f.cpu[change].ours.compare(f.cpu[change].theirs, f.turns*f.steps*n))
	}
	return f.requests(ctx, began)
}

// turns are fewer where one takes long. The rest of the machine is never quiet: of the same work, one turn took up to 1.7 times the CPU
// time of another.
func (w *world) turns(n int) int {
	if n <= whole {
		return 2 * w.rounds
	}
	return w.rounds
}

// whole is how many writes there are at least in a turn that says something: the machine's speed changes within a second, and the ratios of
// turns of a second were between 0.7 and 1.3.
const whole = 5000

// steps are as many fan-outs as make a turn.
func (w *world) steps(n int) int {
	if w.quick {
		return 1
	}
	return (whole + n - 1) / n
}

// fetchModel has wildcast make one copy.
func (f *fanout) fetchModel(ctx context.Context) error {
	p, err := f.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := f.mark(ctx, "model", "kubernetes.io/metadata.name="+f.targets[0]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = stage.Until(ctx, func() (err error) {
		f.model, err = f.admin.CoreV1().Secrets(f.targets[0]).Get(ctx, "model", metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return f.admin.CoreV1().Secrets(stage.Home).Delete(ctx, "model", metav1.DeleteOptions{})
}

// mark makes a source.
func (f *fanout) mark(ctx context.Context, name, selector string) error {
	source, err := newSource(name, selector)
	if err != nil {
		return err
	}
	_, err = f.admin.CoreV1().Secrets(stage.Home).Create(ctx, source, metav1.CreateOptions{})
	return err
}

// newSource is a source that nobody has made yet.
func newSource(name, selector string) (*corev1.Secret, error) {
	data, err := pair()
	return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{
		Namespace: stage.Home, Name: name, Annotations: map[string]string{"wildcast.dev/sync": selector}}}, err
}

// round lets both sides create, update and delete. A machine's speed changes within seconds: of each change the two
// follow one another at once, and who begins alternates from change to change and from round to round.
func (f *fanout) round(ctx context.Context, round int) error {
	names := make([]string, f.steps)
	bares := make([]*bareLoop, f.steps)
	for i := range f.steps {
		names[i] = fmt.Sprintf("%s-%d-%d", f.name, round, i)
		var err error
		if bares[i], err = f.bareLoop("bare-" + names[i]); err != nil {
			return err
		}
	}
	for i, change := range changes {
		var ours, theirs float64
		turns := []func() error{
			func() (err error) { ours, err = f.wildcastTurn(ctx, change, names); return err },
			func() (err error) { theirs, err = f.bareTurn(ctx, change, bares); return err },
		}
		for j := range turns {
			if err := turns[(round+i+j)%2](); err != nil {
				return err
			}
		}
		r := f.rates[change]
		r.ours, r.theirs = append(r.ours, ours), append(r.theirs, theirs)
	}
	for _, name := range names {
		if err := f.admin.CoreV1().Secrets(stage.Home).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// step is one change that fans out.
type step struct {
	name  string                      // of the copies
	begin func(context.Context) error // prepares nothing
}

// wildcastTurn changes sources and waits for wildcast's writes. It runs meanwhile only.
func (f *fanout) wildcastTurn(ctx context.Context, change string, names []string) (rate float64, err error) {
	p, err := f.run(ctx)
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	steps := make([]step, len(names))
	for i, name := range names {
		begin, err := f.prepare(ctx, change, name)
		if err != nil {
			return 0, err
		}
		steps[i] = step{name, begin}
	}
	return f.rate(ctx, change, ours, f.cpu[change].ours, steps)
}

// prepare gives the one request that makes, changes or unmarks the source.
func (f *fanout) prepare(ctx context.Context, change, name string) (begin func(context.Context) error, err error) {
	secrets := f.admin.CoreV1().Secrets(stage.Home)
	if change == "create" {
		source, err := newSource(name, "bench="+f.name)
		return func(ctx context.Context) error {
			_, err := secrets.Create(ctx, source, metav1.CreateOptions{})
			return err
		}, err
	}
	source, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if change == "delete" {
		source.Annotations["wildcast.dev/sync"] = "false"
	} else if source.Data, err = pair(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := secrets.Update(ctx, source, metav1.UpdateOptions{})
		return err
	}, nil
}

// bareLoop does the same writes with nothing around them.
type bareLoop struct {
	name   string
	writes map[string]func(ctx context.Context, i int) error
}

func (f *fanout) bareLoop(name string) (*bareLoop, error) {
	next, err := pair()
	if err != nil {
		return nil, err
	}
	made := make([]*corev1.Secret, len(f.targets))
	return &bareLoop{name, map[string]func(ctx context.Context, i int) error{
		"create": func(ctx context.Context, i int) (err error) {
			made[i], err = f.bare.CoreV1().Secrets(f.targets[i]).Create(ctx, f.twin(name), metav1.CreateOptions{})
			return err
		},
		"update": func(ctx context.Context, i int) error {
			made[i].Data = next
			_, err := f.bare.CoreV1().Secrets(f.targets[i]).Update(ctx, made[i], metav1.UpdateOptions{})
			return err
		},
		"delete": func(ctx context.Context, i int) error {
			return f.bare.CoreV1().Secrets(f.targets[i]).Delete(ctx, name, metav1.DeleteOptions{})
		},
	}}, nil
}

func (f *fanout) bareTurn(ctx context.Context, change string, loops []*bareLoop) (rate float64, err error) {
	steps := make([]step, len(loops))
	for i, b := range loops {
		steps[i] = step{b.name, func(ctx context.Context) error {
			return each(len(f.targets), f.workers, func(i int) error { return b.writes[change](ctx, i) })
		}}
	}
	return f.rate(ctx, change, bares, f.cpu[change].theirs, steps)
}

// twin is the model with annotations and labels that are not wildcast's, so that it does not take it for its copy.
func (f *fanout) twin(name string) *corev1.Secret {
	foreign := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for key, value := range m {
			out[strings.Replace(key, "wildcast.dev/", "barecast.dev/", 1)] = value
		}
		return out
	}
	return &corev1.Secret{Type: f.model.Type, Data: f.model.Data, ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: foreign(f.model.Labels), Annotations: foreign(f.model.Annotations)}}
}

// rate is how many writes a second there were in the steps of a turn. The CPU time of all of it is added to cpu.
func (f *fanout) rate(ctx context.Context, change string, who match, cpu cpuTimes, steps []step) (rate float64, err error) {
	if err := f.collect(ctx); err != nil {
		return 0, fmt.Errorf("collect the API server's garbage: %w", err)
	}
	before, err := cpuNow()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, s := range steps {
		took, err := f.time(ctx, change, who, s)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", change, s.name, err)
		}
		sum += took
	}
	after, err := cpuNow()
	cpu.add(before, after)
	return float64(len(steps)*len(f.targets)) / sum.Seconds(), err
}

// time is from just before a step begins to the last write's answer. The requests are counted meanwhile on either side, since
// that takes time too.
func (f *fanout) time(ctx context.Context, change string, who match, s step) (took time.Duration, err error) {
	elsewhere := func(r cluster.Request) bool { return r.Namespace != stage.Home }
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	g.Go(func() error { return s.begin(ctx) })
	g.Go(func() error {
		last, err := f.await(ctx, start, len(f.targets), done(change, s.name).and(who).and(elsewhere))
		took = last.Sub(start)
		return err
	})
	err = g.Wait()
	return took, err
}

// requests prints what wildcast's turns have cost.
func (f *fanout) requests(ctx context.Context, since time.Time) error {
	fan := func(r cluster.Request) bool { return strings.HasPrefix(r.Name, f.name+"-") && r.Resource == "secrets" }
	written, err := f.count(since, match(ours).and(fan).and(writes))
	if err != nil {
		return err
	}
	seen, err := f.count(since, match(ours).and(fan).and(reads).and(func(r cluster.Request) bool { return r.Namespace != stage.Home }))
	if err != nil {
		return err
	}
	sources, err := f.count(since, match(ours).and(fan).and(reads).and(func(r cluster.Request) bool { return r.Namespace == stage.Home }))
	if err != nil {
		return err
	}
	n := float64(len(changes) * f.turns * f.steps * len(f.targets))
	f.report.atMost(1, "requests", fmt.Sprintf("copies-writes-per-copy-%d", len(f.targets)), float64(written)/n)
	f.report.atMost(0, "requests", fmt.Sprintf("copies-reads-of-copies-%d", len(f.targets)), float64(seen))
	// A source has three states in a round, and the last, unmarked one need not be read.
	f.report.atMost(1, "requests", fmt.Sprintf("copies-reads-per-state-of-source-%d", len(f.targets)), float64(sources)/float64(2*f.turns*f.steps))
	return nil
}
