package memtest

import (
	"fmt"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
)

// Member is one server of a fleet.
type Member struct {
	*Server
	Posture Posture
	Summary string
	Verdict exposure.Verdict // what a sweep should make of it
}

// Members is a running fleet.
type Members []Member

// Close stops every server of the fleet.
func (m Members) Close() {
	for _, one := range m {
		one.Close()
	}
}

// fleet is what the demo shows: one server for each thing to be told apart.
var fleet = [...]struct {
	posture Posture
	verdict exposure.Verdict
}{
	{Open, exposure.OpenTCP},
	{Reflector, exposure.Reflector},
	{ASCIIAuth, exposure.AuthVerdict},
	{SASL, exposure.AuthVerdict},
	{BinaryOnly, exposure.OpenTCP},
	{TLS, exposure.OpenTCP},
	{MutualTLS, exposure.TLSVerdict},
	{HTTP, exposure.Unidentified},
	{Tarpit, exposure.Unidentified},
	{LiarMore, exposure.Reflector},
	{Mcrouter, exposure.Impostor},
}

// FleetSize is how many servers Fleet starts.
const FleetSize = len(fleet)

// Fleet starts one server for each thing to be told apart, the i-th of
// FleetSize at addr(i), all on one port. It starts all or none: when a port
// is taken, the error names the address and the port.
func Fleet(port uint16, addr func(i int) netip.Addr) (Members, error) {
	summaries := map[Posture]string{}
	for _, p := range Postures() {
		summaries[p.Posture] = p.Summary
	}
	var members Members
	for i, f := range fleet {
		at := netip.AddrPortFrom(addr(i), port)
		s, err := Start(Config{Addr: at, Posture: f.posture})
		if err != nil {
			members.Close()
			return nil, fmt.Errorf("fleet, server %d of %d: %w", i+1, FleetSize, err)
		}
		members = append(members, Member{s, f.posture, summaries[f.posture], f.verdict})
	}
	return members, nil
}
