package report

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// shadowserverFile reads Shadowserver's scan_memcached, of any year: columns
// are known by their names. Rows about the same address and port make one host,
// wherever they stand.
type shadowserverFile struct {
	*foreign
	in      *rationed
	limit   int // bytes a row
	rows    *csv.Reader
	columns map[string]int
	line    int               // of the row read last
	next    *shadowserverSeen // a row that was read ahead
	merged  uint64            // rows about an endpoint of which another row is later
	partly  bool              // a row says that the sweep did not ask everything
}

// shadowserverSeen is what one row says.
type shadowserverSeen struct {
	line int
	ip   netip.Addr
	at   time.Time // when it was seen, UTC
	port uint16
	o    exposure.Observation
	none bool // it is about a justification, and not about an endpoint
}

func shadowserverReader(r io.Reader) *csv.Reader {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	return rows
}

// columnsOf finds the columns; without the first three it is another CSV.
func columnsOf(header []string) (map[string]int, error) {
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := columns[name]; twice {
			return nil, fmt.Errorf("column %q stands twice", exposure.Escape(name))
		}
		columns[name] = i
	}
	for _, name := range []string{"timestamp", "ip", "port", "tag"} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("column %s is missing", name)
		}
	}
	return columns, nil
}

func readShadowserver(r io.Reader, name string, limit int, from exposure.Vantage) (*Stored, error) {
	if from.Name == "" {
		from.Name = "shadowserver"
	}
	from, err := named(from, "shadowserver")
	if err != nil {
		return nil, err
	}
	in := &rationed{r: r, left: limit}
	s := &shadowserverFile{in: in, limit: limit, rows: shadowserverReader(in), line: 1}
	header, err := s.rows.Read()
	if err == nil {
		s.columns, err = columnsOf(header)
	}
	if err != nil {
		return nil, &StoredError{name, "line 1", err}
	}
	s.foreign = openForeign(name, Header{Tool: Tool{"shadowserver", "scan_memcached"}, Sweep: Sweep{Vantage: from, Plan: json.RawMessage("{}")}})
	if err := s.advance(); err != nil {
		return nil, err
	}
	sweep := &s.stored.Header.Sweep
	sweep.ID = "shadowserver"
	if s.next != nil { // rows come in the order of their time
		sweep.Started = s.next.at
		sweep.ID += "-" + s.next.at.Format(time.DateOnly)
	}
	s.stored.findings = s.findings
	return s.stored, nil
}

func (s *shadowserverFile) findings(yield func(exposure.Finding, error) bool) {
	servers, err := s.collect()
	if err != nil {
		yield(exposure.Finding{}, err)
		return
	}
	for _, rows := range servers {
		host := exposure.Host{Addr: rows[0].ip}
		for _, row := range rows {
			host.Observations = append(host.Observations, row.o)
		}
		f, ok, err := s.judge(host)
		if err != nil {
			err = s.fail(rows[0].line, err)
		}
		if (ok || err != nil) && !yield(f, err) {
			return
		}
	}
	s.conclude()
}

// collect reads every row, and sorts them by address and port, in the order in
// which these come first. What they hold is held in memory: rows of several
// days, put into one file, may be about the same anywhere. Of two about one
// endpoint the later one counts.
func (s *shadowserverFile) collect() (servers [][]*shadowserverSeen, err error) {
	place := map[netip.AddrPort]int{}
	for ; s.next != nil && err == nil; err = s.advance() {
		row := s.next
		if row.none {
			continue
		}
		at := netip.AddrPortFrom(row.ip, row.port)
		i, known := place[at]
		if !known {
			i, place[at] = len(servers), len(servers)
			servers = append(servers, nil)
		}
		same := slices.IndexFunc(servers[i], func(other *shadowserverSeen) bool { return other.o.Transport == row.o.Transport })
		switch {
		case same < 0:
			servers[i] = append(servers[i], row)
			continue
		case !row.at.Before(servers[i][same].at):
			servers[i][same] = row
		}
		s.merged++
	}
	return servers, err
}

// conclude: the format does not say what was asked, so nothing follows from
// what it does not list.
func (s *shadowserverFile) conclude() {
	*s.stored.summary = Summary{Status: exposure.Incomplete, Problems: []string{
		"shadowserver lists what it found, and not what it asked: what is not in this report was not seen to be closed",
	}}
	if s.merged > 0 {
		s.stored.summary.Problems = append(s.stored.summary.Problems,
			plural(s.merged, "row")+" left out: later ones are about the same addresses and ports")
	}
	if s.partly {
		s.stored.summary.Problems = append(s.stored.summary.Problems, "its rows say that the sweep did not ask everything")
	}
}

// advance reads the next row, if there is one.
func (s *shadowserverFile) advance() error {
	s.next, s.in.left = nil, s.limit
	row, err := s.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	s.line++
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		s.line, err = bad.Line, bad.Err
	}
	if errors.Is(err, csv.ErrFieldCount) {
		err = fmt.Errorf("%d cells in a row under %d columns", len(row), len(s.columns))
	}
	if err == nil {
		s.line, _ = s.rows.FieldPos(0)
		s.next, err = s.read(func(column string) string {
			if i, ok := s.columns[column]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		})
	}
	if err != nil {
		return s.fail(s.line, err)
	}
	s.next.line = s.line
	return nil
}

// read takes in one row. Cells that are empty were not measured.
func (s *shadowserverFile) read(cell func(string) string) (*shadowserverSeen, error) {
	ip, err := netip.ParseAddr(cell("ip"))
	if err != nil {
		return nil, fmt.Errorf("ip %q is no address", exposure.Escape(cell("ip")))
	}
	seen := &shadowserverSeen{ip: ip.Unmap()}
	if seen.at, err = time.Parse(shadowserverTime, cell("timestamp")); err != nil {
		return nil, fmt.Errorf("timestamp %q: want 2006-01-02 15:04:05, in UTC", exposure.Escape(cell("timestamp")))
	}
	tags := strings.Split(cell("tag"), ";")
	s.partly = s.partly || slices.Contains(tags, tagIncomplete)
	if slices.Contains(tags, tagUnfounded) {
		seen.none = true
		return seen, nil
	}
	port, err := strconv.ParseUint(cell("port"), 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("port %q is no port", exposure.Escape(cell("port")))
	}
	seen.port = uint16(port)
	transport := exposure.Transport(strings.ToLower(cell("protocol")))
	if transport != exposure.TCP && transport != exposure.UDP {
		return nil, fmt.Errorf("protocol %q: want udp or tcp", exposure.Escape(cell("protocol")))
	}
	seen.o, err = shadowserverObservation(cell, tags)
	seen.o.Transport, seen.o.Port, seen.o.Probe = transport, seen.port, "shadowserver"
	return seen, err
}
