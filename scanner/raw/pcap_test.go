package raw

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

func evidence(t testing.TB, w *bytes.Buffer, links ...Link) *Evidence {
	t.Helper()
	e, err := NewEvidence(w, links...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sample is a capture of two links, of which two addresses were kept.
func sample(t testing.TB) []byte {
	var file bytes.Buffer
	e := evidence(t, &file, Link{"eth0", layers.LinkTypeEthernet}, Link{"tun0", layers.LinkTypeRaw})
	add := func(addr netip.Addr, name string, link int, at time.Time, more int) {
		for _, c := range frames(t) {
			if c.name == name {
				e.Add(addr, Captured{Link: link, At: at, Frame: c.frame, Wire: len(c.frame) + more})
			}
		}
	}
	add(asked4, "udp", 0, noon.Add(time.Second+time.Nanosecond), 4)
	add(asked4, "ping", 0, noon, 0)
	add(asked6, "rst v6 without link header", 1, noon.Add(2*time.Second), 0)
	for addr, id := range map[netip.Addr]string{asked4: "finding-4", router4: "of nothing"} {
		if err := e.Keep(addr, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Keep(asked6, "finding-6 – “open”"); err != nil {
		t.Fatal(err)
	}
	if e.Lost() != 0 || len(e.waiting) != 0 || e.bytes != 0 {
		t.Errorf("left: %d lost, %d bytes, %d addresses", e.Lost(), e.bytes, len(e.waiting))
	}
	return file.Bytes()
}

// TestEvidenceReplayed: what was kept is read again by the same decoder.
func TestEvidenceReplayed(t *testing.T) {
	t.Parallel()
	var got []string
	for p, err := range Replay(bytes.NewReader(sample(t))) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(p.Kind, " ", p.From, " ", p.At.Sub(noon), " ", p.Wire-len(p.Frame)))
	}
	want := []string{
		fmt.Sprint(UDPReply, " ", of(asked4, askedPort), " 1.000000001s 4"),
		fmt.Sprint(RST, " ", of(asked6, askedPort), " 2s 0"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEvidenceComments asks tshark, whose opinion counts.
func TestEvidenceComments(t *testing.T) {
	t.Parallel()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark")
	}
	file := filepath.Join(t.TempDir(), "evidence.pcapng")
	if err := os.WriteFile(file, sample(t), 0o600); err != nil {
		t.Fatal(err)
	}
	fields := []string{"frame.interface_name", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.comment"}
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	command := exec.Command(tshark, args...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir()) // without anybody's settings
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, said.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d packets:\n%s", len(lines), out)
	}
	for i, want := range []struct{ name, comment string }{{"eth0", "finding-4"}, {"eth0", "finding-4"}, {"tun0", "finding-6 – “open”"}} {
		if f := strings.Split(lines[i], "|"); f[0] != want.name || f[len(f)-1] != want.comment {
			t.Errorf("packet %d: %s, want %v", i, lines[i], want)
		}
	}
	if !strings.Contains(lines[1], "|1767355201.000000001|") {
		t.Errorf("time of packet 1: %s", lines[1])
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	e := evidence(t, &file, Link{"eth0", layers.LinkTypeEthernet})
	for range maxFrames + 3 {
		e.Add(asked4, Captured{Frame: make([]byte, 60)})
	}
	e.Add(asked4, Captured{Link: 1})
	if e.Lost() != 4 {
		t.Errorf("%d frames lost of one address, want 4", e.Lost())
	}
	addr := asked6
	for e.Lost() == 4 {
		e.Add(addr, Captured{Frame: make([]byte, 60000)})
		addr = addr.Next()
	}
	if e.bytes > maxEvidence || e.bytes < maxEvidence-61000 {
		t.Errorf("%d bytes are kept", e.bytes)
	}
	if err := e.Keep(asked6, "kept"); err != nil {
		t.Fatal(err)
	}
	if e.Add(addr, Captured{Frame: make([]byte, 60000)}); e.Lost() != 5 {
		t.Error("an address that was written still takes room")
	}
}

type brokenWriter struct{ allowed int }

var errFull = errors.New("disk full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.allowed--; w.allowed < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestEvidenceWriteFails(t *testing.T) {
	t.Parallel()
	eth0 := Link{"eth0", layers.LinkTypeEthernet}
	if _, err := NewEvidence(&brokenWriter{}, eth0); !errors.Is(err, errFull) {
		t.Errorf("at the beginning: %v", err)
	}
	e, err := NewEvidence(&brokenWriter{allowed: 1}, eth0)
	if err != nil {
		t.Fatal(err)
	}
	e.Add(asked4, Captured{Frame: make([]byte, 60)})
	if err := e.Keep(asked4, "x"); !errors.Is(err, errFull) {
		t.Errorf("later: %v", err)
	}
	if _, err := NewEvidence(&bytes.Buffer{}); err == nil {
		t.Error("no links are no error")
	}
}

// TestReplayPcap reads the older format.
func TestReplayPcap(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, c := range frames(t) {
		if c.link != layers.LinkTypeEthernet || len(c.frame) == 0 {
			continue
		}
		if c.want != nil {
			want++
		}
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: noon, CaptureLength: len(c.frame), Length: len(c.frame)}, c.frame); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for p, err := range Replay(&file) {
		if err != nil || !p.At.Equal(noon) {
			t.Fatal(p.At, err)
		}
		got++
	}
	if got != want || want == 0 {
		t.Errorf("%d packets, want %d", got, want)
	}
}

// TestReplayCutOff: a capture that ends in the middle of a packet is not one
// that ends.
func TestReplayCutOff(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	for name, file := range map[string][]byte{
		"empty": nil, "noise": []byte("neither pcap nor pcapng"), "a packet cut off": whole[:len(whole)-30], "a header cut off": whole[:20],
	} {
		var failed error
		for _, err := range Replay(bytes.NewReader(file)) {
			failed = err
		}
		if failed == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestReplayMemcached reads what a real memcached answered: see TestMemcached,
// which wrote the file.
func TestReplayMemcached(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(filepath.Join("..", "..", "testdata", "pcap", "memcached.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	server4, server6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	var got []string
	for p, err := range Replay(bytes.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		// The questions are packets too: a UDP datagram looks like any other.
		if a := p.From.Addr(); a == server4 || a == server6 {
			got = append(got, fmt.Sprint(p.Kind, " ", p.Asked, " ", p.Code))
		}
	}
	want := []string{
		fmt.Sprint(UDPReply, " ", of(server4, 11211), " 0"), fmt.Sprint(SYNACK, " ", of(server4, 11211), " 0"),
		fmt.Sprint(RST, " ", of(server4, 11212), " 0"), fmt.Sprint(Unreachable, " ", of(server4, 11212), " 3"),
		fmt.Sprint(UDPReply, " ", of(server6, 11211), " 0"), fmt.Sprint(SYNACK, " ", of(server6, 11211), " 0"),
		fmt.Sprint(RST, " ", of(server6, 11212), " 0"), fmt.Sprint(Unreachable, " ", of(server6, 11212), " 4"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
