package life

import "github.com/memsweep/memsweep/exposure"

// muchMore is by how much an amplification has to grow or shrink to be told: a
// server's counters alone make `stats` some bytes longer from day to day.
const muchMore = 1.5

// judge is the rule by which an exposure that answers again is worse, better,
// changed or the same. It holds what answers now against what was told last, not
// against the sweep before: what grows slowly is told too, once.
//
// The severity decides. Where it is the same: credentials that are asked for no
// more, or now; then an amplification at least 1.5 times as large, or as small.
// Anything else that can be seen is a change; who answers for it in the policy is
// none. What was not measured is no change: a version that was not read, an
// authentication that is not known, an amplification that was not asked for.
func judge(was, now Seen) Kind {
	switch {
	case was.Severity != now.Severity && now.Severity.AtLeast(was.Severity):
		return Worse
	case was.Severity != now.Severity:
		return Better
	case locked(was) && now.Auth == exposure.AuthNone:
		return Worse
	case was.Auth == exposure.AuthNone && locked(now):
		return Better
	case Amplified(was.BAF, now.BAF):
		return Worse
	case Amplified(now.BAF, was.BAF):
		return Better
	case differs(was, now):
		return Changed
	}
	return Still
}

// passing reports whether now may be a moment's weakness of what was there: a
// server at its limit, or one whose conversation was cut short. It says nothing
// of what changed until a second sweep in a row finds the same.
func passing(was, now Seen) bool {
	switch now.State {
	case exposure.Mute, exposure.Full:
		return was.State != now.State
	}
	return now.Partial && !was.Partial
}

// Amplified reports whether now is much more than was.
func Amplified(was, now *float64) bool {
	return was != nil && now != nil && *now > *was && *now >= muchMore**was
}

func locked(s Seen) bool { return knownAuth(s) && s.Auth != exposure.AuthNone }

func knownAuth(s Seen) bool { return s.Auth != "" && s.Auth != exposure.AuthUnknown }

func differs(was, now Seen) bool {
	return was.State != now.State || was.Verdict != now.Verdict || was.TLS != now.TLS || was.Justified != now.Justified ||
		was.Product != now.Product ||
		was.Service != "" && now.Service != "" && was.Service != now.Service ||
		was.Version != nil && now.Version != nil && *was.Version != *now.Version ||
		knownAuth(was) && knownAuth(now) && was.Auth != now.Auth
}

// complete is a with what was not measured there from b, so that it is known
// what the next sweep is to be held against.
func complete(a, b Seen) Seen {
	if a.Version == nil && a.Product == b.Product {
		a.Version = b.Version
	}
	if a.Service == "" {
		a.Service = b.Service
	}
	if !knownAuth(a) && knownAuth(b) {
		a.Auth = b.Auth
	}
	if a.BAF == nil {
		a.BAF = b.BAF
	}
	return a
}
