package exposure

import "net/netip"

// Status says how a sweep ended.
type Status string

// The ways a sweep ends. A stored stream without a summary is Incomplete.
const (
	Complete    Status = "complete"
	Incomplete  Status = "incomplete"  // part of the plan was not scanned
	Interrupted Status = "interrupted" // stopped from outside; a checkpoint was saved
)

// Coverage proves what a sweep asked. Planned = the sum of Outcomes.
type Coverage struct {
	Planned   uint64              `json:"planned"` // endpoints: address × probe
	Addresses uint64              `json:"addresses"`
	Outcomes  Outcomes            `json:"outcomes"`
	Probes    map[string]Outcomes `json:"probes"` // the same, by probe
	// Fates tells the endpoints that did not answer apart, by probe; absent in
	// a report that was cut off.
	Fates             map[string]Fates `json:"fates,omitempty"`
	PacketsSent       uint64           `json:"packets_sent"`
	UnverifiedReplies uint64           `json:"unverified_replies"`
	// LocalErrors counts failed attempts by cause, those that a retry mended
	// included.
	LocalErrors map[string]uint64 `json:"local_errors,omitempty"`
	// RefusedBy counts refusals by who sent them, where that was not the
	// address asked (ICMP from a router or firewall).
	RefusedBy map[netip.Addr]uint64 `json:"refused_by,omitempty"`
	// InterfaceDrops counts frames that an interface of this machine took and
	// dropped, ReplyDrops replies that were not read in time. Raw engine only.
	InterfaceDrops uint64 `json:"interface_drops"`
	ReplyDrops     uint64 `json:"reply_drops"`
}

// Outcomes counts endpoints by what became of them.
type Outcomes struct {
	Answered   uint64 `json:"answered"`
	Closed     uint64 `json:"closed"`
	Silent     uint64 `json:"silent"`
	LocalError uint64 `json:"local_error"`
	NotScanned uint64 `json:"not_scanned"`
}

// Sum is the number of endpoints counted.
func (o Outcomes) Sum() uint64 {
	return o.Answered + o.Closed + o.Silent + o.LocalError + o.NotScanned
}

// Add returns the two counts together.
func (o Outcomes) Add(p Outcomes) Outcomes {
	return Outcomes{
		Answered:   o.Answered + p.Answered,
		Closed:     o.Closed + p.Closed,
		Silent:     o.Silent + p.Silent,
		LocalError: o.LocalError + p.LocalError,
		NotScanned: o.NotScanned + p.NotScanned,
	}
}
