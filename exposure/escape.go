package exposure

import (
	"fmt"
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

// escapeBytes writes a raw reply as one line of printable ASCII. Unlike
// Escape it doubles backslashes, so that the text stands for one reply only.
func escapeBytes(raw []byte) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(raw)+len(raw)/8)
	for _, c := range raw {
		switch {
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\\':
			b = append(b, '\\', '\\')
		case c >= ' ' && c <= '~':
			b = append(b, c)
		default:
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
