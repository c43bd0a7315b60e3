package main

import (
	"os"
	"strings"
)

// A kernelSetting is a file under /proc/sys; where it does not exist, nothing
// is said.
type kernelSetting struct{ path, name, means string }

func kernelSettings() []kernelSetting {
	return []kernelSetting{
		{"net/ipv4/ip_local_port_range", "ephemeral ports", "half of them bound the TCP connections at once"},
		{"net/core/rmem_max", "receive buffer, bytes", "the most that a UDP socket may keep of replies that come at once"},
		{"net/core/wmem_max", "send buffer, bytes", "the most that a UDP socket may keep of questions not sent yet"},
		{"net/core/netdev_max_backlog", "input queue, packets", "more replies at once are lost before any program sees them"},
		{"net/ipv4/neigh/default/gc_thresh3", "IPv4 neighbours", "at most so many hosts on the link at once, for the socket engine"},
		{"net/ipv6/neigh/default/gc_thresh3", "IPv6 neighbours", "at most so many hosts on the link at once, for the socket engine"},
		{"net/netfilter/nf_conntrack_max", "tracked connections", "if connections are tracked here, exempt the sweep (nft ... notrack), or packets are lost"},
		{"kernel/unprivileged_bpf_disabled", "unprivileged BPF off", "no matter: raw/xdp has cap_bpf"},
	}
}

func limits() []limit {
	list := []limit{}
	if files := fileDescriptors(); files != "" {
		list = append(list, limit{"open files", files, "the first number bounds the TCP connections at once (ulimit -n)"})
	}
	for _, s := range kernelSettings() {
		if text, err := os.ReadFile("/proc/sys/" + s.path); err == nil {
			list = append(list, limit{s.name, strings.Join(strings.Fields(string(text)), "-"), s.means})
		}
	}
	return list
}
