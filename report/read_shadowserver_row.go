package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// shadowserverObservation is what a row says of its endpoint.
func shadowserverObservation(cell func(string) string, tags []string) (exposure.Observation, error) {
	o := exposure.Observation{State: exposure.Open, Auth: exposure.AuthNone, Service: "memcached"}
	if err := readTags(&o, tags); err != nil {
		return o, err
	}
	if v := cell("version"); v != "" {
		o.Version = &v
	}
	if host := cell("hostname"); host != "" {
		o.Notes = append(o.Notes, "shadowserver: hostname "+host)
	}
	stats, err := shadowserverStats(cell)
	if err != nil {
		return o, err
	}
	o.Stats = stats
	size, err := number(cell, "response_size")
	if err != nil || size == nil {
		return o, err
	}
	baf, err := strconv.ParseFloat(cell("amplification"), 64)
	if err != nil || math.IsNaN(baf) || math.IsInf(baf, 0) || baf < 0 || *size > math.MaxInt32 {
		return o, fmt.Errorf("response_size %s, amplification %q: want bytes and a factor", cell("response_size"), exposure.Escape(cell("amplification")))
	}
	o.Reported = &exposure.Reported{By: "shadowserver", ResponseBytes: int(*size), BAF: baf}
	return o, nil
}

// readTags reads what memsweep adds to the tag of a row that is not, or not
// only, about an open memcached. Words that it does not know mean nothing to it.
func readTags(o *exposure.Observation, tags []string) error {
	speaks := false
	for _, tag := range tags {
		state := exposure.State(tag)
		switch {
		case tag == tagMemcached:
			speaks = true
		case state.Answered():
			o.State = state
			if state != exposure.Open {
				o.Auth = exposure.AuthUnknown
			}
		case tag == tagTLS:
			o.TLS = true
		case strings.HasPrefix(tag, tagAuth):
			o.Auth = exposure.Auth(strings.TrimPrefix(tag, tagAuth))
		case strings.HasPrefix(tag, tagProduct):
			o.Product = strings.TrimPrefix(tag, tagProduct)
		}
	}
	if speaks {
		return nil
	}
	o.Service = ""
	for _, tag := range tags {
		if service, ok := strings.CutPrefix(tag, tagService); ok {
			o.Service = service
		}
	}
	if o.State == exposure.Open {
		return fmt.Errorf("tag %q: want memcached, as in the report scan_memcached", exposure.Escape(strings.Join(tags, ";")))
	}
	return nil
}

// shadowserverStats is nil where a row says nothing of the statistics.
func shadowserverStats(cell func(string) string) (*exposure.Stats, error) {
	s, known := &exposure.Stats{}, false
	for column, field := range map[string]**uint64{
		"pid": &s.PID, "uptime": &s.Uptime, "pointer_size": &s.PointerSize,
		"curr_connections": &s.CurrConnections, "total_connections": &s.TotalConnections,
	} {
		n, err := number(cell, column)
		if err != nil {
			return nil, err
		}
		*field, known = n, known || n != nil
	}
	if text := cell("time"); text != "" {
		at, err := time.Parse(shadowserverTime, text)
		if err != nil {
			return nil, fmt.Errorf("time %q: want 2006-01-02 15:04:05, in UTC", exposure.Escape(text))
		}
		unix := at.Unix()
		s.Time, known = &unix, true
	}
	if !known {
		return nil, nil
	}
	return s, nil
}

// number is nil for a cell that is empty.
func number(cell func(string) string, column string) (*uint64, error) {
	text := cell(column)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s %q is no number", column, exposure.Escape(text))
	}
	return &n, nil
}
