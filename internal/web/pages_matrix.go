package web

import (
	"net/http"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// matrixPage is what is known of endpoints from every vantage.
type matrixPage struct {
	frame
	Empty    bool
	Form     filterForm
	Vantages []column
	Rows     []matrixLine
	Pager    pager
}

type column struct{ Name, Trust string }

type matrixLine struct {
	badge          // the worst that is open
	Open           bool
	Endpoint, Host string
	Names          []string
	Cells          []cell
}

// cell is what one vantage knows of one endpoint.
type cell struct {
	badge
	Vantage string
	Known   bool
	Open    bool
	Text    string
	Version string
	At      moment // since when it is open, or fixed
}

func (p *pages) matrix(r *http.Request, pulse history.Pulse) (string, any, error) {
	filter, err := filterOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	page, err := pageOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	m, next, err := p.store.Matrix(r.Context(), filter, page)
	if err != nil {
		return "", nil, err
	}
	owners, err := p.store.Owners(r.Context())
	if err != nil {
		return "", nil, err
	}
	view := matrixPage{
		frame: p.frame(r, pulse, "/matrix", "From where can it be reached?"), Empty: len(m.Vantages) == 0,
		Form: newFilterForm(r, m.Vantages, owners, paramSeverity, paramOnly, paramVantage, paramOwner, paramVerdict, paramTransport, paramState), Pager: newPager(r, next),
	}
	for _, v := range m.Vantages {
		view.Vantages = append(view.Vantages, column{oneLine(v.Name), oneLine(string(v.Trust))})
	}
	for i := range m.Rows {
		view.Rows = append(view.Rows, p.newMatrixLine(&m.Rows[i], view.Vantages))
	}
	return "matrix", view, nil
}

func (p *pages) newMatrixLine(row *history.MatrixRow, columns []column) matrixLine {
	line := matrixLine{Endpoint: endpointText(row.Endpoint), Host: hostPath(row.Endpoint), Names: lines(row.Names, 3)}
	var worst exposure.Severity
	for i, e := range row.Cells {
		c := cell{}
		if i < len(columns) {
			c.Vantage = columns[i].Name
		}
		if e != nil {
			c.Known, c.Open, c.badge, c.Text, c.At = true, e.Open, newBadge(e.Severity), does(e.Seen), p.moment(e.Since)
			if e.Version != nil {
				c.Version = said(*e.Version)
			}
			if e.Fixed != nil {
				c.At = p.moment(*e.Fixed)
			}
			if e.Open && (worst == "" || e.Severity.AtLeast(worst)) {
				worst, line.Open = e.Severity, true
			}
		}
		line.Cells = append(line.Cells, c)
	}
	line.badge = newBadge(worst)
	return line
}
