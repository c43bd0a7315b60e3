package exposure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1.6.18":                  "1.6.18",
		"naïve 日本 ×":              "naïve 日本 ×",
		`C:\temp`:                 `C:\temp`,
		"\x1b[31mred\x07\x7f":     `\x1b[31mred\x07\x7f`,
		"a\r\nb\tc\x00":           `a\x0d\x0ab\x09c\x00`,
		"\xff\xfe":                `\xff\xfe`,
		"\u0085\u009b":            `\u{85}\u{9b}`,
		"abc\u202egnp.exe":        `abc\u{202e}gnp.exe`,
		"\u2066x\u2069":           `\u{2066}x\u{2069}`,
		"zero\u200bwidth\ufeff":   `zero\u{200b}width\u{feff}`,
		"\u2028\u00a0\u3164":      `\u{2028}\u{a0}\u{3164}`,
		"v\ufe0f\U000e0041\u00ad": `v\u{fe0f}\u{e0041}\u{ad}`,
		"\ufffd":                  "\ufffd",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b]0;title\x07 \xc3\x28 \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if !utf8.ValidString(e) {
			t.Fatalf("%q: no UTF-8", e)
		}
		if i := strings.IndexFunc(e, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("%q: something hidden at %d", e, i)
		}
		if Escape(e) != e {
			t.Fatalf("%q: escaping again changes it", e)
		}
	})
}

// TestAppendEscaped: every byte, with another between.
func TestAppendEscaped(t *testing.T) {
	t.Parallel()
	special := map[byte]string{'\r': `\r`, '\n': `\n`, '\t': `\t`, '\\': `\\`}
	var raw []byte
	want := ""
	for c := range 256 {
		raw = append(raw, byte(c), 'x', byte(c))
		one := fmt.Sprintf(`\x%02x`, c)
		if text, ok := special[byte(c)]; ok {
			one = text
		} else if ' ' <= c && c <= '~' {
			one = string(rune(c))
		}
		want += one + "x" + one
	}
	if got := string(appendEscaped(nil, raw)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func FuzzExchange(f *testing.F) {
	f.Add("version", []byte("VERSION 1.6.18\r\n"), 16, "complete")
	f.Add("stats", []byte("\x00\xff\\\"\x1b"), 9000, "capped")
	f.Fuzz(func(t *testing.T, question string, reply []byte, size int, ending string) {
		in := Exchange{Question: strings.ToValidUTF8(question, "?"), Reply: reply, Bytes: size, Ending: strings.ToValidUTF8(ending, "?")}
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out Exchange
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Reply, in.Reply) {
			t.Fatalf("reply %q, want %q", out.Reply, in.Reply)
		}
		in.Reply, out.Reply = nil, nil
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("%+v, want %+v", out, in)
		}
	})
}

func TestExchangeJSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(Exchange{Question: "version", Reply: []byte("VERSION 1\\\x1b\xff\r\n\t"), Bytes: 99, Ending: "capped"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"question":"version","text":"VERSION 1\\\\\\x1b\\xff\\r\\n\\t","base64":"VkVSU0lPTiAxXBv/DQoJ","bytes":99,"truncated":true,"ending":"capped"}`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if err := json.Unmarshal([]byte(`{"base64":"!"}`), new(Exchange)); err == nil {
		t.Error("broken base64 was taken")
	}
}
