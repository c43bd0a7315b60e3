package web

import (
	"net/http"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// changesPage is what changed, the newest first, by day.
type changesPage struct {
	frame
	Empty   bool // nothing was ever imported
	Running []runLine
	Form    filterForm
	Days    []day
	Pager   pager
	Count   int
}

// day is what the sweeps of one day showed.
type day struct {
	Name  string // "Saturday, 21 November 2026"
	ID    string
	Words string // "3 new, 1 fixed"
	Rows  []changeLine
}

// changeTable is what the table of changes needs to know. Quiet: its caption is
// said elsewhere, for those who see. Clock: its times are of one day.
type changeTable struct {
	Caption      string
	Quiet, Clock bool
	Rows         []changeLine
}

// Table is the changes of the day.
func (d day) Table() changeTable {
	return changeTable{"Changes of " + d.Name + ": " + d.Words, true, true, d.Rows}
}

// changeLine is one change in a list.
type changeLine struct {
	badge
	Kind, Said     string // the kind as a class, and in a word with a sign
	At             moment
	Clock          string
	Sweep          string // the path of its page
	Endpoint, Host string
	Names          []string
	Vantage, Owner string
	What           []string
}

// maxDetails is how many details of one change a list shows.
const maxDetails = 6

func (p *pages) newChangeLine(c *history.Change) changeLine {
	e := &c.Exposure
	line := changeLine{
		badge: newBadge(c.Severity), Kind: kindClass(c.Kind), Said: kindWord(c.Kind, c.Again), At: p.moment(c.At), Clock: c.At.UTC().Format("15:04"),
		Sweep: sweepPath(c.Scan), Endpoint: endpointText(e.Endpoint), Host: hostPath(e.Endpoint), Names: lines(e.Names, 3),
		Vantage: oneLine(e.Vantage.Name), Owner: oneLine(e.Owner), What: lines(c.Details, maxDetails),
	}
	switch {
	case c.Kind == life.New && c.Now != nil:
		line.What = append([]string{does(*c.Now)}, line.What...)
	case c.Kind == life.Fixed && c.Was != nil:
		line.What = append([]string{"It was: " + does(*c.Was)}, line.What...)
	case len(line.What) == 0 && c.Now != nil:
		line.What = []string{does(*c.Now)}
	}
	return line
}

// kindClass is the kind as one of five known words, "" for another.
func kindClass(k life.Kind) string {
	for _, known := range changeKinds() {
		if k == known {
			return string(k)
		}
	}
	return ""
}

func (p *pages) changes(r *http.Request, pulse history.Pulse) (string, any, error) {
	filter, err := changeFilterOf(r.URL.Query(), p.now())
	if err != nil {
		return "", nil, err
	}
	page, err := pageOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	list, next, err := p.store.Changes(r.Context(), filter, page)
	if err != nil {
		return "", nil, err
	}
	known, err := p.knowledge(r.Context(), pulse)
	if err != nil {
		return "", nil, err
	}
	owners, err := p.store.Owners(r.Context())
	if err != nil {
		return "", nil, err
	}
	c := changesPage{
		frame: p.frame(r, pulse, "/changes", "What changed"), Empty: len(known.Vantages) == 0, Running: p.running(pulse.Running),
		Form: newFilterForm(r, vantagesOf(known.Overview), owners, paramSince, paramUntil, paramKind, paramSeverity, paramOnly, paramVantage, paramOwner, paramVerdict, paramTransport),
		Days: p.days(list), Pager: newPager(r, next), Count: len(list),
	}
	return "changes", c, nil
}

// days groups changes by the day that they were seen on, in UTC.
func (p *pages) days(list []history.Change) []day {
	var days []day
	counts := map[life.Kind]int{}
	for i := range list {
		c := &list[i]
		id := c.At.UTC().Format("2006-01-02")
		if len(days) == 0 || days[len(days)-1].ID != id {
			days = append(days, day{Name: c.At.UTC().Format("Monday, 2 January 2006"), ID: id})
			clear(counts)
		}
		d := &days[len(days)-1]
		d.Rows = append(d.Rows, p.newChangeLine(c))
		counts[c.Kind]++
		d.Words = countWords(counts)
	}
	return days
}

// countWords are counts in the order of the kinds: "3 new, 1 fixed".
func countWords(counts map[life.Kind]int) string {
	text := ""
	for _, k := range changeKinds() {
		if n := counts[k]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += thousands(n) + " " + string(k)
		}
	}
	return text
}
