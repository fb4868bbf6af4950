package component

import (
	"context"
	"fmt"
	"io"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// prometheusText reads any page in Prometheus' text format. Every metric without labels becomes a gauge or a counter under its own
// name; metrics with labels are summed over their labels.
type prometheusText struct{}

func (prometheusText) DefaultPort() uint16 { return 9090 }

func (prometheusText) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return get(ctx, dial, target, "/metrics", func(in io.Reader) (Reading, error) {
		families, err := parsePrometheus(in)
		if err != nil {
			return Reading{}, err
		}
		r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
		for name, f := range families {
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				r.Counters[name] = total(f)
			case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
				r.Gauges[name] = total(f)
			case dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY, dto.MetricType_GAUGE_HISTOGRAM:
				r.Counters[name+"_count"] = total(f)
			}
		}
		return r, nil
	})
}

func parsePrometheus(in io.Reader) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(in)
	if err != nil {
		return nil, fmt.Errorf("prometheus text: %w", err)
	}
	return families, nil
}

// total sums a family over its labels; of a histogram or summary it sums the counts.
func total(f *dto.MetricFamily) float64 {
	var sum float64
	for _, m := range f.GetMetric() {
		switch {
		case m.Counter != nil:
			sum += m.Counter.GetValue()
		case m.Gauge != nil:
			sum += m.Gauge.GetValue()
		case m.Untyped != nil:
			sum += m.Untyped.GetValue()
		case m.Histogram != nil:
			sum += float64(m.Histogram.GetSampleCount())
		case m.Summary != nil:
			sum += float64(m.Summary.GetSampleCount())
		}
	}
	return sum
}
