package history_test

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// crowd is a sweep that finds so many exposures, TCP and UDP of half as many hosts.
func crowd(sweep, exposures int) swept {
	asked := 33 - bits.Len(uint(exposures)) // a network in which so many hosts have room
	x := swept{
		id: fmt.Sprintf("s%04d", sweep), vantage: "inet", at: day(sweep), plan: planOf(min(asked, 30)),
		tcp: make(map[int]what, exposures/2), udp: make(map[int]what, exposures/2),
	}
	for i := range exposures / 2 {
		version := "1.6." + strconv.Itoa(i%40)
		x.tcp[i] = what{state: exposure.Open, version: version}
		x.udp[i] = what{state: exposure.Open, version: version, baf: float64(90 + i%70)}
	}
	return x
}

// kept holds what a sweep writes, so that a benchmark can replay it.
type kept struct {
	header   report.Header
	findings []exposure.Finding
	summary  report.Summary
}

func (k *kept) Begin(h report.Header) error      { k.header = h; return nil }
func (k *kept) Finding(f exposure.Finding) error { k.findings = append(k.findings, f); return nil }
func (k *kept) End(s report.Summary) error       { k.summary = s; return nil }

func (k *kept) into(w report.Writer) error {
	if err := w.Begin(k.header); err != nil {
		return err
	}
	for _, f := range k.findings {
		if err := w.Finding(f); err != nil {
			return err
		}
	}
	return w.End(k.summary)
}

// BenchmarkImport: 100,000 exposures that are as they were, a sweep an operation.
// "record" is what `scan --history` does, "jsonl" is what `history import` does.
func BenchmarkImport(b *testing.B) {
	const exposures = 100_000
	b.Run("record", func(b *testing.B) {
		s, path := newStore(b)
		k := keep(b, exposures)
		record(b, s, 0, k)
		b.ResetTimer()
		spent := time.Duration(0)
		for i := range b.N {
			spent += record(b, s, i+1, k)
		}
		report2(b, path, spent, exposures)
	})
	b.Run("jsonl", func(b *testing.B) {
		s, path := newStore(b)
		k := keep(b, exposures)
		record(b, s, 0, k)
		b.ResetTimer()
		spent := time.Duration(0)
		for i := range b.N {
			k.become(i + 1)
			var doc bytes.Buffer
			f, err := report.ByName("jsonl")
			if err != nil {
				b.Fatal(err)
			}
			if err := k.into(f.New(&doc, report.Options{})); err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			if _, err := s.Import(context.Background(), &doc, "x", exposure.Vantage{}, ""); err != nil {
				b.Fatal(err)
			}
			spent += time.Since(start)
		}
		report2(b, path, spent, exposures)
	})
}

func report2(b *testing.B, path string, spent time.Duration, exposures int) {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(exposures*b.N)/spent.Seconds(), "rows/s")
	b.ReportMetric(spent.Seconds()/float64(b.N), "s/sweep")
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}

// record takes a crowd in, and says how long that took.
func record(t testing.TB, s *history.Store, sweep int, k *kept) time.Duration {
	k.become(sweep)
	return recorded(t, s, k)
}

func recorded(t testing.TB, s *history.Store, k *kept) time.Duration {
	runtime.GC()
	start := time.Now()
	rec, err := s.Record(context.Background(), "nightly")
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if err := k.into(rec); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func keep(t testing.TB, exposures int) *kept {
	var k kept
	if err := crowd(0, exposures).into(&k); err != nil {
		t.Fatal(err)
	}
	return &k
}

// become makes it that sweep: one host in a thousand has another version than
// in the sweep before.
func (k *kept) become(sweep int) {
	k.header.Sweep.ID, k.header.Sweep.Started, k.summary.Finished = fmt.Sprintf("s%04d", sweep), day(sweep), day(sweep).Add(time.Hour)
	for i := range k.findings {
		if i%1000 == sweep%1000 {
			version := fmt.Sprintf("1.6.%d", sweep%40)
			k.findings[i].TCP.Version, k.findings[i].UDP.Version = &version, &version
		}
	}
}
