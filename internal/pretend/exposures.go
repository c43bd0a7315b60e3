package pretend

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/klauspost/compress/s2"

	"github.com/memsweep/memsweep/exposure"
)

// Hostile is text that breaks a page, a table or a terminal that shows it as it is.
const Hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>=HYPERLINK("//x")` + "\x1b[2J\u202e'|`[x](javascript:alert(3))"

// detail is a row of its table.
type detail struct {
	transport exposure.Transport
	seen      exposure.Observation
	vantage   int
	verdict   exposure.Verdict
	severity  int
	owner     string
	written   bool
}

// kinds are what can answer.
func (w *writer) kinds() (list []exposure.Observation) {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	versions := []string{"1.4.25", "1.4.33 Ubuntu", "1.5.22", "1.6.9", "1.6.18", "1.6.39"}
	if w.size.Hostile {
		versions[0] = Hostile
	}
	for _, version := range versions {
		list = append(list,
			exposure.Observation{Probe: "tcp-ascii", Transport: exposure.TCP, Port: 11211, State: exposure.Open, Service: "memcached", Version: text(version), Auth: exposure.AuthNone},
			exposure.Observation{Probe: "udp-ascii", Transport: exposure.UDP, Port: 11211, State: exposure.Open, Service: "memcached", Version: text(version), Auth: exposure.AuthNone})
	}
	return append(list,
		exposure.Observation{Probe: "tcp-ascii", Transport: exposure.TCP, Port: 11211, State: exposure.AuthRequired, Service: "memcached", Auth: exposure.AuthSASL},
		exposure.Observation{Probe: "tcp-ascii", Transport: exposure.TCP, Port: 11211, State: exposure.TLS, Service: "tls", Auth: exposure.AuthCert, TLS: true},
		exposure.Observation{Probe: "tcp-ascii", Transport: exposure.TCP, Port: 11211, State: exposure.Foreign, Service: "redis", Auth: exposure.AuthUnknown})
}

// owner is who answers: for most, nobody.
func (w *writer) owner(n int) string {
	switch {
	case n == 0:
		return ""
	case n == 1 && w.size.Hostile:
		return Hostile
	}
	return fmt.Sprintf("team-%02d", n)
}

const owners = 40

// details lists each combination.
func (w *writer) details() error {
	for v, vantage := range Vantages() {
		for _, o := range w.kinds() {
			verdict, severity, ok := exposure.JudgeEndpoint(&o, vantage.Trust)
			if !ok {
				return fmt.Errorf("no verdict on %v", o)
			}
			for n := range owners {
				w.rows = append(w.rows, detail{transport: o.Transport, seen: o, vantage: v, verdict: verdict, severity: 5 - index(severity), owner: w.owner(n)})
			}
		}
	}
	return nil
}

// needed writes a row of detail, the first time that something has it: a small
// history has few.
func (w *writer) needed(id int) error {
	d := &w.rows[id-1]
	if d.written {
		return nil
	}
	d.written = true
	return w.do(`INSERT INTO detail (id, digest, state, verdict, severity, auth, tls, service, product, version, justified, owner)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, 0, ?)`, id, fmt.Appendf(nil, "%032d", id), string(d.seen.State), string(d.verdict), d.severity,
		string(d.seen.Auth), d.seen.TLS, d.seen.Service, d.seen.Version, d.owner)
}

func index(s exposure.Severity) int {
	for i, known := range exposure.Severities() {
		if s == known {
			return i
		}
	}
	return 0
}

// address is the n-th host: the first of IPv4 in blocks of 10.0.0.0/8, and every
// tenth of IPv6.
func address(n int) netip.Addr {
	if n%10 == 9 {
		a := netip.MustParseAddr("2001:db8::").As16()
		a[13], a[14], a[15] = byte(n/10>>16), byte(n/10>>8), byte(n/10)
		if n == 9 {
			a[15] = 0x11
			a[14] = 0
		}
		a[11] = byte(n % 251) // spread
		if n == 9 {
			a[11] = 0
		}
		return netip.AddrFrom16(a)
	}
	n++
	return netip.AddrFrom4([4]byte{10, byte(n / 200 / 256), byte(n / 200), byte(n%200 + 0)})
}

