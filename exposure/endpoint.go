package exposure

// JudgeStored says how bad one endpoint of a stored finding is, from a vantage
// that is trusted so far: alone, and under the policy that the finding was held
// against. ok is false when nothing answered there, or nothing that this version
// knows.
func (f *Finding) JudgeStored(o *Observation, t Trust) (v Verdict, s Severity, ok bool) {
	if v, s, ok = JudgeEndpoint(o, t); !ok {
		return v, s, false
	}
	p := f.Policy
	switch {
	case p.Allows():
		s = SeverityOf(v, false, false, t, true)
		if inside := o.Inside(); inside.AtLeast(s) {
			s = inside // who may reach it says nothing of whom it runs as
		}
	case v == f.Verdict && f.Severity.AtLeast(s):
		s = f.Severity // a stored severity is believed where it is worse, and nowhere else
	}
	if p != nil && !p.Justified && len(p.Failures) > 0 {
		// The finding about the justification stands beside this one.
		if unfounded := SeverityOf(Unfounded, false, false, t, false); unfounded.AtLeast(s) {
			s = unfounded
		}
	}
	return v, s, true
}

// Allows reports whether a policy allows a finding, and nothing beside it says
// otherwise.
func (s *Standing) Allows() bool { return s != nil && s.Justified && len(s.Failures) == 0 }

// NamedVersion is what the server calls itself, unshortened; nil when it did not say.
func (o *Observation) NamedVersion() *string {
	if o.Version == nil && o.Stats != nil {
		return o.Stats.Version
	}
	return o.Version
}

// MeasuredBAF is the bandwidth amplification that was measured; nil when none was.
func (o *Observation) MeasuredBAF() *float64 {
	if a := o.Amplification; a != nil && a.Datagrams > 0 {
		return &a.BAF
	}
	return nil
}
