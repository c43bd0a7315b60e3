package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// markdownText writes text so that GitHub's and other Markdown shows it as it
// is, and leaves alone what means nothing there, so that it can be read raw.
// Blanks are thrown together: four start code, and two end a line.
func markdownText(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var b strings.Builder
	for i, r := range s {
		switch before, after := s[:i], s[i+utf8.RuneLen(r):]; {
		case r == '$': // a formula starts at any, but for one by number
			b.WriteString("&#36;")
		case refers(before, r, after):
			b.WriteByte('\\')
			b.WriteRune(r)
			b.WriteString("<!-- -->")
		case meansSomething(before, r, after):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// refers reports whether r is in the middle of @name, #1, GH-1, :smile: or
// mailto:name. Those are looked for in the finished text, where a backslash is
// of no use; a comment in between shows nothing and keeps the two sides apart.
func refers(before string, r rune, after string) bool {
	switch r {
	case '@', '#':
		return true
	case '-':
		return len(before) >= 2 && strings.EqualFold(before[len(before)-2:], "gh")
	case ':':
		next, _ := utf8.DecodeRuneInString(after)
		return after != "" && (next == '+' || next == '-' || unicode.IsLetter(next))
	}
	return false
}

// meansSomething reports whether r is Markdown's syntax where it stands; text
// is taken to be at the start of a line.
func meansSomething(before string, r rune, after string) bool {
	switch r {
	case '\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '|', '~', '&':
		return true
	case '-', '+', '=':
		return strings.TrimSpace(before) == ""
	case '.', ')': // 1. and 1) start a list, www. a link
		return strings.Trim(before, "0123456789 ") == "" || strings.HasSuffix(strings.ToLower(before), "www")
	case ':':
		return strings.HasPrefix(after, "/")
	}
	return false
}

// markdownCode writes text as code, in which nothing is looked for. In a
// table a bar ends the cell even there, unless it has a backslash.
func markdownCode(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " " // one blank on each side is taken away again
	}
	return fence + s + fence
}

// markdownCell is the same for a cell of a table.
func markdownCell(s string) string {
	if strings.Contains(s, `\|`) || strings.HasSuffix(s, `\`) {
		return markdownText(s) // no code can say it there
	}
	return markdownCode(strings.ReplaceAll(s, "|", `\|`))
}

// markdownBlock writes lines to copy.
func markdownBlock(lines []string) string {
	fence := "```"
	for _, line := range lines {
		fence = strings.Repeat("`", max(len(fence), longestRun(line, '`')+1))
	}
	return fence + "\n" + strings.Join(lines, "\n") + "\n" + fence + "\n"
}

// longestRun is how many of c stand side by side at most.
func longestRun(s string, c rune) (longest int) {
	n := 0
	for _, r := range s {
		if r != c {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}
