package report

import "github.com/memsweep/memsweep/exposure"

// HeaderLine is the head of a report as the JSON formats write it, in one line
// without its end, as FindingLine and SummaryLine are the other parts. They are
// the same for what was read back from such a document, so that they tell whether
// two are alike.
func HeaderLine(h Header) ([]byte, error) { return encode(newSweepHeader(h)) }

// FindingLine is one finding; see HeaderLine.
func FindingLine(f exposure.Finding) ([]byte, error) { return encode(written(f)) }

// SummaryLine is what is known at the end; see HeaderLine.
func SummaryLine(s Summary) ([]byte, error) {
	return encode(summaryLine{
		Status: s.Status, Finished: known(s.Finished), RateAchieved: s.RateAchieved,
		Coverage: knownCoverage(s.Coverage), Problems: s.Problems, Justified: s.Justified,
	})
}
