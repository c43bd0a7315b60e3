// Package exposure is the vocabulary of memsweep and its judgement: what a
// probe saw at an endpoint (Observation), from where (Vantage), and what that
// means for the owner of the host (Finding).
//
// The JSON form of these types is the contract that readers of a report rely
// on: fields may be added, but keep their name and meaning. What was not
// measured is null, never 0 or 1. The package does no I/O, reads no clock and
// imports only the standard library.
package exposure

import "net/netip"

// Transport is the layer 4 protocol of a question: "tcp" or "udp".
type Transport string

// The transports that a probe can use.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// State is what one endpoint did when it was asked, in one word.
type State string

// The states of an endpoint. Only the first six come with an answer.
const (
	Open         State = "open"          // speaks memcached, and answers without credentials
	AuthRequired State = "auth_required" // speaks memcached, and wants credentials first
	TLS          State = "tls"           // wants TLS; what is inside could not be asked
	Full         State = "full"          // memcached at its connection limit
	Foreign      State = "foreign"       // speaks something else (Observation.Service says what)
	Mute         State = "mute"          // accepts a connection and says nothing

	Closed     State = "closed"      // refused: RST, or ICMP unreachable
	Silent     State = "silent"      // asked, and nothing came back
	LocalError State = "local_error" // this machine could not ask; nothing is known
	NotScanned State = "not_scanned" // the sweep ended before asking; nothing is known
)

// Answered reports whether the state means that something came back other
// than a refusal.
func (s State) Answered() bool {
	switch s {
	case Open, AuthRequired, TLS, Full, Foreign, Mute:
		return true
	}
	return false
}

// Auth is what an endpoint asks for before it answers.
type Auth string

// The kinds of authentication that can be told apart from outside.
const (
	AuthNone    Auth = "none"
	AuthASCII   Auth = "ascii" // memcached -Y
	AuthSASL    Auth = "sasl"  // memcached -S
	AuthCert    Auth = "cert"  // TLS with client certificates
	AuthUnknown Auth = "unknown"
)

// Observation is what one probe saw at one endpoint. It holds no opinion.
type Observation struct {
	Probe     string    `json:"probe"`
	Transport Transport `json:"transport"`
	Port      uint16    `json:"port"`
	State     State     `json:"state"`

	// Service is the protocol spoken: "memcached", or for Foreign a name
	// such as "http", "redis", "ssh", "tls"; "" when nothing is known.
	Service string `json:"service,omitempty"`
	// Product is the implementation when it is known not to be stock
	// memcached: "mcrouter", "twemproxy", "dragonfly", …; Tells says why.
	Product string   `json:"product,omitempty"`
	Tells   []string `json:"tells,omitempty"`
	// Version is the rest of the VERSION line, untrusted and unshortened
	// ("1.6.18", "1.4.25 Ubuntu", "UNKNOWN"); nil when none was seen.
	Version *string `json:"version"`
	// Dialect says which protocols were seen to answer: "ascii", "binary".
	Dialect []string `json:"dialect,omitempty"`
	Auth    Auth     `json:"auth"`
	// SASLMechanisms is the server's own list, when it gave one.
	SASLMechanisms []string `json:"sasl_mechanisms,omitempty"`
	TLS            bool     `json:"tls"`
	// TLSVersion and TLSSubject describe the handshake, when there was one.
	TLSVersion string `json:"tls_version,omitempty"`
	TLSSubject string `json:"tls_subject,omitempty"`

	Stats    *Stats    `json:"stats"`
	Settings *Settings `json:"settings"`

	// RepliedFrom is set when the answer came from another address or port
	// than the one asked (a server bound to the wildcard on a multi-homed host).
	RepliedFrom *netip.AddrPort `json:"replied_from"`
	// Unconfirmed is true when the discovery reply verified but the host did
	// not answer again when it was interrogated.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// PortOnly is true when all that is known is that the port is open, and not
	// what answers there. Only what another scanner wrote is like that.
	PortOnly      bool           `json:"port_only,omitempty"`
	Amplification *Amplification `json:"amplification"`
	// Reported is an amplification that somebody else measured; nil in a sweep.
	Reported *Reported `json:"reported,omitempty"`
	// Process is set by an audit on the server's own machine.
	Process *Process `json:"process,omitempty"`

	Evidence []Exchange `json:"evidence"`
	// Notes are limits that were hit while asking: caps, deadlines, local
	// errors. They are facts about the measurement, in plain words.
	Notes []string `json:"notes,omitempty"`
}

