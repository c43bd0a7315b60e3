package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// The columns of exports. Each list only ever grows, and only at its end: people
// count on them. A cell is empty for what is not known.

func columnsOf(names ...string) []report.Column {
	list := make([]report.Column, len(names))
	for i, n := range names {
		list[i] = report.Column{Title: strings.ToUpper(n[:1]) + strings.ReplaceAll(n[1:], "_", " "), Field: n}
	}
	return list
}

func exposureColumns() []report.Column {
	return columnsOf("ip", "transport", "port", "names", "vantage", "trust", "open", "verdict", "state", "service", "product", "version", "auth", "tls",
		"baf", "owner", "justified", "first_seen", "since", "last_seen", "last_asked", "fixed", "misses")
}

func exposureRow(e history.Exposure) report.Row {
	return report.Row{Severity: e.Severity, Cells: []string{
		e.IP.String(), string(e.Transport), strconv.Itoa(int(e.Port)), strings.Join(e.Names, " "), e.Vantage.Name, string(e.Vantage.Trust), strconv.FormatBool(e.Open),
		string(e.Verdict), string(e.State), e.Service, e.Product, textOf(e.Version), string(e.Auth), strconv.FormatBool(e.TLS),
		numberOf(e.BAF), e.Owner, strconv.FormatBool(e.Justified), stamp(e.FirstSeen), stamp(e.Since), stamp(e.LastSeen), stamp(e.LastAsked), stampOf(e.Fixed), strconv.Itoa(e.Misses),
	}}
}

func changeColumns() []report.Column {
	return columnsOf("id", "at", "kind", "again", "ip", "transport", "port", "names", "vantage", "trust", "owner", "was", "now", "details", "scan", "job")
}

func changeRow(c history.Change) report.Row {
	e := c.Exposure
	return report.Row{Severity: c.Severity, Cells: []string{
		strconv.FormatInt(c.ID, 10), stamp(c.At), string(c.Kind), strconv.FormatBool(c.Again), e.IP.String(), string(e.Transport), strconv.Itoa(int(e.Port)),
		strings.Join(e.Names, " "), e.Vantage.Name, string(e.Vantage.Trust), e.Owner, seenOf(c.Was), seenOf(c.Now), strings.Join(c.Details, "; "), c.Scan, c.Job,
	}}
}

// seenOf is what was seen, in a few words; "": nothing.
func seenOf(s *life.Seen) string {
	if s == nil {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{string(s.Severity), string(s.Verdict), textOf(s.Version)}, func(w string) bool { return w == "" }), " ")
}

// matrixColumns have one a vantage at their end, under its name.
func matrixColumns(vantages []exposure.Vantage) []report.Column {
	list := columnsOf("ip", "transport", "port", "names")
	for _, v := range vantages {
		list = append(list, report.Column{Title: v.Name + " (" + string(v.Trust) + ")", Field: v.Name})
	}
	return list
}

func matrixRow(r history.MatrixRow) report.Row {
	row := report.Row{Cells: []string{r.IP.String(), string(r.Transport), strconv.Itoa(int(r.Port)), strings.Join(r.Names, " ")}}
	for _, e := range r.Cells {
		text := ""
		switch {
		case e == nil:
		case e.Open:
			text = "open: " + seenOf(&e.Seen)
			if row.Severity == "" || e.Severity.AtLeast(row.Severity) {
				row.Severity = e.Severity
			}
		default:
			text = "fixed " + stampOf(e.Fixed)
		}
		row.Cells = append(row.Cells, text)
	}
	return row
}

func sweepColumns() []report.Column {
	return columnsOf("scan", "job", "vantage", "trust", "started", "finished", "status", "engine", "planned", "answered", "closed", "silent", "local_error", "not_scanned",
		"rate_asked", "rate_achieved", "problems", "imported", "plan")
}

func sweepRow(s history.Sweep) report.Row {
	o := s.Outcomes
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return report.Row{Cells: []string{
		s.Scan, s.Job, s.Vantage.Name, string(s.Vantage.Trust), stamp(s.Started), stampOf(s.Finished), string(s.Status), s.Engine, count(s.Planned),
		count(o.Answered), count(o.Closed), count(o.Silent), count(o.LocalError), count(o.NotScanned), numberOf(&s.RateAsked), numberOf(s.RateAchieved),
		strings.Join(s.Problems, "; "), stamp(s.Imported), s.Plan,
	}}
}

func runColumns() []report.Column {
	return columnsOf("job", "due", "started", "finished", "outcome", "scan", "problem")
}

func runRow(r history.Run) report.Row {
	return report.Row{Cells: []string{r.Job, stamp(r.Due), stampOf(r.Started), stampOf(r.Finished), string(r.Outcome), r.Scan, r.Problem}}
}

// severityColumns are a count for each severity, after others.
func severityColumns(names ...string) []report.Column {
	for _, s := range exposure.Severities() {
		names = append(names, string(s))
	}
	return columnsOf(names...)
}

func severityCells(open map[exposure.Severity]int, before ...string) []string {
	for _, s := range exposure.Severities() {
		before = append(before, strconv.Itoa(open[s]))
	}
	return before
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func numberOf(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
