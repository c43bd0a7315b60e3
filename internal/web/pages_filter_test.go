package web

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/history"
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