// Stats is the part of a `stats` reply that matters to an owner
// (doc/protocol.txt, "General-purpose statistics"). A field that the server
// did not send is nil.
type Stats struct {
	Version          *string `json:"version"`
	PID              *uint64 `json:"pid"`
	Uptime           *uint64 `json:"uptime"` // seconds
	Time             *int64  `json:"time"`   // the server's clock, Unix seconds
	Libevent         *string `json:"libevent,omitempty"`
	PointerSize      *uint64 `json:"pointer_size"` // bits
	CurrConnections  *uint64 `json:"curr_connections"`
	TotalConnections *uint64 `json:"total_connections"`
	MaxConnections   *uint64 `json:"max_connections"`
	CurrItems        *uint64 `json:"curr_items"`
	Bytes            *uint64 `json:"bytes"`
	LimitMaxBytes    *uint64 `json:"limit_maxbytes"`
	Evictions        *uint64 `json:"evictions"`
	Threads          *uint64 `json:"threads"`
}

// Settings is the part of a `stats settings` reply that matters to an owner
// (doc/protocol.txt, "Settings statistics"). A field that the server did not
// send is nil.
type Settings struct {
	MaxBytes         *uint64 `json:"maxbytes"`
	MaxConns         *uint64 `json:"maxconns"`
	TCPPort          *uint64 `json:"tcpport"`
	UDPPort          *uint64 `json:"udpport"`
	Inter            *string `json:"inter"` // the literal -l argument; NULL means every interface
	Verbosity        *uint64 `json:"verbosity"`
	Evictions        *string `json:"evictions"` // "on" or "off"
	ItemSizeMax      *uint64 `json:"item_size_max"`
	AuthEnabledSASL  *string `json:"auth_enabled_sasl"`  // "yes" or "no"
	AuthEnabledASCII *string `json:"auth_enabled_ascii"` // "no", or the path of the file
	SSLEnabled       *string `json:"ssl_enabled"`        // absent: built without TLS
	BindingProtocol  *string `json:"binding_protocol"`
	FlushEnabled     *string `json:"flush_enabled"`
	DumpEnabled      *string `json:"dump_enabled"`
	ShutdownCommand  *string `json:"shutdown_command"`
	ProxyEnabled     *string `json:"proxy_enabled"`
}

// Amplification is what one `stats` over UDP brought back. Sizes are UDP
// payload bytes, memcached's 8-byte frame header included, unless a field
// says otherwise; the factors are those of Rossow, "Amplification Hell",
// NDSS 2014, section III.
type Amplification struct {
	Request           string `json:"request"` // the command sent, "stats"
	RequestBytes      int    `json:"request_bytes"`
	ResponseBytes     int    `json:"response_bytes"`     // every datagram, duplicates included
	Datagrams         int    `json:"datagrams"`          // every datagram, duplicates included
	DatagramsUnique   int    `json:"datagrams_unique"`   // distinct sequence numbers
	DatagramsDeclared int    `json:"datagrams_declared"` // the server's own total; 1.6.0 to 1.6.9 say too few
	Duplicates        int    `json:"duplicates"`
	DatagramSizes     []int  `json:"datagram_sizes"` // in order of arrival, at most MaxSizesListed
	// Complete: the unique datagrams form one reply that ends in END\r\n.
	Complete bool `json:"complete"`
	// Capped: more would have come, but the cap on bytes or datagrams was hit.
	Capped bool `json:"capped"`

	BAF       float64 `json:"baf"`        // UDP payload bytes out ÷ in
	PAF       float64 `json:"paf"`        // packets out ÷ in
	IPRatio   float64 `json:"ip_ratio"`   // with IPv4 or IPv6 and UDP headers
	WireRatio float64 `json:"wire_ratio"` // Ethernet frames of at least 60 bytes, without FCS

	// CeilingEstimate is computed, not measured: the BAF of a `get` of the
	// largest value that ItemSizeMax allows; nil when that is not known.
	CeilingEstimate *float64 `json:"ceiling_estimate"`
}

