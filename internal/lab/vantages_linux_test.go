package lab_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/internal/lab"
)

// places are the vantages of the test, in the order of the columns.
var places = []struct{ name, trust string }{{"core", "trusted"}, {"dmz", "semi-trusted"}, {"inet", "untrusted"}}

// seen is a matrix as people see it: the cells of a row, and its patterns.
type seen map[string]string

// TestVantages sweeps real servers from three places behind three filters and
// compares what they saw, cell by cell; then one filter changes, and nothing
// but the column of its place may.
func TestVantages(t *testing.T) {
	password := filepath.Join(scratch, "password")
	if err := os.WriteFile(password, []byte("user:secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(scratch, 0o755); err != nil { // memcached reads it as nobody
		t.Fatal(err)
	}
	server := func(addr string, flags ...string) lab.Server {
		return lab.Server{Addr: netip.MustParseAddr(addr), Flags: flags}
	}
	udp := []string{"-U", fmt.Sprint(lab.SitesPort)}
	s := lab.NewSites(t, len(places),
		server("10.71.0.1", udp...),
		server("10.71.0.2", "-U", "0"),
		server("10.71.0.3", "-U", "0", "-Y", password),
		server("10.71.0.4", "-U", "0"), // what inet is sent to instead of .2
		server("fd00:71::1", udp...),
		server("fd00:71::2", "-U", "0"))
	filter := func(i int, rules ...string) {
		t.Helper()
		if err := s.Filter(i, rules...); err != nil {
			t.Fatal(err)
		}
	}
	filter(1, // dmz: a filter that thought of TCP alone
		"ip daddr 10.71.0.1 tcp dport 11211 reject with tcp reset",
		"ip daddr 10.71.0.3 tcp dport 11211 drop",
		"ip daddr 10.71.0.4 drop",
		"ip6 daddr fd00:71::1 tcp dport 11211 drop")
	outside := []string{
		"ip daddr 10.71.0.2 dnat to 10.71.0.4",
		"ip daddr 10.71.0.1 udp dport 11211 drop",
		"ip daddr 10.71.0.1 tcp dport 11211 drop",
		"ip daddr 10.71.0.3 tcp dport 11211 reject with tcp reset",
		"ip6 daddr fd00:71::1 meta l4proto udp drop",
		"ip6 daddr fd00:71::2 drop",
	}
	filter(2, outside...)

	want := seen{
		"tcp 10.71.0.1:11211":    "open|closed|silent: inside-only",
		"udp 10.71.0.1:11211":    "reflector|reflector|silent: inside-only leaks-udp",
		"tcp 10.71.0.2:11211":    "open|open|open: everywhere different-servers",
		"udp 10.71.0.2:11211":    "closed|closed|closed: nowhere",
		"tcp 10.71.0.3:11211":    "auth|silent|closed: inside-only",
		"udp 10.71.0.3:11211":    "closed|closed|closed: nowhere",
		"tcp 10.71.0.4:11211":    "open|silent|open: uneven",
		"udp 10.71.0.4:11211":    "closed|silent|closed: nowhere",
		"tcp [fd00:71::1]:11211": "open|silent|open: uneven leaks-tcp",
		"udp [fd00:71::1]:11211": "reflector|reflector|silent: inside-only leaks-udp",
		"tcp [fd00:71::2]:11211": "open|open|silent: inside-only",
		"udp [fd00:71::2]:11211": "closed|closed|silent: nowhere",
	}
	first := seenFromAll(t, s)
	if diff := cmp.Diff(want, first); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}

	// Outside, one more thing is let through: UDP to 10.71.0.1.
	filter(2, slices.Delete(slices.Clone(outside), 1, 2)...)
	changed := maps.Clone(want)
	changed["udp 10.71.0.1:11211"] = "reflector|reflector|reflector: everywhere leaks-udp"
	if diff := cmp.Diff(changed, seenFromAll(t, s)); diff != "" {
		t.Errorf("after the filter of %s changed (-want +got):\n%s", places[2].name, diff)
	}
}

// seenFromAll sweeps from every place at once, and compares.
func seenFromAll(t *testing.T, s *lab.Sites) seen {
	t.Helper()
	memsweep, err := program()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var group sync.WaitGroup
	args := []string{"compare", "--format", "json"}
	for i, place := range places {
		out := filepath.Join(folder, place.name+".json")
		args = append(args, out)
		group.Go(func() {
			r, err := s.Run(t.Context(), i, memsweep, "scan", "10.71.0.0/29", "fd00:71::/125", "-q", "-o", out,
				"--vantage", place.name, "--trust", place.trust, "--timeout", "500ms", "--cooldown", "500ms")
			if err != nil || r.Code != 1 {
				t.Errorf("scan from %s: exit code %d, %v\n%s", place.name, r.Code, err, r.Stderr)
			}
		})
	}
	if group.Wait(); t.Failed() {
		t.FailNow()
	}
	r, err := s.Run(t.Context(), 0, memsweep, args...)
	if err != nil || r.Code != 1 {
		t.Fatalf("compare: exit code %d, %v\n%s", r.Code, err, r.Stderr)
	}
	return parsed(t, r.Stdout)
}

var measured = regexp.MustCompile(` ≥?×[0-9.]+`)

func parsed(t *testing.T, document string) seen {
	t.Helper()
	var m struct {
		Partial  bool
		Patterns []struct{ Kind, Text string }
		Rows     []struct {
			IP        netip.Addr
			Transport string
			Port      uint16
			Cells     []struct{ Text, Verdict string }
			Patterns  []struct{ Kind string }
		}
	}
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		t.Fatal(err)
	}
	if m.Partial || len(m.Patterns) > 0 {
		t.Errorf("partial %v, patterns of columns %v", m.Partial, m.Patterns)
	}
	all := seen{}
	for _, r := range m.Rows {
		var cells, kinds []string
		for _, c := range r.Cells {
			if c.Verdict == "reflector" && !measured.MatchString(c.Text) {
				t.Errorf("%s: no factor in %q", r.IP, c.Text)
			}
			cells = append(cells, measured.ReplaceAllString(c.Text, ""))
		}
		for _, p := range r.Patterns {
			kinds = append(kinds, p.Kind)
		}
		place := fmt.Sprintf("%s %s", r.Transport, netip.AddrPortFrom(r.IP, r.Port))
		all[place] = strings.Join(cells, "|") + ": " + strings.Join(kinds, " ")
	}
	return all
}
