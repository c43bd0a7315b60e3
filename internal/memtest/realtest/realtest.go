// Package realtest runs Debian's memcached beside memtest's pretend one, so
// that one test body holds against both. It is apart from memtest because it
// imports testing, which has no place in the product.
package realtest

import (
	"net/netip"
	"os"
	"sync/atomic"
	"testing"

	"github.com/memsweep/memsweep/internal/memtest"
)

// Target is a server to test against.
type Target struct {
	Addr    netip.AddrPort
	Posture memtest.Posture
	Real    bool // a memcached process; else one of memtest's
}

// Each runs body against memtest's server of a posture, as subtest "fake",
// and against a real one, as subtest "real", when the posture is one that a
// memcached can be started in.
func Each(t *testing.T, posture memtest.Posture, body func(t *testing.T, s Target)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) { body(t, Fake(t, posture)) })
	if _, ok := find(posture); ok {
		t.Run("real", func(t *testing.T) { body(t, Start(t, posture)) })
	}
}

// Fake starts memtest's server of a posture on an address of its own, and
// stops it when the test ends.
func Fake(t testing.TB, posture memtest.Posture) Target {
	t.Helper()
	s, err := memtest.Start(memtest.Config{Addr: netip.AddrPortFrom(Addr(), 0), Posture: posture})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return Target{Addr: s.Addr(), Posture: posture}
}

var addrs atomic.Uint32

// Addr returns a loopback address that no other caller in this process gets
// soon, and hardly any in another: it is in 127.64.0.0/10, with the process ID
// in it. The addresses with 127.192 before the same are those that memtest's
// servers answer from when they answer from elsewhere.
func Addr() netip.Addr {
	n := addrs.Add(1)
	pid := uint32(os.Getpid())
	return netip.AddrFrom4([4]byte{127, byte(64 | pid>>8&0x3f), byte(pid), byte(1 + n%254)})
}
