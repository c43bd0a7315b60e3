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
		f.addAll(suspect{r, f.serverOf(o)})
	}
	slices.SortFunc(f.Vulnerabilities, func(a, b Vulnerability) int {
		return cmp.Or(cmp.Compare(a.Certainty, b.Certainty), cmp.Compare(b.CVSS, a.CVSS), cmp.Compare(a.ID, b.ID))
	})
}

// addAll takes in what s has, or may have.
func (f *Finding) addAll(s suspect) {
	n := 0
	for range s.weaknesses {
		n++
	}
	f.Vulnerabilities = slices.Grow(f.Vulnerabilities, n)
	for w, certainty := range s.weaknesses {
		f.add(Vulnerability{
			ID: w.id, Certainty: certainty, Title: w.title, CVSS: w.cvss, CVSSVer: w.cvssVersion,
			Affects: w.words, Fixed: w.fixedFor(s.release), Reference: w.reference,
		})
	}
}

// add takes in what is not there yet, and what is surer than what is there.
func (f *Finding) add(v Vulnerability) {
	i := slices.IndexFunc(f.Vulnerabilities, func(w Vulnerability) bool { return w.ID == v.ID })
	switch {
	case i < 0:
		f.Vulnerabilities = append(f.Vulnerabilities, v)
	case v.Certainty == Affected:
		f.Vulnerabilities[i] = v
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

// suspect is a server by its release.
type suspect struct {
	release Release
	server  server
}

// weaknesses yields what s has, or may have.
func (s suspect) weaknesses(yield func(*described, Certainty) bool) {
	upstream := s.release.upstream()
	list := weaknesses()
	for i := range list {
		w := &list[i]
		at, inside := w.at(s.release)
		if !inside {
			continue
		}
		holds, certainty := w.needs.test(s.server), Possible
		if holds == yes && (w.observed || at.certain && upstream) {
			certainty = Affected
		}
		if holds != no && !yield(w, certainty) {
			return
		}
	}
}

// upstream reports whether a server that calls itself r was most likely built
// from upstream's sources: it names nothing but the number, and nobody is known
// to keep that number for years.
func (r Release) upstream() bool {
	return r.plain() && !keptReleases()[r]
}

// at is the span that a release lies in.
func (w *weakness) at(r Release) (s span, inside bool) {
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

// mend is a release that is the first without a weakness.
type mend struct {
	release Release
	number  string
}

// mends are the releases that mend w, in order.
func (w weakness) mends() (list []mend) {
	for _, s := range w.runs() {
		if s.before != release("") {
			list = append(list, mend{s.before, s.before.String()})
		}
	}
	return list
}

// fixedFor is the first release after r without the weakness, "" for none.
func (w *described) fixedFor(r Release) string {
	for _, m := range w.mended {
		if r.Compare(m.release) < 0 {
			return m.number
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

// endOfLife reports whether upstream mends r no more.
func (r Release) endOfLife() bool { return r.Compare(release(firstMaintained)) < 0 }

// lifecycle is what is known of a release.
func lifecycle(r Release) *Lifecycle {
	l := &Lifecycle{Version: r.String(), UDPDefault: "off", EndOfLife: r.endOfLife()}
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