// exposures writes endpoints as one to three vantages see them, until there are
// enough.
func (w *writer) exposures() error {
	w.open = make([][]map[int]int, len(Vantages()))
	for v := range w.open {
		w.open[v] = make([]map[int]int, w.size.Sweeps)
		for day := range w.open[v] {
			w.open[v][day] = map[int]int{}
		}
	}
	id, perKind := 0, owners
	kinds := len(w.kinds())
	for host := 0; id < w.size.Exposures; host++ {
		kind := w.random.IntN(kinds)
		owner := max(0, w.random.IntN(owners*3)-owners*2)
		for v := range Vantages() {
			if id == w.size.Exposures || v > 0 && w.random.IntN(10) < 2 {
				continue
			}
			id++
			if err := w.exposure(id, v, address(host), (v*kinds+kind)*perKind+owner+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// exposure writes one with its intervals, its finding and its events.
func (w *writer) exposure(id, v int, ip netip.Addr, detailID int) error {
	d := w.rows[detailID-1]
	if err := w.needed(detailID); err != nil {
		return err
	}
	days := w.size.Sweeps
	first := w.random.IntN(max(1, days*2/5))
	if w.random.IntN(3) > 0 {
		first = 0
	}
	var baf *float64
	urgency := d.severity * 1_000_000
	if d.transport == exposure.UDP {
		factor := float64(w.random.IntN(60_000)) / 100
		baf = &factor
		urgency += int(factor)
	}
	// Most are open; some were fixed, some came back.
	type stretch struct{ from, to int } // to < 0: open
	life := []stretch{{first, -1}}
	switch n := w.random.IntN(10); {
	case n < 2 && first+2 < days:
		life[0].to = first + 1 + w.random.IntN(days-first-1)
	case n < 3 && first+4 < days:
		middle := first + 1 + w.random.IntN(days-first-3)
		life[0].to = middle
		life = append(life, stretch{middle + 1 + w.random.IntN(days-middle-1), -1})
	}
	last := life[len(life)-1]
	open, lastSeen := 1, w.at(v, days-1)
	var fixed *int64
	if last.to >= 0 {
		at := w.at(v, last.to)
		open, lastSeen, fixed = 0, w.at(v, last.to-1), &at
	}
	names := "[]"
	if id%7 == 0 {
		names = fmt.Sprintf(`["cache-%d.example.net"]`, id)
		if w.size.Hostile {
			list, err := json.Marshal([]string{Hostile})
			if err != nil {
				return err
			}
			names = string(list)
		}
	}
	if err := w.finding(id, v, ip, d, baf); err != nil {
		return err
	}
	key := ip.As16()
	if err := w.do(`INSERT INTO exposure (id, vantage, ip, transport, port, names, open, misses, first_seen, last_seen, last_asked, since, fixed, urgency, severity, verdict, owner, detail, baf, finding)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, v+1, key[:], string(d.transport), 11211, names, open, w.at(v, first), lastSeen, w.at(v, days-1),
		w.at(v, last.from), fixed, urgency, d.severity, string(d.verdict), d.owner, detailID, baf, id); err != nil {
		return err
	}
	for i, s := range life {
		if err := w.interval(id, v, s.from, s.to, i > 0, detailID, baf); err != nil {
			return err
		}
	}
	return nil
}

// interval writes one, and the events of its beginning, its end, and in it.
func (w *writer) interval(id, v, from, to int, again bool, detailID int, baf *float64) error {
	severity := w.rows[detailID-1].severity
	var fixed *int64
	w.open[v][from][severity]++
	if to >= 0 {
		at := w.at(v, to)
		fixed = &at
		w.open[v][to][severity]--
	}
	if err := w.do("INSERT INTO interval (exposure, opened, fixed) VALUES (?, ?, ?)", id, w.at(v, from), fixed); err != nil {
		return err
	}
	event := `INSERT INTO event (at, kind, exposure, sweep, again, severity, was, now, was_baf, now_baf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	if err := w.do(event, w.at(v, from), "new", id, w.sweepID(v, from), again, severity, nil, detailID, nil, baf); err != nil {
		return err
	}
	if to >= 0 {
		return w.do(event, w.at(v, to), "fixed", id, w.sweepID(v, to), false, severity, detailID, nil, baf, nil)
	}
	for day := from + 1 + w.random.IntN(60); day < w.size.Sweeps; day += 1 + w.random.IntN(60) {
		kind := []string{"worse", "better", "changed", "changed"}[w.random.IntN(4)]
		was := (detailID-1+2*owners)%len(w.rows) + 1
		if err := w.needed(was); err != nil {
			return err
		}
		if err := w.do(event, w.at(v, day), kind, id, w.sweepID(v, day), false, severity, was, detailID, baf, baf); err != nil {
			return err
		}
	}
	return nil
}

// finding writes what the newest sweep would say of it.
func (w *writer) finding(id, v int, ip netip.Addr, d detail, baf *float64) error {
	o := d.seen
	o.Evidence = []exposure.Exchange{{Question: "version", Reply: []byte("VERSION 1.6.18\r\n"), Bytes: 16, Ending: "complete"}}
	if w.size.Hostile {
		o.Evidence[0].Reply = []byte("VERSION " + Hostile + "\r\n")
	}
	if baf != nil {
		o.Amplification = &exposure.Amplification{Request: "stats", RequestBytes: 15, ResponseBytes: int(*baf * 15), Datagrams: 2, DatagramsUnique: 2, DatagramsDeclared: 2,
			DatagramSizes: []int{1400, 800}, Complete: true, BAF: *baf, PAF: 2, IPRatio: *baf / 3, WireRatio: *baf / 4}
	}
	f := exposure.Judge(exposure.Host{Addr: ip, Observations: []exposure.Observation{o}}, Vantages()[v])
	return w.do("INSERT INTO finding (id, sweep, body) VALUES (?, ?, ?)", id, w.sweepID(v, 0), pack(f))
}

// pack is how the tables hold JSON.
func pack(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is plain data
	}
	return s2.Encode(nil, body)
}
