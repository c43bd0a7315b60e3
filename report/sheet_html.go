package report

import (
	"io"
	"math"
)

// sheetPage is what the template of a sheet shows.
type sheetPage struct {
	frame
	About, Headline, More string
	Where, Alarms         []string
	Counts                []Count
	Severities            []tile
	Cards                 []card
	Parts                 []sheetPart
	Facts                 []fact
	Listed, Left          uint64
}

type sheetPart struct {
	Title, Note string
	Titles      []string
	Count       uint64
	Rows        []sheetRow
}

// sheetRow is a row in words; the first of its cells names it.
type sheetRow struct {
	Severity, Class, Name string
	Ranked                bool
	Cells                 []sheetCell
}

type sheetCell struct {
	Title, Text string
	Last        bool
}

// writeSheetHTML writes a sheet as one self-contained page.
func writeSheetHTML(w io.Writer, tool Tool, s Sheet, o Options) error {
	p := sheetPage{
		About: say(s.About), Headline: say(s.Headline), More: s.More, Where: all(s.Where, say), Alarms: all(s.Alarms, say),
	}
	for _, c := range s.Counts {
		p.Counts = append(p.Counts, Count{say(c.Name), c.Count})
	}
	for _, f := range s.Facts {
		p.Facts = append(p.Facts, fact{say(f.Name), say(f.Value)})
	}
	limit, found := maxHTMLListed, severityCount{}
	if o.Verbose {
		limit = math.MaxInt
	}
	for _, part := range s.Parts {
		rows, left, err := part.take(limit - int(p.Listed))
		if err != nil {
			return err
		}
		shown := sheetPart{Title: say(part.Title), Note: say(part.Note), Titles: s.titles(part), Count: uint64(len(rows)) + left}
		for _, r := range rows {
			row := s.htmlRow(part, r)
			shown.Rows = append(shown.Rows, row)
			found[row.Severity]++
		}
		p.Listed, p.Left = p.Listed+uint64(len(rows)), p.Left+left
		if shown.Count > 0 {
			p.Parts = append(p.Parts, shown)
		}
	}
	for i, f := range s.Findings {
		c := newCard(&f.Finding, i)
		c.From = say(f.From)
		p.Cards = append(p.Cards, c)
	}
	if s.Ranked {
		for _, name := range found.names() {
			p.Severities = append(p.Severities, tile{name, severityClass(name), found[name]})
		}
	}
	p.frame = frame{Title: p.Headline, Loud: len(p.Alarms) > 0, Version: say(tool.Name + " " + tool.Version)}
	return writePage(w, "sheet.tmpl", p, func() error { return nil })
}

func (s Sheet) htmlRow(p Part, r Row) sheetRow {
	titles, cells := s.titles(p), all(s.shown(p, r), say)
	row := sheetRow{Ranked: s.Ranked, Class: "none"}
	if s.Ranked {
		row.Severity, row.Class = cells[0], severityClass(cells[0])
		titles, cells = titles[1:], cells[1:]
	}
	if len(cells) > 0 {
		row.Name = cells[0]
	}
	for i := 1; i < len(cells); i++ {
		row.Cells = append(row.Cells, sheetCell{titles[i], cells[i], i == len(cells)-1})
	}
	return row
}
