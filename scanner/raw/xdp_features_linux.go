package raw

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The generic netlink family "netdev" (linux/netdev.h, since Linux 6.3).
const (
	netdevFamily      = "netdev"
	netdevVersion     = 1 // NETDEV_FAMILY_VERSION
	netdevDevGet      = 1 // NETDEV_CMD_DEV_GET
	netdevIfindex     = 1 // NETDEV_A_DEV_IFINDEX
	netdevXDPFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES
	netdevActNDOXmit  = 4 // NETDEV_XDP_ACT_NDO_XMIT: transmits frames that XDP redirects to it
)

// xdpTakes returns why an XDP program could not send the template's frames
// through that interface, if so.
func xdpTakes(path Path, t *Template) error {
	if t.link == 0 {
		return fmt.Errorf("%s has no Ethernet header", path.Interface)
	}
	features, err := xdpFeatures(path.Index)
	if err != nil {
		return fmt.Errorf("whether %s takes XDP frames is unknown: %w", path.Interface, err)
	}
	if features&netdevActNDOXmit == 0 {
		return fmt.Errorf("%s takes no XDP frames: %s", path.Interface, xdpHint(path))
	}
	return nil
}

// xdpHint says what is known to make an interface of that kind take frames.
func xdpHint(path Path) string {
	if l, err := netlink.LinkByIndex(path.Index); err == nil && l.Type() == "veth" {
		return "on a veth the peer needs generic receive offload (ethtool -K PEER gro on) or an XDP program of its own"
	}
	return "its driver cannot, or only while an XDP program is attached to it"
}

// genlHeader is struct genlmsghdr (linux/genetlink.h): command, version, and two
// bytes that are reserved. The kernel refuses them unless zero, which those of
// nl.Genlmsg need not be.
type genlHeader [4]byte

func (h genlHeader) Len() int          { return len(h) }
func (h genlHeader) Serialize() []byte { return h[:] }

// xdpFeatures asks the kernel what the interface's driver does with XDP.
func xdpFeatures(index int) (uint64, error) {
	family, err := netlink.GenlFamilyGet(netdevFamily)
	if errors.Is(err, unix.ENOENT) {
		return 0, errors.New("the kernel cannot tell (needs Linux 6.3)")
	}
	if err != nil {
		return 0, fmt.Errorf("find netlink family %s: %w", netdevFamily, err)
	}
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddData(genlHeader{netdevDevGet, netdevVersion})
	req.AddData(nl.NewRtAttr(netdevIfindex, nl.Uint32Attr(uint32(index))))
	replies, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, fmt.Errorf("get XDP features: %w", err)
	}
	for _, reply := range replies {
		attrs, err := nl.ParseRouteAttr(reply[len(genlHeader{}):])
		if err != nil {
			return 0, fmt.Errorf("get XDP features: %w", err)
		}
		for _, a := range attrs {
			if a.Attr.Type == netdevXDPFeatures && len(a.Value) == 8 {
				return binary.NativeEndian.Uint64(a.Value), nil
			}
		}
	}
	return 0, errors.New("get XDP features: not in the reply")
}
