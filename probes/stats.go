package probes

import (
	"bytes"
	"strconv"

	"github.com/memsweep/memsweep/exposure"
)

// Bounds of what is read of one stats reply. Real ones have up to 120 lines
// of up to 200 bytes (a long -l list or a path in `stats settings`).
const (
	maxStatLines = 2048
	maxStatKey   = 128
	maxStatValue = 512
)

// statList holds the STAT lines of one reply, values raw.
type statList struct {
	reply []byte // what the lines are parts of
	lines []statLine
}

// statLine is where in a reply a key begins, a blank ends it, and the value
// ends. Of the hundred lines that a server sends, few are ever read.
type statLine struct{ key, blank, end uint32 }

// parseStats reads STAT lines until END, an error line or the end of the
// bytes. A line that is none of these is skipped, and so are keys that are too
// long; values are cut. The reply is not copied: it must stay as it is.
func parseStats(reply []byte) statList {
	const stat = "STAT "
	list := statList{reply: reply, lines: make([]statLine, 0, min(bytes.Count(reply, []byte{'\n'}), maxStatLines))}
	at := 0
	for range maxStatLines {
		line, complete := firstLine(reply[at:])
		if !complete || endsReply(line) {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte(stat)); ok {
			key, value, _ := bytes.Cut(rest, []byte{' '})
			if len(key) > 0 && len(key) <= maxStatKey {
				list.add(at+len(stat), len(key), min(len(value), maxStatValue))
			}
		}
		at += bytes.IndexByte(reply[at:], '\n') + 1
	}
	return list
}

// add takes in a line: where its key begins, and how long key and value are.
func (l *statList) add(at, key, value int) {
	l.lines = append(l.lines, statLine{uint32(at), uint32(at + key), uint32(at + key + 1 + value)})
}

// empty reports whether there was not a single STAT line.
func (l statList) empty() bool { return len(l.lines) == 0 }

// value is what a key stands for. Of a key that comes twice, which memcached
// never sends, the first value counts: what comes late cannot rewrite what was
// said.
func (l statList) value(key string) (value []byte, ok bool) {
	for _, line := range l.lines {
		if string(l.reply[line.key:line.blank]) == key {
			return l.reply[line.blank+1 : line.end], true
		}
	}
	return nil, false
}

// statReader reads what the report has room for. Numbers and texts lie side by
// side, so that each does not cost an allocation of its own.
type statReader struct {
	statList
	numbers []uint64
	texts   []string
}

func (r *statReader) text(key string) *string {
	if value, ok := r.value(key); ok {
		return keep(&r.texts, string(value)) // without the reply that it is part of
	}
	return nil
}

// number is nil for a value that is no number or out of range: what cannot be
// read was not measured.
func (r *statReader) number(key string) *uint64 {
	if value, ok := r.value(key); ok {
		if n, err := strconv.ParseUint(string(value), 10, 64); err == nil {
			return keep(&r.numbers, n)
		}
	}
	return nil
}

func (r *statReader) signed(key string) *int64 {
	if value, ok := r.value(key); ok {
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return &n
		}
	}
	return nil
}

// keep is where v lies in a room from now on.
func keep[T any](room *[]T, v T) *T {
	*room = append(*room, v)
	return &(*room)[len(*room)-1]
}

// stats is the part of a `stats` reply that the report has room for; nil when
// there was not a single STAT line.
func (l statList) stats() *exposure.Stats {
	if l.empty() {
		return nil
	}
	r := statReader{l, make([]uint64, 0, 11), make([]string, 0, 2)}
	return &exposure.Stats{
		Version:          r.text("version"),
		PID:              r.number("pid"),
		Uptime:           r.number("uptime"),
		Time:             r.signed("time"),
		Libevent:         r.text("libevent"),
		PointerSize:      r.number("pointer_size"),
		CurrConnections:  r.number("curr_connections"),
		TotalConnections: r.number("total_connections"),
		MaxConnections:   r.number("max_connections"),
		CurrItems:        r.number("curr_items"),
		Bytes:            r.number("bytes"),
		LimitMaxBytes:    r.number("limit_maxbytes"),
		Evictions:        r.number("evictions"),
		Threads:          r.number("threads"),
	}
}

// settings is the part of a `stats settings` reply that the report has room
// for; nil when there was not a single STAT line.
func (l statList) settings() *exposure.Settings {
	if l.empty() {
		return nil
	}
	r := statReader{l, make([]uint64, 0, 6), make([]string, 0, 10)}
	return &exposure.Settings{
		MaxBytes:         r.number("maxbytes"),
		MaxConns:         r.number("maxconns"),
		TCPPort:          r.number("tcpport"),
		UDPPort:          r.number("udpport"),
		Inter:            r.text("inter"),
		Verbosity:        r.number("verbosity"),
		Evictions:        r.text("evictions"),
		ItemSizeMax:      r.number("item_size_max"),
		AuthEnabledSASL:  r.text("auth_enabled_sasl"),
		AuthEnabledASCII: r.text("auth_enabled_ascii"),
		SSLEnabled:       r.text("ssl_enabled"),
		BindingProtocol:  r.text("binding_protocol"),
		FlushEnabled:     r.text("flush_enabled"),
		DumpEnabled:      r.text("dump_enabled"),
		ShutdownCommand:  r.text("shutdown_command"),
		ProxyEnabled:     r.text("proxy_enabled"),
	}
}
