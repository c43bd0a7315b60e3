package web

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// moment is a time, exactly and in words.
type moment struct {
	ISO  string // for machines
	Text string // "2026-11-21 07:02 UTC"
	Ago  string // "3 hours ago"
	Age  string // "3 hours"
}

func (p *pages) moment(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	m := moment{ISO: t.Format(time.RFC3339), Text: t.Format("2006-01-02 15:04 UTC"), Age: age(p.now().Sub(t))}
	switch {
	case p.now().Before(t.Add(-time.Minute)):
		m.Age = age(t.Sub(p.now()))
		m.Ago = "in " + m.Age
	case p.now().Before(t.Add(time.Minute)):
		m.Age, m.Ago = "a moment", "just now"
	default:
		m.Ago = m.Age + " ago"
	}
	return m
}

// maybe is a moment that may not have come.
func (p *pages) maybe(t *time.Time) *moment {
	if t == nil {
		return nil
	}
	m := p.moment(*t)
	return &m
}

// age is a duration as people say it: in one unit, rounded down.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return plural(max(0, int(d/time.Second)), "second")
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 2*day:
		return plural(int(d/time.Hour), "hour")
	case d < 60*day:
		return plural(int(d/day), "day")
	case d < 730*day:
		return plural(int(d/(30*day)), "month")
	}
	return plural(int(d/(365*day)), "year")
}

// plural counts a noun: "1 host", "12,000 hosts".
func plural[N int | uint64](n N, noun string) string {
	text := thousands(n) + " " + noun
	if n != 1 {
		text += "s"
	}
	return text
}

// thousands writes a number with commas.
func thousands[N int | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// maxWords is how many characters of somebody else's text a list shows.
const maxWords = 160

// maxSaid is how many characters of what a server says of itself a list shows, so
// that it makes no row high. The page of its host has all of it.
const maxSaid = 40

// oneLine makes text that may be somebody else's fit to be shown in a list.
func oneLine(s string) string { return cut(s, maxWords) }

// said does so with what a server says of itself.
func said(s string) string { return cut(s, maxSaid) }

func cut(s string, most int) string {
	if len(s) > 16*most {
		s = s[:16*most] // more than is shown, however it is escaped
	}
	s = exposure.Escape(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

func lines(list []string, most int) []string {
	var out []string
	for _, s := range list[:min(most, len(list))] {
		out = append(out, oneLine(s))
	}
	if left := len(list) - most; left > 0 {
		out = append(out, "and "+thousands(left)+" more")
	}
	return out
}

// does says in few words what an exposure lets others do.
func does(s life.Seen) string {
	credentials := map[exposure.Auth]string{exposure.AuthNone: "no credentials", exposure.AuthASCII: "asks for a password", exposure.AuthSASL: "asks for a password (SASL)", exposure.AuthCert: "asks for a certificate"}[s.Auth]
	var words []string
	switch s.Verdict {
	case exposure.Reflector:
		words = append(words, "Reflector"+factor(s.BAF), credentials)
	case exposure.OpenTCP:
		words = append(words, "Open", cmp.Or(credentials, "no credentials"))
	case exposure.AuthVerdict:
		words = append(words, "Reachable", cmp.Or(credentials, "asks for a password"))
	case exposure.TLSVerdict:
		words = append(words, "TLS", "what is inside is not known")
	case exposure.FullVerdict:
		words = append(words, "At its connection limit", "credentials not known")
	case exposure.Impostor:
		words = append(words, "Speaks memcached, and is "+cmp.Or(said(s.Product), "not stock"), credentials)
	case exposure.Unidentified:
		words = append(words, "Answers, and is "+cmp.Or(said(s.Service), "nothing known"))
	default:
		words = append(words, oneLine(string(s.Verdict)))
	}
	if s.TLS && s.Verdict != exposure.TLSVerdict {
		words = append(words, "inside TLS")
	}
	words = strings.FieldsFunc(strings.Join(words, "\x00"), func(r rune) bool { return r == 0 })
	return strings.Join(words, ", ")
}

// factor is how much is amplified: " ×148".
func factor(baf *float64) string {
	switch {
	case baf == nil || math.IsNaN(*baf) || math.IsInf(*baf, 0):
		return ""
	case *baf < 10:
		return " ×" + strconv.FormatFloat(*baf, 'f', 1, 64)
	case *baf < 1e9:
		return " ×" + thousands(int(math.Round(*baf)))
	}
	return " ×" + strconv.FormatFloat(*baf, 'g', 3, 64)
}

// mend is how an exposure is closed, in one line. The exact lines are on the page
// of its host.
func mend(s life.Seen) string {
	switch s.Verdict {
	case exposure.Reflector:
		return "Turn UDP off (-U 0)"
	case exposure.OpenTCP:
		return "Listen only where its clients are (-l), firewall the rest"
	case exposure.AuthVerdict:
		return "Let only its clients reach it, inside TLS (-Z)"
	case exposure.TLSVerdict, exposure.FullVerdict:
		return "Let only its clients reach it"
	case exposure.Impostor, exposure.Unidentified:
		return "Find out what it is, and whose"
	}
	return "Look into it"
}

// kindWord is a kind of change with a sign, so that it needs no colour.
func kindWord(k life.Kind, again bool) string {
	switch k {
	case life.New:
		if again {
			return "+ back"
		}
		return "+ new"
	case life.Fixed:
		return "✓ fixed"
	case life.Worse:
		return "▲ worse"
	case life.Better:
		return "▼ better"
	case life.Changed:
		return "• changed"
	}
	return oneLine(string(k))
}

// sentence makes one of words without a capital and a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(s[size:], ".") + "."
}

// badge is a severity: as a word, and as one of five known classes. What is not
// known is taken for the worst.
type badge struct{ Word, Class string }

func newBadge(s exposure.Severity) badge {
	for _, known := range exposure.Severities() {
		if s == known {
			return badge{string(s), string(s)}
		}
	}
	return badge{oneLine(string(s)), string(exposure.Critical)}
}

// endpointText is "192.0.2.7:11211/udp".
func endpointText(e history.Endpoint) string {
	host := e.IP.String()
	if e.IP.Is6() {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%d/%s", host, e.Port, oneLine(string(e.Transport)))
}

// hostPath is where the page of a host is.
func hostPath(e history.Endpoint) string { return "/host/" + e.IP.WithZone("").String() }
