package notify

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var wellFormed = regexp.MustCompile(`^<\d{1,3}>1 \S+ [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} \[[!-~]{1,32}( [!-~]{1,32}="([^"\\\]\x00-\x1f\x7f]|\\["\\\]])*")*\]( \x{FEFF}[^\x00-\x1f\x7f]*)?$`)

// FuzzSyslog: whatever the texts are, a record is one line of valid UTF-8 by the
// grammar, of a size that receivers take, and its values come back.
func FuzzSyslog(f *testing.F) {
	for _, s := range []string{"", "plain", `a"b\c]d`, "line\r\nbreak\x00", "\xff\xfe", "日本語", "\u2028\u0085", strings.Repeat("é", 5000), `]["\`, strings.Repeat(`\`, 300)} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, host, id, value, text string) {
		r := record{priority: 134, at: time.Unix(1, 0), host: host, app: "memsweep", process: "1", id: id, element: elementID, params: []param{{"version", value}, {id, "x"}}, text: text}
		got := r.encode()
		if !wellFormed.Match(got) || !utf8.Valid(got) || len(got) > maxRecord {
			t.Fatalf("%d octets: %q", len(got), got)
		}
		_, rest, _ := bytes.Cut(got, []byte(`version="`))
		back := strings.Builder{}
		for i := 0; rest[i] != '"'; i++ {
			if rest[i] == '\\' {
				i++
			}
			back.WriteByte(rest[i])
		}
		if clean := oneLine(strings.ToValidUTF8(value, "\uFFFD")); len(clean) <= maxParam && len(value) <= maxParam && back.String() != clean || !strings.HasPrefix(clean, back.String()) && len(value) <= maxParam {
			t.Fatalf("%q came back as %q", value, back.String())
		}
		framed := frame(nil, got)
		size, body, ok := bytes.Cut(framed, []byte(" "))
		if n, err := strconv.Atoi(string(size)); !ok || err != nil || n != len(got) || !bytes.Equal(body, got) {
			t.Fatalf("%q", framed)
		}
	})
}

// TestRFC5424Example is like example 3 of section 6.5.
func TestRFC5424Example(t *testing.T) {
	t.Parallel()
	r := record{
		priority: 165, at: time.Date(2003, 10, 11, 22, 14, 15, 3000000, time.UTC), host: "mymachine.example.com", app: "evntslog", id: "ID47",
		element: "exampleSDID@32473", params: []param{{"iut", "3"}, {"eventSource", "Application"}, {"eventID", "1011"}}, text: "An application event log entry...",
	}
	want := `<165>1 2003-10-11T22:14:15.003000Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] ` + "\xef\xbb\xbfAn application event log entry..."
	if got := string(r.encode()); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
}