// Reported is the amplification of one request as somebody else reports it: a
// BAF and what it is made of, and nothing about datagrams or headers.
type Reported struct {
	By            string  `json:"by"`             // "shadowserver"
	ResponseBytes int     `json:"response_bytes"` // UDP payload
	BAF           float64 `json:"baf"`            // by their own request, which may be shorter than ours
}

// MaxSizesListed bounds Amplification.DatagramSizes.
const MaxSizesListed = 64

// Exchange is one question and the raw reply to it, kept as evidence.
type Exchange struct {
	Question string // as in the probe's list of utterances: "version"
	Reply    []byte // raw, at most MaxEvidence bytes
	Bytes    int    // how long the reply was
	Ending   string // how it ended: "complete", "quiet", "fin", "rst", "capped", "deadline"
}

// MaxEvidence is how many bytes of one reply are kept.
const MaxEvidence = 2560

// Trust says how far the network that a vantage stands in is trusted.
type Trust string

// The three places to ask from, in falling order of what they may reach.
const (
	Trusted     Trust = "trusted"
	SemiTrusted Trust = "semi-trusted"
	Untrusted   Trust = "untrusted"
)

// Vantage is the place that a sweep was run from.
type Vantage struct {
	Name  string `json:"name"`
	Trust Trust  `json:"trust"`
	// Addresses are this machine's own, at the time. Every report has them, none
	// as an empty list; where they are nil nobody keeps them.
	Addresses []netip.Addr `json:"addresses,omitzero"`
	// Clock is how far the times of the report can be trusted; nil: not known.
	Clock *Clock `json:"clock,omitempty"`
}

// Clock is the state of a machine's clock, as its kernel keeps it.
type Clock struct {
	Synchronised bool  `json:"synchronised"`
	MaxErrorUS   int64 `json:"max_error_us"` // microseconds, by the kernel's own estimate
}

// Host is everything that was observed at one address: the input of Judge.
type Host struct {
	Addr         netip.Addr
	Observations []Observation // one a probe, in the order of the plan
}

// Verdict is the worst true thing about a host, in one word.
type Verdict string

// The verdicts, worst first.
const (
	Reflector    Verdict = "reflector"     // answers UDP
	OpenTCP      Verdict = "open"          // TCP without credentials
	Impostor     Verdict = "impostor"      // speaks memcached but is not stock: proxy, clone, honeypot
	FullVerdict  Verdict = "full"          // memcached at its connection limit; its authentication is unknown
	AuthVerdict  Verdict = "auth-required" // TCP, wants credentials
	TLSVerdict   Verdict = "tls"           // TLS, and nothing readable without a client certificate
	Unidentified Verdict = "unidentified"  // accepts, but is nothing known

	// Unfounded is about a justification in the policy that does not hold any
	// more, beside the finding that it was meant for.
	Unfounded Verdict = "justification"
)

// Severity is how urgent a finding is for the vantage it was seen from.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Finding is what was observed at one host, judged for one vantage.
type Finding struct {
	ID       string     `json:"id"` // stable: same vantage name, address and port, same ID
	IP       netip.Addr `json:"ip"`
	Names    []string   `json:"names,omitempty"` // host names in the plan that resolved to IP
	Verdict  Verdict    `json:"verdict"`
	Severity Severity   `json:"severity"`
	Reasons  []string   `json:"reasons"`
	Fix      []Fix      `json:"fix"`
	// Policy is what the owner's policy says of it; nil: none was given.
	Policy *Standing `json:"policy,omitempty"`
	// Release and Vulnerabilities are what is known of the version that the
	// server names; nil and empty when it names none.
	Release         *Lifecycle      `json:"release,omitempty"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities,omitempty"`
	TCP             *Observation    `json:"tcp"`
	UDP             *Observation    `json:"udp"`
	Also            []Observation   `json:"also,omitempty"` // further probes of the same host
}

// Fix is one way to close a finding, for one kind of system.
type Fix struct {
	For   string   `json:"for"`   // "owner", "memcached", "debian", "rhel", "systemd", "iptables", "nftables", "csf"; Remedy has more
	Title string   `json:"title"` // what it achieves, one line
	File  string   `json:"file,omitempty"`
	Lines []string `json:"lines"` // to put into File, or to run as root when File is empty
}
