// Package targets says which addresses may be touched, and in what order.
//
// Parse, ReadList and Build turn what a user wrote into a Selection: a Set of
// addresses, each of them once. Order walks a Set in a seeded, shuffled order
// that needs no table and restarts anywhere; Shard splits that order between
// machines. Scope is the owner's word on what may be asked, and is consulted
// when planning and again before every packet.
//
// The package opens no socket: host names go through a Resolver that the
// caller hands in. Errors have the form "subject: cause: what to write
// instead" and quote untrusted text escaped.
package targets
