package web

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
)

// TestTheFormAsksTheSameAgain: whoever sends the form as it came is answered the
// same, however many ranges there are and however they were written.
func TestTheFormAsksTheSameAgain(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range history.MaxRanges {
		many = append(many, fmt.Sprintf("2001:db8:ffff:ffff:ffff:ffff:ffff:%x", i))
	}
	for _, q := range []url.Values{
		{"range": {"10.0.0.7"}}, {"range": {"10.0.0.0/8", "192.0.2.7"}}, {"range": {" 10.0.0.0/8,\t192.0.2.7\n", ""}}, {"range": {strings.Join(many, ",")}},
	} {
		asked, err := filterOf(q)
		if err != nil {
			t.Fatal(err)
		}
		f := newFilterForm(httptest.NewRequest("GET", "/?"+q.Encode(), nil), nil, nil)
		again, err := filterOf(url.Values{"range": {f.Range}})
		if err != nil || !reflect.DeepEqual(asked, again) {
			t.Errorf("%v becomes %q: %v", q, f.Range, err)
		}
		if n := len([]rune(f.Active[0].Text)); n > maxWords+10 {
			t.Errorf("%v: the chip has %d characters", q, n)
		}
	}
}

// TestTheMatrixOfOneVantage has the endpoints that are open from there, and what
// the others know of them.
func TestTheMatrixOfOneVantage(t *testing.T) {
	t.Parallel()
	at := "http://" + served(t, pretended(t, pretend.Size{Exposures: 90, Sweeps: 9}), Options{})
	for vantage, column := range map[string]int{"office": 0, "internet": 2} {
		_, body := get(t, at+"/api/v1/matrix?limit=1000&vantage="+vantage)
		var m history.Matrix
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatal(err)
		}
		others := 0
		for _, row := range m.Rows {
			if e := row.Cells[column]; e == nil || !e.Open {
				t.Errorf("%s is not open from %s", row.Endpoint.IP, vantage)
			}
			if row.Cells[1] != nil {
				others++
			}
		}
		if len(m.Rows) < 10 || others == 0 || m.Vantages[column].Name != vantage {
			t.Errorf("from %s: %d rows, %d known from partner too", vantage, len(m.Rows), others)
		}
	}
	page := text(t, at+"/matrix?vantage=nowhere")
	if !strings.Contains(page, "Nothing matches this filter") || !strings.Contains(page, "Seen from: nowhere") {
		t.Error("a vantage that there is not is taken for any")
	}
}

// TestALongNameCanBeAskedFor: whatever the history takes as the name of a vantage
// is one that pages can be filtered by.
func TestALongNameCanBeAskedFor(t *testing.T) {
	t.Parallel()
	_, store, db := living(t)
	name := strings.Repeat("ü", 250)
	if _, err := db.Exec("UPDATE vantage SET name = ? WHERE id = 1", name); err != nil {
		t.Fatal(err)
	}
	at := "http://" + served(t, store, Options{})
	for _, path := range []string{"/", "/changes", "/matrix", "/trend", "/sweeps"} {
		if a, _ := get(t, at+path+"?vantage="+url.QueryEscape(name)); a.StatusCode != 200 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}
