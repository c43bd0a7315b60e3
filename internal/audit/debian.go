package audit

import (
	"fmt"
	"regexp"
	"strings"
)

// debianDefault is what Debian's wrapper reads.
const debianDefault = "/etc/memcached.conf"

// confLine is a line of a configuration that says something.
type confLine struct {
	number int // from 1
	text   string
}

// debianConf is /etc/memcached.conf as Debian's wrapper reads it
// (/usr/share/memcached/scripts/systemd-memcached-wrapper): options, one or
// more a line. What follows a # is a comment. Lines that start with -d or -h
// are dropped whole, and so are those that do not start with a dash.
func debianConf(text string) (kept []confLine, dropped []confLine) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(withoutComments(line))
		switch {
		case line == "":
		case !strings.HasPrefix(line, "-"), strings.HasPrefix(line, "-d"), strings.HasPrefix(line, "-h"):
			dropped = append(dropped, confLine{number, line})
		default:
			kept = append(kept, confLine{number, line})
		}
	}
	return kept, dropped
}

// withoutComments is the wrapper's s/(?<!\\)\#[^\#]*//g.
func withoutComments(line string) string {
	var out strings.Builder
	in := false
	for i := range len(line) {
		if line[i] == '#' {
			in = i == 0 || line[i-1] != '\\'
		}
		if !in {
			out.WriteByte(line[i])
		}
	}
	return out.String()
}

// debianArguments are the arguments that the wrapper starts memcached with.
// Without any option it falls back to root, on every address.
func debianArguments(kept []confLine) ([]string, error) {
	if len(kept) == 0 {
		return []string{"-u", "root"}, nil
	}
	var parts []string
	for _, l := range kept {
		parts = append(parts, l.text)
	}
	words, err := shellWords(strings.Join(parts, " "))
	if err != nil {
		return nil, fmt.Errorf("the wrapper hands its options to a shell: %w", err)
	}
	return words, nil
}

// risky lines are those that the wrapper drops although they say something
// about the network: "-d -l 127.0.0.1" binds everything.
func risky(dropped []confLine) []confLine {
	var list []confLine
	for _, l := range dropped {
		if strings.HasPrefix(l.text, "-d") && networkOption.MatchString(l.text[2:]) {
			list = append(list, l)
		}
	}
	return list
}

var networkOption = regexp.MustCompile(`\s-[lUpSYZus]`)

// shellWords splits a command as a POSIX shell does. What a shell would expand,
// or run, is an error: it is not certain what comes out.
func shellWords(text string) (words []string, err error) {
	var word strings.Builder
	started := false
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && !strings.ContainsRune("\"$`\\", rune(c)):
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			if i++; i == len(text) {
				return nil, fmt.Errorf("a backslash at the end")
			}
			if quote == '"' && !strings.ContainsRune("\"$`\\", rune(text[i])) {
				word.WriteByte('\\')
			}
			word.WriteByte(text[i])
			started = true
		case c == '\'' || c == '"':
			quote, started = c, true
		case strings.ContainsRune("$`;|&<>()*?~{}#\n", rune(c)):
			return nil, fmt.Errorf("%q means something to it", string(c))
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
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
