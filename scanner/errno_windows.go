package scanner

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isRefusal: the peer, or a firewall in its name, said no.
func isRefusal(err error) bool {
	return errors.Is(err, windows.WSAECONNREFUSED) || errors.Is(err, windows.WSAECONNRESET)
}

func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED)
}

// isUnreachable: somebody says that there is no way; dialer finds out who.
func isUnreachable(err error) bool {
	return errors.Is(err, windows.WSAEHOSTUNREACH) || errors.Is(err, windows.WSAENETUNREACH)
}

// isExhausted: this machine is out of something for the moment.
func isExhausted(err error) bool {
	for _, e := range []error{
		windows.WSAEMFILE, windows.WSAENOBUFS, windows.WSAEADDRNOTAVAIL, windows.WSAEWOULDBLOCK,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
