package report

import (
	"bytes"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func shownInPrometheus(t *testing.T, doc []byte) []shown {
	families := exposition(t, doc)
	var list []shown
	for _, m := range families["memsweep_finding"].GetMetric() {
		l := labels(m)
		list = append(list, shown{l["id"], l["ip"], l["verdict"], l["severity"]})
	}
	counted := 0.0
	for _, m := range families["memsweep_findings"].GetMetric() {
		counted += m.GetGauge().GetValue()
	}
	if int(counted) != len(list) {
		t.Errorf("%v findings counted, %d listed", counted, len(list))
	}
	return list
}

func exposition(t *testing.T, doc []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return families
}

func labels(m *dto.Metric) map[string]string {
	l := map[string]string{}
	for _, pair := range m.GetLabel() {
		l[pair.GetName()] = pair.GetValue()
	}
	return l
}

// TestPrometheusSaysNothingItDoesNotKnow: no sample stands for what was not
// measured, and every metric is explained.
func TestPrometheusSaysNothingItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, x := range everything() {
		for name, family := range exposition(t, x.write(t, "prometheus", Options{})) {
			if family.GetHelp() == "" || family.GetType() != dto.MetricType_GAUGE {
				t.Errorf("%s: help %q, type %s", name, family.GetHelp(), family.GetType())
			}
		}
	}
	x := nothing()
	x.summary = cutOff()
	families := exposition(t, x.write(t, "prometheus", Options{}))
	for _, name := range []string{"memsweep_endpoints", "memsweep_endpoints_planned", "memsweep_sweep_finished_timestamp_seconds"} {
		if families[name] != nil {
			t.Errorf("%s of a sweep that does not say: %v", name, families[name])
		}
	}
}
