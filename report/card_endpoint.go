package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// endpointCard is what one probe saw, and the proof of it.
type endpointCard struct {
	Title     string // "UDP 11211"
	Facts     []fact
	Notes     []string
	Exchanges []exchangeCard
}

type fact struct{ Name, Value string }

type exchangeCard struct {
	Question, Size, Ending string
	Lines                  []string // of the reply, escaped, each with its line end
	Truncated              bool     // more came than was kept
}

// Text is the reply as it is shown.
func (e exchangeCard) Text() string { return strings.Join(e.Lines, "\n") }

func (c *card) addEndpoint(o *exposure.Observation) {
	if o == nil {
		return
	}
	e := endpointCard{
		Title: fmt.Sprintf("%s %d", say(strings.ToUpper(string(o.Transport))), o.Port),
		Notes: all(part(c, o.Notes, maxCardReasons, "note"), say),
	}
	e.identify(o)
	e.addProcess(o.Process)
	e.addServer(o.Stats, o.Settings)
	e.addAmplification(o.Amplification)
	for _, x := range part(c, o.Evidence, maxExchanges, "exchange") {
		kept := x.Reply[:min(len(x.Reply), exposure.MaxEvidence)]
		truncated := x.Bytes > len(kept)
		x.Reply = kept
		e.Exchanges = append(e.Exchanges, exchangeCard{
			Question: say(x.Question), Size: plural(uint64(max(0, x.Bytes)), "byte"), Ending: say(x.Ending),
			Lines: x.Lines(), Truncated: truncated,
		})
	}
	c.Endpoints = append(c.Endpoints, e)
}

// add notes a fact, unless it is not known.
func (e *endpointCard) add(name, value string) {
	if value != "" {
		e.Facts = append(e.Facts, fact{name, value})
	}
}

func (e *endpointCard) identify(o *exposure.Observation) {
	e.add("State", say(strings.ReplaceAll(string(o.State), "_", " ")))
	e.add("Service", say(strings.TrimSpace(o.Service+" "+o.Product)))
	if o.Version != nil {
		e.add("Version", say(*o.Version))
	}
	if o.State.Answered() {
		e.add("Credentials", say(strings.TrimSpace(string(o.Auth)+" "+strings.Join(o.SASLMechanisms, " "))))
	}
	if o.TLS {
		e.add("TLS", say(strings.TrimSpace("yes "+o.TLSVersion+" "+o.TLSSubject)))
	}
	e.add("Protocols", say(strings.Join(o.Dialect, ", ")))
	if o.RepliedFrom != nil {
		e.add("Replied from", say(o.RepliedFrom.String()))
	}
	if o.Unconfirmed {
		e.add("Confirmed", "no: it did not answer again")
	}
}

func (e *endpointCard) addProcess(p *exposure.Process) {
	if p == nil {
		return
	}
	e.add("Runs as", say(p.User))
	if p.Bound != nil {
		e.add("Bound to", say(p.Bound.String()))
	}
	e.add("Command", say(strings.Join(p.Command, " ")))
	e.add("Started by", say(p.Service))
	e.add("Namespace", say(p.Namespace))
}

func (e *endpointCard) addServer(stats *exposure.Stats, settings *exposure.Settings) {
	if settings != nil && settings.Inter != nil {
		e.add("Listens on (-l)", say(*settings.Inter))
	}
	if stats == nil {
		return
	}
	number := func(n *uint64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatUint(*n, 10)
	}
	e.add("Items", number(stats.CurrItems))
	e.add("Bytes held", number(stats.Bytes))
	e.add("Connections", number(stats.CurrConnections))
	e.add("Process", number(stats.PID))
	if up := stats.Uptime; up != nil && *up < 1<<32 {
		e.add("Up for", (time.Duration(*up) * time.Second).String())
	}
}

func (e *endpointCard) addAmplification(a *exposure.Amplification) {
	if a == nil {
		return
	}
	received := plural(uint64(max(0, a.ResponseBytes)), "byte") + " in " + plural(uint64(max(0, a.Datagrams)), "datagram")
	e.add("Sent", say(fmt.Sprintf("%s, %s", a.Request, plural(uint64(max(0, a.RequestBytes)), "byte"))))
	e.add("Received", fmt.Sprintf("%s (%d declared, %d twice)", received, a.DatagramsDeclared, a.Duplicates))
	switch {
	case a.Capped:
		e.add("Whole", "no: more would have come")
	case !a.Complete:
		e.add("Whole", "no: datagrams are missing")
	default:
		e.add("Whole", "yes")
	}
	e.add("Amplification", fmt.Sprintf("BAF %s, PAF %s, IP %s, wire %s", times(a.BAF), times(a.PAF), times(a.IPRatio), times(a.WireRatio)))
	if a.CeilingEstimate != nil {
		e.add("Ceiling (estimate)", "up to "+times(*a.CeilingEstimate))
	}
}

// times writes a factor: "×148.5".
func times(f float64) string { return "×" + decimal(f) }

// decimal writes a number with one decimal, in few characters however large.
func decimal(f float64) string {
	if math.Abs(f) >= 1e9 {
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}
