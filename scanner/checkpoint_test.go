package scanner

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
)

// TestCheckpointLines holds the lines of hosts, which are not written by
// encoding/json as a whole, against what it would have written.
func TestCheckpointLines(t *testing.T) {
	plan := testPlan(11211, "127.0.0.0/29")
	s, err := New(plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	said := `a "quoted" </script> \ é` + "\x00\xff"
	seen := exposure.Observation{
		Probe: "memcached-tcp", Transport: exposure.TCP, Port: 11211, State: exposure.Open,
		Version: &said, Evidence: []exposure.Exchange{{Question: "version\r\n", Reply: []byte(said)}},
	}
	first := probes.First{From: netip.MustParseAddrPort("127.0.0.3:11211"), Datagram: []byte(said)}
	shelved := s.shelf.Put(shelfForm(&seen))
	for addr, sights := range map[string][]*sight{
		"127.0.0.1": {nil, {shelved: true, ref: shelved}},
		"127.0.0.2": {{first: first}, nil},
		"127.0.0.3": {{first: first, observed: &seen}, {shelved: true, ref: shelved}},
		"127.0.0.4": {{first: first, failed: true, shelved: true, ref: shelved}, {failed: true, observed: &seen}},
		"127.0.0.5": {nil, nil},
	} {
		s.host(netip.MustParseAddr(addr)).sights = sights
	}
	var saved bytes.Buffer
	if err := s.snapshot(0).write(&saved); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(saved.Bytes(), []byte{'\n'})
	if len(lines) != 1+5+1+1 { // the head, hosts, the tail, and nothing after it
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines[1:6] {
		state := struct {
			Addr   netip.Addr   `json:"addr,omitzero"`
			Sights []SightState `json:"sights"`
		}{}
		strict := json.NewDecoder(bytes.NewReader(line))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&state); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want, err := json.Marshal(state)
		if err != nil || string(want) != string(bytes.TrimSuffix(line, []byte{'\n'})) {
			t.Errorf("wrote %s\nwant  %s, %v", line, want, err)
		}
	}
	c, err := ReadCheckpoint(&saved)
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(plan, Options{Resume: c})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.hosts[netip.MustParseAddr("127.0.0.3")].sights; *got[1].observed.Version != "a \"quoted\" </script> \\ é\x00\ufffd" || got[0].first.From != first.From {
		t.Errorf("came back as %+v, %+v", got[0], got[1].observed)
	}
}
