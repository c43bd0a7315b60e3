package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
)

// column is one column of the CSV: a cell is empty for what was not measured.
type column struct {
	name string
	// text: the cell may hold somebody else's words (a scanned host's, or those
	// of a stored report), so it is guarded against being run as a formula.
	text bool
	cell func(*exposure.Finding) string
}

// columns are what the CSV says of a finding, one row each; they stand after
// sweepColumns. The list only ever grows, and only at its end. Sizes are bytes,
// uptime seconds, and the columns of a transport are those of the finding's
// first observation of it.
func columns() []column {
	return slices.Concat(
		[]column{
			{"id", true, func(f *exposure.Finding) string { return f.ID }},
			{"ip", false, func(f *exposure.Finding) string { return f.IP.String() }},
			{"names", true, func(f *exposure.Finding) string { return strings.Join(f.Names, " ") }},
			{"verdict", true, func(f *exposure.Finding) string { return string(f.Verdict) }},
			{"severity", true, func(f *exposure.Finding) string { return string(f.Severity) }},
			{"reasons", true, func(f *exposure.Finding) string { return strings.Join(f.Reasons, " ") }},
			{"fix", true, firstFix},
		},
		endpointColumns("tcp", func(f *exposure.Finding) *exposure.Observation { return f.TCP }),
		[]column{
			{"tcp_auth", true, tcp(func(o *exposure.Observation) string { return string(o.Auth) })},
			{"tcp_tls", false, tcp(func(o *exposure.Observation) string { return strconv.FormatBool(o.TLS) })},
			{"pid", false, stat(func(s *exposure.Stats) *uint64 { return s.PID })},
			{"uptime", false, stat(func(s *exposure.Stats) *uint64 { return s.Uptime })},
			{"curr_items", false, stat(func(s *exposure.Stats) *uint64 { return s.CurrItems })},
			{"bytes", false, stat(func(s *exposure.Stats) *uint64 { return s.Bytes })},
			{"inter", true, tcp(inter)},
		},
		endpointColumns("udp", func(f *exposure.Finding) *exposure.Observation { return f.UDP }),
		[]column{
			{"udp_replied_from", false, repliedFrom},
			{"udp_request_bytes", false, count(func(a *exposure.Amplification) int { return a.RequestBytes })},
			{"udp_response_bytes", false, count(func(a *exposure.Amplification) int { return a.ResponseBytes })},
			{"udp_datagrams", false, count(func(a *exposure.Amplification) int { return a.Datagrams })},
			{"udp_datagrams_declared", false, count(func(a *exposure.Amplification) int { return a.DatagramsDeclared })},
			{"udp_duplicates", false, count(func(a *exposure.Amplification) int { return a.Duplicates })},
			{"udp_complete", false, measured(func(a *exposure.Amplification) string { return strconv.FormatBool(a.Complete) })},
			{"udp_capped", false, measured(func(a *exposure.Amplification) string { return strconv.FormatBool(a.Capped) })},
			{"udp_baf", false, ratio(func(a *exposure.Amplification) *float64 { return &a.BAF })},
			{"udp_paf", false, ratio(func(a *exposure.Amplification) *float64 { return &a.PAF })},
			{"udp_ip_ratio", false, ratio(func(a *exposure.Amplification) *float64 { return &a.IPRatio })},
			{"udp_wire_ratio", false, ratio(func(a *exposure.Amplification) *float64 { return &a.WireRatio })},
			{"udp_ceiling_estimate", false, ratio(func(a *exposure.Amplification) *float64 { return a.CeilingEstimate })},
		},
		policyColumns(),
		releaseColumns(),
	)
}

// CSVColumns are the names of the columns, in order.
func CSVColumns() []string {
	var names []string
	for _, c := range slices.Concat(sweepColumns(Header{}, Summary{}), columns()) {
		names = append(names, c.name)
	}
	return names
}

// sweepColumns are the first columns: which sweep a row is from, and whether
// that reached its end. They never change.
func sweepColumns(h Header, s Summary) []column {
	constant := func(v string) func(*exposure.Finding) string {
		return func(*exposure.Finding) string { return v }
	}
	return []column{
		{"sweep_id", true, constant(h.Sweep.ID)},
		{"sweep_started", false, constant(h.Sweep.Started.UTC().Format(time.RFC3339))},
		{"sweep_status", true, constant(string(s.Status))},
		{"vantage", true, constant(h.Sweep.Vantage.Name)},
		{"trust", true, constant(string(h.Sweep.Vantage.Trust))},
	}
}

// csvWriter writes RFC 4180 with LF, a header always. Rows are held until End,
// which alone knows the status that stands in each of them.
type csvWriter struct {
	w       io.Writer
	columns []column
	header  Header
	rows    []csvRow
}

type csvRow struct {
	ip    netip.Addr
	id    string
	cells []string
}

func newCSV(w io.Writer, _ Options) Writer { return &csvWriter{w: w, columns: columns()} }

func (c *csvWriter) Begin(h Header) error {
	c.header = h
	return nil
}

func (c *csvWriter) Finding(f exposure.Finding) error {
	c.rows = append(c.rows, csvRow{f.IP, f.ID, cells(c.columns, &f)})
	return nil
}

func (c *csvWriter) End(s Summary) error {
	slices.SortStableFunc(c.rows, func(a, b csvRow) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	sweep := cells(sweepColumns(c.header, s), nil)
	w := csv.NewWriter(c.w) // keeps the first error
	w.Write(CSVColumns())
	for _, r := range c.rows {
		w.Write(slices.Concat(sweep, r.cells))
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func cells(columns []column, f *exposure.Finding) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = exposure.Escape(c.cell(f))
		if c.text {
			row[i] = guard(row[i])
		}
	}
	return row
}

// guard keeps a spreadsheet from running a cell as a formula: after leading
// blanks, the characters that start one get an apostrophe in front, full-width
// forms too. Tabs and line ends are escaped before and start nothing.
func guard(cell string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimLeft(cell, " "))
	if size > 0 && strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
