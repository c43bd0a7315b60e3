package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// someSheet has a row for each severity in each of two parts, with texts that
// would run, hide or turn around what stands beside them.
func someSheet(rows int) Sheet {
	evil := `<script>document.title="owned"</script>|` + "\u202e81.6.1\x1b[2J=cmd()"
	list := func(yield func(Row, error) bool) {
		for i := range rows {
			s := exposure.Severities()[i%5]
			if !yield(Row{s, []string{fmt.Sprintf("udp 192.0.2.%d:11211", i%256), "machine", evil, "it says " + evil}}, nil) {
				return
			}
		}
	}
	held := held()
	return Sheet{
		About: "changes", Headline: "2 new, 1 fixed\u202e\x1b[2J<b>", Where: []string{"Seen from " + evil}, Alarms: []string{"The last sweep from " + evil + " is incomplete."},
		Counts: []Count{{"New", 2}, {"Fi\u202exed", 1}}, Ranked: true, More: "memsweep history changes --format csv",
		Columns:  []Column{{"Endpoint", ""}, {"", "ip"}, {"Vantage", "vantage"}, {"What", "what"}},
		Parts:    []Part{{Title: "New", Note: "A note.", Rows: list}, {Title: "Fixed", Rows: list}, {Title: "Nothing", Rows: func(func(Row, error) bool) {}}},
		Findings: []Shown{{"rack (trusted) " + evil, held.findings[0]}},
		Facts:    []Fact{{"From " + evil, "3 open exposures"}},
		Members:  []Member{{Name: "document", Value: "changes"}, {Name: "rows", List: func(yield func(any, error) bool) { yield(evil, nil) }}, {Name: "none", List: func(func(any, error) bool) {}}},
	}
}

func sheetAs(t testing.TB, s Sheet, format string, o Options) []byte {
	t.Helper()
	f, err := SheetFormatByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, someHeader().Tool, s, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSheetsHideNothing: no format hands on what a terminal acts on.
func TestSheetsHideNothing(t *testing.T) {
	t.Parallel()
	for _, f := range SheetFormats() {
		for _, o := range []Options{{}, {Width: 50}, {Width: 120, Verbose: true}} {
			document := string(sheetAs(t, someSheet(7), f.Name, o))
			if i := strings.IndexFunc(document, func(r rune) bool { return r != '\n' && exposure.Hidden(r) }); i >= 0 {
				t.Errorf("%s: %q", f.Name, document[max(0, i-20):min(len(document), i+20)])
			}
		}
	}
}

// TestSheetPage: its tables have the rows, and what is not text is ours.
func TestSheetPage(t *testing.T) {
	t.Parallel()
	root := parsed(t, sheetAs(t, someSheet(7), "html", Options{}))
	tables := elements(root, class("matrix"))
	if len(tables) != 2 || len(elements(tables[0], tag("tr"))) != 8 {
		t.Fatalf("%d tables", len(tables))
	}
	if n := len(elements(root, tag("script"))) + len(elements(root, tag("img"))); n > 0 {
		t.Errorf("%d elements are somebody else's", n)
	}
	if cards := elements(root, class("card")); len(cards) != 1 {
		t.Errorf("%d cards", len(cards))
	}
	checkLinks(t, root)
}

// TestSheetsSayWhatTheyLeaveOut, and -v leaves nothing out.
func TestSheetsSayWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format    string
		rows      int
		row, says string
	}{
		{"markdown", maxMarkdownListed, "\n| **", "**100 rows more, not listed here.**"},
		{"html", maxHTMLListed/2 + 1, `<th scope="row"`, "<b>20000 of them are listed, 2 are left out.</b>"},
	} {
		sheet := someSheet(c.rows)
		sheet.Findings = nil
		document := string(sheetAs(t, sheet, c.format, Options{}))
		if !strings.Contains(document, c.says) || strings.Count(document, c.row) >= 2*c.rows {
			t.Errorf("%s: %d rows", c.format, strings.Count(document, c.row))
		}
		document = string(sheetAs(t, sheet, c.format, Options{Verbose: true}))
		if strings.Contains(document, "left-out\">") || strings.Contains(document, "not listed here") || strings.Count(document, c.row) != 2*c.rows {
			t.Errorf("%s -v: %d rows of %d", c.format, strings.Count(document, c.row), 2*c.rows)
		}
	}
}

// TestSheetsFailWithTheirRows: a list that breaks off is an error in each format
// that shows it, never a shorter document.
func TestSheetsFailWithTheirRows(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	s := someSheet(3)
	s.Parts[1].Rows = func(yield func(Row, error) bool) { yield(Row{}, broken) }
	s.Members = append(s.Members, Member{Name: "more", List: func(yield func(any, error) bool) { yield(nil, broken) }})
	for _, f := range SheetFormats() {
		if err := f.Write(&bytes.Buffer{}, Tool{}, s, Options{}); !errors.Is(err, broken) {
			t.Errorf("%s: %v", f.Name, err)
		}
		if err := f.Write(goneDisk{}, Tool{}, someSheet(2000), Options{}); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

var errDisk = errors.New("no space left")

type goneDisk struct{}

func (goneDisk) Write([]byte) (int, error) { return 0, errDisk }
