package web

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// exportWithin is how long an export may take, and maxExported how many rows it
// may have.
const (
	exportWithin = 10 * time.Minute
	maxExported  = 1_000_000
)

// exported answers a page's request as an export when it asks for a format, with
// what the view of that path would answer to the same parameters; false: it asks
// for none.
func (s *Site) exported(w http.ResponseWriter, r *http.Request, path string) bool {
	if r.URL.Query().Get("format") == "" {
		return false
	}
	s.write(w, r, path, s.views()[path])
	return true
}

// formatOf reads how an answer is to be written.
func formatOf(q url.Values) (string, error) {
	p := &parameters{values: q}
	format := among(p, "format", "json", "csv", "markdown")
	return format, p.wrong
}

// isExport says whether r asks for a whole list as a document.
func isExport(r *http.Request) bool {
	format, err := formatOf(r.URL.Query())
	return err == nil && format != "" && format != "json"
}

// write answers with a view: a part of it as JSON, or all of it as a document.
// With a limit a document has that many rows; without one, all.
func (s *Site) write(w http.ResponseWriter, r *http.Request, path string, v view) {
	format, err := formatOf(r.URL.Query())
	page, wrong := pageOf(r.URL.Query())
	if err = errors.Join(err, wrong); err != nil {
		s.fail(w, r, err)
		return
	}
	if isExport(r) {
		s.export(w, r, path, v, format, page)
		return
	}
	found, err := v.ask(r, page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeJSON(w, r, found.answer)
}

// export writes a document. It is asked for in parts, so that it takes no more
// memory than one; that it broke off shows as a connection that breaks off.
func (s *Site) export(w http.ResponseWriter, r *http.Request, path string, v view, format string, page history.Page) {
	select {
	case s.exports <- struct{}{}:
		defer func() { <-s.exports }()
	default:
		w.Header().Set("Retry-After", "10")
		s.fail(w, r, refused(http.StatusServiceUnavailable, "others are written at the moment: try again in a few seconds"))
		return
	}
	all := page.Limit == 0
	if all {
		page.Limit = history.MaxLimit
	}
	first, err := v.ask(r, page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	kind, err := report.SheetFormatByName(format)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	name := strings.Trim(strings.NewReplacer("/{ip}", "", "/{scan}", "").Replace(path), "/")
	w.Header().Set("Content-Type", documentTypes[format])
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "memsweep-"+name+kind.Extension))
	out := patient{w, http.NewResponseController(w)}
	sheet := report.Sheet{
		About: name, Headline: "memsweep: " + name, Ranked: v.ranked, Columns: first.columns,
		Where: []string{"As the history has it on " + time.Now().UTC().Format("2 January 2006, 15:04 UTC") + "."},
		Parts: []report.Part{{Rows: rowsFrom(r, v, page, first, all)}},
		More:  "the same address with format=csv",
	}
	if err := kind.Write(out, report.Tool{Name: "memsweep", Version: s.options.Version}, sheet, report.Options{}); err != nil {
		s.note("%s %s: %v", r.Method, r.URL.Path, err)
		panic(http.ErrAbortHandler) // what was written must not pass for all
	}
}

var documentTypes = map[string]string{"csv": "text/csv; charset=utf-8; header=present", "markdown": "text/markdown; charset=utf-8"}

// rowsFrom yields the rows of a part and, if all are wanted, of those after it.
func rowsFrom(r *http.Request, v view, page history.Page, now part, all bool) iter.Seq2[report.Row, error] {
	return func(yield func(report.Row, error) bool) {
		for n := 0; ; {
			for _, row := range now.rows {
				if !yield(row, nil) {
					return
				}
			}
			if n += len(now.rows); !all || now.next == "" {
				return
			}
			if n >= maxExported {
				yield(report.Row{}, fmt.Errorf("more than %d rows", maxExported))
				return
			}
			page.After = now.next
			var err error
			if now, err = v.ask(r, page); err != nil {
				yield(report.Row{}, err)
				return
			}
		}
	}
}

// patient gives each write its own time, so that a long document is not cut off
// for being long.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	p.control.SetWriteDeadline(time.Now().Add(writeWithin)) // where it cannot be set, the server's holds
	return p.ResponseWriter.Write(b)
}
