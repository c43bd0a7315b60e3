package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// promWriter writes a file for node_exporter's textfile collector, in the text
// exposition format 0.0.4. Every sample carries the vantage, so that the files
// of several vantages can lie side by side. What was not measured has no sample.
type promWriter struct {
	out      *bufio.Writer
	header   Header
	findings []promFinding
	counts   map[promCount]int
}

// promFinding is what the samples of one finding need.
type promFinding struct {
	ip      netip.Addr
	id      string
	labels  []string // names and values in turn
	baf     float64
	hasBAF  bool
	minimum bool // more came than was measured
}

type promCount struct {
	severity  exposure.Severity
	justified bool
}

func newPrometheus(w io.Writer, _ Options) Writer {
	return &promWriter{out: bufio.NewWriter(w), counts: map[promCount]int{}}
}

func (p *promWriter) Begin(h Header) error {
	p.header = h
	return nil
}

func (p *promWriter) Finding(f exposure.Finding) error {
	p.counts[promCount{f.Severity, justified(&f)}]++
	x := promFinding{ip: f.IP, id: f.ID, labels: []string{
		"id", f.ID, "ip", f.IP.String(), "verdict", string(f.Verdict), "severity", string(f.Severity),
		"justified", strconv.FormatBool(justified(&f)),
	}}
	for _, o := range observed(&f) {
		if o.Transport == exposure.UDP && o.Amplification != nil && !x.hasBAF {
			x.baf, x.hasBAF, x.minimum = o.Amplification.BAF, true, !o.MeasuredWhole()
		}
	}
	p.findings = append(p.findings, x)
	return nil
}

func (p *promWriter) End(s Summary) error {
	slices.SortStableFunc(p.findings, func(a, b promFinding) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	p.sweep(s)
	p.coverage(knownCoverage(s.Coverage))
	p.perSeverity()
	p.perFinding()
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write prometheus: %w", err)
	}
	return nil
}

func (p *promWriter) sweep(s Summary) {
	sweep := p.header.Sweep
	p.metric("memsweep_sweep_info", "The sweep that this file is about; the value is always 1.")
	p.sample("memsweep_sweep_info", 1, "version", p.header.Tool.Version, "sweep", sweep.ID, "trust", string(sweep.Vantage.Trust),
		"engine", sweep.Engine, "status", string(s.Status))
	complete := 0.0
	if proven(s) {
		complete = 1
	}
	p.metric("memsweep_sweep_complete", "1 when everything planned was asked. With 0, that a finding is missing means nothing.")
	p.sample("memsweep_sweep_complete", complete)
	p.metric("memsweep_sweep_started_timestamp_seconds", "When the sweep started.")
	p.sample("memsweep_sweep_started_timestamp_seconds", seconds(sweep.Started))
	if end := known(s.Finished); end != nil {
		p.metric("memsweep_sweep_finished_timestamp_seconds", "When the sweep ended.")
		p.sample("memsweep_sweep_finished_timestamp_seconds", seconds(*end))
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// coverage is left out where it is not known: there is no such thing as 0
// endpoints planned.
func (p *promWriter) coverage(c *exposure.Coverage) {
	if c == nil {
		return
	}
	p.metric("memsweep_endpoints_planned", "Endpoints (address and probe) that the sweep was to ask.")
	p.sample("memsweep_endpoints_planned", float64(c.Planned))
	p.metric("memsweep_endpoints", "Endpoints by what became of them; the sum is memsweep_endpoints_planned.")
	for _, o := range []struct {
		outcome string
		n       uint64
	}{
		{"answered", c.Outcomes.Answered},
		{"closed", c.Outcomes.Closed},
		{"silent", c.Outcomes.Silent},
		{"local_error", c.Outcomes.LocalError},
		{"not_scanned", c.Outcomes.NotScanned},
	} {
		p.sample("memsweep_endpoints", float64(o.n), "outcome", o.outcome)
	}
}

func (p *promWriter) perSeverity() {
	p.metric("memsweep_findings", "Findings by severity, and by whether the owner's policy justifies them.")
	all := exposure.Severities()
	for c := range maps.Keys(p.counts) {
		if !slices.Contains(all, c.severity) {
			all = append(all, c.severity)
		}
	}
	slices.Sort(all)
	for _, s := range all {
		for _, j := range []bool{false, true} {
			p.sample("memsweep_findings", float64(p.counts[promCount{s, j}]), "severity", string(s), "justified", strconv.FormatBool(j))
		}
	}
}

func (p *promWriter) perFinding() {
	p.metric("memsweep_finding", "One finding; the value is always 1.")
	for _, f := range p.findings {
		p.sample("memsweep_finding", 1, f.labels...)
	}
	p.metric("memsweep_finding_amplification_ratio", "UDP payload bytes out per byte in (BAF), of one stats; at least that much where whole is false.")
	for _, f := range p.findings {
		if f.hasBAF {
			p.sample("memsweep_finding_amplification_ratio", f.baf, "id", f.id, "ip", f.ip.String(), "whole", strconv.FormatBool(!f.minimum))
		}
	}
}

// metric introduces a metric; all are gauges. A metric without a sample is none.
func (p *promWriter) metric(name, help string) {
	fmt.Fprintf(p.out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// sample writes one sample; labels are names and values in turn.
func (p *promWriter) sample(name string, value float64, labels ...string) {
	fmt.Fprintf(p.out, "%s{vantage=%s", name, promQuote(p.header.Sweep.Vantage.Name))
	for i := 0; i+1 < len(labels); i += 2 {
		fmt.Fprintf(p.out, ",%s=%s", labels[i], promQuote(labels[i+1]))
	}
	fmt.Fprintf(p.out, "} %s\n", strconv.FormatFloat(value, 'f', -1, 64))
}

// promQuote writes a label's value: besides what Escape leaves, a backslash and
// a quote mean something there.
func promQuote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(exposure.Escape(value)) + `"`
}
