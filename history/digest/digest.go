// Package digest says what a history has to say as documents: it chooses the
// words, the columns and the order, and package report writes them down. Nothing
// in it is escaped; each format does that for its reader.
package digest

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// All yields every row of a list that comes page by page.
func All[T any](page func(history.Page) (list []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := (history.Page{Limit: history.MaxLimit}); ; {
			list, next, err := page(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range list {
				if !yield(v, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			at.After = next
		}
	}
}

// column is a column of a sheet, and how its cell is made.
type column[T any] struct {
	title, field string // for people, for programs; "": they do not see it
	cell         func(T) string
}

func columnsOf[T any](columns []column[T]) (list []report.Column) {
	for _, c := range columns {
		list = append(list, report.Column{Title: c.title, Field: c.field})
	}
	return list
}

// rows makes rows of what comes.
func rows[T any](list iter.Seq2[T, error], severity func(T) exposure.Severity, columns []column[T]) iter.Seq2[report.Row, error] {
	return func(yield func(report.Row, error) bool) {
		for v, err := range list {
			r := report.Row{}
			if err == nil {
				r.Severity = severity(v)
				for _, c := range columns {
					r.Cells = append(r.Cells, c.cell(v))
				}
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// values are what comes, as members of a document.
func values[T any](list iter.Seq2[T, error]) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for v, err := range list {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// concat is one list after the other.
func concat[T any](lists ...iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, list := range lists {
			for v, err := range list {
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// of makes columns of a part of something.
func of[T, P any](part func(T) P, columns []column[P]) (list []column[T]) {
	for _, c := range columns {
		list = append(list, column[T]{c.title, c.field, func(v T) string { return c.cell(part(v)) }})
	}
	return list
}

// placeColumns say where an exposure is.
func placeColumns() []column[history.Exposure] {
	return []column[history.Exposure]{
		{"Endpoint", "", func(e history.Exposure) string {
			return strings.Join(append([]string{Place(e.Endpoint)}, e.Names...), " ")
		}},
		{"", "ip", func(e history.Exposure) string { return e.IP.String() }},
		{"", "names", func(e history.Exposure) string { return strings.Join(e.Names, " ") }},
		{"", "transport", func(e history.Exposure) string { return string(e.Transport) }},
		{"", "port", func(e history.Exposure) string { return strconv.Itoa(int(e.Port)) }},
		{"Vantage", "vantage", func(e history.Exposure) string { return e.Vantage.Name }},
		{"", "trust", func(e history.Exposure) string { return string(e.Vantage.Trust) }},
	}
}

// seenColumns say what is seen of an exposure; nil: nothing.
func seenColumns(prefix string) []column[*life.Seen] {
	cell := func(field string, get func(*life.Seen) string) column[*life.Seen] {
		return column[*life.Seen]{"", prefix + field, func(s *life.Seen) string {
			if s == nil {
				return ""
			}
			return get(s)
		}}
	}
	return []column[*life.Seen]{
		cell("severity", func(s *life.Seen) string { return string(s.Severity) }),
		cell("verdict", func(s *life.Seen) string { return string(s.Verdict) }),
		cell("state", func(s *life.Seen) string { return string(s.State) }),
		cell("auth", func(s *life.Seen) string { return string(s.Auth) }),
		cell("tls", func(s *life.Seen) string { return strconv.FormatBool(s.TLS) }),
		cell("service", func(s *life.Seen) string { return s.Service }),
		cell("product", func(s *life.Seen) string { return s.Product }),
		cell("version", func(s *life.Seen) string {
			if s.Version == nil {
				return ""
			}
			return *s.Version
		}),
		cell("baf", func(s *life.Seen) string {
			if s.BAF == nil {
				return ""
			}
			return strconv.FormatFloat(*s.BAF, 'f', -1, 64)
		}),
		cell("justified", func(s *life.Seen) string { return strconv.FormatBool(s.Justified) }),
		cell("owner", func(s *life.Seen) string { return s.Owner }),
	}
}

// Place is an endpoint in words: "udp 192.0.2.7:11211".
func Place(e history.Endpoint) string {
	return string(e.Transport) + " " + netip.AddrPortFrom(e.IP, e.Port).String()
}

// sight says in a few words what is seen of an exposure: "reflector ×149.1,
// memcached 1.6.18".
func sight(s life.Seen) string {
	text := string(s.Verdict)
	if s.BAF != nil {
		text += " ×" + strconv.FormatFloat(*s.BAF, 'f', 1, 64)
	}
	var more []string
	if s.Product != "" && (s.Version == nil || !strings.Contains(*s.Version, s.Product)) {
		more = append(more, s.Product)
	} else if s.Service != "" && s.Service != s.Product && s.State == exposure.Foreign {
		more = append(more, s.Service)
	}
	if s.Version != nil {
		more = append(more, *s.Version)
	}
	if s.TLS && s.State != exposure.TLS {
		more = append(more, "in tls")
	}
	switch {
	case s.Justified && s.Owner != "":
		more = append(more, "(justified, "+s.Owner+")")
	case s.Justified:
		more = append(more, "(justified)")
	case s.Owner != "":
		more = append(more, "("+s.Owner+")")
	}
	return strings.TrimSpace(text + " " + strings.Join(more, " "))
}

// Clock writes a time for people. Times in a history are UTC.
func Clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// minute is the same under a heading that says UTC.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// Local writes a time as whoever asked wrote it, and in UTC beside it.
func Local(t time.Time) string {
	if _, offset := t.Zone(); offset == 0 {
		return Clock(t)
	}
	return t.Format("2006-01-02 15:04 MST (-07:00)") + ", " + Clock(t)
}

// when is a time twice: for people to the minute, for programs in full.
func when[T any](title, field string, get func(T) *time.Time) []column[T] {
	return []column[T]{
		{title, "", func(v T) string {
			if t := get(v); t != nil {
				return minute(*t)
			}
			return ""
		}},
		{"", field, func(v T) string { return stampOrNone(get(v)) }},
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func stampOrNone(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// count says a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
