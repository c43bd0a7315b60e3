package report

// HeaderLine is the head of a report as the JSON formats write it, in one line
// without its end, as Parter and SummaryLine make the other parts. They are
// the same for what was read back from such a document, so that they tell whether
// two are alike.
func HeaderLine(h Header) ([]byte, error) { return encode(newSweepHeader(h)) }

// SummaryLine is what is known at the end; see HeaderLine.
func SummaryLine(s Summary) ([]byte, error) {
	return encode(summaryLine{
		Status: s.Status, Finished: known(s.Finished), RateAchieved: s.RateAchieved,
		Coverage: knownCoverage(s.Coverage), Problems: s.Problems, Justified: s.Justified,
	})
}
