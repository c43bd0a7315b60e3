package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// shadowserverColumns are those of Shadowserver's report scan_memcached, in its
// order.
func shadowserverColumns() []string {
	return []string{
		"timestamp", "severity", "ip", "protocol", "port", "hostname", "tag", "asn", "geo", "region", "city", "naics",
		"hostname_source", "sector", "version", "pid", "pointer_size", "uptime", "time", "curr_connections",
		"total_connections", "response_size", "amplification",
	}
}

// The words of the column tag, separated by semicolons. Shadowserver's own is
// tagMemcached alone: an open memcached. Whatever is anything else, or less
// sure, has further words, or does not have that one.
const (
	tagMemcached  = "memcached"
	tagTLS        = "in-tls"
	tagProduct    = "product-" // a proxy or a clone, by name
	tagAuth       = "auth-"    // how it asks for credentials
	tagService    = "service-" // what it speaks instead
	tagUnfounded  = "justification"
	tagJustified  = "justified"
	tagIncomplete = "sweep-incomplete"
)

const shadowserverTime = time.DateTime // UTC

// shadowserverWriter writes what Shadowserver would: one row for each endpoint
// that answered. The format cannot say that a sweep did not ask everything: so
// each row of one that did not is tagged, and where there is no row, there is
// no header either, since a header alone would read as an all-clear.
type shadowserverWriter struct {
	out    *bufio.Writer
	header Header
	rows   []shadowserverRow
}

type shadowserverRow struct {
	ip    netip.Addr
	id    string
	tags  []string
	cells map[string]string
}

func newShadowserver(w io.Writer, _ Options) Writer {
	return &shadowserverWriter{out: bufio.NewWriter(w)}
}

func (s *shadowserverWriter) Begin(h Header) error {
	s.header = h
	return nil
}

func (s *shadowserverWriter) Finding(f exposure.Finding) error {
	endpoints := exposed(&f)
	if len(endpoints) == 0 {
		s.add(&f, []string{tagUnfounded}, map[string]string{})
	}
	for _, o := range endpoints {
		s.add(&f, tagsOf(o), shadowserverCells(o))
	}
	return nil
}

func (s *shadowserverWriter) add(f *exposure.Finding, tags []string, cells map[string]string) {
	if justified(f) {
		tags = append(tags, tagJustified)
	}
	cells["timestamp"] = s.header.Sweep.Started.UTC().Format(shadowserverTime)
	cells["severity"] = string(f.Severity)
	cells["ip"] = plain(f.IP)
	if len(f.Names) > 0 {
		cells["hostname"] = f.Names[0]
	}
	s.rows = append(s.rows, shadowserverRow{f.IP, f.ID, tags, cells})
}

func (s *shadowserverWriter) End(sum Summary) error {
	slices.SortStableFunc(s.rows, func(a, b shadowserverRow) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	if len(s.rows) > 0 || proven(sum) {
		s.out.WriteString(`"` + strings.Join(shadowserverColumns(), `","`) + "\"\n")
	}
	for _, r := range s.rows {
		if !proven(sum) {
			r.tags = append(r.tags, tagIncomplete)
		}
		r.cells["tag"] = strings.Join(r.tags, ";")
		var line []string
		for _, column := range shadowserverColumns() {
			line = append(line, shadowserverCell(r.cells[column]))
		}
		s.out.WriteString(strings.Join(line, ",") + "\n")
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write shadowserver: %w", err)
	}
	return nil
}

// shadowserverCell quotes as Shadowserver does: where it is needed, and where
// there is a blank.
func shadowserverCell(text string) string {
	text = guard(exposure.Escape(text))
	if strings.ContainsAny(text, " ,\"") {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

func tagsOf(o *exposure.Observation) []string {
	var tags []string
	if o.State == exposure.Open || o.State == exposure.AuthRequired || o.State == exposure.Full {
		tags = append(tags, tagMemcached)
	}
	if o.State != exposure.Open {
		tags = append(tags, tagWord(string(o.State)))
	}
	if o.State == exposure.AuthRequired || o.State == exposure.TLS {
		tags = append(tags, tagAuth+tagWord(string(o.Auth)))
	}
	if o.State == exposure.Foreign && o.Service != "" {
		tags = append(tags, tagService+tagWord(o.Service))
	}
	if o.Product != "" {
		tags = append(tags, tagProduct+tagWord(o.Product))
	}
	if o.TLS {
		tags = append(tags, tagTLS)
	}
	return tags
}

// tagWord keeps a word from ending the tag that it is part of.
func tagWord(word string) string { return strings.ReplaceAll(exposure.Escape(word), ";", "_") }

// shadowserverCells are the cells that depend on the endpoint. What was not
// measured is empty.
func shadowserverCells(o *exposure.Observation) map[string]string {
	cells := map[string]string{"protocol": string(o.Transport), "port": strconv.Itoa(int(o.Port))}
	if o.Version != nil {
		cells["version"] = *o.Version
	}
	if stats := o.Stats; stats != nil {
		for column, n := range map[string]*uint64{
			"pid": stats.PID, "pointer_size": stats.PointerSize, "uptime": stats.Uptime,
			"curr_connections": stats.CurrConnections, "total_connections": stats.TotalConnections,
		} {
			if n != nil {
				cells[column] = strconv.FormatUint(*n, 10)
			}
		}
		if stats.Time != nil {
			cells["time"] = time.Unix(*stats.Time, 0).UTC().Format(shadowserverTime)
		}
		if stats.Version != nil && o.Version == nil {
			cells["version"] = *stats.Version
		}
	}
	switch {
	case o.Amplification != nil:
		cells["response_size"] = strconv.Itoa(o.Amplification.ResponseBytes)
		cells["amplification"] = strconv.FormatFloat(o.Amplification.BAF, 'f', 2, 64)
	case o.Reported != nil:
		cells["response_size"] = strconv.Itoa(o.Reported.ResponseBytes)
		cells["amplification"] = strconv.FormatFloat(o.Reported.BAF, 'f', 2, 64)
	}
	return cells
}
