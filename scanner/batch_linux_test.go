package scanner

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestRefusalBehindASend: what refused a datagram waits in the socket's error
// queue, also when the next send has met, and so taken away, the error that
// would have woken the reader.
func TestRefusalBehindASend(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenPacket("udp4", "127.52.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(closed.LocalAddr().String())
	closed.Close()
	s, err := newBatchSocket(true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refusals := 0
	look := func() {
		s.receive(time.Now().Add(5*time.Millisecond), func(netip.AddrPort, []byte) {}, func(Event, []byte) { refusals++ })
	}
	look() // its time is over when the refusal comes
	time.Sleep(10 * time.Millisecond)
	question := []outgoing{{to: to, payload: []byte("?")}}
	if n, err := s.send(question); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.send(question); n > 0 || !isRefusal(err) {
		t.Fatalf("sent %d, %v; want the refusal of the first", n, err)
	}
	for range 3 {
		look()
	}
	if refusals != 1 {
		t.Errorf("%d refusals were read, want 1", refusals)
	}
}
