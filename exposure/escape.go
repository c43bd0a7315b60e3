package exposure

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes text that came from the network safe to print on a terminal or
// into a line of text: what it returns is one line of valid UTF-8 in which
// every character is visible. Control characters and bytes that are no UTF-8
// become \xNN; other characters without a glyph of their own (bidirectional
// overrides, zero-width characters, unusual spaces) become \u{…}.
//
// A backslash stays as it is, so the result is for reading, not for parsing
// back; escaping twice changes nothing.
func Escape(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return Hidden(r) || r == utf8.RuneError }) {
		return s // invalid bytes come as U+FFFD
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && Hidden(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case Hidden(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Hidden reports whether r has no glyph of its own: control and format
// characters, every space but the ordinary one, and what is not assigned. The
// default-ignorable letters (Hangul fillers) and variation selectors count as
// printable in Unicode's categories, but show nothing.
func Hidden(r rune) bool {
	if r >= 0 && r < utf8.RuneSelf {
		return r < ' ' || r > '~'
	}
	return !unicode.IsPrint(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escapes is what appendEscaped writes of a byte that does not stand for itself.
var escapes = func() (list [256]string) {
	for c := range list {
		list[c] = fmt.Sprintf(`\x%02x`, c)
	}
	list['\r'], list['\n'], list['\t'], list['\\'] = `\r`, `\n`, `\t`, `\\`
	return list
}()

// appendEscaped appends a raw reply as one line of printable ASCII. Unlike
// Escape it doubles backslashes, so that the text stands for one reply only.
func appendEscaped(text, raw []byte) []byte {
	text = slices.Grow(text, len(raw)+len(raw)/8)
	plain := 0 // where the bytes begin that are still to be written as they are
	for i, c := range raw {
		if c < ' ' || c > '~' || c == '\\' {
			text = append(text, raw[plain:i]...)
			text = append(text, escapes[c]...)
			plain = i + 1
		}
	}
	return append(text, raw[plain:]...)
}
