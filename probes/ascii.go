package probes

import (
	"bytes"

	"github.com/memsweep/memsweep/exposure"
)

// The questions of the text protocol (doc/protocol.txt). Each is one line,
// spelled in full and ended by exactly one CRLF: releases 1.6.40 to 1.6.45
// match sub-commands of stats by prefix, so that a shortened one could be
// "reset", and servers with -Y crash on floods of empty lines.
const (
	askVersion  = "version\r\n"
	askStats    = "stats\r\n"
	askSettings = "stats settings\r\n"
)

// MaxVersionBytes bounds the version that is kept of a VERSION line.
const MaxVersionBytes = 512

// firstLine is the text up to the first LF, without its line end, and whether
// the line is complete. The memcached protocol says CRLF; a lone LF is taken too.
func firstLine(reply []byte) (line []byte, complete bool) {
	line, _, complete = bytes.Cut(reply, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), complete
}

// ParseVersion reads the rest of a VERSION line, raw: neither shortened at a
// blank ("1.4.25 Ubuntu") nor cleaned, since every sink escapes what it
// prints. Only MaxVersionBytes bound it.
func ParseVersion(reply []byte) (version string, ok bool) {
	line, _ := firstLine(reply)
	rest, ok := bytes.CutPrefix(line, []byte("VERSION"))
	if !ok || len(rest) > 0 && rest[0] != ' ' {
		return "", false
	}
	if len(rest) > 0 {
		rest = rest[1:]
	}
	return string(rest[:min(len(rest), MaxVersionBytes)]), true
}

// lineKind is what the first line of a text reply says about who sent it.
type lineKind int

const (
	lineOther           lineKind = iota // not the memcached protocol
	lineVersion                         // VERSION …
	lineStat                            // STAT …, or END
	lineError                           // ERROR, CLIENT_ERROR: the command is not known here
	lineServerError                     // SERVER_ERROR: a proxy whose backend is away
	lineUnauthenticated                 // memcached -Y
	lineFull                            // at the connection limit, sent before any question
)

func classify(reply []byte) lineKind {
	if _, ok := ParseVersion(reply); ok {
		return lineVersion
	}
	line, _ := firstLine(reply)
	switch word, _, _ := bytes.Cut(line, []byte{' '}); {
	case bytes.HasPrefix(line, []byte("ERROR Too many open connections")):
		return lineFull
	case bytes.HasPrefix(line, []byte("CLIENT_ERROR unauthenticated")):
		return lineUnauthenticated
	case string(word) == "ERROR", string(word) == "CLIENT_ERROR":
		return lineError
	case string(word) == "SERVER_ERROR":
		return lineServerError
	case string(word) == "STAT", string(line) == "END":
		return lineStat
	}
	return lineOther
}

// enoughLine has enough of a reply when its first line is complete. It looks
// at each byte once, however small the pieces that a hostile peer sends.
func enoughLine() func(reply []byte) bool {
	seen := 0
	return func(reply []byte) bool {
		if bytes.IndexByte(reply[seen:], '\n') >= 0 {
			return true
		}
		seen = len(reply)
		return false
	}
}

// terminator finds the end of a reply of several lines: the line END, or an
// error line in its place. Lines are compared whole, so that a value which
// contains the text "END" ends nothing. It looks at each byte once.
type terminator struct {
	line int // where the current line starts
	seen int // how far the current line was searched for its LF
	last []byte
}

// enough reports whether reply, which only ever grows, is complete.
func (t *terminator) enough(reply []byte) bool {
	for t.last == nil {
		i := bytes.IndexByte(reply[t.seen:], '\n')
		if i < 0 {
			t.seen = len(reply)
			return false
		}
		line := bytes.TrimSuffix(reply[t.line:t.seen+i], []byte{'\r'})
		t.seen += i + 1
		t.line = t.seen
		if endsReply(line) {
			t.last = bytes.Clone(line)
		}
	}
	return true
}

// ended reports whether the reply ended in END, as opposed to an error.
func (t *terminator) ended() bool { return string(t.last) == "END" }

func endsReply(line []byte) bool {
	switch word, _, _ := bytes.Cut(line, []byte{' '}); string(word) {
	case "END", "RESET":
		return len(word) == len(line)
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		return true
	}
	return false
}

// exchange keeps one question and its reply as evidence: the reply itself, which
// must stay as it is, or a copy of the part that is kept of a long one.
func exchange(question string, reply []byte, ending Ending) exposure.Exchange {
	kept := reply
	if len(reply) > exposure.MaxEvidence {
		kept = bytes.Clone(reply[:exposure.MaxEvidence])
	}
	return exposure.Exchange{
		Question: question,
		Reply:    kept,
		Bytes:    len(reply),
		Ending:   string(ending),
	}
}
