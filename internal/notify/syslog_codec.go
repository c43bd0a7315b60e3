package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// record is a message of RFC 5424.
type record struct {
	priority int // facility * 8 + severity (section 6.2.1)
	at       time.Time
	host     string
	app      string
	process  string
	id       string // MSGID: what sort of message it is
	element  string // SD-ID
	params   []param
	text     string
}

type param struct{ name, value string }

// maxRecord is what every receiver should take (RFC 5424, section 6.1: it must
// take 480 octets, and should take 2048; common ones take 8192).
const (
	maxRecord = 8192 // octets
	maxParam  = 255  // octets of one value; ours
)

// encode writes a record. It is of ASCII but for the values and the text, which
// are valid UTF-8; the text is cut off so that all fits.
func (r *record) encode() []byte {
	b := fmt.Appendf(nil, "<%d>1 %s %s %s %s %s ", r.priority, r.at.UTC().Format("2006-01-02T15:04:05.000000Z"),
		printable(r.host, 255), printable(r.app, 48), printable(r.process, 128), printable(r.id, 32))
	b = append(b, '[')
	b = append(b, name(r.element)...)
	for _, p := range r.params {
		b = append(b, ' ')
		b = append(b, name(p.name)...)
		b = append(b, `="`...)
		b = append(b, paramEscapes.Replace(utf8Cut(p.value, maxParam))...)
		b = append(b, '"')
	}
	b = append(b, ']')
	if r.text == "" {
		return b
	}
	b = append(b, " \xef\xbb\xbf"...) // BOM: what follows is UTF-8 (section 6.4)
	return append(b, utf8Cut(oneLine(r.text), max(0, maxRecord-len(b)))...)
}

// paramEscapes: section 6.3.3.
var paramEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)

// printable is PRINTUSASCII of a header field: no space, at least one.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s = s[:min(len(s), most)]; s == "" {
		return "-" // NILVALUE
	}
	return s
}

// name is an SD-NAME: PRINTUSASCII without = ] and ", at most 32.
func name(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '=' || r == ']' || r == '"' {
			return '_'
		}
		return r
	}, printable(s, 32))
}

// oneLine keeps a record to one line of its receiver's file.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// utf8Cut is valid UTF-8 of at most so many octets, without control characters.
func utf8Cut(s string, most int) string {
	s = oneLine(strings.ToValidUTF8(s[:min(len(s), most+utf8.UTFMax)], "\uFFFD"))
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// frame counts the octets before a record (RFC 6587, section 3.4.1; RFC 5425,
// section 4.3).
func frame(b, record []byte) []byte {
	b = strconv.AppendInt(b, int64(len(record)), 10)
	b = append(b, ' ')
	return append(b, record...)
}
