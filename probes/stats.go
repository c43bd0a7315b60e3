package probes

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// Bounds of what is read of one stats reply. Real ones have up to 120 lines
// of up to 200 bytes (a long -l list or a path in `stats settings`).
const (
	maxStatLines = 2048
	maxStatKey   = 128
	maxStatValue = 512
)

// statMap holds the STAT lines of one reply, values raw.
type statMap map[string]string

// parseStats reads STAT lines until END, an error line or the end of the
// bytes. A line that is none of these is skipped, and so are keys that are too
// long; values are cut. Of a key that comes twice, which memcached never
// sends, the first value counts: what comes late cannot rewrite what was said.
func parseStats(reply []byte) statMap {
	stats := make(statMap, min(bytes.Count(reply, []byte{'\n'}), maxStatLines))
	text := string(reply) // once: keys and values are parts of it
	for range maxStatLines {
		line, complete := firstLine(reply)
		if !complete || endsReply(line) {
			break
		}
		said := text[:len(line)]
		next := bytes.IndexByte(reply, '\n') + 1
		reply, text = reply[next:], text[next:]
		rest, ok := strings.CutPrefix(said, "STAT ")
		if !ok {
			continue
		}
		key, value, _ := strings.Cut(rest, " ")
		if len(key) == 0 || len(key) > maxStatKey {
			continue
		}
		if _, twice := stats[key]; !twice {
			stats[key] = value[:min(len(value), maxStatValue)]
		}
	}
	return stats
}

func (m statMap) text(key string) *string {
	if value, ok := m[key]; ok {
		value = strings.Clone(value) // without the reply that it is part of
		return &value
	}
	return nil
}

// number is nil for a value that is no number or out of range: what cannot be
// read was not measured.
func (m statMap) number(key string) *uint64 {
	if n, err := strconv.ParseUint(m[key], 10, 64); err == nil {
		return &n
	}
	return nil
}

func (m statMap) signed(key string) *int64 {
	if n, err := strconv.ParseInt(m[key], 10, 64); err == nil {
		return &n
	}
	return nil
}

// stats is the part of a `stats` reply that the report has room for; nil when
// there was not a single STAT line.
func (m statMap) stats() *exposure.Stats {
	if len(m) == 0 {
		return nil
	}
	return &exposure.Stats{
		Version:          m.text("version"),
		PID:              m.number("pid"),
		Uptime:           m.number("uptime"),
		Time:             m.signed("time"),
		Libevent:         m.text("libevent"),
		PointerSize:      m.number("pointer_size"),
		CurrConnections:  m.number("curr_connections"),
		TotalConnections: m.number("total_connections"),
		MaxConnections:   m.number("max_connections"),
		CurrItems:        m.number("curr_items"),
		Bytes:            m.number("bytes"),
		LimitMaxBytes:    m.number("limit_maxbytes"),
		Evictions:        m.number("evictions"),
		Threads:          m.number("threads"),
	}
}

// settings is the part of a `stats settings` reply that the report has room
// for; nil when there was not a single STAT line.
func (m statMap) settings() *exposure.Settings {
	if len(m) == 0 {
		return nil
	}
	return &exposure.Settings{
		MaxBytes:         m.number("maxbytes"),
		MaxConns:         m.number("maxconns"),
		TCPPort:          m.number("tcpport"),
		UDPPort:          m.number("udpport"),
		Inter:            m.text("inter"),
		Verbosity:        m.number("verbosity"),
		Evictions:        m.text("evictions"),
		ItemSizeMax:      m.number("item_size_max"),
		AuthEnabledSASL:  m.text("auth_enabled_sasl"),
		AuthEnabledASCII: m.text("auth_enabled_ascii"),
		SSLEnabled:       m.text("ssl_enabled"),
		BindingProtocol:  m.text("binding_protocol"),
		FlushEnabled:     m.text("flush_enabled"),
		DumpEnabled:      m.text("dump_enabled"),
		ShutdownCommand:  m.text("shutdown_command"),
		ProxyEnabled:     m.text("proxy_enabled"),
	}
}
