package life

import "github.com/memsweep/memsweep/exposure"

// Moment is what was known of an exposure at one point in time.
type Moment struct {
	Open bool
	Seen *Seen // as it was last seen by then; nil: it never was
}

// Difference is what became of an exposure between two points in time.
type Difference struct {
	Kind     Kind              `json:"kind"`
	Again    bool              `json:"again,omitempty"` // new, but it had been fixed before
	Was      *Seen             `json:"was"`             // nil: new
	Now      *Seen             `json:"now"`             // as far as is known; nil: fixed
	Severity exposure.Severity `json:"severity"`        // the worse of the two
	// Details say what changed, in plain words. They may quote servers.
	Details []string `json:"details,omitempty"`
}

// Diff says what became of an exposure from one point in time to another, in
// exactly one word; answered: it was seen after the first. What is open at
// neither of the two has no difference: nil, even if it was open in between.
func Diff(was, now Moment, answered bool) *Difference {
	d := &Difference{Was: was.Seen, Now: now.Seen}
	switch {
	case was.Open && !now.Open:
		d.Kind, d.Now = Fixed, nil
	case was.Open && answered:
		d.Kind = between(d.Was, d.Now)
	case was.Open:
		d.Kind, d.Now = NotRescanned, d.Was
	case now.Open:
		d.Kind, d.Again, d.Was = New, was.Seen != nil, nil
	default:
		return nil
	}
	for _, s := range []*Seen{d.Was, d.Now} {
		if s != nil && (d.Severity == "" || s.Severity.AtLeast(d.Severity)) {
			d.Severity = s.Severity
		}
	}
	d.Details = Differences(d.Was, d.Now)
	return d
}

// between holds two sights of what is open against each other. A change that
// makes it neither worse nor better is for the details.
func between(was, now *Seen) Kind {
	if was == nil || now == nil {
		return Still
	}
	if passing(*was, *now) {
		return Still
	}
	if k := judge(*was, *now); k != Changed {
		return k
	}
	return Still
}

// Kinds lists what a difference comes to, in the order in which people want to
// see it.
func Kinds() []Kind { return []Kind{New, Worse, Fixed, Better, NotRescanned, Still} }
