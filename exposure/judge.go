package exposure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"net/netip"
	"slices"
)

// Verdicts lists the verdicts on a host, worst first; Unfounded is none.
func Verdicts() []Verdict {
	return []Verdict{Reflector, OpenTCP, Impostor, FullVerdict, AuthVerdict, TLSVerdict, Unidentified}
}

// rank is the place of v among the verdicts; a stranger ranks last.
func (v Verdict) rank() int {
	if i := slices.Index(Verdicts(), v); i >= 0 {
		return i
	}
	return len(Verdicts())
}

// Judge says what the observations of one host mean for its owner, seen from
// v. It is pure: the same input gives the same finding, and h is not changed.
//
// Each endpoint that answered is judged alone, and the host is as bad as its
// worst endpoint, so that seeing more never makes a finding look better.
func Judge(h Host, v Vantage) Finding {
	f := Finding{
		ID:       FindingID(v.Name, h.Addr, h.port()),
		IP:       h.Addr,
		Verdict:  Unidentified,
		Severity: Info,
	}
	f.place(h.Observations)
	f.estimateCeiling()
	f.raise(f.Inside())
	for o := range f.observed {
		verdict, severity, ok := JudgeEndpoint(o, v.Trust)
		if !ok {
			continue
		}
		if verdict.rank() < f.Verdict.rank() {
			f.Verdict = verdict
		}
		f.raise(severity)
	}
	f.lookUp()
	f.Reasons = reasons(&f)
	f.Fix = fixes(&f)
	return f
}

// raise makes f at least as bad as s.
func (f *Finding) raise(s Severity) {
	if s.AtLeast(f.Severity) {
		f.Severity = s
	}
}

// JudgeEndpoint judges one endpoint alone, as Judge does each of a host, from a
// vantage that is trusted so far; ok is false when nothing answered there.
func JudgeEndpoint(o *Observation, t Trust) (v Verdict, s Severity, ok bool) {
	if v, ok = verdictOf(o); !ok {
		return "", "", false
	}
	s = o.Inside()
	if seen := SeverityOf(v, o.TLS, servesAnyone(o), t, false); !o.confined() && seen.AtLeast(s) {
		s = seen
	}
	return v, s, true
}

// FindingID names a finding in a way that stays the same from one sweep to
// the next: it depends on the vantage's name, the address and the port alone.
func FindingID(vantage string, ip netip.Addr, port uint16) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "memsweep-finding/1\n%s\n%s\n%d", vantage, ip, port))
	return "ms-" + hex.EncodeToString(sum[:8])
}

// port is the port of the first probe in the plan's order.
func (h Host) port() uint16 {
	if len(h.Observations) == 0 {
		return 0
	}
	return h.Observations[0].Port
}

// place puts copies of the observations into f: the first of each transport
// into TCP and UDP, the others into Also.
func (f *Finding) place(observations []Observation) {
	for _, o := range observations {
		switch {
		case o.Transport == TCP && f.TCP == nil:
			f.TCP = &o
		case o.Transport == UDP && f.UDP == nil:
			f.UDP = &o
		default:
			f.Also = append(f.Also, o)
		}
	}
}

// Observations are what was observed of the host, UDP first.
func (f *Finding) Observations() iter.Seq[*Observation] { return f.observed }

// observed yields every observation of f, UDP first.
func (f *Finding) observed(yield func(*Observation) bool) {
	if f.UDP != nil && !yield(f.UDP) {
		return
	}
	if f.TCP != nil && !yield(f.TCP) {
		return
	}
	for i := range f.Also {
		if !yield(&f.Also[i]) {
			return
		}
	}
}

// verdictOf judges one endpoint; ok is false when nothing answered there.
func verdictOf(o *Observation) (v Verdict, ok bool) {
	speaks := o.State == Open || o.State == AuthRequired || o.State == Full
	switch {
	case !o.State.Answered():
		return "", false
	case o.Transport == UDP && speaks:
		return Reflector, true // a clone reflects no less than the real thing, a refusal is a reply too
	case o.Product != "":
		return Impostor, true
	case o.State == Open:
		return OpenTCP, true
	case o.State == Full:
		return FullVerdict, true
	case o.State == AuthRequired:
		return AuthVerdict, true
	case o.State == TLS:
		return TLSVerdict, true
	}
	return Unidentified, true
}

// servesAnyone reports whether somebody's data can be read and changed at an
// endpoint without credentials. A honeypot holds nobody's, and what an unknown
// look-alike holds is not known.
func servesAnyone(o *Observation) bool {
	switch o.Product {
	case "dionaea", "qeeqbox-honeypot", "lookalike":
		return false
	}
	return o.State == Open
}

// The range that memcached accepts for -I (memcached.h, ITEM_SIZE_MAX_*_LIMIT).
// A server that claims anything else is not telling the truth.
const (
	minItemSizeMax = 1 << 10
	maxItemSizeMax = 1 << 30
)

// estimateCeiling adds what UDP could bring back at worst, where a setting
// that was read over TCP is known to belong to the server that answers UDP.
func (f *Finding) estimateCeiling() {
	for udp := range f.observed {
		if udp.Transport != UDP || udp.Amplification == nil || udp.Amplification.CeilingEstimate != nil {
			continue
		}
		for other := range f.observed {
			size, ok := itemSizeMax(other)
			if !ok || (other != udp && !sameServer(udp, other)) {
				continue
			}
			measured := *udp.Amplification
			ceiling := CeilingBAF(size)
			measured.CeilingEstimate = &ceiling
			udp.Amplification = &measured
			break
		}
	}
}

func itemSizeMax(o *Observation) (uint64, bool) {
	if o.Settings == nil || o.Settings.ItemSizeMax == nil {
		return 0, false
	}
	size := *o.Settings.ItemSizeMax
	return size, size >= minItemSizeMax && size <= maxItemSizeMax
}

// sameServer reports whether two endpoints are known to be one process: by
// its process ID, or failing that by its version. Not knowing is not enough.
func sameServer(a, b *Observation) bool {
	va, vb := a.version(), b.version()
	if va != "" && vb != "" && va != vb {
		return false
	}
	pa, pb := a.pid(), b.pid()
	if pa != nil && pb != nil {
		return *pa == *pb
	}
	return va != "" && va == vb
}

// version is what the server calls itself, "" when it did not say.
func (o *Observation) version() string {
	if o.Version != nil {
		return *o.Version
	}
	if o.Stats != nil && o.Stats.Version != nil {
		return *o.Stats.Version
	}
	return ""
}

func (o *Observation) pid() *uint64 {
	if o.Stats == nil {
		return nil
	}
	return o.Stats.PID
}
