package report

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// conclude says how the run ended, and what its file leaves open. Whatever it
// leaves open makes it incomplete.
func (n *nmapFile) conclude() {
	s := n.stored.summary
	s.Status = exposure.Complete
	if n.stats != nil {
		if end, err := strconv.ParseUint(n.stats.Finished.Time, 10, 40); err == nil {
			s.Finished = time.Unix(int64(end), 0).UTC()
		}
	}
	if n.whole && n.ours != nil && n.concludeOurs(s) {
		return
	}
	s.Problems = n.openQuestions()
	if len(s.Problems) > 0 {
		s.Status = exposure.Incomplete
	}
	s.Coverage.Probes = n.probes
	for _, o := range n.probes {
		s.Coverage.Outcomes = s.Coverage.Outcomes.Add(o)
	}
	s.Coverage.Planned = s.Coverage.Outcomes.Sum()
	s.Coverage.Addresses = max(n.total(), max(n.up, n.upBy())+n.down()) + n.skipped
	for _, protocol := range []string{"tcp", "udp"} { // as when a sweep has one probe only
		if !n.asked[protocol] && len(n.asked) > 0 {
			s.Problems = append(s.Problems, "nmap did not ask port 11211 over "+protocol)
		}
	}
}

// concludeOurs takes the summary of a document that memsweep wrote.
func (n *nmapFile) concludeOurs(s *Summary) bool {
	var coverage exposure.Coverage
	if text := n.ours.elem(elemCoverage); text != "" && json.Unmarshal([]byte(text), &coverage) != nil {
		return false
	}
	s.Coverage, s.Status = coverage, exposure.Status(n.ours.elem(elemStatus))
	if s.Status != exposure.Complete && s.Status != exposure.Interrupted {
		s.Status = exposure.Incomplete
	}
	if n.stats != nil && n.stats.Finished.Error != "" {
		s.Problems = []string{n.stats.Finished.Error}
	}
	return true
}

// openQuestions are the reasons why the file is no proof, and counts what they
// leave open as not scanned.
func (n *nmapFile) openQuestions() (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case !n.whole || n.stats == nil:
		add("nmap's file ends in the middle: nmap, or the writing of it, was cut off")
	case n.stats.Finished.Exit == "error":
		add("nmap ended with an error: %s", n.stats.Finished.Error)
	case n.stats.Finished.Exit != "success":
		add("nmap does not say that it came to its end")
	}
	if len(n.asked) == 0 {
		add("nmap did not ask port 11211")
	}
	if n.skipped > 0 {
		n.notScanned(n.skipped)
		add("nmap skipped %s", plural(n.skipped, "target"))
	}
	if down := n.down(); down > 0 {
		n.notScanned(down)
		add("%s did not answer nmap's host discovery, and nmap does not ask such at their ports: -Pn makes it", plural(down, "address"))
	}
	if n.gaveUp > 0 {
		add("nmap gave %s up (--host-timeout)", plural(n.gaveUp, "host"))
	}
	if missing := n.upBy() - min(n.upBy(), n.up); missing > 0 {
		n.notScanned(missing)
		add("nmap counts %s more than it lists: --open leaves out those at which nothing is open", plural(missing, "host"))
	}
	switch counted, total := max(n.up, n.upBy())+n.down(), n.total(); {
	case n.stats == nil:
	case total > counted:
		n.notScanned(total - counted)
		add("nmap does not say what became of %s", plural(total-counted, "address"))
	case total != n.upBy()+n.down() || n.up > n.upBy():
		add("nmap's numbers do not add up: %s in all, %d up, %d down, %d listed", plural(total, "address"), n.upBy(), n.down(), n.up)
	}
	if n.unclear > 0 {
		add("nmap does not say what became of %s", plural(n.unclear, "endpoint"))
	}
	return list
}

// notScanned counts hosts of which nothing is known.
func (n *nmapFile) notScanned(hosts uint64) {
	for protocol := range n.asked {
		n.count(probeOf(protocol), exposure.Outcomes{NotScanned: hosts})
	}
}

func (n *nmapFile) count(probe string, o exposure.Outcomes) { n.probes[probe] = n.probes[probe].Add(o) }

func (n *nmapFile) down() uint64 { return n.hosts(func(h nmapHosts) string { return h.Down }) }
func (n *nmapFile) upBy() uint64 { return n.hosts(func(h nmapHosts) string { return h.Up }) }

func (n *nmapFile) total() uint64 {
	return n.hosts(func(h nmapHosts) string { return h.Total })
}

// hosts is a number of the run's summary; 0 where there is none to be read.
func (n *nmapFile) hosts(of func(nmapHosts) string) uint64 {
	if n.stats == nil {
		return 0
	}
	count, err := strconv.ParseUint(of(n.stats.Hosts), 10, 48)
	if err != nil {
		return 0
	}
	return count
}
