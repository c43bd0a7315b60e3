//go:build !linux

package privilege

import (
	"net"
	"os"
	"os/user"
)

// Read says what this process may do now.
func Read() (Status, error) {
	s := Status{UID: os.Geteuid()}
	if u, err := user.Current(); err == nil {
		s.User = u.Username
	}
	return s, nil
}

// Drop is for Linux.
func Drop() error { return ErrUnsupported }

// Confine is for Linux.
func Confine(read, write []string) (level string, err error) {
	return "none: only Linux has landlock", nil
}

func trySocket() error {
	udp, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	return udp.Close()
}

func tryPacket() error { return ErrUnsupported }
func tryAFXDP() error  { return ErrUnsupported }
func tryXDP() error    { return ErrUnsupported }
