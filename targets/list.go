package targets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/internal/handwritten"
)

const (
	maxLine    = 4 << 10 // bytes of one line of a list
	maxEntries = 1 << 20 // entries of one list; CIDRs say more in fewer
)

// Entry is one target or exclude and where it was written.
type Entry struct {
	Spec
	Source Source
}

// Source is a place in the user's input.
type Source struct {
	Name string // of a file, or "argument"
	Line int    // from 1; 0 when there are no lines
}

// String returns "hosts.txt:3", or the name alone.
func (s Source) String() string {
	if s.Line == 0 {
		return s.Name
	}
	return s.Name + ":" + strconv.Itoa(s.Line)
}

// Arguments reads targets from the command line, each argument like a line
// of a list. All errors are reported, up to ten.
func Arguments(args []string) ([]Entry, error) {
	return readArguments(args, Source{Name: "argument"}, list{parse: Parse})
}

// ExcludeArguments reads excludes from the values of --exclude.
func ExcludeArguments(args []string) ([]Entry, error) {
	return readArguments(args, Source{Name: "--exclude"}, list{parse: ParseExclude})
}

// ReadList reads targets: one a line, or several separated by blanks or
// commas; what follows a # is a comment. name is what errors call r. All bad
// lines are reported, up to ten.
func ReadList(r io.Reader, name string) ([]Entry, error) {
	return readLines(r, name, list{parse: Parse, limit: maxEntries})
}

// ReadExcludes reads excludes, in the form of ReadList.
func ReadExcludes(r io.Reader, name string) ([]Entry, error) {
	return readLines(r, name, list{parse: ParseExclude, limit: maxEntries})
}

// list gathers the entries of one input.
type list struct {
	parse   func(string) (Spec, error)
	limit   int // of entries, when read from a file
	entries []Entry
	bad     handwritten.Problems
}

func readArguments(args []string, source Source, l list) ([]Entry, error) {
	for _, arg := range args {
		if strings.Trim(arg, separators) == "" { // an unset shell variable: not to be passed over
			l.add("", source)
			continue
		}
		l.addLine(arg, source)
	}
	return l.entries, l.bad.Err()
}

func readLines(r io.Reader, name string, l list) ([]Entry, error) {
	lines := bufio.NewReaderSize(r, maxLine)
	if start, _ := lines.Peek(2); bytes.Equal(start, []byte{0xff, 0xfe}) || bytes.Equal(start, []byte{0xfe, 0xff}) {
		return nil, fmt.Errorf("%s:1: UTF-16: save the file as UTF-8", name)
	}
	for number := 1; ; number++ {
		source := Source{Name: name, Line: number}
		line, err := nextLine(lines)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.bad.Add(fmt.Errorf("%s: longer than %d bytes: write one target a line", source, maxLine))
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read %s: %w", source, err)
		}
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line, _, _ = strings.Cut(line, "#")
		l.addLine(line, source)
		if len(l.entries) > l.limit {
			return nil, fmt.Errorf("%s: more than %d entries: write neighbours as CIDRs", source, l.limit)
		}
		if err != nil {
			return l.entries, l.bad.Err()
		}
	}
}

// nextLine returns the next line, at the end with io.EOF. Of a line that does
// not fit it returns bufio.ErrBufferFull and goes on to the next.
func nextLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return string(line), err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return "", bufio.ErrBufferFull // the next call meets the end of the input again
}

// separators stand between the targets of one line.
const separators = " \t\r\n,"

func (l *list) addLine(line string, source Source) {
	for text := range strings.FieldsFuncSeq(line, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		l.add(text, source)
	}
}

func (l *list) add(text string, source Source) {
	spec, err := l.parse(text)
	if err != nil {
		l.bad.Add(fmt.Errorf("%s: %w", source, err))
		return
	}
	l.entries = append(l.entries, Entry{Spec: spec, Source: source})
}
