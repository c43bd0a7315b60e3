package history

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// longest bounds a text of a server or a report that is stored in a column, in
// characters. The finding itself keeps it whole.
const longest = 1000

// maxNames bounds the names of a host that are stored in a column.
const maxNames = 100

// spot is an endpoint as it is stored.
type spot struct {
	ip   [16]byte // IPv4 mapped into IPv6
	udp  bool
	port uint16
}

func spotOf(ip netip.Addr, t exposure.Transport, port uint16) spot {
	return spot{ip: ip.As16(), udp: t == exposure.UDP, port: port}
}

func (p spot) addr() netip.Addr { return netip.AddrFrom16(p.ip).Unmap() }

func (p spot) transport() exposure.Transport {
	if p.udp {
		return exposure.UDP
	}
	return exposure.TCP
}

func (p spot) compare(q spot) int {
	return cmp.Or(bytes.Compare(p.ip[:], q.ip[:]), cmp.Compare(p.port, q.port), cmp.Compare(p.transport(), q.transport()))
}

// sighting is what a report saw at one endpoint.
type sighting struct {
	at      spot
	detail  int // of the report's details
	baf     *float64
	finding int // of the report's findings
	names   string
}

// sightings are the endpoints that answered, by a finding.
func (r *Recorder) sightings(f *exposure.Finding) (list []sighting, err error) {
	names := noNames
	if len(f.Names) > 0 {
		var list []string
		for _, name := range f.Names[:min(len(f.Names), maxNames)] {
			list = append(list, stored(name))
		}
		b, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		names = string(b)
	}
	for o := range f.Observations() {
		if r.header.Sweep.Engine != auditEngine && o.Process != nil {
			other := *o
			other.Process = nil // nobody else looks into the machine
			o = &other
		}
		v, s, ok := f.JudgeStored(o, r.header.Sweep.Vantage.Trust)
		if !ok {
			continue
		}
		if o.Transport != exposure.TCP && o.Transport != exposure.UDP {
			return nil, fmt.Errorf(`finding %s: transport "%s" is not known`, exposure.Escape(f.ID), exposure.Escape(string(o.Transport)))
		}
		list = append(list, sighting{
			at: spotOf(f.IP, o.Transport, o.Port), detail: r.detail(detailOf(f, o, v, s)), baf: measured(o),
			finding: r.findings, names: names,
		})
	}
	return list, nil
}

// auditEngine is the engine of reports that `memsweep audit` writes.
const auditEngine = "audit"

func detailOf(f *exposure.Finding, o *exposure.Observation, v exposure.Verdict, s exposure.Severity) life.Detail {
	d := life.Detail{
		Partial: o.State == exposure.Open && o.Stats == nil,
		State:   o.State, Verdict: v, Severity: s, Auth: exposure.Auth(stored(string(o.Auth))), TLS: o.TLS,
		Service: stored(o.Service), Product: stored(o.Product), Justified: f.Policy.Allows(),
	}
	if version := o.NamedVersion(); version != nil {
		text := stored(*version)
		d.Version = &text
	}
	if f.Policy != nil && f.Policy.By != nil {
		d.Owner = stored(f.Policy.By.Owner)
	}
	return d
}

// stored is a text as a column holds it: valid UTF-8, the same whether it comes
// from a sweep or from its JSON, and no longer than longest.
func stored(text string) string {
	if len(text) <= longest && isASCII(text) {
		return text
	}
	runes := []rune(text) // an invalid byte becomes U+FFFD, as in encoding/json
	if len(runes) > longest {
		runes = append(runes[:longest-1:longest-1], '…')
	}
	return string(runes)
}

// detailDigest tells details apart in the file.
func detailDigest(d life.Detail) []byte {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(text)
	return sum[:16]
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// measured is the amplification of an endpoint; a number that none can be is not
// measured.
func measured(o *exposure.Observation) *float64 {
	baf := o.MeasuredBAF()
	if baf == nil || math.IsNaN(*baf) || math.IsInf(*baf, 0) || *baf < 0 {
		return nil
	}
	n := *baf
	return &n
}

// urgency is what to fix first; see schema.sql.
func urgency(s exposure.Severity, baf *float64) int64 {
	const step = 1_000_000
	u := int64(rank(s)) * step
	if baf != nil {
		u += int64(min(max(*baf, 0), step-1))
	}
	return u
}
