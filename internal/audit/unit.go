package audit

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// setting is one key of a unit file, with where it stands.
type setting struct {
	section, key, value string
	line                int // from 1, where it starts
}

// unitSettings reads a unit file (systemd.syntax(7)): a backslash at the end of
// a line goes on with the next, comments between them left out.
func unitSettings(text string) []setting {
	var list []setting
	section, pending, start, number := "", "", 0, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimLeft(line, " \t")
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		if pending == "" {
			start = number
		}
		if before, ok := strings.CutSuffix(line, `\`); ok {
			pending += before + " "
			continue
		}
		whole := strings.TrimSpace(pending + line)
		pending = ""
		if strings.HasPrefix(whole, "[") && strings.HasSuffix(whole, "]") {
			section = whole[1 : len(whole)-1]
			continue
		}
		if key, value, ok := strings.Cut(whole, "="); ok {
			list = append(list, setting{section, strings.TrimSpace(key), strings.TrimSpace(value), start})
		}
	}
	if key, value, ok := strings.Cut(strings.TrimSpace(pending), "="); ok { // the file ended in a backslash
		list = append(list, setting{section, strings.TrimSpace(key), strings.TrimSpace(value), start})
	}
	return list
}

// unitWords splits a value into words: quotes of both kinds are taken away, and
// backslashes read as in C (systemd.syntax(7), "Quoting").
func unitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false
	var quote byte
	for i := 0; i < len(text); {
		c := text[i]
		i++
		switch {
		case c == '\\':
			s, n, err := unescape(text[i:])
			if err != nil {
				return nil, err
			}
			word.WriteString(s)
			i += n
			started = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, started = c, true
		case quote == 0 && strings.IndexByte(" \t\n\r", c) >= 0:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// unescape reads what follows a backslash, and says how long that is. What is
// no escape stays as it is written.
func unescape(rest string) (text string, n int, err error) {
	if rest == "" {
		return "", 0, fmt.Errorf("a backslash at the end")
	}
	const letters, meant = `abfnrtv\"'s`, "\a\b\f\n\r\t\v\\\"' "
	if i := strings.IndexByte(letters, rest[0]); i >= 0 {
		return meant[i : i+1], 1, nil
	}
	digits, base, skip := 0, 16, 1
	switch c := rest[0]; {
	case c == 'x':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case c >= '0' && c <= '3':
		digits, base, skip = 3, 8, 0
	}
	if digits == 0 || len(rest) < skip+digits {
		return `\` + rest[:1], 1, nil
	}
	value, err := strconv.ParseUint(rest[skip:skip+digits], base, 32)
	if err != nil || value == 0 || digits > 3 && !utf8.ValidRune(rune(value)) {
		return `\` + rest[:1], 1, nil
	}
	if digits > 3 {
		return string(rune(value)), skip + digits, nil
	}
	return string([]byte{byte(value)}), skip + digits, nil
}

// unitName is what specifiers stand for.
type unitName struct {
	full     string // "memcached@11212.service"
	prefix   string // "memcached"
	instance string // "11212"
}

func newUnitName(full string) unitName {
	base := strings.TrimSuffix(full, ".service")
	prefix, instance, _ := strings.Cut(base, "@")
	return unitName{full, prefix, instance}
}

// template is the name of the template that it is an instance of, "" for none.
func (u unitName) template() string {
	if u.instance == "" {
		return ""
	}
	return u.prefix + "@.service"
}

// expand puts in what the specifiers of systemd.unit(5) stand for. One that
// depends on more than the unit's name is an error.
func (u unitName) expand(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case '%':
			out.WriteByte('%')
		case 'i':
			out.WriteString(u.instance)
		case 'I':
			if strings.ContainsAny(u.instance, `-\`) {
				return "", fmt.Errorf("specifier %%%%I of an escaped instance is not read")
			}
			out.WriteString(u.instance)
		case 'n':
			out.WriteString(u.full)
		case 'N':
			out.WriteString(strings.TrimSuffix(u.full, ".service"))
		case 'p', 'P', 'j', 'J':
			out.WriteString(u.prefix)
		case 't':
			out.WriteString("/run")
		default:
			return "", fmt.Errorf("specifier %%%s is not read", string(text[i]))
		}
	}
	return out.String(), nil
}
