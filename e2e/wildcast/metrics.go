package wildcast

import (
	"context"
	"fmt"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics is what a process served at one moment, by name.
type Metrics map[string]*dto.MetricFamily

// Metrics reads the process's metrics endpoint.
func (p *Process) Metrics(ctx context.Context) (Metrics, error) {
	body, err := get(ctx, "http://"+p.metrics+"/metrics")
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w", err)
	}
	return families, nil
}

// Values returns those of the series of a name that have all these labels: name, value, name, value... Of a
// histogram or summary it is how many observations there were.
func (m Metrics) Values(name string, labels ...string) (values []float64) {
	for _, series := range m[name].GetMetric() {
		if has(series, labels) {
			values = append(values, value(series))
		}
	}
	return values
}

// Sum adds up Values. A name or label that nothing has sums up to 0.
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for _, v := range m.Values(name, labels...) {
		sum += v
	}
	return sum
}

func has(series *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if label(series, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

func label(series *dto.Metric, name string) string {
	for _, pair := range series.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

// value reads the one kind that the series is of; the getters of the others return 0.
func value(series *dto.Metric) float64 {
	return series.GetCounter().GetValue() + series.GetGauge().GetValue() + series.GetUntyped().GetValue() +
		float64(series.GetHistogram().GetSampleCount()) + float64(series.GetSummary().GetSampleCount())
}
