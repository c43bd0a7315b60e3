package scanner

import "syscall"

// decided is not known here: a connection attempt ends when its time is over.
func decided(syscall.RawConn) bool { return false }
