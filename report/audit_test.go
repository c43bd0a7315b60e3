package report

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// storedIn is the report in both formats that can be read back.
func storedIn(t *testing.T, x fixture) map[string]string {
	t.Helper()
	return map[string]string{
		"json":  string(x.write(t, "json", Options{})),
		"jsonl": string(x.write(t, "jsonl", Options{})),
	}
}

// summaryOfStored reads a report to its end.
func summaryOfStored(t *testing.T, stored string) Summary {
	t.Helper()
	s, err := Read(strings.NewReader(stored), "stored")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range s.Findings() {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s.Summary()
}

// TestDamagedReportIsNoAllClear: what was taken out of a report, or does not
// add up in it, makes it incomplete, whatever its status says.
func TestDamagedReportIsNoAllClear(t *testing.T) {
	t.Parallel()
	asked := func(s exposure.State) exposure.Observation {
		return exposure.Observation{Probe: "memcached-udp", Transport: exposure.UDP, Port: 11211, State: s}
	}
	for name, tt := range map[string]struct {
		damage func(*fixture)
		want   string // in a problem; "": the report is whole
	}{
		"whole":            {func(*fixture) {}, ""},
		"under a policy":   {func(x *fixture) { *x = held() }, ""},
		"nothing found":    {func(x *fixture) { *x = nothing() }, ""},
		"no findings":      {func(x *fixture) { x.findings = nil }, "its summary counts 13 endpoints that answered, its findings hold 0"},
		"one dropped":      {func(x *fixture) { x.findings = x.findings[1:] }, "its summary counts 13 endpoints that answered, its findings hold 11"},
		"one too many":     {func(x *fixture) { x.summary = nothing().summary }, "its summary counts 0 endpoints that answered, its findings hold 13"},
		"moved to a lane":  {func(x *fixture) { x.findings[0].TCP.Probe = "memcached-udp" }, "memcached-tcp: its summary counts 11 endpoints that answered, its findings hold 10"},
		"probe unheard of": {func(x *fixture) { x.findings[0].TCP.Probe = "other" }, "other: its summary counts 0"},
		"endpoint dropped": {func(x *fixture) { x.findings[0].UDP = nil }, "its findings hold 12"},
		"closed instead":   {func(x *fixture) { x.findings[0].UDP.State = exposure.Closed }, "its findings hold 12"},
		// An endpoint that answered may have failed us, or been cut off, later.
		"answered, then failed":  {func(x *fixture) { x.findings[0].UDP.State = exposure.LocalError }, ""},
		"answered, then stopped": {func(x *fixture) { x.findings[0].UDP.State = exposure.NotScanned }, ""},
		"never answered": {func(x *fixture) {
			x.findings[2].UDP.State = exposure.NotScanned
			x.findings[3].Also = []exposure.Observation{asked(exposure.LocalError), asked(exposure.Silent)}
		}, ""},
		"unconfirmed":      {func(x *fixture) { x.findings[0].UDP.Unconfirmed = true }, ""},
		"unsure and short": {func(x *fixture) { x.findings[0].UDP.State = exposure.LocalError; x.findings = x.findings[:11] }, "its findings hold 11 to 12"},
		"in another place": {func(x *fixture) {
			x.findings[0].Also, x.findings[0].UDP = []exposure.Observation{*x.findings[0].UDP}, nil
		}, ""},
		"no coverage":      {func(x *fixture) { *x = nothing(); x.summary.Coverage = exposure.Coverage{} }, "does not say what was asked"},
		"no sum":           {func(x *fixture) { x.summary.Coverage.Planned++ }, "add up to 512 of 513 endpoints"},
		"left out":         {func(x *fixture) { x.summary.Coverage.Outcomes.Silent--; x.summary.Coverage.Outcomes.NotScanned++ }, "counts 1 endpoint that it knows nothing of"},
		"other sum":        {func(x *fixture) { delete(x.summary.Coverage.Probes, "memcached-udp") }, "memcached-udp: its summary counts 0"},
		"without by probe": {func(x *fixture) { x.summary.Coverage.Probes = nil }, ""},
	} {
		x := whole()
		tt.damage(&x)
		for format, stored := range storedIn(t, x) {
			s := summaryOfStored(t, stored)
			if tt.want == "" {
				if s.Status != exposure.Complete || len(s.Problems) > 0 {
					t.Errorf("%s, %s: %s, %q", name, format, s.Status, s.Problems)
				}
				continue
			}
			if s.Status != exposure.Incomplete || !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.Contains(p, tt.want) }) {
				t.Errorf("%s, %s: %s, %q; want %q", name, format, s.Status, s.Problems, tt.want)
			}
			once := mustConvert(t, []byte(stored), "json")
			if twice := mustConvert(t, once, "json"); !bytes.Equal(once, twice) {
				t.Errorf("%s, %s: the problem is noted again each time", name, format)
			}
			if text := string(mustConvert(t, []byte(stored), "text")); !strings.Contains(text, "!!  INCOMPLETE") || strings.HasPrefix(text, "Nothing answered.") {
				t.Errorf("%s, %s: passes for an all-clear\n%s", name, format, text)
			}
		}
	}
}

// TestInterruptedStaysInterrupted: damage does not hide how the sweep ended.
func TestInterruptedStaysInterrupted(t *testing.T) {
	t.Parallel()
	x := interrupted()
	if s := summaryOfStored(t, string(x.write(t, "json", Options{}))); s.Status != exposure.Interrupted || len(s.Problems) != 1 {
		t.Errorf("whole: %s, %q", s.Status, s.Problems)
	}
	x.findings = nil
	if s := summaryOfStored(t, string(x.write(t, "json", Options{}))); s.Status != exposure.Interrupted || len(s.Problems) != 2 {
		t.Errorf("damaged: %s, %q", s.Status, s.Problems)
	}
}

// TestUnreadableFindings: what cannot be judged is an error, and says where.
func TestUnreadableFindings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage func(*fixture)
		want   string
	}{
		"twice":                   {func(x *fixture) { x.findings = append(x.findings, x.findings[0]) }, "stands twice"},
		"unknown verdict":         {func(x *fixture) { x.findings[1].Verdict = "fine\x1b" }, `verdict "fine\x1b" is not known`},
		"unknown severity":        {func(x *fixture) { x.findings[1].Severity = "none" }, `severity "none" is not known`},
		"severity without policy": {func(x *fixture) { x.findings[1].Policy = &exposure.Standing{Severity: "fine"} }, `severity without policy "fine" is not known`},
		"hidden endpoint":         {func(x *fixture) { x.findings[1].Verdict = exposure.Unfounded }, "about a justification, and has an endpoint"},
		"no endpoint":             {func(x *fixture) { x.findings[1].TCP, x.findings[1].UDP = nil, nil }, "no endpoint"},
	} {
		x := whole()
		tt.damage(&x)
		for format, stored := range storedIn(t, x) {
			_, err := convert([]byte(stored), "text")
			var where *StoredError
			if !errors.As(err, &where) || where.Where == "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, %s: %v, want %q", name, format, err, tt.want)
			}
		}
		held := resorted(t, x.write(t, "json", Options{}))
		if _, err := convert(held, "text"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, findings first: %v, want %q", name, err, tt.want)
		}
	}
}
