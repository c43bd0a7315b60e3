// Package lab is a network of its own to try memsweep against: two network
// namespaces joined by a veth pair, with no route out. One is where the
// scanner runs; the other owns a whole range of addresses, of which a chosen
// few thousand lead to a memcached and the rest behave as Options say.
//
// It needs root on Linux, and programs of iproute2 and nftables. A lab is taken
// down by a process of its own that outlives the one that made it: whatever
// happens to a test, nothing is left behind.
package lab
