package wildcast

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

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

// Sum adds up the series of a name that have all these labels: name, value, name, value... Of a histogram
// or summary it counts the observations. A name or label that nothing has sums up to 0.
func (m Metrics) Sum(name string, labels ...string) float64 {
	var sum float64
	for _, series := range m[name].GetMetric() {
		if has(series, labels) {
			sum += value(series)
		}
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

// RSS returns the process's resident memory in bytes, as Linux tells it (VmRSS in proc(5)). Its DNS
// children are not part of it.
func (p *Process) RSS() (int64, error) { return p.memory("VmRSS:") }

// PeakRSS returns the most that RSS has been (VmHWM in proc(5)).
func (p *Process) PeakRSS() (int64, error) { return p.memory("VmHWM:") }

func (p *Process) memory(line string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("read memory of wildcast: %w", err)
	}
	for l := range strings.Lines(string(text)) {
		fields := strings.Fields(l)
		if len(fields) == 3 && fields[0] == line {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("read memory of wildcast: process %d has no line %s", p.PID(), line)
}
