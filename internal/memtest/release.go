package memtest

import (
	"embed"
	"fmt"
	"strings"
)

// replies holds what real servers said to stats and stats settings, "name
// value" a line.
//
//go:embed replies/*.txt
var replies embed.FS

// release is an upstream version of memcached, where releases differ.
type release struct {
	version   string
	mn        string // the reply to mn, the no-op of the meta protocol
	emptyLine string
	dropsHTTP bool // hangs up on an HTTP request line (since 1.5.1)
}

// The releases whose replies are at hand.
var (
	v1425 = release{version: "1.4.25", mn: "ERROR\r\n", emptyLine: "ERROR\r\n"}
	v1618 = release{version: "1.6.18", mn: "MN\r\n", emptyLine: "ERROR\r\n", dropsHTTP: true}
	v1645 = release{version: "1.6.45", mn: "MN\r\n",
		emptyLine: "CLIENT_ERROR bad command line format\r\n", dropsHTTP: true}
)

// stat is one line of a stats reply.
type stat struct{ name, value string }

// stats is a stats reply, in order.
type stats []stat

// recorded reads what a release said to a question: "stats" or "settings".
func recorded(version, question string) stats {
	text, err := replies.ReadFile("replies/" + version + "-" + question + ".txt")
	if err != nil {
		panic(err) // embedded: only a release without its file gets here
	}
	return parseStats(string(text))
}

func parseStats(text string) stats {
	var all stats
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		all = append(all, stat{name, value})
	}
	return all
}

// set changes the value of a stat, in place; a name that is not there stays
// away, as it does from a server that was built without it.
func (s stats) set(name, value string) {
	for i := range s {
		if s[i].name == name {
			s[i].value = value
		}
	}
}

// after returns a copy with more inserted after the stat called name.
func (s stats) after(name string, more ...stat) stats {
	var out stats
	for _, st := range s {
		out = append(out, st)
		if st.name == name {
			out = append(out, more...)
		}
	}
	return out
}

// ascii is the reply in the text protocol.
func (s stats) ascii() string {
	var b strings.Builder
	for _, st := range s {
		fmt.Fprintf(&b, "STAT %s %s\r\n", st.name, st.value)
	}
	return b.String() + "END\r\n"
}
