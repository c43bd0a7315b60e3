package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// builtInProxy is what memcached is called when it runs as its own proxy: the
// release is memcached's then, as it is of no other product.
const builtInProxy = "memcached-proxy"

// knownRelease is the release of a memcached that answers; ok is false for a
// product that has numbers of its own, and for one that names no release.
func (o *Observation) knownRelease() (r Release, ok bool) {
	if !o.State.Answered() || o.Product != "" && o.Product != builtInProxy {
		return Release{}, false
	}
	r, ok = ParseRelease(o.version())
	return r, ok && r.Compare(release(first)) >= 0
}

// lookUp adds what is known of the releases that a host's servers name. None of
// it counts for the severity: that judges what is exposed, which is seen, and
// not what a number makes likely.
func (f *Finding) lookUp() {
	for _, o := range worstFirst(f) {
		r, ok := o.knownRelease()
		if !ok {
			continue
		}
		if f.Release == nil {
			f.Release = lifecycle(r)
		}
		f.add(vulnerabilities(r, f.serverOf(o)))
	}
	slices.SortFunc(f.Vulnerabilities, func(a, b Vulnerability) int {
		return cmp.Or(cmp.Compare(a.Certainty, b.Certainty), cmp.Compare(b.CVSS, a.CVSS), cmp.Compare(a.ID, b.ID))
	})
}

// add takes in what is not there yet, and what is surer than what is there.
func (f *Finding) add(list []Vulnerability) {
	for _, v := range list {
		i := slices.IndexFunc(f.Vulnerabilities, func(w Vulnerability) bool { return w.ID == v.ID })
		switch {
		case i < 0:
			f.Vulnerabilities = append(f.Vulnerabilities, v)
		case v.Certainty == Affected:
			f.Vulnerabilities[i] = v
		}
	}
}

// serverOf is every observation that is known to be of the same process as o.
func (f *Finding) serverOf(o *Observation) server {
	s := server{o}
	for other := range f.observed {
		if _, ok := other.knownRelease(); ok && other != o && sameServer(o, other) {
			s = append(s, other)
		}
	}
	return s
}

// vulnerabilities lists what a server of that release has, or may have.
func vulnerabilities(r Release, s server) []Vulnerability {
	var list []Vulnerability
	for _, w := range weaknesses() {
		at, inside := w.at(r)
		holds := w.needs.test(s)
		if !inside || holds == no {
			continue
		}
		certainty := Possible
		if holds == yes && (w.observed || at.certain && r.upstream()) {
			certainty = Affected
		}
		list = append(list, Vulnerability{
			ID: w.id, Certainty: certainty, Title: w.title, CVSS: w.cvss, CVSSVer: w.cvssVersion,
			Affects: w.words, Fixed: w.fixedFor(r), Reference: w.reference,
		})
	}
	return list
}

// upstream reports whether a server that calls itself r was most likely built
// from upstream's sources: it names nothing but the number, and nobody is known
// to keep that number for years.
func (r Release) upstream() bool {
	return r.plain() && !slices.Contains(kept(), r.String())
}

// at is the span that a release lies in.
func (w weakness) at(r Release) (s span, inside bool) {
	for _, s := range w.spans {
		if s.from.Compare(r) <= 0 && r.Compare(s.before) < 0 {
			return s, true
		}
	}
	return span{}, false
}

// runs are the spans with those that touch made one: how sure it is of which
// part makes no difference to where a weakness begins and ends.
func (w weakness) runs() []span {
	var runs []span
	for _, s := range w.spans {
		if last := len(runs) - 1; last >= 0 && runs[last].before == s.from {
			runs[last].before = s.before
			continue
		}
		runs = append(runs, s)
	}
	return runs
}

// fixedFor is the first release after r without the weakness, "" for none.
func (w weakness) fixedFor(r Release) string {
	for _, s := range w.runs() {
		if r.Compare(s.before) < 0 && s.before != release("") {
			return s.before.String()
		}
	}
	return ""
}

// affects says in words which releases have the weakness, and where.
func (w weakness) affects() string {
	var words []string
	for _, s := range w.runs() {
		next := s.from
		next.Patch++
		switch {
		case s.before == release(""):
			words = append(words, "every release")
		case s.from == release(first):
			words = append(words, "before "+s.before.String())
		case s.before == next:
			words = append(words, s.from.String())
		default:
			words = append(words, fmt.Sprintf("from %s to before %s", s.from, s.before))
		}
	}
	affects := strings.Join(words, " and ")
	if w.needs.words != "" {
		affects += ", " + w.needs.words
	}
	return affects
}

// What a version string does not tell.
const (
	keptCaveat = "Distributions and hosts keep this number for years and mend it without changing it: " +
		"look at the package's changelog before calling it vulnerable."
	vendorCaveat = "A vendor's or pre-release build: what it mended is in that vendor's changelog, not in the number."
	plainCaveat  = "No distribution is known to keep this number, but distributions fix bugs without changing it: " +
		"where it is from a package, look at its changelog."
)

// lifecycle is what is known of a release.
func lifecycle(r Release) *Lifecycle {
	l := &Lifecycle{Version: r.String(), UDPDefault: "off", EndOfLife: r.Compare(release(firstMaintained)) < 0}
	if r.Compare(release(udpOnSince)) >= 0 && r.Compare(release(udpOffSince)) < 0 {
		l.UDPDefault = "on"
	}
	switch {
	case !r.plain():
		l.Caveat = vendorCaveat
	case r.upstream():
		l.Caveat = plainCaveat
	default:
		l.Caveat = keptCaveat
	}
	return l
}
