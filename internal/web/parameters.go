package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// The parameters of a request, read the same way for the pages and for the API.
// An empty one is none: that is how a form sends what was not filled in.

// maxParameter bounds one of them, in bytes: the name of a vantage may be so long.
// Ranges may be as long as the address.
const maxParameter = 500

// parameters reads them, and keeps what was wrong first.
type parameters struct {
	values url.Values
	wrong  error
}

func (p *parameters) refuse(name, format string, args ...any) {
	if p.wrong == nil {
		p.wrong = refused(http.StatusBadRequest, name+": "+fmt.Sprintf(format, args...))
	}
}

// one is a parameter that may be there once.
func (p *parameters) one(name string) string {
	list := slices.DeleteFunc(slices.Clone(p.values[name]), func(v string) bool { return v == "" })
	switch {
	case len(list) == 0:
		return ""
	case len(list) > 1:
		p.refuse(name, "write it once")
	case len(list[0]) > maxParameter:
		p.refuse(name, "it is longer than %d bytes", maxParameter)
	}
	return list[0]
}

// among is one of some words.
func among[T ~string](p *parameters, name string, words ...T) T {
	v := T(p.one(name))
	if v != "" && !slices.Contains(words, v) {
		list := make([]string, len(words))
		for i, w := range words {
			list[i] = string(w)
		}
		p.refuse(name, "write one of %s", strings.Join(list, ", "))
	}
	return v
}

// several is a list: repeated, or separated by commas or blanks.
func (p *parameters) several(name string) (list []string) {
	for _, v := range p.values[name] {
		list = append(list, strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })...)
	}
	return list
}

// filterOf reads what picks exposures: state, range, severity (at least), only,
// vantage, owner, verdict, transport.
func filterOf(q url.Values) (history.Filter, error) {
	p := &parameters{values: q}
	f := p.filter()
	return f, p.wrong
}

func (p *parameters) filter() history.Filter {
	return history.Filter{
		State:     among(p, "state", history.OnlyOpen, history.OnlyFixed, history.Any),
		AtLeast:   among(p, "severity", exposure.Severities()...),
		Only:      among(p, "only", exposure.Severities()...),
		Vantage:   p.one("vantage"),
		Owner:     p.one("owner"),
		Verdict:   among(p, "verdict", exposure.Verdicts()...),
		Transport: among(p, "transport", exposure.TCP, exposure.UDP),
		Ranges:    p.ranges(),
	}
}

func (p *parameters) ranges() (list []netip.Prefix) {
	for _, text := range p.several("range") {
		r, err := parseRange(text)
		if err != nil {
			p.refuse("range", "write addresses and networks, as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
			return nil
		}
		list = append(list, r)
	}
	if len(list) > history.MaxRanges {
		p.refuse("range", "%v", history.ErrRanges)
	}
	return list
}

var errZone = errors.New("the history has no zones")

// parseRange reads a network, or an address as the network that it alone is in.
func parseRange(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		r, err := netip.ParsePrefix(text)
		return r.Masked(), err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, errors.Join(err, errZone)
	}
	ip = ip.Unmap()
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

// changeFilterOf reads what picks changes: the filter of their exposures, kind,
// since and until. now is what "24h" goes back from.
func changeFilterOf(q url.Values, now time.Time) (history.ChangeFilter, error) {
	p := &parameters{values: q}
	f := history.ChangeFilter{Of: p.filter(), Since: p.moment("since", now), Until: p.moment("until", now)}
	for _, text := range p.several("kind") {
		kind := life.Kind(text)
		if !slices.Contains(changeKinds(), kind) {
			p.refuse("kind", "write new, fixed, worse, better or changed")
			break
		}
		if !slices.Contains(f.Kinds, kind) {
			f.Kinds = append(f.Kinds, kind)
		}
	}
	return f, p.wrong
}

func changeKinds() []life.Kind {
	return []life.Kind{life.New, life.Fixed, life.Worse, life.Better, life.Changed}
}

// moment reads a time, a day, or how long ago: 24h, 7d. Zero: there is none.
func (p *parameters) moment(name string, now time.Time) time.Time {
	text := p.one(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			if layout == time.DateOnly && name == "until" {
				t = t.AddDate(0, 0, 1).Add(-time.Microsecond) // the day is in it
			}
			return p.sane(name, t)
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return p.sane(name, now.AddDate(0, 0, -n))
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return p.sane(name, now.Add(-ago))
	}
	p.refuse(name, "write a time, a day or how long ago: 2026-03-14T09:26:53Z, 2026-03-14, 24h or 7d")
	return time.Time{}
}

// sane keeps out times that the history's numbers have no room for.
func (p *parameters) sane(name string, t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1900 || y > 2500 {
		p.refuse(name, "a year between 1900 and 2500")
		return time.Time{}
	}
	return t.UTC()
}

// pageOf reads which part of a list is wanted: after, limit.
func pageOf(q url.Values) (history.Page, error) {
	p := &parameters{values: q}
	page := history.Page{After: p.one("after"), Limit: p.count("limit", history.MaxLimit)}
	return page, p.wrong
}

// count is a number from 1 to most; 0: it is not there.
func (p *parameters) count(name string, most int) int {
	text := p.one(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.refuse(name, "write a number from 1 to %d", most)
		return 0
	}
	return n
}

// known refuses parameters that the route does not have, and those that cannot be
// read: a filter with a typing error would show everything.
func known(r *http.Request, names ...string) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refused(http.StatusBadRequest, "what follows the question mark cannot be read: write a percent sign as %25, and & between parameters")
	}
	for name := range q {
		if !slices.Contains(names, name) {
			return refused(http.StatusBadRequest, fmt.Sprintf("there is no parameter %.50q here; there are: %s", name, strings.Join(names, ", ")))
		}
	}
	return nil
}

// The parameters of several routes.
var (
	filterNames = []string{"state", "range", "severity", "only", "vantage", "owner", "verdict", "transport"}
	pageNames   = []string{"after", "limit", "format"}
)
