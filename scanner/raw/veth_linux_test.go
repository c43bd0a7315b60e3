package raw

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// veth is two network namespaces joined by a veth pair, with no way out. The
// test's thread is in the near one. They have no names, and vanish with the
// thread whatever happens.
type veth struct {
	t         testing.TB
	near, far netns.NsHandle
	netlink   *netlink.Handle // of the far end
	nearLink  netlink.Link
	farLink   netlink.Link
}

// addrGenNone is IN6_ADDR_GEN_MODE_NONE (linux/if_link.h): no link-local
// address, and so no router solicitation.
const addrGenNone = 1

var (
	nearMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	farMAC  = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

func newVeth(t testing.TB) *veth {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	runtime.LockOSThread()
	home, err := netns.Get()
	must(t, err)
	t.Cleanup(func() {
		if err := netns.Set(home); err != nil {
			t.Error(err) // the thread stays locked, and ends with the test
			return
		}
		home.Close()
		runtime.UnlockOSThread()
	})
	v := &veth{t: t}
	v.far, err = netns.New()
	must(t, err)
	t.Cleanup(func() { v.far.Close() })
	v.near, err = netns.New()
	must(t, err)
	t.Cleanup(func() { v.near.Close() })
	v.join()
	return v
}

// join makes the pair. IPv6 is kept from speaking by itself.
func (v *veth) join() {
	must(v.t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: "near0", MTU: 1500, HardwareAddr: nearMAC},
		PeerName:         "far0",
		PeerHardwareAddr: farMAC,
		PeerNamespace:    netlink.NsFd(v.far),
	}))
	var err error
	v.nearLink, err = netlink.LinkByName("near0")
	must(v.t, err)
	must(v.t, netlink.LinkSetIP6AddrGenMode(v.nearLink, addrGenNone))
	must(v.t, netlink.LinkSetUp(v.nearLink))
	v.netlink, err = netlink.NewHandleAt(v.far)
	must(v.t, err)
	v.t.Cleanup(v.netlink.Close)
	v.farLink, err = v.netlink.LinkByName("far0")
	must(v.t, err)
	must(v.t, v.netlink.LinkSetIP6AddrGenMode(v.farLink, addrGenNone))
	must(v.t, v.netlink.LinkSetUp(v.farLink))
}

// inFar runs f with the thread in the far namespace.
func (v *veth) inFar(f func()) {
	must(v.t, netns.Set(v.far))
	defer func() { must(v.t, netns.Set(v.near)) }()
	f()
}

// takeXDP attaches a program to the far end that returns action (enum
// xdp_action) for everything, which makes the near end take XDP frames.
func (v *veth) takeXDP(action int32) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.XDP,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, action), asm.Return()},
	})
	must(v.t, err)
	v.t.Cleanup(func() { prog.Close() })
	v.inFar(func() {
		l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: v.farLink.Attrs().Index, Flags: link.XDPDriverMode})
		must(v.t, err)
		v.t.Cleanup(func() { l.Close() })
	})
}

// path leads from the near end to the far one.
func (v *veth) path(source string) Path {
	return Path{
		Index: v.nearLink.Attrs().Index, Interface: "near0", MTU: 1500,
		Source: netip.MustParseAddr(source), SourceMAC: nearMAC, NextMAC: farMAC,
	}
}

// arrived is how many frames the far end has received.
func (v *veth) arrived() uint64 {
	l, err := v.netlink.LinkByIndex(v.farLink.Attrs().Index)
	must(v.t, err)
	return l.Attrs().Statistics.RxPackets
}

// listen opens a packet socket at that interface of the current namespace; it
// gives up waiting after a second.
func listen(t testing.TB, index int) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(networkOrder(unix.ETH_P_ALL)))
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}))
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}))
	return fd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
