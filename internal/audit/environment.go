package audit

import (
	"strings"
)

// assignment is one NAME=value of an environment file.
type assignment struct {
	name, value string
	line        int    // from 1, where it starts
	text        string // as it is written
}

// environmentFile reads /etc/sysconfig/memcached and its like as systemd does
// (systemd.exec(5), EnvironmentFile=): quotes, backslashes and comments as in a
// shell, and no expansion. Nothing in it is ever run.
func environmentFile(text string) []assignment {
	var list []assignment
	for r := (envReader{text: text, line: 1}); r.at < len(r.text); {
		if a, ok := r.next(); ok {
			list = append(list, a)
		}
	}
	return list
}

type envReader struct {
	text     string
	at, line int
}

// next reads up to the end of one assignment, or of a line that is none.
func (r *envReader) next() (assignment, bool) {
	start, line := r.at, r.line
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		if r.take() == '\n' {
			start, line = r.at, r.line
		}
	}
	if r.at == len(r.text) {
		return assignment{}, false
	}
	end := strings.IndexAny(r.text[r.at:], "=\n")
	if c := r.text[r.at]; c == '#' || c == ';' || end < 0 || r.text[r.at+end] == '\n' {
		r.skipLine()
		return assignment{}, false
	}
	name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(r.text[r.at:r.at+end]), "export "))
	r.at += end + 1
	value := r.value()
	return assignment{name, value, line, strings.TrimSpace(r.text[start:r.at])}, variable(name)
}

func (r *envReader) take() byte {
	c := r.text[r.at]
	r.at++
	if c == '\n' {
		r.line++
	}
	return c
}

// skipLine passes a line; a comment goes on after a backslash at its end.
func (r *envReader) skipLine() {
	for r.at < len(r.text) {
		switch r.take() {
		case '\n':
			return
		case '\\':
			if r.at < len(r.text) {
				r.take()
			}
		}
	}
}

// value reads up to the end of the line outside of quotes. Blanks at both ends
// do not count.
func (r *envReader) value() string {
	var out strings.Builder
	keep := 0 // how much of out is not trailing blanks
	var quote byte
	for r.at < len(r.text) {
		c := r.take()
		switch {
		case quote == 0 && c == '\n':
			return out.String()[:keep]
		case quote != '\'' && c == '\\':
			if r.at == len(r.text) {
				break
			}
			next := r.take()
			if quote == '"' && strings.IndexByte("\"\\`$\n", next) < 0 {
				out.WriteByte('\\')
			}
			if next != '\n' {
				out.WriteByte(next)
				keep = out.Len()
			}
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			keep = out.Len()
		case quote != 0 && c == quote:
			quote = 0
			keep = out.Len()
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if out.Len() > 0 {
				out.WriteByte(c)
			}
		default:
			out.WriteByte(c)
			keep = out.Len()
		}
	}
	return out.String()[:keep]
}

// variable reports whether name can be that of an environment variable.
func variable(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
