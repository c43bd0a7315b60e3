package raw

import "time"

// NeighbourOptions say how to ask for Ethernet addresses. The zero value is a
// good choice.
type NeighbourOptions struct {
	// Rate is how many questions are sent in a second; 0: 500. Each is a
	// broadcast or multicast that every host of the link has to look at.
	Rate float64
	// Tries is how often a neighbour is asked; 0: 3, as the kernel does
	// (mcast_solicit in arp(7); MAX_MULTICAST_SOLICIT in RFC 4861, section 10).
	Tries int
	// Timeout is how long to wait for each answer; 0: one second
	// (RETRANS_TIMER in RFC 4861, section 10).
	Timeout time.Duration
}

func (o NeighbourOptions) withDefaults() NeighbourOptions {
	if o.Rate <= 0 {
		o.Rate = 500
	}
	if o.Tries <= 0 {
		o.Tries = 3
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	return o
}
