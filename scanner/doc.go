// Package scanner carries a Plan out: it walks the addresses of the plan,
// passes every question through the Gate, lets an Engine carry it to the wire,
// interrogates those that answered, and hands out one exposure.Host for each.
// It is the only package with sockets.
//
// The walk of one address: lane (which address is next, and what is known of
// it) → Gate (scope, then rate) → Engine (the wire) → Sweep (what came back,
// fused by host) → the caller.
package scanner
