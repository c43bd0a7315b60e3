package exposure

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// speaksUDP reports whether o is memcached answering over UDP.
func speaksUDP(o *Observation) bool {
	v, _ := verdictOf(o)
	return v == Reflector
}

func measuredAmplification(_ *Finding, o *Observation) string {
	a := o.Amplification
	if a == nil || a.Datagrams == 0 {
		return ""
	}
	return fmt.Sprintf("One %s request: %s in, %s out in %s: ×%.1f (BAF).", quote(a.Request),
		count(a.RequestBytes, "byte"), count(a.ResponseBytes, "byte"), count(a.Datagrams, "datagram"), a.BAF)
}

// reportedAmplification is no measurement of ours: whoever reports it may have
// sent a shorter request.
func reportedAmplification(_ *Finding, o *Observation) string {
	if o.Reported == nil {
		return ""
	}
	return fmt.Sprintf("By the word of %s one request brings %s back: ×%.1f.", quote(o.Reported.By),
		count(o.Reported.ResponseBytes, "byte"), o.Reported.BAF)
}

func ceiling(_ *Finding, o *Observation) string {
	a := o.Amplification
	if a == nil || a.CeilingEstimate == nil {
		return ""
	}
	return fmt.Sprintf("An estimate, not measured: if somebody can store an item of the largest size that its settings allow, "+
		"one small request brings back up to ×%.0f (BAF).", *a.CeilingEstimate)
}

// unauthenticatedUDP: TLS never applies to UDP, and before 1.5.20 SASL did not
// cover ASCII over UDP (upstream issue 501); later releases refuse to start
// with both.
func unauthenticatedUDP(f *Finding, o *Observation) string {
	if !speaksUDP(o) {
		return ""
	}
	switch o.State {
	case AuthRequired:
		return "It asks for credentials over UDP, but even a refusal is an answer that can be aimed at a victim."
	case Full:
		return "It is at its connection limit, but even that refusal is an answer that can be aimed at a victim."
	}
	s := "It answers UDP, so no authentication is in force there"
	if f.TCP == nil {
		return s + "."
	}
	switch {
	case f.TCP.TLS || f.TCP.State == TLS:
		return s + ": memcached ignores its TLS settings on UDP."
	case f.TCP.Auth == AuthSASL:
		return s + ": before 1.5.20, ASCII commands over UDP bypass SASL."
	case f.TCP.State == AuthRequired:
		return s + ", although TCP asks for credentials."
	}
	return s + "."
}

// whyUDPIsOn: UDP was switched on by default in 1.2.7 and off in 1.5.6
// (2018-02-27, upstream commit dbb7a8af9).
func whyUDPIsOn(_ *Finding, o *Observation) string {
	if !speaksUDP(o) || o.Product != "" {
		return ""
	}
	r, ok := ParseRelease(o.version())
	switch {
	case !ok:
		return ""
	case !r.Before(1, 5, 6):
		return fmt.Sprintf("UDP is off by default since 1.5.6 and this says it is %s, so somebody switched it on with -U.", quote(o.version()))
	case !r.Before(1, 2, 7):
		return fmt.Sprintf("UDP is on by default from 1.2.7 to 1.5.5 and this says it is %s, so it is on unless -U 0 is set.", quote(o.version()))
	}
	return fmt.Sprintf("UDP is off by default before 1.2.7 and this says it is %s, so somebody switched it on with -U.", quote(o.version()))
}

func incompleteReply(_ *Finding, o *Observation) string {
	switch a := o.Amplification; {
	case a == nil || a.Datagrams == 0:
		return ""
	case a.Capped:
		return "More would have come over UDP than was waited for, so the amplification is at least what was measured."
	case refusedWhole(o):
		return fmt.Sprintf("It answers %s with an error over UDP, so what was measured need not be the most that it sends.", quote(a.Request))
	case !a.Complete:
		return "The UDP reply did not arrive whole, so the amplification is at least what was measured."
	}
	return ""
}

// refusedWhole reports whether the measured reply is an error line that came
// whole: there was no END to wait for.
func refusedWhole(o *Observation) bool {
	a := o.Amplification
	return a != nil && !a.Complete && !a.Capped && slices.ContainsFunc(o.Evidence, func(e Exchange) bool {
		return e.Question == a.Request && e.Ending == "complete" && errorLine.Match(e.Reply)
	})
}

var errorLine = regexp.MustCompile(`^(ERROR|CLIENT_ERROR|SERVER_ERROR)( [^\n]*)?\r?\n$`)

// MeasuredWhole reports whether all of a reply was measured: without it, the
// amplification is at least what it says.
func (o *Observation) MeasuredWhole() bool {
	a := o.Amplification
	return a != nil && !a.Capped && (a.Complete || refusedWhole(o))
}

func datagramCounts(_ *Finding, o *Observation) string {
	a := o.Amplification
	if a == nil || a.Datagrams == 0 || a.DatagramsDeclared == a.DatagramsUnique {
		return ""
	}
	why := "the server does not tell the truth"
	r, ok := ParseRelease(o.version())
	switch {
	case a.DatagramsDeclared > a.DatagramsUnique:
		why = "some were lost, or " + why
	case ok && o.Product == "" && !r.Before(1, 6, 0) && r.Before(1, 6, 10):
		why = "memcached 1.6.0 to 1.6.9 declares too few"
	}
	return fmt.Sprintf("The server declared %s and %d came; %s.", count(a.DatagramsDeclared, "datagram"), a.DatagramsUnique, why)
}

func duplicates(_ *Finding, o *Observation) string {
	if o.Amplification == nil || o.Amplification.Duplicates == 0 {
		return ""
	}
	return fmt.Sprintf("%s came more than once and are counted in the amplification.", count(o.Amplification.Duplicates, "datagram"))
}

func repliedElsewhere(f *Finding, o *Observation) string {
	switch {
	case o.RepliedFrom == nil:
		return ""
	case f.repliedBeside(o):
		return fmt.Sprintf("The answer came from %s, not from the address that was asked: "+
			"it listens on every interface, and a filter on that one address does not hold it.", o.RepliedFrom)
	}
	return fmt.Sprintf("The answer came from port %d of the same address, not from the port that was asked: "+
		"something between rewrites it, or it is no ordinary memcached.", o.RepliedFrom.Port())
}

// repliedBeside reports whether o was answered from another address than the
// one asked, which only a server bound to the wildcard does.
func (f *Finding) repliedBeside(o *Observation) bool {
	return o.RepliedFrom != nil && bare(o.RepliedFrom.Addr()) != bare(f.IP)
}

// bare is an address without what does not matter to which host it is.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func unconfirmed(_ *Finding, o *Observation) string {
	if !o.Unconfirmed {
		return ""
	}
	return "It answered once and not again, so this rests on a single reply."
}
